"""The whole way: a cluster of real processes, made, seen, scaled, edited and stopped."""

from collections.abc import Callable
from pathlib import Path

import pytest
from nothing_left import processes_of
from serving import Api, Wait, until

from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import Adaptive


def files_of(data_folder: Path, own_folders: Path) -> list[Path]:
    return [*data_folder.glob("*/clusters/*"), *own_folders.rglob("*.sock")]


@pytest.mark.parametrize(
    ("template", "members"),
    [("threads", ["0", "1"]), ("grouped", ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"])],
)
async def test_from_start_to_end(
    api: Api,
    manager: ClusterManager,
    wait_for: Wait,
    data_folder: Path,
    own_folders: Path,
    no_tracebacks: Callable[[], None],
    template: str,
    members: list[str],
) -> None:
    made = await api("POST", "/clusters", {"template": template, "name": "Real"})
    assert (made.status, made.body["phase"]) == (201, "starting")
    await wait_for("real", "running")

    scaled = await api("POST", "/clusters/real/scale", {"entries": 2})
    assert (scaled.status, scaled.body["generation"]) == (202, 2)
    cluster = await api("GET", "/clusters/real")
    assert cluster.body["generation"] == 2
    await until(lambda: manager.get("real").counts.registered == len(members), 60)
    cluster = await api("GET", "/clusters/real")
    found = [member for entry in cluster.body["workers"] for member in entry["members"]]
    assert [member["name"] for member in found] == members
    assert all(member["address"].startswith("tls://127.0.0.1:") for member in found)
    assert cluster.body["unexpected"] == []

    await api("DELETE", "/clusters/real")
    await wait_for("real", None)
    assert processes_of(own_folders) == []
    assert files_of(data_folder, own_folders) == []
    no_tracebacks()


async def test_what_is_asked_of_the_host(
    api: Api,
    manager: ClusterManager,
    wait_for: Wait,
    no_tracebacks: Callable[[], None],
) -> None:
    await api("POST", "/clusters", {"template": "threads", "name": "Real"})
    before = await wait_for("real", "running")
    assert before is not None

    events = (await api("GET", "/clusters/real/events")).body
    assert [one["to"] for one in events[:4]] == ["pending", "starting", "waiting", "running"]
    later = await api("GET", "/clusters/real/events", params={"since": "2", "limit": "1"})
    assert later.body == events[2:3]

    plan = (await api("POST", "/clusters/real/plan", {"scale": {"entries": 0}})).body
    assert plan["retire"] == list(before["spec"]["workers"])
    assert plan["at_stake"] == {"keys": 0, "nbytes": 0}
    refused = await api("POST", "/clusters/real/plan", {"scale": {"entries": 65}})
    assert (refused.status, refused.body["field"]) == (422, "scale.entries")
    preload = {"cls": "distributed.Worker", "options": {"preload": "print('boo')"}}
    refused = await api("POST", "/clusters/real/plan", {"spec": {"workers": {"0": preload}}})
    assert (refused.status, refused.code) == (422, "class_not_allowed")
    assert refused.body["field"] == "spec.workers.0.options.preload"

    assert (await api("POST", "/clusters/real/entries/0/retry", {})).status == 202
    assert (await api("POST", "/clusters/real/entries/x/retry", {})).code == "entry_not_found"

    cluster = (await api("GET", "/clusters/real")).body
    assert (cluster["spec"], cluster["generation"]) == (before["spec"], before["generation"])

    adapted = await api("PUT", "/clusters/real/adaptive", {"minimum": 1, "maximum": 1})
    assert (adapted.status, adapted.body["adaptive"]) == (202, {"minimum": 1, "maximum": 1})
    await until(lambda: manager.get("real").adaptive == Adaptive(minimum=1, maximum=1))
    refused = await api("PUT", "/clusters/real/adaptive", {"minimum": 1, "maximum": 65})
    assert (refused.status, refused.body["field"]) == (422, "maximum")
    ended = await api("DELETE", "/clusters/real/adaptive")
    assert (ended.status, ended.body["adaptive"]) == (202, None)
    await until(lambda: manager.get("real").adaptive is None)

    await api("DELETE", "/clusters/real")
    await wait_for("real", None)
    no_tracebacks()


async def test_what_the_host_refuses_comes_through(
    api: Api,
    manager: ClusterManager,
    wait_for: Wait,
    no_tracebacks: Callable[[], None],
) -> None:
    await api("POST", "/clusters", {"template": "threads", "name": "Real"})
    cluster = await wait_for("real", "running")
    assert cluster is not None
    good = cluster["spec"]
    known = {"If-Match": f'"{cluster["generation"]}"'}

    async def put(spec: object, headers: dict[str, str] = known) -> tuple[int, str, str | None]:
        answer = await api("PUT", "/clusters/real/spec", spec, headers=headers)
        return answer.status, answer.code, answer.body.get("field")

    form = good["worker"]
    assert await put(good, {"If-Match": '"99"'}) == (412, "stale_generation", "If-Match")
    assert await put({**good, "worker": {**form, "cls": "os.system"}}) == (
        422,
        "class_not_allowed",
        "worker.cls",
    )
    preload = {**form, "options": {**form["options"], "preload": "print('boo')"}}
    assert await put({**good, "workers": {"0": preload}}) == (
        422,
        "class_not_allowed",
        "workers.0.options.preload",
    )
    odd = {**form, "options": {"no_such_option": 1}}
    status, code, field = await put({**good, "workers": {"0": odd}})
    assert (status, code) == (422, "invalid_input")
    assert str(field).startswith("workers.0")
    many = {"workers": {str(number): form for number in range(65)}}
    assert await put({**good, **many}) == (422, "invalid_input", "workers")
    scaled = await api("POST", "/clusters/real/scale", {"entries": 65})
    assert (scaled.status, scaled.code, scaled.body["field"]) == (422, "invalid_input", "entries")

    assert (await api("GET", "/clusters/real")).body["spec"] == good
    await api("DELETE", "/clusters/real")
    await wait_for("real", None)
    no_tracebacks()


async def test_a_class_that_does_not_exist_fails_in_the_host(
    api: Api, manager: ClusterManager, wait_for: Wait
) -> None:
    manager.admission = Admission(worker_classes=frozenset({"nowhere.Nothing"}))
    request = {
        "template": "threads",
        "name": "Real",
        "spec": {"worker": {"cls": "nowhere.Nothing"}},
    }
    assert (await api("POST", "/clusters", request)).status == 201
    cluster = await wait_for("real", "failed")
    assert cluster is not None
    (why,) = (one for one in cluster["conditions"] if one["type"] == "InvalidClass")
    assert "nowhere" in why["message"]
    assert (await api("DELETE", "/clusters/real")).status == 202
    await wait_for("real", None)
