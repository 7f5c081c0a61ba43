"""A host that waits for a cluster: it becomes the cluster's, or ends."""

from __future__ import annotations

import shutil
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from nothing_left import GONE_WITHIN

from speccluster_lab import connect
from speccluster_lab.link.guard import GUARD_FILE
from speccluster_lab.link.launch import find_guard, names_in_use, reserve
from speccluster_lab.link.paths import scratch_folder, spare_folder
from speccluster_lab.link.spare import SpareHost
from speccluster_lab.spec.templates import StartMethod

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from running_hosts import Hosts

MAKES_ONE = """
import time
from speccluster_lab.link.spare import SpareHost
spare = SpareHost()
print(spare.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def spare(hosts: Hosts) -> Iterator[SpareHost]:
    """Have a host wait, with all that belongs to it; nothing of it is left."""
    one = SpareHost()
    processes = parts_of(one.pid)
    yield one
    if one.pid is not None:
        one.end()
        assert_ended(processes)
    # One that was killed leaves it to the next.
    spare_folder(0)


def parts_of(guard: int | None) -> list[psutil.Process]:
    """Return a spare guard, its host and the host's forkserver, once they are there."""
    process = psutil.Process(guard)
    assert wait_for(lambda: len(process.children(recursive=True)) == 3)
    (host,) = process.children()
    return [process, host, *host.children()]


def assert_ended(processes: list[psutil.Process]) -> None:
    def left() -> list[psutil.Process]:
        there = [one for one in processes if one.is_running()]
        return [one for one in there if one.status() != psutil.STATUS_ZOMBIE]

    assert wait_for(lambda: not left()), f"these are left: {left()}"


def wait_for(condition: Any) -> bool:
    import time

    deadline = time.monotonic() + GONE_WITHIN
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def test_it_becomes_the_host_of_a_cluster(hosts: Hosts, spare: SpareHost) -> None:
    guard, first, *_ = parts_of(spare.pid)
    host = hosts.start("local", spare=spare)
    assert host.process.pid == guard.pid
    assert host.connection.pid == first.pid
    assert find_guard(host.folder) == host.leader
    host.until_running()
    assert not spare_folder(first.pid).exists()
    # Or else systemd, which knows it by the name that it had before, removes it when it is old.
    (listener,) = scratch_folder(host.id).iterdir()
    assert listener.is_socket()
    assert listener.stat().st_mode & stat.S_ISVTX
    with connect(host.id) as cluster, cluster.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        # Those that are forked can be stopped as any other.
        blocked = client.run(signal.pthread_sigmask, signal.SIG_BLOCK, [])
        assert set(map(len, blocked.values())) == {0}
    assert f"Host {first.pid} of cluster" in host.log
    # What was forked with it does not read what its server says.
    assert all(one.open_files() is not None for one in host.processes())
    first.kill()
    assert host.reconnected().pid != first.pid
    assert host.until_running().counts.registered == 1


def test_what_it_has_not_prepared_for(hosts: Hosts, spare: SpareHost) -> None:
    *_, forkserver = sorted(parts_of(spare.pid)[2:], key=lambda one: one.pid)
    host = hosts.start("local", spare=spare, preimport=["colorsys"])
    host.until_running()
    assert_ended([forkserver])
    with connect(host.id) as cluster, cluster.get_client() as client:
        there = client.run(lambda: "colorsys" in sys.modules)
        assert list(there.values()) == [True]


def test_workers_that_are_spawned_need_no_forkserver(hosts: Hosts, spare: SpareHost) -> None:
    *_, forkserver = sorted(parts_of(spare.pid)[2:], key=lambda one: one.pid)
    host = hosts.start("local", spare=spare, start_method=StartMethod.SPAWN)
    host.until_running()
    assert_ended([forkserver])


def test_one_that_is_older_than_a_package_takes_nothing(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    paths = {"purelib": str(packages), "platlib": str(packages)}
    monkeypatch.setattr("sysconfig.get_paths", lambda: paths)
    later = SpareHost()
    (packages / "new.dist-info").mkdir()
    processes = parts_of(later.pid)
    assert later.take(tmp_path) is None
    assert_ended(processes)
    assert list(tmp_path.iterdir()) == [packages]


@pytest.mark.parametrize("who", ["guard", "host"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_has_died_takes_nothing(
    hosts: Hosts, spare: SpareHost, who: str, how: signal.Signals
) -> None:
    guard, host, *rest = parts_of(spare.pid)
    killed = guard if who == "guard" else host
    killed.send_signal(how)
    assert_ended([killed])
    folder = reserve("one")
    assert spare.take(folder) is None
    assert_ended([guard, host, *rest])
    assert not (folder / GUARD_FILE).exists()
    shutil.rmtree(folder)


def test_one_that_does_not_answer_is_ended(
    hosts: Hosts, spare: SpareHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANSWER_SECONDS", "END_SECONDS"):
        monkeypatch.setattr(f"speccluster_lab.link.spare.{name}", 0.1)
    processes = parts_of(spare.pid)
    processes[0].suspend()
    folder = reserve("one")
    assert spare.take(folder) is None
    assert_ended(processes)
    shutil.rmtree(folder)


def test_a_folder_that_has_a_guard_is_left_to_it(hosts: Hosts, spare: SpareHost) -> None:
    there = hosts.start()
    there.until_running()
    assert spare.take(there.folder) is None
    assert there.get().phase == "running"
    assert find_guard(there.folder) == there.leader


def test_it_ends_with_who_has_made_it(hosts: Hosts) -> None:
    maker = subprocess.Popen([sys.executable, "-c", MAKES_ONE], stdout=subprocess.PIPE, text=True)
    with maker:
        assert maker.stdout is not None
        processes = parts_of(int(maker.stdout.readline()))
        maker.kill()
    assert_ended(processes)
    # It has removed what it had made, and the next one what others have left.
    assert list(spare_folder(0).parent.glob("spare-*")) == []
    assert names_in_use() == frozenset()


def test_what_one_that_was_killed_has_left_is_removed(hosts: Hosts, spare: SpareHost) -> None:
    _, host, *_ = parts_of(spare.pid)
    folder = spare_folder(host.pid)
    assert wait_for(folder.exists)
    host.kill()
    spare.end()
    assert folder.exists()
    assert_ended([host])
    spare_folder(0)
    assert not folder.exists()
