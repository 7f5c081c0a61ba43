"""What a Prometheus server reads of the clusters."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from serving import Api, PickyAuthorizer, Wait, make_running

PATH = ("speccluster-lab", "metrics")


def _samples(text: str) -> Iterator[tuple[str, str, float]]:
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            (label,) = sample.labels.values()
            yield sample.name, label, sample.value


async def test_the_clusters_in_numbers(api: Api, wait_for: Wait, jp_fetch: Any) -> None:
    await make_running(api, wait_for, "one", "two")
    scaled = await api("POST", "/clusters/one/scale", {"entries": 3})
    assert scaled.status == 202
    response = await jp_fetch(*PATH)
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {(name, label): value for name, label, value in _samples(response.body.decode())}
    by_phase = {label: value for (name, label), value in found.items() if name.endswith("clusters")}
    assert by_phase["running"] == 2
    # Those that there are none of, too: what is not told cannot be compared.
    assert {value for phase, value in by_phase.items() if phase != "running"} == {0}
    for id in ("one", "two"):
        cluster = (await api("GET", f"/clusters/{id}")).body
        for name in ("generation", "observed_generation"):
            assert found[f"speccluster_{name}", id] == cluster[name]
        counts = cluster["counts"]
        for name, count in (
            ("entries", "entries"),
            ("members_expected", "expected"),
            ("members_registered", "registered"),
            ("threads", "nthreads"),
            ("memory_limit_bytes", "memory_limit"),
            ("memory_used_bytes", "memory_used"),
        ):
            assert found[f"speccluster_{name}", id] == counts[count]
    assert found["speccluster_generation", "one"] == 2


async def test_without_clusters(jp_fetch: Any, authorizer: PickyAuthorizer) -> None:
    response = await jp_fetch(*PATH)
    samples = list(_samples(response.body.decode()))
    assert {value for _, _, value in samples} == {0}
    assert {name for name, _, _ in samples} == {"speccluster_clusters"}
    assert ("read", "speccluster") in authorizer.asked
