"""A host that is killed before or after each write, fsync, rename and spawn goes on all the same.

The host's program is the real one with a few functions of the standard library in an envelope,
which counts their calls and kills the process at one of them, once.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from running_hosts import SECONDS

from speccluster_lab.errors import HostNotResponding
from speccluster_lab.host.events import EVENTS_FILE
from speccluster_lab.host.store import CERTIFICATES_FILE
from speccluster_lab.link.guard import STOPPED_FILE
from speccluster_lab.link.launch import DESIRED_FILE
from speccluster_lab.link.paths import cluster_folder, connection_file, spare_folder
from speccluster_lab.link.spare import SpareHost

if TYPE_CHECKING:
    from pathlib import Path

    from running_hosts import Hosts, RunningHost

    from speccluster_lab.spec.api import Cluster, Condition

# What is killed at: a function, what its arguments must be about, and whether it has been done.
FATAL = """
import multiprocessing.process, os, pathlib, signal, sys
from pathlib import Path

where, what, when = {point!r}
folder = {folder!r}

def about(value):
    if isinstance(value, int):
        try:
            value = os.readlink(f"/proc/self/fd/{{value}}")
        except OSError:
            value = ""
    if where == "folder":
        # Its fsync, once the file has got its name in it.
        return os.path.isfile(os.path.join(str(value), what))
    return what in str(value)

def die():
    # Once only: the next one is to live.
    try:
        os.close(os.open(folder + "/died", os.O_CREAT | os.O_EXCL))
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

def fatal(real):
    def envelope(first, *arguments, **options):
        armed = about(first)
        if armed and when == "before":
            die()
        done = real(first, *arguments, **options)
        if armed and when == "after":
            die()
        return done
    return envelope

if where == "open":
    os.open = fatal(os.open)
elif where in ("fsync", "folder"):
    os.fsync = fatal(os.fsync)
elif where == "write":
    os.write = fatal(os.write)
elif where == "rename":
    Path.replace = fatal(Path.replace)
elif where == "unlink":
    Path.unlink = fatal(Path.unlink)
elif where == "dup2":
    os.dup2 = fatal(os.dup2)
elif where == "rotate":
    from speccluster_lab.host.events import INTERVAL, EventStore
    os.replace = fatal(os.replace)
    if not os.path.exists(folder + "/died"):
        # Each event is too much for a file that has one.
        EventStore.__init__.__defaults__ = (INTERVAL, 1)
elif where == "spawn":
    multiprocessing.process.BaseProcess.start = fatal(multiprocessing.process.BaseProcess.start)

from speccluster_lab.host.__main__ import main
sys.exit(main())
"""


def _in_file(name: str, *, durable: bool = True) -> list[tuple[str, str, str]]:
    """Return all points of writing a file: before and after each step."""
    temporary = f".{name}."
    steps = [("open", temporary), ("rename", temporary)]
    if durable:
        steps += [("fsync", temporary), ("folder", name)]
    return [(where, what, when) for where, what in steps for when in ("before", "after")]


def _program(point: tuple[str, str, str]) -> str:
    return FATAL.format(point=point, folder=str(cluster_folder("test-cluster")))


def _name(point: tuple[str, str, str]) -> str:
    where, what, when = point
    return f"{when} {where} {what}"


def _died(host: RunningHost) -> bool:
    return (host.folder / "died").exists()


def _settled(host: RunningHost, entries: int) -> Cluster:
    """Wait until the cluster is as it is wanted, through the death of its host."""

    def there(cluster: Cluster) -> bool:
        return (
            cluster.phase == "running"
            and cluster.observed_generation == cluster.generation
            and cluster.counts.registered == len(cluster.spec.workers) == entries
        )

    while True:
        try:
            return host.until(there)
        except (AssertionError, HostNotResponding):
            host.reconnected()


def _stop(host: RunningHost) -> None:
    """Stop the cluster; that nothing is left is checked by the fixture."""
    with contextlib.suppress(HostNotResponding):
        host.ask(lambda client: client.stop())
    assert host.ended() == 0
    assert not host.folder.exists()


# -- a change ------------------------------------------------------------------------------------

# The first of the earlier desired states is written before what is wanted.
CHANGE = [*_in_file("1.json"), *_in_file(DESIRED_FILE)]


@pytest.mark.parametrize("point", CHANGE, ids=_name)
def test_a_change(hosts: Hosts, point: tuple[str, str, str]) -> None:
    """What was acknowledged is there; what was not, is there or not, but whole."""
    where, what, when = point
    host = hosts.start(script=_program(point))
    host.until_running()
    assert not _died(host)
    acknowledged = None
    try:
        acknowledged = host.request("POST", "/scale", {"entries": 2}).body
    except OSError:
        host.reconnected()
    assert _died(host)
    assert acknowledged is None
    cluster = host.get()
    renamed = where == "folder" or (where, when) == ("rename", "after")
    survives = DESIRED_FILE in what and renamed
    assert len(cluster.spec.workers) == (2 if survives else 1)
    assert cluster.generation == len(cluster.spec.workers)
    assert _earlier(host) == ([1] if survives else [])
    # The cluster can be changed as ever.
    again = host.request("POST", "/scale", {"entries": 2})
    assert again.status == 202
    assert _settled(host, 2).generation == 2
    assert _earlier(host) == [1]
    assert _unfinished(host) == []
    _stop(host)


# Where what is wanted gets its name it waits to be told what comes of that; and it says that
# another spec has come.
HELD = """
import errno, os, signal, sys, time
from pathlib import Path
from speccluster_lab.host.control import Control

folder = {folder!r}
real = Path.replace

def held(self, target):
    if {what!r} in str(self):
        while not (told := os.path.exists(folder + "/told") and Path(folder, "told").read_text()):
            time.sleep(0.01)
        os.unlink(folder + "/told")
        if told == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if told == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real(self, target)

def heard(self, *arguments, real=Control.replace_spec):
    Path(folder, "heard").touch()
    return real(self, *arguments)

Path.replace = held
Control.replace_spec = heard
from speccluster_lab.host.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("outcome", ["done", "full", "die"])
def test_what_is_not_stored_is_not_told(hosts: Hosts, outcome: str) -> None:
    """A generation that somebody has seen would be given again, to another change."""
    folder = str(cluster_folder("test-cluster"))
    host = hosts.start(script=HELD.format(folder=folder, what=f".{DESIRED_FILE}."))
    host.until_running()
    spec = host.get().spec.model_dump(mode="json")
    with ThreadPoolExecutor(2) as pool:
        scaling = pool.submit(_status, host, "POST", "/scale", {"entries": 2})
        # Its worker starts meanwhile.
        during = host.until(lambda cluster: len(cluster.workers) == 2)
        # This one waits for what comes of the first.
        editing = pool.submit(_status, host, "PUT", "/spec", spec, {"If-Match": '"1"'})
        _until_heard(host)
        (host.folder / "told").write_text(outcome)
        if outcome == "full":
            assert scaling.result(SECONDS) == 500
            assert _wanted(host.get()) == (1, 1)
            # It is made all the same, and what comes next is based on what everybody has seen.
            (host.folder / "told").write_text("done")
            assert editing.result(SECONDS) == 202
            assert _wanted(_settled(host, 1)) == (3, 1)
        elif outcome == "done":
            assert (scaling.result(SECONDS), editing.result(SECONDS)) == (202, 412)
            assert _wanted(_settled(host, 2)) == (2, 2)
        else:
            assert (scaling.result(SECONDS), editing.result(SECONDS)) == (None, None)
            host.reconnected()
            assert _wanted(_settled(host, 1)) == (1, 1)
    assert _wanted(during) == (1, 1)
    assert {during.observed_generation, *(entry.generation for entry in during.workers)} == {1}
    _stop(host)


# There is no room for what is wanted as long as somebody says so.
FULL = """
import errno, os, sys
from pathlib import Path
from speccluster_lab.host import control

control.RETRY_SECONDS = 0.1
real = Path.replace

def refused(self, target):
    if {what!r} in str(self) and os.path.exists({folder!r} + "/full"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real(self, target)

Path.replace = refused
from speccluster_lab.host.__main__ import main
sys.exit(main())
"""


def test_what_is_followed_and_not_stored_is_said_until_it_is_stored(hosts: Hosts) -> None:
    folder = str(cluster_folder("test-cluster"))
    host = hosts.start(script=FULL.format(folder=folder, what=f".{DESIRED_FILE}."))
    host.until_running()
    full = host.folder / "full"
    full.touch()
    assert _status(host, "POST", "/scale", {"entries": 2}) == 500
    # The panel shows one entry that was asked for, and a second one that was not.
    unstored = host.until(lambda cluster: cluster.counts.registered == 2)
    assert _wanted(unstored) == (1, 1)
    (said,) = _unstored(unstored)
    assert (said.status, said.reason) == ("True", "StoreFailed")
    assert "No space left on device" in said.message
    assert "tried again" in said.message
    full.unlink()
    stored = host.until(lambda cluster: not _unstored(cluster))
    assert _wanted(stored) == (2, 2)
    host.connection.process.kill()
    host.reconnected()
    assert _wanted(_settled(host, 2)) == (2, 2)
    _stop(host)


def _unstored(cluster: Cluster) -> list[Condition]:
    return [one for one in cluster.conditions if one.type == "NotStored"]


def _until_heard(host: RunningHost) -> None:
    """Wait for a request: one that came later would be the next host's, where this one dies."""
    deadline = time.monotonic() + SECONDS
    while not (host.folder / "heard").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _wanted(cluster: Cluster) -> tuple[int, int]:
    return cluster.generation, len(cluster.spec.workers)


def _status(host: RunningHost, *request: Any) -> int | None:
    method, path, body, *headers = request
    try:
        return host.request(method, path, body, headers=headers[0] if headers else None).status
    except OSError:
        return None


def _unfinished(host: RunningHost) -> list[Path]:
    return list(host.folder.rglob(".*.tmp"))


def _earlier(host: RunningHost) -> list[int]:
    return [one.generation for one in host.ask(lambda client: client.generations())]


# -- a start -------------------------------------------------------------------------------------

START = [
    *_in_file(CERTIFICATES_FILE),
    *_in_file("test-cluster.json"),
    # The first and the last one of them.
    *_in_file("authority.pem", durable=False),
    *_in_file("client.pem", durable=False),
    ("open", "events.jsonl", "before"),
    ("open", "events.jsonl", "after"),
    ("write", "events.jsonl", "before"),
    ("write", "events.jsonl", "after"),
    ("rotate", "events.jsonl", "before"),
    ("rotate", "events.jsonl", "after"),
    # What the forkserver is asked by, which comes first, and a worker.
    ("spawn", "", "before"),
    ("spawn", "", "after"),
    ("spawn", "Dask Worker process", "before"),
    ("spawn", "Dask Worker process", "after"),
]


@pytest.mark.parametrize("point", START, ids=_name)
def test_a_start(hosts: Hosts, point: tuple[str, str, str]) -> None:
    _goes_on(hosts.start(_template_for(point), script=_program(point)), point)


# What it was told with comes to it as open files.
TAKING = [("dup2", "", "before"), ("dup2", "", "after"), *START]


@pytest.mark.parametrize("point", TAKING, ids=_name)
def test_a_start_of_one_that_has_waited(
    hosts: Hosts, point: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = [sys.executable, "-c", _program(point)]
    monkeypatch.setattr("speccluster_lab.link.spare.host_program", lambda _: program)
    _goes_on(hosts.start(_template_for(point), spare=SpareHost()), point)
    # What it had before it had a cluster, whoever makes the next one removes.
    spare_folder(0)


def _template_for(point: tuple[str, str, str]) -> str:
    return "local" if point[0] == "spawn" else "threads"


def _goes_on(host: RunningHost, point: tuple[str, str, str]) -> None:
    _settled(host, 1)
    # What has happened is stored a little later; by when it has been told, all is done.
    with contextlib.suppress(HostNotResponding):
        host.ask(lambda client: client.timeline())
    cluster = _settled(host, 1)
    assert _died(host)
    assert (cluster.generation, cluster.adaptive) == (1, None)
    assert not any(one.type == "StateSetAside" for one in cluster.conditions)
    events = host.ask(lambda client: client.timeline())
    assert [one.seq for one in events] == list(range(1, len(events) + 1))
    if point[0] == "rotate" or point == ("write", "events.jsonl", "after"):
        # No number was given again to something else.
        assert "HostRestarted" in [one.reason for one in events[1:]]
    assert _unfinished(host) == []
    _stop(host)


# -- a stop --------------------------------------------------------------------------------------

STOP = [
    *_in_file(STOPPED_FILE),
    ("unlink", "test-cluster.json", "before"),
    ("unlink", "test-cluster.json", "after"),
    ("unlink", "test-cluster.sock", "before"),
    ("unlink", "test-cluster.sock", "after"),
]


@pytest.mark.parametrize("point", STOP, ids=_name)
def test_a_stop(hosts: Hosts, point: tuple[str, str, str]) -> None:
    """It stops for good once that is noted, and runs on if it was not."""
    where, _, when = point
    host = hosts.start(script=_program(point))
    host.until_running()
    # Where it dies later than that, its answer has come before.
    with contextlib.suppress(OSError):
        host.request("DELETE")
    noted = where in ("folder", "unlink") or (where, when) == ("rename", "after")
    if noted:
        assert host.ended() == 0
        assert not host.folder.exists()
        assert not connection_file(host.id).exists()
        return
    host.reconnected()
    assert _died(host)
    _settled(host, 1)
    _stop(host)


def test_a_stop_that_cannot_be_noted_is_said_not_to_be(hosts: Hosts) -> None:
    folder = str(cluster_folder("test-cluster"))
    host = hosts.start(script=HELD.format(folder=folder, what=f".{STOPPED_FILE}."))
    host.until_running()
    (host.folder / "told").write_text("full")
    refused = host.request("DELETE")
    assert (refused.status, refused.body["code"]) == (500, "not_stored")
    assert "started again" in refused.body["message"]
    # It stops all the same.
    assert host.ended() == 0
    assert not host.folder.exists()


def test_all_that_was_wanted_is_there_again(hosts: Hosts) -> None:
    """Generation, spec, adaptive setting, certificates."""
    host = hosts.start()
    host.until_running()
    host.request("POST", "/scale", {"entries": 2})
    spec = host.get().spec.model_dump(mode="json")
    spec["workers"]["extra"] = spec["workers"]["0"]
    edited = host.request("PUT", "/spec", spec, headers={"If-Match": '"2"'})
    assert (edited.status, edited.body["generation"]) == (202, 3)
    adapted = host.request("PUT", "/adaptive", {"minimum": 3, "maximum": 5})
    assert adapted.status == 202
    before = _settled(host, 3)
    credentials = host.ask(lambda client: client.credentials())
    host.connection.process.kill()
    host.reconnected()
    after = _settled(host, 3)
    assert after.spec == before.spec
    assert after.generation == before.generation == 3
    assert after.adaptive == before.adaptive
    assert before.adaptive is not None
    again = host.ask(lambda client: client.credentials())
    assert again.ca == credentials.ca
    assert again.key == credentials.key
    assert again.address != credentials.address
    stale = host.request("PUT", "/spec", spec, headers={"If-Match": '"2"'})
    assert (stale.status, stale.body["code"]) == (412, "stale_generation")
    ended = host.request("DELETE", "/adaptive")
    assert ended.status == 202
    host.connection.process.kill()
    host.reconnected()
    assert _settled(host, 3).adaptive is None
    _stop(host)


def test_what_adaptive_scaling_has_made_is_not_what_a_person_wants(hosts: Hosts) -> None:
    host = hosts.start()
    host.until_running()
    assert host.request("PUT", "/adaptive", {"minimum": 3, "maximum": 5}).status == 202
    before = _settled(host, 3)
    assert before.generation == 1
    # It is written with what a person changes meanwhile.
    assert host.request("PUT", "/adaptive", {"minimum": 1, "maximum": 5}).status == 202
    stored = json.loads((host.folder / DESIRED_FILE).read_bytes())
    assert list(stored["spec"]["workers"]) == ["0"]
    host.connection.process.kill()
    host.reconnected()
    assert _settled(host, 1).generation == 1
    _stop(host)


def test_a_garbled_file_is_said_in_the_cluster(hosts: Hosts, tmp_path: Path) -> None:
    host = hosts.start()
    host.until_running()
    host.request("POST", "/scale", {"entries": 2})
    # Which is stored a little later than what is wanted.
    host.ask(lambda client: client.timeline())
    (host.folder / DESIRED_FILE).write_bytes(b"{")
    (host.folder / EVENTS_FILE).chmod(0o644)
    host.connection.process.kill()
    host.reconnected()
    cluster = _settled(host, 1)
    said = [one.message for one in cluster.conditions if one.type == "StateSetAside"]
    assert len(said) == 2
    assert "desired.json is garbled" in said[0]
    assert sys.executable not in said[0]
    assert "events.jsonl cannot be trusted" in said[1]
    _stop(host)
