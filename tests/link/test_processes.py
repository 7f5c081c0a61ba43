"""Ending a host: all that it has started, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from nothing_left import processes_of

from speccluster_lab.link.processes import HostProcess, children_of, descendants_of

# A leader that starts a child and a grandchild, each of which says so; how it takes SIGTERM
# is the first argument.
LEADER = """
import os, signal, subprocess, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = "import time; print(1, flush=True); time.sleep(600)"
child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleep!r}])"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(600)
"""


@contextmanager
def leader(how: str = "good", *, session: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", LEADER, how],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=session,
    ) as popen:
        family: list[psutil.Process] = []
        try:
            assert popen.stdout is not None
            assert popen.stdout.readline() == b"1\n"
            family = psutil.Process(popen.pid).children(recursive=True)
            yield popen
        finally:
            popen.kill()
            for process in family:
                if process.is_running():
                    process.kill()


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_all_that_it_has_started_is_found_and_ended() -> None:
    with leader() as popen:
        host = HostProcess.of(popen.pid)
        members = host.session()
        assert len(members) == 3
        assert host.end(grace=5.0)
        assert popen.wait(20) == -signal.SIGTERM
        assert not any(runs(process) for process in members)
        assert host.session() == []


def test_what_a_dead_one_has_left_is_found() -> None:
    with leader() as popen:
        host = HostProcess.of(popen.pid)
        popen.kill()
        popen.wait()
        assert not host.is_alive()
        members = host.session()
        assert len(members) == 2
        assert host.end(grace=5.0)
        assert not any(runs(process) for process in members)


def test_a_zombies_children_are_found() -> None:
    with leader() as popen:
        host = HostProcess.of(popen.pid)
        popen.kill()
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
        assert not host.is_alive()
        assert len(host.session()) == 2
        assert host.end(grace=5.0)


@pytest.mark.parametrize("how", ["deaf", "stopped"])
def test_one_that_does_not_listen_is_killed(how: str) -> None:
    with leader("deaf" if how == "deaf" else "good") as popen:
        host = HostProcess.of(popen.pid)
        if how == "stopped":
            os.kill(popen.pid, signal.SIGSTOP)
        began = time.monotonic()
        assert host.end(grace=0.3)
        assert time.monotonic() - began < 20
        # A stopped process may die of the first of two signals when the second one wakes it.
        assert popen.wait(20) in (-signal.SIGKILL, -signal.SIGTERM)


def test_without_grace_it_is_not_asked() -> None:
    with leader() as popen:
        host = HostProcess.of(popen.pid)
        assert host.end(grace=0)
        assert popen.wait(20) == -signal.SIGKILL


def test_another_process_of_the_same_id_is_left_alone() -> None:
    with leader() as popen:
        stale = HostProcess(popen.pid, psutil.Process(popen.pid).create_time() - 60)
        assert not stale.is_alive()
        assert stale.session() == []
        assert stale.end(grace=1.0)
        assert popen.poll() is None
        assert len(HostProcess.of(popen.pid).session()) == 3


def test_a_clock_that_was_set_hides_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with leader() as popen:
        host = HostProcess.of(popen.pid)
        booted = psutil.boot_time()
        monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: booted - 3600.0)
        assert host.is_alive()
        assert len(host.session()) == 3
        popen.kill()
        popen.wait()
        # What it has left is known by its session and by having started later.
        assert len(host.session()) == 2
        assert host.end(grace=5.0)


def test_processes_that_may_not_be_looked_at_hide_none_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where ``/proc`` is mounted with ``hidepid``."""
    ppid, create_time = psutil.Process.ppid, psutil.Process.create_time

    def of_ours(look: Callable[[psutil.Process], Any]) -> Callable[[psutil.Process], Any]:
        def may_look(process: psutil.Process) -> Any:
            if process.pid == 1:
                raise psutil.AccessDenied(process.pid)
            return look(process)

        return may_look

    monkeypatch.setattr(psutil.Process, "ppid", of_ours(ppid))
    monkeypatch.setattr(psutil.Process, "create_time", of_ours(create_time))
    with leader() as popen:
        host = HostProcess.of(popen.pid)
        found = {process.pid for process in host.session()}
        assert len(found) == 3
        assert {one.pid for one in descendants_of(popen.pid)} == found - {popen.pid}
        assert popen.pid in {one.pid for one in children_of(os.getpid())}
        assert host.end(grace=5.0)
    # Its id is another's by now.
    assert not HostProcess(1, host.start_time).is_alive()
    assert HostProcess(1, host.start_time).session() == []


def test_a_start_is_told_by_the_clock_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until psutil 7.1 it is told by what ``boot_time`` has said last."""
    asked: list[str] = []
    boot_time = psutil.boot_time
    monkeypatch.setattr(psutil, "boot_time", lambda: asked.append("boot") or boot_time())

    class Noting(psutil.Process):
        def __init__(self, pid: int | None = None) -> None:
            asked.append("process")
            super().__init__(pid)

    monkeypatch.setattr(psutil, "Process", Noting)
    HostProcess.of(os.getpid()).is_alive()
    assert asked[0] == "boot"
    assert asked[asked.index("process") + 1 :][0] == "boot"


def test_one_without_a_session_of_its_own_takes_nobody_along() -> None:
    with leader(session=False) as popen:
        host = HostProcess.of(popen.pid)
        assert [process.pid for process in host.session()] == [popen.pid]
        assert host.end(grace=5.0)


def test_one_that_has_long_gone_is_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as popen:
        host = HostProcess.of(popen.pid)
    assert not host.is_alive()
    assert host.session() == []
    assert host.end(grace=1.0)


def test_it_is_in_the_environment_of_this_test(own_folders: Path) -> None:
    """The check that nothing is left would find what these tests leave."""
    with leader() as popen:
        found = {process.pid for process in processes_of(own_folders, wait=0)}
        assert popen.pid in found
        assert len(found) == 3
