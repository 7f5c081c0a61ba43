"""From the launch to the end of real hosts, whatever happens in between."""

from __future__ import annotations

import asyncio
import datetime
import errno
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import psutil
import pytest
from difficult_workers import hold_the_interpreter
from running_hosts import SECONDS, RunningHost, hosts_in

from speccluster_lab.client import connect
from speccluster_lab.errors import NotStored
from speccluster_lab.host import life
from speccluster_lab.host.events import EVENTS_FILE
from speccluster_lab.host.life import Host
from speccluster_lab.host.store import Desired, Store
from speccluster_lab.link.connections import list_connections
from speccluster_lab.link.guard import NO_USE
from speccluster_lab.link.launch import (
    DESIRED_FILE,
    LAUNCH_FILE,
    Launch,
    find_guard,
    is_stopped,
    mark_stopped,
    start_host,
    write_launch,
)
from speccluster_lab.link.paths import connection_file, socket_path
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import Owner, OwnerKind, PatchEvent
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.policies import PolicyOverlay

if TYPE_CHECKING:
    from distributed import Client
    from running_hosts import Hosts

    from speccluster_lab.link.client import HostClient
    from speccluster_lab.spec.api import Cluster


def _spec(cls: str, *, scheduler: str = "distributed.Scheduler", **options: Any) -> dict[str, Any]:
    entry = {"cls": cls, "options": options}
    return {"scheduler": {"cls": scheduler}, "worker": entry, "workers": {"0": entry}}


def _unstarted(folder: Path) -> Host:
    """Return the host of a cluster, in this process."""
    spec = ClusterSpec.model_validate(_spec("distributed.Worker"))
    launch = Launch(
        id="one",
        display_name="One",
        template=None,
        owner=Owner(kind=OwnerKind.COMMAND),
        created=datetime.datetime.now(datetime.UTC),
        nonce="n" * 32,
        spec=spec,
        trusted=spec,
        admission=Admission(),
    )
    return Host(folder, launch, Store(folder), Desired(generation=1, spec=spec))


def _gone(host: RunningHost, *, status: int = 0) -> None:
    """Check that a host has ended and left nothing."""
    path = Path(host.connection.socket)
    assert host.ended() == status
    assert host.left() == []
    assert not path.exists()
    assert not connection_file(host.id).exists()
    assert not host.folder.exists()
    assert list_connections() == []


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# -- how it comes up -----------------------------------------------------------------------------


def test_it_answers_before_the_cluster_is_there(hosts: Hosts) -> None:
    host = hosts.start(
        spec=_spec("distributed.Worker", scheduler="difficult_workers.SlowScheduler")
    )
    cluster = host.get()
    assert cluster.phase == "starting"
    assert cluster.scheduler.address is None
    assert (cluster.generation, cluster.observed_generation) == (1, 0)
    assert cluster.spec == host.launch.spec
    answer = host.request("POST", "/credentials", {})
    assert (answer.status, answer.body["code"]) == (409, "not_running")
    assert host.request("GET", "/events").status == 200
    answer = host.request("POST", "/plan", {"scale": {"entries": 2}})
    assert (answer.status, answer.body["code"]) == (409, "not_running")
    assert host.until_running().counts.registered == 1


def test_a_change_in_the_first_moment_is_taken(hosts: Hosts) -> None:
    host = hosts.start(spec=_spec("distributed.Worker"))
    answer = host.request("POST", "/scale", {"entries": 2})
    assert (answer.status, len(answer.body["spec"]["workers"])) == (202, 2)
    assert host.until_running().counts.expected == 2


def test_adaptive_scaling_can_be_asked_for_before_there_is_a_scheduler(hosts: Hosts) -> None:
    """The stock class would end it at its first look, a second after it was begun."""
    slow = _spec("distributed.Worker", scheduler="difficult_workers.SlowScheduler")
    host = hosts.start(spec=slow)
    answer = host.request("PUT", "/adaptive", {"minimum": 2, "maximum": 3})
    assert (answer.status, answer.body["adaptive"]) == (202, {"minimum": 2, "maximum": 3})
    assert answer.body["scheduler"]["address"] is None
    assert host.until(lambda cluster: cluster.counts.registered == 2).adaptive is not None
    # A size that is asked for ends it, whenever that is.
    scaled = host.request("POST", "/scale", {"entries": 1})
    assert (scaled.status, scaled.body["adaptive"]) == (202, None)


def test_only_the_owner_can_reach_its_files(hosts: Hosts) -> None:
    host = hosts.start()
    path = Path(host.connection.socket)
    files = [path, connection_file(host.id), host.folder / LAUNCH_FILE, host.folder / "host.log"]
    for file in files:
        found = file.lstat()
        assert stat.S_IMODE(found.st_mode) == 0o600, file
        assert stat.S_IMODE(file.parent.lstat().st_mode) == 0o700, file
    assert stat.S_ISSOCK(path.lstat().st_mode)
    assert host.connection.is_alive()
    assert psutil.Process(host.connection.pid).ppid() == host.process.pid
    assert find_guard(host.folder) == host.leader


@pytest.mark.parametrize(
    ("cls", "told"),
    [
        ("nowhere.Nothing", "cannot be imported"),
        ("os.path.join", "is no class"),
        ("difficult_workers.NoWorker", "is no worker class"),
    ],
)
def test_a_class_that_cannot_be_used(hosts: Hosts, cls: str, told: str) -> None:
    host = hosts.start(spec=_spec(cls))
    cluster = host.until(lambda cluster: cluster.phase == "failed")
    condition = cluster.conditions[-1]
    assert condition.type == "InvalidClass"
    assert condition.status == "True"
    assert told in condition.message
    # It can be looked at and stopped, and nothing else.
    answer = host.request("POST", "/scale", {"entries": 2})
    assert (answer.status, answer.body["code"]) == (409, "not_running")
    etag = host.request("GET").headers["ETag"]
    answer = host.request("PUT", "/spec", _spec("distributed.Worker"), headers={"If-Match": etag})
    assert (answer.status, answer.body["code"]) == (409, "not_running")
    assert "Traceback" not in host.log
    assert host.request("DELETE").status == 202
    _gone(host)


def test_a_scheduler_that_does_not_start(hosts: Hosts) -> None:
    host = hosts.start(
        spec=_spec("distributed.Worker", scheduler="difficult_workers.BrokenScheduler")
    )
    cluster = host.until(
        lambda cluster: "StartFailed" in [condition.type for condition in cluster.conditions]
    )
    assert cluster.phase == "failed"
    condition = cluster.conditions[-1]
    assert "this scheduler never starts" in condition.message
    ready = next(one for one in cluster.conditions if one.type == "Ready")
    assert ready.status == "False"
    assert "Traceback" not in host.request("GET").text
    host.request("DELETE")
    _gone(host)


def test_the_template_says_how_long_a_start_may_take(hosts: Hosts) -> None:
    slow = _spec("distributed.Worker", scheduler="difficult_workers.SlowScheduler")
    host = hosts.start(spec=slow, policy=PolicyOverlay(scheduler_timeout=0.25))
    cluster = host.until(lambda cluster: cluster.phase == "failed")
    assert "within 0.25 s" in cluster.conditions[-1].message


def test_a_worker_that_does_not_start_is_not_the_cluster(hosts: Hosts) -> None:
    spec = _spec("distributed.Worker", nthreads=1)
    spec["workers"]["bad"] = {"cls": "difficult_workers.NeverStarts", "options": {}}
    host = hosts.start(spec=spec)

    def there(cluster: Cluster) -> bool:
        phases = {entry.name: str(entry.phase) for entry in cluster.workers}
        return phases == {"0": "running", "bad": "backoff"}

    assert host.until(there).phase == "degraded"


def test_adaptive_scaling_that_cannot_be_had_any_more_is_not_the_cluster(hosts: Hosts) -> None:
    """There were versions that took it, and stored it."""
    host = hosts.start(spec=_spec("distributed.Worker", nthreads=1))
    host.until_running()
    assert host.request("PUT", "/adaptive", {"minimum": 2, "maximum": 3}).status == 202
    file = host.folder / DESIRED_FILE
    stored = json.loads(file.read_bytes())
    stored["spec"]["worker"] = None
    assert list(stored["spec"]["workers"]) == ["0"]
    file.write_text(json.dumps(stored))
    host.connection.process.kill()
    host.reconnected()
    cluster = host.until_running()
    assert (cluster.adaptive, cluster.spec.worker, len(cluster.workers)) == (None, None, 1)
    events = host.ask(lambda client: client.timeline())
    (ended,) = [one.message for one in events if one.reason == "AdaptiveEnded"]
    assert "no worker form" in ended
    # It can be changed as ever.
    assert host.request("POST", "/scale", {"entries": 0}).status == 202


# -- how it ends ---------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["threads", "local", "grouped"])
def test_a_stop_leaves_nothing(hosts: Hosts, template: str) -> None:
    host = hosts.start(template)
    host.until_running()
    processes = host.processes()
    assert len(processes) >= {"threads": 1, "local": 2, "grouped": 4}[template]
    answer = host.request("DELETE")
    assert answer.status == 202
    assert answer.body["phase"] == "stopping"
    _gone(host)
    assert not any(_runs(process) for process in processes)


# -- what has happened ---------------------------------------------------------------------------


def test_the_next_host_knows_what_has_happened(hosts: Hosts) -> None:
    host = hosts.start()
    host.until_running()
    before = host.ask(lambda client: client.timeline())
    file = host.folder / EVENTS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes().splitlines()) == before[-1].seq == len(before)
    host.leader.end(0)
    host.ended()
    connection_file(host.id).unlink()
    with open(file, "ab") as events:
        events.write(b'{"seq":99,"ti')
    process = start_host(host.folder)
    again = RunningHost(host.launch, host.folder, process, HostProcess.of(process.pid))
    hosts.started.append(again)
    again.until_running()
    after = again.ask(lambda client: client.timeline())
    assert after[: len(before)] == before
    assert [one.seq for one in after] == list(range(1, len(after) + 1))
    assert after[len(before)].to == "pending"
    again.ask(lambda client: client.stop())
    _gone(again)


def test_a_failing_entry_is_tried_again_at_once(hosts: Hosts) -> None:
    host = hosts.start(spec=_spec("difficult_workers.NeverStarts"))
    host.until(lambda cluster: [one.attempts for one in cluster.workers] == [2])
    host.ask(lambda client: client.retry("0"))
    host.until(lambda cluster: [one.attempts for one in cluster.workers] == [1])
    failed = [one for one in host.ask(lambda client: client.timeline()) if one.to == "backoff"]
    assert len(failed) == 3
    for event in failed:
        assert event.reason is not None
        assert "this worker never starts" in str(event.message)
    # Before the third attempt would have been due: a second and a half after the one before.
    assert (failed[2].time - failed[1].time).total_seconds() < 1.5


def test_the_end_is_told(hosts: Hosts) -> None:
    host = hosts.start("local")
    host.until_running()

    async def hear(client: HostClient) -> list[Any]:
        heard: list[Any] = []
        async with aclosing(client.events()) as events:
            async for event in events:
                heard.append(event)
                if len(heard) == 1:
                    await client.stop()
        return heard

    heard = host.ask(hear)
    patches = [event.patch for event in heard if isinstance(event, PatchEvent)]
    told = [(one.op, one.path, one.value) for patch in patches for one in patch]
    assert ("replace", "/phase", "stopping") in told
    assert told[-1] == ("remove", "", None)
    assert [event.seq for event in heard] == list(range(len(heard)))
    _gone(host)


def test_a_second_stop_is_harmless(hosts: Hosts) -> None:
    host = hosts.start(spec=_spec("difficult_workers.SlowToClose", nthreads=1))
    host.until_running()
    assert host.request("DELETE").status == 202
    again = host.request("DELETE")
    assert (again.status, again.body["phase"]) == (202, "stopping")
    answer = host.request("POST", "/scale", {"entries": 2})
    assert (answer.status, answer.body["code"]) == (409, "not_running")
    host.process.send_signal(signal.SIGTERM)
    _gone(host)


async def test_two_stops_at_the_same_time_are_noted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "mark_stopped", marking := Mock(side_effect=mark_stopped))
    host = _unstarted(tmp_path)
    await asyncio.gather(host.stop(), host.stop())
    await host.stop()
    assert is_stopped(tmp_path)
    assert marking.call_count == 1


async def test_a_stop_that_could_not_be_noted_is_noted_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(life, "mark_stopped", Mock(side_effect=full))
    host = _unstarted(tmp_path)
    for outcome in await asyncio.gather(host.stop(), host.stop(), return_exceptions=True):
        assert isinstance(outcome, NotStored)
        assert "No space left" in outcome.message
    monkeypatch.setattr(life, "mark_stopped", mark_stopped)
    await host.stop()
    assert is_stopped(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_it_cleanly(hosts: Hosts, number: signal.Signals) -> None:
    host = hosts.start("local")
    host.until_running()
    host.process.send_signal(number)
    _gone(host)


def test_a_signal_at_any_time_of_the_start(hosts: Hosts) -> None:
    # From before the first import up to a cluster that is about to have workers.
    for number in range(8):
        host = hosts.start("local", id=f"early-{number}")
        with pytest.raises(subprocess.TimeoutExpired):
            host.process.wait(0.02 + 0.2 * number)
        host.process.terminate()
        status = host.ended()
        assert host.left() == []
        if status == -signal.SIGTERM:
            # Python itself was not up yet: there is nothing but what the launcher has written.
            assert host.log == ""
            shutil.rmtree(host.folder)
        else:
            assert status == 0
            assert not host.folder.exists()


INTERRUPTED = """
import builtins, os, signal, sys
from speccluster_lab.host.__main__ import main

def import_interrupted(name, *arguments, real=builtins.__import__, **options):
    if name == "speccluster_lab.host.life":
        os.kill(os.getpid(), signal.SIGTERM)
    return real(name, *arguments, **options)

builtins.__import__ = import_interrupted
sys.exit(main([sys.argv[1]]))
"""


def test_a_signal_during_the_imports_is_not_lost(hosts: Hosts) -> None:
    host = hosts.start(script=INTERRUPTED)
    assert host.ended() == 0
    assert not host.folder.exists()


def test_busy_workers_do_not_delay_the_end(hosts: Hosts) -> None:
    host = hosts.start("local")
    host.until_running()
    with connect(host.id) as handle, handle.get_client() as client:
        busy = client.submit(hold_the_interpreter, pure=False)
        worker = _one(client.scheduler_info()["workers"])
        _until_it_runs(client, busy.key, worker)
        host.request("DELETE")
        _gone(host)


def _until_it_runs(client: Client, key: str, worker: str) -> None:
    async def look() -> None:
        async with asyncio.timeout(SECONDS):
            # The scheduler tells nobody.
            while (await client.scheduler.processing(workers=[worker]))[worker] != (key,):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    client.sync(look)


def _one(values: Any) -> Any:
    (value,) = values
    return value


IMPATIENT = """
import sys
from pathlib import Path
from speccluster_lab.host import life, processes
life.CLOSE_SECONDS = processes.TERMINATE_SECONDS = 0.5
sys.exit(life.run_host(Path(sys.argv[1])))
"""


def test_a_worker_that_never_closes_is_ended(hosts: Hosts) -> None:
    # Not the real limits, for which a test would have to wait.
    spec = _spec("difficult_workers.NeverCloses", nthreads=1)
    host = hosts.start(spec=spec, script=IMPATIENT)
    host.until_running()
    (child,) = psutil.Process(host.connection.pid).children()
    host.request("DELETE")
    _gone(host)
    assert not _runs(child)


def test_a_process_whose_parent_has_died_is_ended(hosts: Hosts) -> None:
    host = hosts.start(spec=_spec("difficult_workers.LeavesAnOrphan", nthreads=1))
    host.until_running()
    children = psutil.Process(host.process.pid).children()
    assert len(children) == 2, "the host itself, and the orphan"
    host.request("DELETE")
    _gone(host)


# -- what can be wrong before ----------------------------------------------------------------------


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "speccluster_lab.host", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_help(hosts: Hosts) -> None:
    done = _run("--help")
    assert done.returncode == 0
    assert "folder" in done.stdout
    assert _run().returncode == 2


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"id": "x"}', b"\xff"])
def test_a_launch_file_that_is_wrong(hosts: Hosts, tmp_path: Path, content: bytes | None) -> None:
    folder = tmp_path / "broken"
    folder.mkdir(0o700)
    if content is not None:
        file = folder / LAUNCH_FILE
        file.touch(0o600)
        file.write_bytes(content)
    done = _run(str(folder))
    assert done.returncode == NO_USE
    assert "launch" in done.stderr
    assert "Traceback" not in done.stderr
    # The folder is not ours to remove then.
    assert folder.exists()
    assert list_connections() == []


def test_a_launch_file_in_another_folder(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts.start()
    other = tmp_path / "elsewhere"
    other.mkdir(0o700)
    write_launch(other, host.launch)
    done = _run(str(other))
    assert done.returncode == NO_USE
    assert other.exists()
    assert host.get().id == host.id


def test_another_host_of_this_id_is_left_alone(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts.start()
    host.until_running()
    there = os.environ["TMPDIR"]
    with hosts_in(tmp_path / "other") as others:
        # The same user with other Jupyter folders, but the same folder for sockets.
        os.environ["TMPDIR"] = there
        second = others.start()
        assert second.ended() == NO_USE
        assert "another host listens" in second.log
        assert "Traceback" not in second.log
        for file in second.folder.iterdir():
            file.unlink()
    assert host.get().phase == "running"


def test_it_is_reached_when_the_login_session_has_ended(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Path(os.environ["TMPDIR"]) / "s"
    session.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    host = hosts.start("local")
    host.until_running()
    # With the last session of its user the folder goes; Jupyter may run on.
    shutil.rmtree(session)
    host.request("POST", "/scale", {"entries": 2})
    host.until(lambda cluster: cluster.counts.registered == 2)


def test_the_socket_of_a_killed_host_is_replaced(hosts: Hosts) -> None:
    path = socket_path("test-cluster")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    host = hosts.start()
    assert host.get().id == host.id
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
