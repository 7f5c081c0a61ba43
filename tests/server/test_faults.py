"""Hosts that do wrong: what the server shows, and that it gets rid of them."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonpatch
import psutil
import pytest
from fake_host import CONFUSE, DEAF, DIE, GAP, GROW, HANG, HANG_UP, LEAVE, ORPHAN
from nothing_left import processes_of
from serving import Api, FakeHosts, Wait, folder_of, folders, make, sockets, until

from speccluster_lab.errors import StartFailed
from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.launch import HOST_LOG
from speccluster_lab.link.paths import connection_file
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.server.supervisor import Bounds
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import PatchEvent, SnapshotEvent


def host_of(id: str) -> psutil.Process:
    return psutil.Process(read_connection(id).pid)


async def test_from_start_to_end(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    data_folder: Path,
    own_folders: Path,
    no_tracebacks: Callable[[], None],
) -> None:
    made = await api("POST", "/clusters", {"template": "grouped", "name": "Brave Otter"})
    assert made.status == 201
    assert made.headers["Location"] == "/a%40b/speccluster-lab/api/v1/clusters/brave-otter"
    assert made.headers["ETag"] == '"1"'
    assert made.body["phase"] == "starting"
    assert made.body["owner"] == {"kind": "server", "detail": None}
    assert made.body["display_name"] == "Brave Otter"
    (entry,) = made.body["workers"]
    assert [member["name"] for member in entry["members"]] == ["0-0", "0-1", "0-2"]
    assert folder_of(data_folder, "brave-otter").stat().st_mode & 0o777 == 0o700

    await wait_for("brave-otter", "running")
    scaled = await api("POST", "/clusters/brave-otter/scale", {"entries": 2})
    assert (scaled.status, scaled.headers["ETag"]) == (202, '"2"')
    # What was acknowledged is seen by the next reader, whatever the stream has told by then.
    seen = await api("GET", "/clusters/brave-otter")
    assert (seen.body["generation"], seen.headers["ETag"]) == (2, '"2"')
    assert sorted(seen.body["spec"]["workers"]) == ["0", "1"]
    listed = await api("GET", "/clusters")
    assert [cluster["generation"] for cluster in listed.body] == [2]

    spec = seen.body["spec"]
    headers = {"If-Match": '"1"'}
    stale = await api("PUT", "/clusters/brave-otter/spec", spec, headers=headers)
    assert (stale.status, stale.code) == (412, "stale_generation")
    headers = {"If-Match": '"2"'}
    edited = await api("PUT", "/clusters/brave-otter/spec", spec, headers=headers)
    assert (edited.status, edited.body["generation"]) == (202, 3)

    gone = await api("DELETE", "/clusters/brave-otter")
    assert (gone.status, gone.body["phase"]) == (202, "stopping")
    await wait_for("brave-otter", None)
    assert (await api("GET", "/clusters")).body == []
    assert folders(data_folder) == []
    assert processes_of(own_folders) == []
    no_tracebacks()


async def test_what_is_passed_on(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    data_folder: Path,
    no_tracebacks: Callable[[], None],
) -> None:
    id = await make(api)
    where = f"/clusters/{id}"
    await wait_for(id, "running")

    events = (await api("GET", f"{where}/events")).body
    assert [one["seq"] for one in events] == [1, 2, 3, 4, 5]
    assert (events[0]["from"], events[0]["to"]) == ("lost", None)
    query = {"since": "2", "limit": "2", "something": "else"}
    some = (await api("GET", f"{where}/events", params=query)).body
    assert [one["seq"] for one in some] == [3, 4]
    assert (await api("GET", f"{where}/events", params={"since": "5"})).body == []

    (earlier,) = (await api("GET", f"{where}/generations")).body
    assert (earlier["generation"], list(earlier["spec"]["workers"])) == (1, ["0"])

    asked = {"member": "a <b>&c", "tail": "1"}
    log = (await api("GET", f"{where}/logs", params=asked)).body
    assert log == {
        "source": "worker",
        "lines": ["<script>alert(1)</script>"],
        "complete": False,
        "cursor": "worker:",
        "continues": False,
        "unfinished": False,
    }
    unknown = await api("GET", f"{where}/logs", params={"member": "a"})
    assert (unknown.status, unknown.code) == (404, "member_not_found")
    for field, wrong in [("tail", "0"), ("tail", "10001"), ("tail", "x"), ("member", "")]:
        refused = await api("GET", f"{where}/logs", params={field: wrong})
        assert (refused.status, refused.body["field"]) == (422, field)
    folder = folder_of(data_folder, id)
    # The host writes that it has no such worker once it has answered.
    await until(lambda: "404 GET" in (folder / HOST_LOG).read_text())
    with (folder / HOST_LOG).open("a") as file:
        file.write("one\ntoken=canary <b>\x1b[0m\n")
    own = (await api("GET", f"{where}/logs", params={"tail": "1"})).body
    assert (own["source"], own["lines"], own["complete"]) == ("host", ["token=*** <b>"], False)
    with (folder / HOST_LOG).open("a") as file:
        file.write("token=canary\ntoken=canary\n")
    asked = {"tail": "1", "after": own["cursor"]}
    new = (await api("GET", f"{where}/logs", params=asked)).body
    assert (new["lines"], new["continues"]) == (["token=***", "token=***"], True)

    plan = (await api("POST", f"{where}/plan", {"remove": ["0"]})).body
    assert (plan["start"], plan["retire"]) == (["new one<br>"], ["0"])
    assert plan["at_stake"] == {"keys": 3, "nbytes": 2**40}

    adapted = await api("PUT", f"{where}/adaptive", {"minimum": 1, "maximum": 2})
    assert (adapted.status, adapted.body["adaptive"]) == (202, {"minimum": 1, "maximum": 2})
    ended = await api("DELETE", f"{where}/adaptive")
    assert (ended.status, ended.body["adaptive"]) == (202, None)

    tried = await api("POST", f"{where}/entries/new one<br>/retry", {})
    assert (tried.status, tried.body["id"]) == (202, id)
    made_anew = await api("POST", f"{where}/entries/new one<br>/restart", {})
    assert (made_anew.status, made_anew.body["id"]) == (202, id)
    for what in ("retry", "restart"):
        refused = await api("POST", f"{where}/entries/new/{what}", {})
        assert (refused.status, refused.code) == (404, "entry_not_found")
    no_tracebacks()
    await api("DELETE", where)
    await wait_for(id, None)


async def test_what_has_happened_is_told_while_it_stops(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    supervisor = manager._find(id)
    # As one that has just begun to stop, and takes its time.
    supervisor._ending = asyncio.create_task(asyncio.sleep(0.5))
    assert len((await api("GET", f"/clusters/{id}/events")).body) == 5
    for method, path, body in (
        ("PUT", "/adaptive", {"minimum": 1}),
        ("POST", "/entries/0/retry", {}),
        ("POST", "/entries/0/restart", {}),
        ("POST", "/scale", {"entries": 1}),
    ):
        answer = await api(method, f"/clusters/{id}{path}", body)
        assert (answer.status, answer.code) == (409, "not_running")
    await supervisor._ending
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


async def test_it_is_there_at_once_however_slow_its_host(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager
) -> None:
    fake_host("slow")
    manager.bounds = Bounds(call=30.0)
    id = await make(api)
    assert (await api("GET", f"/clusters/{id}")).body["phase"] == "starting"
    # A change waits for the host.
    scaled = await api("POST", f"/clusters/{id}/scale", {"entries": 3})
    assert (scaled.status, scaled.body["generation"]) == (202, 2)
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


async def test_a_host_that_never_answers_is_ended_and_shown_as_failed(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager, own_folders: Path
) -> None:
    manager.bounds = Bounds(start=1.0, call=0.5, grace=0.5)
    fake_host("silent")
    id = await make(api)
    scaled = await api("POST", f"/clusters/{id}/scale", {"entries": 3})
    assert (scaled.status, scaled.code) == (504, "host_not_responding")
    failed = await wait_for(id, "failed")
    assert failed is not None
    (condition,) = failed["conditions"]
    assert "could not be reached for 1 seconds" in condition["message"]
    assert processes_of(own_folders) == []
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


async def test_a_host_with_another_nonce_is_not_talked_to(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager
) -> None:
    manager.bounds = Bounds(start=1.5, call=0.5, grace=0.5)
    fake_host("other_nonce")
    id = await make(api)
    assert await wait_for(id, "failed")
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)
    # It is not ours to remove: another host may have written it.
    assert read_connection(id).nonce == "x" * 32
    connection_file(id).unlink()


async def test_a_host_that_refuses_our_nonce_is_unreachable(
    api: Api, fake_host: FakeHosts, wait_for: Wait, own_folders: Path
) -> None:
    fake_host("refuses")
    id = await make(api)
    cluster = await wait_for(id, "unreachable")
    assert cluster is not None
    assert cluster["conditions"][0]["type"] == "Unreachable"
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)
    assert processes_of(own_folders) == []


async def test_a_host_that_fails_at_once_says_why(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    data_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake_host("exits")
    id = await make(api)
    cluster = await wait_for(id, "failed")
    assert cluster is not None
    (condition,) = cluster["conditions"]
    assert condition["type"] == "HostExited"
    assert condition["message"].startswith("The cluster's host has ended with status 3.")
    assert "nothing works <img src=x onerror=alert(1)>" in condition["message"]
    assert "\x1b" not in condition["message"]
    nonce = read_nonce(folder_of(data_folder, id))
    assert nonce not in str(cluster)
    assert nonce not in caplog.text
    scaled = await api("POST", f"/clusters/{id}/scale", {"entries": 3})
    assert (scaled.status, scaled.code) == (409, "not_running")
    stopped = await api("DELETE", f"/clusters/{id}")
    assert (stopped.status, stopped.body["phase"]) == (202, "stopping")
    await wait_for(id, None)
    assert folders(data_folder) == []


def read_nonce(folder: Path) -> str:
    return str(json.loads((folder / "launch.json").read_text())["nonce"])


async def test_a_host_that_dies_is_shown_as_failed(
    api: Api, fake_host: FakeHosts, wait_for: Wait, own_folders: Path
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    await api("POST", f"/clusters/{id}/scale", {"entries": DIE})
    cluster = await wait_for(id, "failed")
    assert cluster is not None
    assert "ended with status 7" in cluster["conditions"][0]["message"]
    assert "the last words" in cluster["conditions"][0]["message"]
    assert {entry["phase"] for entry in cluster["workers"]} == {"lost"}
    assert sockets(own_folders) == []
    # Who has died cannot be asked, but has left what it had to say.
    log = (await api("GET", f"/clusters/{id}/logs", params={"tail": "50"})).body
    assert log["source"] == "host"
    assert "ValueError: the last words" in log["lines"]
    assert not [line for line in log["lines"] if not line.isprintable()]
    refused = await api("GET", f"/clusters/{id}/logs", params={"member": "0"})
    assert (refused.status, refused.code) == (409, "not_running")
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


async def test_what_a_killed_host_has_started_ends_with_it(
    api: Api, fake_host: FakeHosts, wait_for: Wait, own_folders: Path
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    await api("POST", f"/clusters/{id}/scale", {"entries": ORPHAN})
    await until(lambda: len(host_of(id).children()) == 1)
    host_of(id).kill()
    cluster = await wait_for(id, "failed")
    assert cluster is not None
    assert "was ended by SIGKILL" in cluster["conditions"][0]["message"]
    assert processes_of(own_folders, wait=0) == []
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


@pytest.mark.parametrize("trick", [HANG, DEAF])
async def test_a_host_that_hangs_does_not_slow_the_server_and_can_be_stopped(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    data_folder: Path,
    own_folders: Path,
    trick: int,
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    await api("POST", f"/clusters/{id}/scale", {"entries": trick})
    log = folder_of(data_folder, id) / HOST_LOG
    await until(lambda: "hanging" in log.read_text())
    began = time.monotonic()
    slow = asyncio.ensure_future(api("POST", f"/clusters/{id}/scale", {"entries": 1}))
    times = []
    while not slow.done():
        since = time.monotonic()
        assert (await api("GET", f"/clusters/{id}")).status == 200
        times.append(time.monotonic() - since)
    assert ((await slow).status, (await slow).code) == (504, "host_not_responding")
    assert time.monotonic() - began < 10
    times.sort()
    assert times[len(times) // 2] < 0.1
    stopping = await api("DELETE", f"/clusters/{id}")
    assert (stopping.status, stopping.body["phase"]) == (202, "stopping")
    again = await api("DELETE", f"/clusters/{id}")
    assert (again.status, again.body["phase"]) == (202, "stopping")
    scaled = await api("POST", f"/clusters/{id}/scale", {"entries": 1})
    assert (scaled.status, scaled.code) == (409, "not_running")
    await wait_for(id, None)
    assert processes_of(own_folders, wait=0) == []


async def test_a_stopped_process_becomes_unreachable_and_comes_back(
    api: Api, fake_host: FakeHosts, wait_for: Wait
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    host = host_of(id)
    host.send_signal(signal.SIGSTOP)
    try:
        await wait_for(id, "unreachable")
        assert (await api("GET", "/clusters")).status == 200
    finally:
        host.send_signal(signal.SIGCONT)
    cluster = await wait_for(id, "running")
    assert cluster is not None
    assert cluster["conditions"] == []
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


@pytest.mark.parametrize("trick", [CONFUSE, HANG_UP])
async def test_a_stream_that_breaks_is_read_anew(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager, trick: int
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    await api("POST", f"/clusters/{id}/scale", {"entries": trick})
    scaled = await api("POST", f"/clusters/{id}/scale", {"entries": 2})
    assert scaled.body["generation"] == 3

    await until(lambda: sorted(manager._find(id).pushed.spec.workers) == ["0", "1"])
    assert (await api("GET", f"/clusters/{id}")).body["phase"] == "running"
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


async def test_a_cluster_that_someone_else_stops_just_goes(
    api: Api, fake_host: FakeHosts, wait_for: Wait, data_folder: Path
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    await api("POST", f"/clusters/{id}/scale", {"entries": LEAVE})
    await wait_for(id, None)
    assert folders(data_folder) == []


async def test_one_that_is_still_starting_can_be_stopped(
    api: Api, fake_host: FakeHosts, wait_for: Wait, data_folder: Path, own_folders: Path
) -> None:
    fake_host("silent")
    id = await make(api)
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)
    assert folders(data_folder) == []
    assert processes_of(own_folders, wait=0) == []


async def test_names(api: Api, fake_host: FakeHosts, wait_for: Wait, data_folder: Path) -> None:
    first = await api("POST", "/clusters", {"template": "threads", "name": "Mine!"})
    assert first.body["id"] == "mine"
    twice = await api("POST", "/clusters", {"template": "threads", "name": "Mine!"})
    assert (twice.status, twice.code, twice.body["field"]) == (409, "name_in_use", "name")
    similar = await api("POST", "/clusters", {"template": "threads", "name": "mine"})
    assert (similar.status, similar.body["id"]) == (201, "mine-2")
    unnamed = await api("POST", "/clusters", {"template": "threads"})
    assert unnamed.status == 201
    # What another server on this machine has reserved is not taken from it.
    (folder_of(data_folder, "mine").parent / "yours").mkdir()
    yours = await api("POST", "/clusters", {"template": "threads", "name": "Yours"})
    assert yours.body["id"] == "yours-2"
    for cluster in (await api("GET", "/clusters")).body:
        await api("DELETE", f"/clusters/{cluster['id']}")
        await wait_for(cluster["id"], None)


async def test_there_is_a_limit_to_clusters(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager, data_folder: Path
) -> None:
    manager.max_clusters = 2
    answers = await asyncio.gather(
        *(api("POST", "/clusters", {"template": "threads"}) for _ in range(5))
    )
    assert sorted(answer.status for answer in answers) == [201, 201, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} == {"too_many_clusters"}
    assert len(folders(data_folder)) == 2
    for cluster in (await api("GET", "/clusters")).body:
        await api("DELETE", f"/clusters/{cluster['id']}")
        await wait_for(cluster["id"], None)


async def test_a_host_that_cannot_be_started_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, data_folder: Path
) -> None:
    def fail(folder: Path, *, python: str | None = None) -> None:
        raise StartFailed("the cluster's host could not be started: no more processes")

    monkeypatch.setattr("speccluster_lab.link.creation.start_host", fail)
    answer = await api("POST", "/clusters", {"template": "threads"}, undescribed=500)
    assert (answer.status, answer.code) == (500, "start_failed")
    assert (await api("GET", "/clusters")).body == []
    assert folders(data_folder) == []


async def test_a_cluster_that_the_server_has_lost_track_of_can_be_stopped(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    data_folder: Path,
    own_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By a fault of ours."""

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("speccluster_lab.server.shown.Shown.take", fail)
    id = await make(api)
    await wait_for(id, "unreachable")
    assert "Lost track of cluster 'one'" in caplog.text
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)
    assert folders(data_folder) == []
    assert processes_of(own_folders, wait=0) == []


async def test_the_server_never_imports_what_a_spec_names(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    manager: ClusterManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "canary.py").write_text("class Worker: pass")
    monkeypatch.syspath_prepend(tmp_path)
    manager.admission = Admission(worker_classes=frozenset({"canary.Worker"}))
    id = await make(api, spec={"worker": {"cls": "canary.Worker"}})
    cluster = await wait_for(id, "running")
    assert cluster is not None
    assert cluster["spec"]["worker"]["cls"] == "canary.Worker"
    spec = {**cluster["spec"], "workers": {"a": {"cls": "canary.Worker"}}}
    edited = await api("PUT", f"/clusters/{id}/spec", spec, headers={"If-Match": '"1"'})
    assert edited.status == 202
    assert "canary" not in sys.modules
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


async def test_no_cluster_is_made_when_the_server_is_ending(
    api: Api, fake_host: FakeHosts, manager: ClusterManager, own_folders: Path
) -> None:
    """Not even one that was being made when the end began."""
    making = [asyncio.ensure_future(api("POST", "/clusters", {"template": "threads"}))]
    await until(lambda: manager._making.locked() or manager.clusters() != [])
    await manager.close(stop_clusters=True)
    making.append(asyncio.ensure_future(api("POST", "/clusters", {"template": "threads"})))
    first, second = await asyncio.gather(*making)
    assert (first.status, second.status, second.code) == (201, 409, "not_running")
    assert processes_of(own_folders, wait=0) == []


async def test_a_slow_reader_is_told_what_the_others_were(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager
) -> None:
    """What waits for it does not change while it waits."""
    id = await make(api)
    await wait_for(id, "running")
    reader = manager.feed.open()
    first = await anext(reader)
    assert isinstance(first, SnapshotEvent)
    document = first.snapshot[0].model_dump(mode="json")
    # Twice, with a whole document between them that waits as well.
    await api("POST", f"/clusters/{id}/scale", {"entries": GROW})
    await until(lambda: len(manager.get(id).unexpected) == 2)
    await api("POST", f"/clusters/{id}/scale", {"entries": HANG_UP})
    await until(lambda: manager._find(id).pushed.generation == 3)
    await api("POST", f"/clusters/{id}/scale", {"entries": GROW})
    await api("POST", f"/clusters/{id}/scale", {"entries": 2})
    await until(lambda: manager._find(id).pushed.generation == 5)
    seen, whole = [], []
    while document["generation"] < 5:
        async with asyncio.timeout(5):
            event = await anext(reader)
        assert isinstance(event, PatchEvent)
        operations = [one.model_dump(by_alias=True, exclude_unset=True) for one in event.patch]
        document = jsonpatch.apply_patch(document, operations)
        seen.append([member["tasks"] for member in document["unexpected"]])
        if operations[0]["path"] == "":
            whole.append("".join(document["spec"]["workers"]))
    assert document == manager.get(id).model_dump(mode="json")
    assert [1] in seen
    assert seen[-1] == [2, 1]
    assert whole == ["01234"]
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


async def test_a_stop_is_seen_before_the_answer_to_an_earlier_change(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    # As after a scale whose change the stream has yet to tell.
    supervisor = manager._find(id)
    supervisor._shown._answered = supervisor.pushed.model_copy(update={"generation": 9})
    assert (await api("GET", f"/clusters/{id}")).body["generation"] == 9
    stopping = await api("DELETE", f"/clusters/{id}")
    assert stopping.body["phase"] == "stopping"
    await wait_for(id, None)


async def test_a_gap_in_the_hosts_stream_is_mended(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    await api("POST", f"/clusters/{id}/scale", {"entries": GAP})
    await api("POST", f"/clusters/{id}/scale", {"entries": 2})
    await until(lambda: manager.get(id).observed_generation == 77)
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)
