"""What workers that were killed have left on disk goes with their cluster."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask.config
import pytest

from speccluster_lab.host import leftovers, life
from speccluster_lab.host.leftovers import remove_leftovers
from speccluster_lab.link.launch import mark_stopped
from speccluster_lab.link.paths import cluster_folder, connection_file
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from running_hosts import Hosts


@pytest.fixture(params=["the usual place", "a place of its own"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """Return where workers write, and the options that say so."""
    if request.param == "the usual place":
        return tmp_path / "dask/dask-scratch-space", {}
    said = tmp_path / "said"
    return said / "dask-scratch-space", {"local_directory": str(said)}


def _spec(cls: str, options: dict[str, Any]) -> dict[str, Any]:
    return {"workers": {"0": {"cls": cls, "options": {"nthreads": 1, **options}}}}


def _spill(folder: Path) -> None:
    (folder / "storage").mkdir(parents=True, exist_ok=True)
    (folder / "storage" / "key").write_bytes(b"what somebody has computed")


def test_when_the_host_dies_as_it_stops(hosts: Hosts, place: tuple[Path, dict[str, Any]]) -> None:
    scratch, options = place
    host = hosts.start("local", spec=_spec("distributed.Nanny", options))
    host.until_running()
    (folder,) = (one for one in scratch.glob("worker-*") if one.is_dir())
    _spill(folder)
    # With its host, a worker ends as if it were killed as well.
    mark_stopped(host.folder)
    host.connection.process.kill()
    assert host.ended() == 0
    assert list(scratch.glob("worker-*")) == []


def test_what_another_has_left_goes_and_what_is_used_stays(
    hosts: Hosts, place: tuple[Path, dict[str, Any]]
) -> None:
    scratch, options = place
    host = hosts.start("threads", spec=_spec("distributed.Worker", options))
    host.until_running()
    # After the start of a worker, which removes what it finds.
    for name in ("worker-dead", "worker-alive"):
        _spill(scratch / name)
    (scratch / "worker-dead.dirlock").touch()
    with (scratch / "worker-alive.dirlock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        host.request("DELETE")
        assert host.ended() == 0
        left = sorted(one.name for one in scratch.glob("worker-*"))
    assert left == ["worker-alive", "worker-alive.dirlock"]
    assert (scratch / "worker-alive/storage/key").exists()
    shutil.rmtree(scratch)


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[Path]:
    """Return what a dead worker has left in the usual place."""
    folder = tmp_path / "dask-scratch-space/worker-dead"
    _spill(folder)
    folder.with_name("worker-dead.dirlock").touch()
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        yield folder


@contextmanager
def _held(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@pytest.mark.parametrize("lock", ["global.lock", "purge.lock"])
def test_who_holds_a_lock_for_a_moment_is_waited_for(dead: Path, lock: str) -> None:
    removing = threading.Thread(target=remove_leftovers, args=(ClusterSpec(),))
    with _held(dead.with_name(lock)):
        removing.start()
        removing.join(0.3)
        assert removing.is_alive()
        assert dead.exists()
    removing.join(10)
    assert not removing.is_alive()
    assert list(dead.parent.glob("worker-*")) == []


def test_who_holds_it_for_long_is_not(
    dead: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "LOCK_SECONDS", 0.2)
    with _held(dead.with_name("purge.lock")):
        remove_leftovers(ClusterSpec())
    assert dead.exists()
    (said,) = caplog.messages
    assert str(dead.parent) in said


IMPATIENT = """
import sys
from pathlib import Path
from speccluster_lab.host import life
life.CLOSE_SECONDS = 0.5
sys.exit(life.run_host(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("ending", ["as it should", "killed"])
def test_a_disk_that_hangs_does_not_hold_the_end(hosts: Hosts, tmp_path: Path, ending: str) -> None:
    # Opened, it waits for somebody who reads.
    scratch = tmp_path / "hangs/dask-scratch-space"
    scratch.mkdir(parents=True)
    os.mkfifo(scratch / "global.lock")
    spec = {"worker": {"cls": "distributed.Worker", "options": {"local_directory": str(scratch)}}}
    # Not the real limit, for which a test would have to wait.
    host = hosts.start("threads", spec=spec, script=IMPATIENT)
    host.until_running()
    if ending == "killed":
        mark_stopped(host.folder)
        host.connection.process.kill()
    else:
        host.request("DELETE")
    assert host.ended() == 0


def test_a_place_that_cannot_be_used_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scratch = tmp_path / "dask-scratch-space"
    # Nobody can lock that, whoever it is.
    (scratch / "global.lock").mkdir(parents=True)
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        remove_leftovers(ClusterSpec())
    assert str(scratch) in caplog.text


def test_a_host_that_has_no_place_for_a_socket_removes_the_rest(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    (own_folders / f"speccluster-lab-{os.geteuid()}").write_text("somebody else's")
    connection = connection_file("one")
    connection.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection.write_text("{}")
    life._tidy_up(cluster_folder("one"))
    assert not connection.exists()
