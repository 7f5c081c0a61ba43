"""The API of a running host: its answers, its refusals, and that a refusal costs nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from api_answers import entry, refused

from speccluster_lab.errors import EntryNotFound, InvalidInput, StaleGeneration
from speccluster_lab.spec.api import (
    API_PREFIX,
    Adapt,
    Adaptive,
    Cluster,
    Credentials,
    Scale,
)
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from running_hosts import RunningHost


def test_the_cluster(host: RunningHost) -> None:
    answer = host.request("GET")
    assert answer.status == 200
    cluster = Cluster.model_validate(answer.body)
    assert cluster.id == host.id
    assert cluster.display_name == "Test cluster"
    assert cluster.template == "threads"
    assert cluster.created == host.launch.created
    assert [entry.name for entry in cluster.workers] == ["0"]
    assert cluster.counts.registered == cluster.counts.expected == 1
    assert cluster.scheduler.address is not None
    assert cluster.scheduler.address.startswith("tls://127.0.0.1:")
    assert answer.headers["ETag"] == f'"{cluster.generation}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] is None


def test_a_known_etag_is_no_reason_for_silence(host: RunningHost) -> None:
    etag = host.request("GET").headers["ETag"]
    answer = host.request("GET", headers={"If-None-Match": etag})
    assert answer.status == 200
    assert answer.body["id"] == host.id


@pytest.mark.parametrize("nonce", ["", "wrong", "w" * 43, "\u00e9\u00e8", None])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("PUT", "/spec"),
        ("POST", "/scale"),
        ("POST", "/plan"),
        ("PUT", "/adaptive"),
        ("DELETE", "/adaptive"),
        ("POST", "/entries/0/retry"),
        ("POST", "/entries/0/restart"),
        ("GET", "/events"),
        ("GET", "/generations"),
        ("GET", "/logs"),
        ("POST", "/credentials"),
        ("GET", "/nothing"),
    ],
)
def test_who_means_another_host_finds_nothing(
    host: RunningHost, method: str, path: str, nonce: str | None
) -> None:
    value = host.launch.nonce[:-1] if nonce is None else nonce
    answer = host.request(method, path, headers={"X-SpecCluster-Nonce": value})
    refused(answer, 404, "cluster_not_found")


@pytest.mark.parametrize("id", ["another", "Test-cluster", "..", "%2e%2e", "test-cluster%0a"])
def test_who_means_another_cluster_finds_nothing(host: RunningHost, id: str) -> None:
    answer = host.request("GET", prefix=f"{API_PREFIX}/clusters/{id}")
    refused(answer, 404, "cluster_not_found")


@pytest.mark.parametrize(
    ("method", "prefix", "status"),
    [
        ("GET", "/", 404),
        ("GET", f"{API_PREFIX}/clusters", 404),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/", 404),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/spec/more", 404),
        ("PUT", f"{API_PREFIX}/clusters/test-cluster", 405),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/credentials", 405),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/scale", 405),
        ("DELETE", f"{API_PREFIX}/clusters/test-cluster/spec", 405),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/plan", 405),
        ("POST", f"{API_PREFIX}/clusters/test-cluster/events", 405),
        ("POST", f"{API_PREFIX}/clusters/test-cluster/entries//retry", 404),
        ("POST", f"{API_PREFIX}/clusters/test-cluster/entries/a/b/retry", 404),
        ("GET", f"{API_PREFIX}/events", 400),
    ],
)
def test_what_is_not_there(host: RunningHost, method: str, prefix: str, status: int) -> None:
    refused(host.request(method, prefix=prefix), status, "http_error")


MISFIT = {
    "cls": "speccluster_lab.MultiWorker",
    "options": {"processes": 2},
    "group": ["-0"],
}
NO_OBJECTS = [
    b"",
    b"{",
    b"[]",
    b"3",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b'{"entries": NaN}',
    b'{"entries": 1} x',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", NO_OBJECTS, ids=range(len(NO_OBJECTS)))
def test_a_body_that_is_no_object(host: RunningHost, body: bytes) -> None:
    for method, path in (("POST", "/scale"), ("POST", "/plan"), ("PUT", "/adaptive")):
        refused(host.request(method, path, body), 400, "malformed_body")
    etag = host.request("GET").headers["ETag"]
    answer = host.request("PUT", "/spec", body, headers={"If-Match": etag})
    refused(answer, 400, "malformed_body")


WRONG_SIZES: list[tuple[object, str | None]] = [
    ({}, None),
    ({"entries": None}, None),
    ({"entries": 1, "workers": 1}, None),
    ({"entries": -1}, "entries"),
    ({"entries": 1.5}, "entries"),
    ({"entries": True}, "entries"),
    ({"entries": "2"}, "entries"),
    ({"entries": 10**9}, "entries"),
    ({"entries": 9}, "entries"),
    ({"workers": 9}, "workers"),
    ({"cores": 18}, "cores"),
    ({"memory": "18 GiB"}, "memory"),
    ({"unknown": 1}, "unknown"),
]


@pytest.mark.parametrize(("body", "field"), WRONG_SIZES)
def test_a_size_that_cannot_be(host: RunningHost, body: object, field: str | None) -> None:
    refused(host.request("POST", "/scale", body), 422, "invalid_input", field)
    # The plan for it is refused for the same reason.
    inside = "scale" if field is None else f"scale.{field}"
    refused(host.request("POST", "/plan", {"scale": body}), 422, "invalid_input", inside)


@pytest.mark.parametrize("memory", ["lots", "-1 GB", "1e999 GB", -1, 2**80, [], {}])
def test_a_memory_that_is_none(host: RunningHost, memory: object) -> None:
    answer = host.request("POST", "/scale", {"memory": memory})
    assert answer.status == 422
    assert answer.body["field"].startswith("memory")


@pytest.mark.parametrize(
    ("spec", "code", "field"),
    [
        ({"workers": {"0": {}}}, "invalid_input", "workers.0.cls"),
        ({"workers": {"0": entry("no dots")}}, "invalid_input", "workers.0.cls"),
        ({"workers": {"0": entry("os.system")}}, "class_not_allowed", "workers.0.cls"),
        ({"worker": entry("subprocess.Popen")}, "class_not_allowed", "worker.cls"),
        ({"scheduler": {"cls": "os.system"}}, "class_not_allowed", "scheduler.cls"),
        ({"workers": {"0": entry("nowhere.Nothing")}}, "invalid_class", "workers.0.cls"),
        ({"workers": {"0": entry("os.path.join")}}, "invalid_class", "workers.0.cls"),
        (
            {"workers": {"0": entry() | {"options": {"x": 1}}}},
            "invalid_input",
            "workers.0.options.x",
        ),
        (
            {"workers": {"0": entry() | {"options": {"preload": "evil"}}}},
            "class_not_allowed",
            "workers.0.options.preload",
        ),
        (
            {"workers": {"0": entry() | {"options": {"security": {}}}}},
            "class_not_allowed",
            "workers.0.options.security",
        ),
        (
            {"workers": {"0": entry() | {"options": {"resources": {"password": "***"}}}}},
            "invalid_input",
            "workers.0.options.resources.password",
        ),
        ({"workers": {str(n): entry() for n in range(9)}}, "invalid_input", "workers"),
        ({"workers": {"0": entry(group=["-0", "-0"])}}, "invalid_input", "workers.0"),
        ({"workers": {"a": entry(group=["b"]), "ab": entry()}}, "invalid_input", None),
        (
            {"workers": {"0": MISFIT}},
            "group_mismatch",
            "workers.0.group",
        ),
        ({"workers": {"0": entry()}, "more": 1}, "invalid_input", "more"),
        ({"scheduler": {"options": {"port": 1}}}, "invalid_input", "scheduler"),
        ({"workers": {"new\nline": entry()}}, "invalid_input", "workers.new\nline"),
    ],
)
def test_a_spec_that_cannot_be(
    host: RunningHost, spec: dict[str, Any], code: str, field: str | None
) -> None:
    before = host.request("GET")
    answer = host.request("PUT", "/spec", spec, headers={"If-Match": before.headers["ETag"]})
    refused(answer, 422, code, field)
    inside = "spec" if field is None else f"spec.{field}"
    refused(host.request("POST", "/plan", {"spec": spec}), 422, code, inside)
    assert host.request("GET").headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize(
    "value", ["3", "*", 'W/"1"', '"1", "2"', '"-1"', '""', '"1' + "0" * 400 + '"']
)
def test_a_malformed_condition(host: RunningHost, value: str) -> None:
    answer = host.request("PUT", "/spec", {}, headers={"If-Match": value})
    refused(answer, 400, "malformed_header", "If-Match")


def test_a_change_needs_a_condition(host: RunningHost) -> None:
    refused(host.request("PUT", "/spec", {}), 428, "precondition_required", "If-Match")


def test_a_stale_change_isrefused(host: RunningHost) -> None:
    generation = host.get().generation
    answer = host.request("PUT", "/spec", {}, headers={"If-Match": f'"{generation + 1}"'})
    refused(answer, 412, "stale_generation", "If-Match")
    with pytest.raises(StaleGeneration):
        host.ask(lambda client: client.replace_spec(ClusterSpec(), generation - 1))


def test_a_large_body_isrefused(host: RunningHost) -> None:
    body = json.dumps({"entries": 1, "x": "y" * 256 * 1024}).encode()
    refused(host.request("POST", "/scale", body), 413, "body_too_large")


def test_scale_and_back(host: RunningHost) -> None:
    before = host.get()
    answer = host.request("POST", "/scale", {"cores": 4})
    assert answer.status == 202
    assert answer.body["generation"] == before.generation + 1
    assert answer.headers["ETag"] == f'"{before.generation + 1}"'
    assert list(answer.body["spec"]["workers"]) == ["0", "1"]
    host.until(lambda cluster: cluster.counts.registered == 2)
    host.ask(lambda client: client.scale(Scale(entries=1)))
    settled = host.until(lambda cluster: [one.name for one in cluster.workers] == ["0"])
    assert settled.counts.registered == 1


def test_retry(host: RunningHost) -> None:
    """Of an entry that is well nothing becomes."""
    before = host.request("GET")
    answer = host.request("POST", "/entries/0/retry")
    assert answer.status == 202
    assert answer.headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize("name", ["1", "00", "%20", "%2e%2e", "a%2Fb", "%3Cimg%3E", "x" * 3000])
def test_retry_of_what_is_not_there(host: RunningHost, name: str) -> None:
    for what in ("retry", "restart"):
        refused(host.request("POST", f"/entries/{name}/{what}", {}), 404, "entry_not_found")
    with pytest.raises(EntryNotFound):
        host.ask(lambda client: client.retry("a/b?c#d"))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"minimum": -1}, "minimum"),
        ({"minimum": True}, "minimum"),
        ({"minimum": "1"}, "minimum"),
        ({"minimum": 1.5}, "minimum"),
        ({"minimum": None}, "minimum"),
        ({"maximum": -1}, "maximum"),
        ({"maximum": 9}, "maximum"),
        ({"maximum": 10**30}, "maximum"),
        ({"minimum": 3, "maximum": 2}, None),
        ({"minimum": 9}, "minimum"),
        ({"minimum": 9, "maximum": 9}, "maximum"),
        ({"interval": "1 s"}, "interval"),
    ],
)
def test_a_range_that_cannot_be(host: RunningHost, body: object, field: str | None) -> None:
    refused(host.request("PUT", "/adaptive", body), 422, "invalid_input", field)
    assert host.get().adaptive is None


def test_adaptive_scaling(host: RunningHost) -> None:
    answer = host.request("PUT", "/adaptive", {"minimum": 2, "maximum": 3})
    assert answer.status == 202
    assert answer.body["adaptive"] == {"minimum": 2, "maximum": 3}
    host.until(lambda cluster: cluster.counts.registered == 2)
    answer = host.request("PUT", "/adaptive", {"minimum": 1})
    # As many as the cluster may have.
    assert answer.body["adaptive"] == {"minimum": 1, "maximum": 8}
    assert host.get().adaptive == Adaptive(minimum=1, maximum=8)
    for _ in range(2):
        answer = host.request("DELETE", "/adaptive")
        assert (answer.status, answer.body["adaptive"]) == (202, None)
    # Whatever size it has come to by then.
    host.ask(lambda client: client.scale(Scale(entries=1)))
    host.until(lambda cluster: [one.phase for one in cluster.workers] == ["running"])


def test_scaling_by_hand_ends_adaptive_scaling(host: RunningHost) -> None:
    assert host.ask(lambda client: client.adapt(Adapt(minimum=1, maximum=1))).adaptive
    assert host.ask(lambda client: client.scale(Scale(entries=1))).adaptive is None
    last = host.ask(lambda client: client.timeline())[-1]
    assert (last.entry, last.reason) == (None, "AdaptiveEnded")
    assert host.ask(lambda client: client.end_adaptive()).adaptive is None


def test_errors_come_back_as_they_were_raised(host: RunningHost) -> None:
    with pytest.raises(InvalidInput, match="more than the 8") as caught:
        host.ask(lambda client: client.scale(Scale(entries=9)))
    assert caught.value.field == "entries"


def test_credentials(host: RunningHost) -> None:
    answer = host.request("POST", "/credentials", {})
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    given = Credentials.model_validate(answer.body)
    assert given.address == host.get().scheduler.address
    assert "PRIVATE KEY" in given.key
    assert "PRIVATE KEY" not in repr(given)
