"""Hosts that die, hang and come back, and files that are not as they should be."""

import asyncio
import errno
import os
import shutil
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from fake_host import DIE, HANG
from nothing_left import processes_of
from serving import (
    Answer,
    Api,
    FakeHosts,
    Made,
    Stop,
    Wait,
    folder_of,
    folders,
    make,
    make_running,
    next_server,
    sockets,
    until,
)

from speccluster_lab.errors import NotStored
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import (
    Connection,
    read_connection,
    remove_connection,
    write_connection,
)
from speccluster_lab.link.launch import (
    HOST_LOG,
    LAUNCH_FILE,
    is_stopped,
    mark_stopped,
    read_launch,
    reserve,
    write_launch,
)
from speccluster_lab.link.paths import connection_file
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.server.supervisor import Bounds
from speccluster_lab.spec.api import Cluster

QUIET = (0.0, 0.1, 0.1, 0.1, 0.1)


def pid_of(id: str) -> int:
    return read_connection(id).pid


def kill_guard(manager: ClusterManager, id: str) -> None:
    guard = manager._find(id)._guard
    assert guard is not None
    guard.process.kill()


async def running_again(wait_for: Wait, id: str, before: int) -> None:
    await until(lambda: is_another(id, before))
    await wait_for(id, "running")


def is_another(id: str, before: int) -> bool:
    try:
        return pid_of(id) != before
    except LookupError:
        return False


@pytest.fixture
def usual_silence(fake_host: FakeHosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a host taken for one that hangs when it usually is, and not when other tests do."""
    monkeypatch.setattr("speccluster_lab.link.api._SILENCE_SECONDS", 4.5)


@dataclass
class OpenLog:
    """A file that cannot be removed as long as it is open, and how often that was tried."""

    is_open: bool = True
    tries: int = 0


@pytest.fixture
def open_log(monkeypatch: pytest.MonkeyPatch) -> OpenLog:
    """Have somebody keep the logs of hosts open, on a network file system."""
    log, unlink = OpenLog(), Path.unlink

    def refuse(self: Path, missing_ok: bool = False) -> None:
        if log.is_open and self.name == HOST_LOG:
            log.tries += 1
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(self))
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    return log


async def test_a_host_that_its_guard_starts_again_is_followed_on(
    api: Api, fake_host: FakeHosts, wait_for: Wait, made: Made, stop: Stop, manager: ClusterManager
) -> None:
    fake_host.restarts, fake_host.pauses = 5, QUIET
    id = await made()
    for _ in range(3):
        before = pid_of(id)
        os.kill(before, signal.SIGKILL)
        await running_again(wait_for, id, before)
        scaled = await api("POST", f"/clusters/{id}/scale", {"entries": 2})
        assert (scaled.status, len(scaled.body["spec"]["workers"])) == (202, 2)
        # The change comes by the new host's stream as well.
        await until(lambda: len(manager._find(id).pushed.spec.workers) == 2)
    await stop(id)


async def test_while_it_is_started_again_it_is_shown_so(
    fake_host: FakeHosts, wait_for: Wait, made: Made, stop: Stop, data_folder: Path
) -> None:
    fake_host.restarts, fake_host.pauses = 5, (600.0,)
    id = await made()
    os.kill(pid_of(id), signal.SIGKILL)
    cluster = await wait_for(id, "starting", 5)
    assert cluster is not None
    (condition,) = cluster["conditions"]
    assert (condition["type"], condition["reason"]) == ("HostExited", "Restarting")
    assert {entry["phase"] for entry in cluster["workers"]} == {"pending"}
    # It can be stopped meanwhile.
    await stop(id)
    assert folders(data_folder) == []


async def test_one_that_dies_too_often_waits_for_a_person(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    stop: Stop,
    manager: ClusterManager,
    own_folders: Path,
    data_folder: Path,
) -> None:
    fake_host.restarts, fake_host.pauses = 2, QUIET
    id = await made()
    for _ in range(2):
        before = pid_of(id)
        await api("POST", f"/clusters/{id}/scale", {"entries": DIE})
        await running_again(wait_for, id, before)
    await api("POST", f"/clusters/{id}/scale", {"entries": DIE})
    cluster = await wait_for(id, "failed")
    assert cluster is not None
    message = cluster["conditions"][0]["message"]
    assert message.startswith("The cluster's host has ended with status 7.")
    assert "the last words" in message
    assert "once too often" in message
    assert sockets(own_folders) == []
    assert processes_of(own_folders, wait=0) == []

    again = await api("POST", f"/clusters/{id}/restart", {})
    assert (again.status, again.body["phase"]) == (202, "starting")
    await wait_for(id, "running")
    assert (await api("POST", f"/clusters/{id}/scale", {"entries": 2})).status == 202
    assert manager._find(id).is_own
    await stop(id)
    assert folders(data_folder) == []


async def test_two_who_start_one_again_start_one(
    api: Api, fake_host: FakeHosts, wait_for: Wait, made: Made, stop: Stop, own_folders: Path
) -> None:
    fake_host("exits")
    id = await made("failed")
    fake_host("good")
    answers = await asyncio.gather(*(api("POST", f"/clusters/{id}/restart", {}) for _ in range(3)))
    assert [one.status for one in answers] == [202, 202, 202]
    await wait_for(id, "running")
    await until(lambda: len(processes_of(own_folders, wait=0)) == 2)
    await stop(id)
    assert (await api("POST", f"/clusters/{id}/restart", {})).status == 404


async def test_one_that_runs_is_closed_and_started_again(
    api: Api, fake_host: FakeHosts, wait_for: Wait
) -> None:
    """As often as somebody likes: it is no accident."""
    id = await make(api)
    for _ in range(2):
        await wait_for(id, "running")
        before = pid_of(id)
        assert (await api("POST", f"/clusters/{id}/restart", {})).status == 202
        await running_again(wait_for, id, before)
    await api("DELETE", f"/clusters/{id}")
    again = await api("POST", f"/clusters/{id}/restart", {})
    assert again.status in (404, 409)
    await wait_for(id, None)


async def test_one_that_hangs_is_killed_to_be_started_again(
    api: Api, fake_host: FakeHosts, wait_for: Wait, made: Made, stop: Stop
) -> None:
    fake_host.restarts = 5
    id = await made()
    before = pid_of(id)
    await api("POST", f"/clusters/{id}/scale", {"entries": HANG})
    await wait_for(id, "unreachable")
    assert (await api("POST", f"/clusters/{id}/restart", {})).status == 202
    await running_again(wait_for, id, before)
    await stop(id)


async def test_a_host_that_hangs_is_shown_in_time_and_slows_nobody(
    api: Api, fake_host: FakeHosts, wait_for: Wait, stop: Stop, usual_silence: None
) -> None:
    hung, other = "hung", "other"
    times: list[float] = []

    async def timed(*call: object) -> Answer:
        since = time.monotonic()
        answer = await api(*call)
        times.append(time.monotonic() - since)
        return answer

    await make_running(api, wait_for, hung, other)
    host = psutil.Process(pid_of(hung))
    host.suspend()
    try:
        began = time.monotonic()
        slow = asyncio.ensure_future(api("POST", f"/clusters/{hung}/scale", {"entries": 1}))
        phases: list[str] = []
        while "unreachable" not in phases:
            phases.append((await timed("GET", f"/clusters/{hung}")).body["phase"])
            assert (await timed("GET", "/clusters")).status == 200
            scaled = await timed("POST", f"/clusters/{other}/scale", {"entries": len(phases) % 3})
            assert scaled.status == 202
            assert time.monotonic() - began < 5
        assert (await slow).code == "host_not_responding"
    finally:
        host.resume()
    times.sort()
    assert times[int(0.99 * len(times))] < 0.1
    cluster = await wait_for(hung, "running")
    assert cluster is not None
    assert cluster["conditions"] == []
    await stop(hung)
    await stop(other)


async def test_a_cluster_without_a_guard_can_be_started_again(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    stop: Stop,
    manager: ClusterManager,
    own_folders: Path,
) -> None:
    id = await made()
    kill_guard(manager, id)
    cluster = await wait_for(id, "failed")
    assert cluster is not None
    assert "has lost its guard, which was ended by SIGKILL" in cluster["conditions"][0]["message"]
    assert processes_of(own_folders, wait=0) == []
    assert sockets(own_folders) == []
    await api("POST", f"/clusters/{id}/restart", {})
    await wait_for(id, "running")
    await stop(id)


async def test_a_cluster_that_was_to_stop_is_not_shown_as_failed(
    fake_host: FakeHosts, wait_for: Wait, made: Made, manager: ClusterManager, data_folder: Path
) -> None:
    """However it has come to its end after that."""
    id = await made()
    # By a handle in a notebook, say.
    mark_stopped(folder_of(data_folder, id))
    kill_guard(manager, id)
    await wait_for(id, None)
    assert folders(data_folder) == []


async def test_a_stop_that_cannot_be_noted_is_carried_out_and_answered_as_such(
    api: Api, fake_host: FakeHosts, wait_for: Wait, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    id = await made()
    with monkeypatch.context() as patched:
        patched.setattr("speccluster_lab.server.supervisor.mark_stopped", refuse)
        answer = await api("DELETE", f"/clusters/{id}", undescribed=500)
    assert (answer.status, answer.code) == (500, "not_stored")
    assert os.strerror(errno.ENOSPC) in answer.body["message"]
    # It is noted by who asks again, if it is still there.
    assert (await api("DELETE", f"/clusters/{id}")).status in (202, 404)
    await wait_for(id, None)


async def test_a_host_that_cannot_note_its_stop_is_left_its_time(
    fake_host: FakeHosts, made: Made, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_to_stop, signalled = HostClient.stop, []

    async def stop_without_a_note(client: HostClient) -> Cluster:
        await ask_to_stop(client)
        raise NotStored("it stops, but that cannot be stored")

    def end(process: HostProcess, grace: float) -> bool:
        signalled.append(process.pid)
        return True

    id = await made()
    monkeypatch.setattr(HostClient, "stop", stop_without_a_note)
    monkeypatch.setattr(HostProcess, "end", end)
    await stop(id)
    assert signalled == []


async def test_a_server_ends_where_the_disk_hangs(
    api: Api,
    fake_host: FakeHosts,
    made: Made,
    manager: ClusterManager,
    own_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comes_back = threading.Event()
    monkeypatch.setattr(
        "speccluster_lab.server.supervisor.mark_stopped", lambda folder: comes_back.wait()
    )
    id = await made()
    await api("POST", f"/clusters/{id}/scale", {"entries": HANG})
    try:
        async with asyncio.timeout(20):
            await manager.close(stop_clusters=True)
        assert processes_of(own_folders, wait=2) == []
        # A process waits for all of its threads but those.
        assert all(one.daemon for one in threading.enumerate() if one.name == "mark stopped")
    finally:
        comes_back.set()


async def test_a_folder_that_cannot_be_removed_is_shown_and_tried_again(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    stop: Stop,
    manager: ClusterManager,
    data_folder: Path,
    open_log: OpenLog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_host("exits")
    id = await made("failed")
    folder = folder_of(data_folder, id)
    monkeypatch.setattr("speccluster_lab.server.supervisor._FIRST_REMOVAL", 0.01)
    monkeypatch.setattr("speccluster_lab.server.supervisor._LAST_REMOVAL", 0.05)
    assert (await api("DELETE", f"/clusters/{id}")).status == 202
    await until(lambda: open_log.tries > 3)
    # It is neither gone nor another one that comes.
    await manager.attach()
    (shown,) = manager.clusters()
    assert shown.phase == "stopping"
    (condition,) = shown.conditions
    assert condition.type == "NotRemoved"
    assert str(folder / HOST_LOG) in condition.message
    # Only the folder is left: it keeps neither the server alive nor others from coming.
    assert manager.count_running() == 0
    manager.max_clusters = 1
    fake_host("good")
    await make(api, name="two")
    assert manager.count_running() == 1
    # The next server does not take it for failed.
    assert is_stopped(folder)
    open_log.is_open = False
    await wait_for(id, None)
    await stop("two")
    assert folders(data_folder) == []


@pytest.mark.parametrize("how", ["launched", "reached"])
async def test_another_cluster_of_the_same_id_is_not_removed(
    api: Api,
    fake_host: FakeHosts,
    made: Made,
    stop: Stop,
    manager: ClusterManager,
    data_folder: Path,
    open_log: OpenLog,
    how: str,
) -> None:
    fake_host("exits")
    id = await made("failed")
    folder = folder_of(data_folder, id)
    launch = read_launch(folder)
    await api("DELETE", f"/clusters/{id}")
    await until(lambda: [one.type for one in manager.get(id).conditions] == ["NotRemoved"])
    # By hand; and a cluster of this id is started from the command line.
    shutil.rmtree(folder)
    await asyncio.to_thread(reserve, id)
    (folder / HOST_LOG).touch()
    nonce = "n" * 32
    if how == "launched":
        write_launch(folder, launch.model_copy(update={"nonce": nonce}))
    else:
        start_time = psutil.Process().create_time()
        write_connection(
            Connection(
                id=id,
                pid=os.getpid(),
                start_time=start_time,
                nonce=nonce,
                socket="none",
                version="0",
            )
        )
    open_log.is_open = False
    await stop(id)
    assert (folder / HOST_LOG).exists()
    assert connection_file(id).exists() == (how == "reached")
    remove_connection(id)


async def test_a_folder_stays_while_there_are_processes_that_cannot_be_killed(
    api: Api,
    fake_host: FakeHosts,
    made: Made,
    stop: Stop,
    manager: ClusterManager,
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    id = await made()
    folder = folder_of(data_folder, id)
    process = psutil.Process(pid_of(id))
    monkeypatch.setattr(HostProcess, "end", lambda self, grace: False)
    monkeypatch.setattr(HostProcess, "session", lambda self: [process])
    kill_guard(manager, id)
    await until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert (await api("DELETE", f"/clusters/{id}")).status == 202
    await until(lambda: [one.type for one in manager.get(id).conditions] == ["NotRemoved"])
    assert str(process.pid) in manager.get(id).conditions[0].message
    assert folder.exists()
    monkeypatch.setattr(HostProcess, "end", lambda self, grace: True)
    # Whoever asks again has it tried at once.
    await stop(id)
    assert folders(data_folder) == []


# -- the next server -------------------------------------------------------------------------


async def test_a_failed_cluster_is_found_and_can_be_started_again(
    fake_host: FakeHosts, wait_for: Wait, made: Made, manager: ClusterManager, own_folders: Path
) -> None:
    fake_host("exits")
    id = await made("failed")
    following = next_server(manager)
    await following.attach()
    await until(lambda: following.get(id).phase == "failed")
    assert "nothing works" in following.get(id).conditions[0].message
    fake_host("good")
    assert (await following.restart(id)).phase == "starting"
    await until(lambda: following.get(id).phase == "running")
    # The other server sees it as well.
    await wait_for(id, "running")
    await following.stop(id)
    await until(lambda: following.clusters() == [])
    await following.close(stop_clusters=True)
    await wait_for(id, None)


async def test_a_host_that_hangs_before_it_is_found_is_shown_in_time(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager, usual_silence: None
) -> None:
    await make_running(api, wait_for, "hung")
    host = psutil.Process(pid_of("hung"))
    following = next_server(manager)
    following.bounds = Bounds()
    host.suspend()
    try:
        began = time.monotonic()
        await following.attach()
        await until(lambda: following.get("hung").phase == "unreachable")
        # Less than the ten seconds that a call may take.
        assert time.monotonic() - began < 9
    finally:
        host.resume()
    await until(lambda: following.get("hung").phase == "running")
    assert following.get("hung").conditions == []
    await following.stop("hung")
    await wait_for("hung", None)
    await following.close(stop_clusters=False)


async def test_a_stop_that_was_acknowledged_is_carried_out_by_the_next_server(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    manager: ClusterManager,
    data_folder: Path,
) -> None:
    fake_host("exits")
    await made("failed", name="dead")
    fake_host("good")
    await make_running(api, wait_for, "alive")
    for id in ("dead", "alive"):
        # As far as a server comes that is killed right after its answer.
        mark_stopped(folder_of(data_folder, id))
    following = next_server(manager)
    await following.attach()
    await until(lambda: following.clusters() == [])
    assert folders(data_folder) == []
    await following.close(stop_clusters=True)
    for id in ("dead", "alive"):
        await wait_for(id, None)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b'{"id": "two"}'])
async def test_a_launch_that_is_garbled_is_shown_and_harms_no_other(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    made: Made,
    stop: Stop,
    manager: ClusterManager,
    data_folder: Path,
    content: bytes | None,
) -> None:
    fake_host("exits")
    await made("failed", name="bad")
    fake_host("good")
    await make_running(api, wait_for, "good")
    launch = folder_of(data_folder, "bad") / LAUNCH_FILE
    if content is None:
        launch.unlink()
        launch.symlink_to(folder_of(data_folder, "good") / LAUNCH_FILE)
    else:
        launch.write_bytes(content)
    following = next_server(manager)
    await following.attach()
    await until(lambda: following.get("good").phase == "running")
    await until(lambda: following.get("bad").phase == "failed")
    assert "cannot be run" in following.get("bad").conditions[0].message
    # Others of its folder are looked into all the same.
    await following.stop("bad")
    await until(lambda: [one.id for one in following.clusters()] == ["good"])
    await following.close(stop_clusters=True)
    await wait_for("bad", None)
    await stop("good")


async def test_a_folder_that_nobody_uses_is_removed_in_the_end(
    manager: ClusterManager, data_folder: Path
) -> None:
    fresh, old = reserve("fresh"), reserve("old")
    (old / ".launch.json.1.tmp").touch()
    an_hour_ago = time.time() - 3600
    os.utime(old, (an_hour_ago, an_hour_ago))
    (old.parent / "Not an id").mkdir()
    (old.parent / "a-file").touch()
    await manager.attach()
    assert manager.clusters() == []
    assert sorted(one.name for one in folders(data_folder)) == ["Not an id", "a-file", "fresh"]
    shutil.rmtree(fresh)
