"""A host that is killed before or after each write, fsync, rename and spawn goes on all the same.

The host's program is the real one with a few functions of the standard library in an envelope,
which counts their calls and kills the process at one of them, once.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

import pytest

from speccluster_lab.errors import HostNotResponding
from speccluster_lab.host.store import CERTIFICATES_FILE, DESIRED_FILE
from speccluster_lab.link.guard import STOPPED_FILE
from speccluster_lab.link.paths import cluster_folder, connection_file, spare_folder
from speccluster_lab.link.spare import SpareHost

if TYPE_CHECKING:
    from pathlib import Path

    from running_hosts import Hosts, RunningHost

    from speccluster_lab.spec.api import Cluster

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
elif where == "fsync":
    os.fsync = fatal(os.fsync)
elif where == "write":
    os.write = fatal(os.write)
elif where == "rename":
    Path.replace = fatal(Path.replace)
elif where == "unlink":
    Path.unlink = fatal(Path.unlink)
elif where == "dup2":
    os.dup2 = fatal(os.dup2)
elif where == "spawn":
    multiprocessing.process.BaseProcess.start = fatal(multiprocessing.process.BaseProcess.start)

from speccluster_lab.host.__main__ import main
sys.exit(main())
"""


def _in_file(name: str) -> list[tuple[str, str, str]]:
    """Return all points of writing a file: before and after each step."""
    temporary = f".{name}."
    return [
        (where, what, when)
        for where, what in (
            ("open", temporary),
            ("fsync", temporary),
            ("rename", temporary),
        )
        for when in ("before", "after")
    ]


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

CHANGE = [
    *_in_file(DESIRED_FILE),
    # Of the folder, after the rename.
    ("fsync", "/clusters/test-cluster", "after"),
]


@pytest.mark.parametrize("point", CHANGE, ids=_name)
def test_a_change(hosts: Hosts, point: tuple[str, str, str]) -> None:
    """What was acknowledged is there; what was not, is there or not, but whole."""
    where, what, when = point
    # The certificates are written before into the same folder.
    if what.startswith("/"):
        program = _program(point).replace("return what in str(value)", FOLDER)
    else:
        program = _program(point)
    host = hosts.start(script=program)
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
    survives = (where == "fsync" and what.startswith("/")) or (where, when) == ("rename", "after")
    assert len(cluster.spec.workers) == (2 if survives else 1)
    assert cluster.generation == len(cluster.spec.workers)
    # The cluster can be changed as ever.
    again = host.request("POST", "/scale", {"entries": 2})
    assert again.status == 202
    assert _settled(host, 2).generation == 2
    _stop(host)


FOLDER = """return (
        str(value) == what or str(value).endswith(what)
    ) and os.path.exists(folder + "/desired.json")"""


# -- a start -------------------------------------------------------------------------------------

START = [
    *_in_file(CERTIFICATES_FILE),
    *_in_file("test-cluster.json"),
    ("open", "events.jsonl", "before"),
    ("open", "events.jsonl", "after"),
    ("write", "events.jsonl", "before"),
    ("write", "events.jsonl", "after"),
    ("spawn", "", "before"),
    ("spawn", "", "after"),
]


@pytest.mark.parametrize("point", START, ids=_name)
def test_a_start(hosts: Hosts, point: tuple[str, str, str]) -> None:
    _goes_on(hosts.start(_template_for(point), script=_program(point)))


# What it was told with comes to it as open files.
TAKING = [("dup2", "", "before"), ("dup2", "", "after"), *START]


@pytest.mark.parametrize("point", TAKING, ids=_name)
def test_a_start_of_one_that_has_waited(
    hosts: Hosts, point: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = [sys.executable, "-c", _program(point)]
    monkeypatch.setattr("speccluster_lab.link.spare.host_program", lambda _: program)
    _goes_on(hosts.start(_template_for(point), spare=SpareHost()))
    # What it had before it had a cluster, whoever makes the next one removes.
    spare_folder(0)


def _template_for(point: tuple[str, str, str]) -> str:
    return "local" if point[0] == "spawn" else "threads"


def _goes_on(host: RunningHost) -> None:
    cluster = _settled(host, 1)
    assert _died(host)
    assert (cluster.generation, cluster.adaptive) == (1, None)
    assert not any(one.type == "StateSetAside" for one in cluster.conditions)
    events = host.ask(lambda client: client.timeline())
    assert [one.seq for one in events] == list(range(1, len(events) + 1))
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
    noted = where == "unlink" or (where, when) == ("rename", "after")
    if noted:
        assert host.ended() == 0
        assert not host.folder.exists()
        assert not connection_file(host.id).exists()
        return
    host.reconnected()
    assert _died(host)
    _settled(host, 1)
    _stop(host)


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
    (host.folder / DESIRED_FILE).write_bytes(b"{")
    host.connection.process.kill()
    host.reconnected()
    cluster = _settled(host, 1)
    (condition,) = (one for one in cluster.conditions if one.type == "StateSetAside")
    assert "desired.json is garbled" in condition.message
    assert sys.executable not in condition.message
    _stop(host)
