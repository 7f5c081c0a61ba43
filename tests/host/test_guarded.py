"""Real hosts that die, busy or not: what goes with them, and what comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from difficult_workers import hold_the_interpreter
from running_hosts import SECONDS, RunningHost

from speccluster_lab.client import connect
from speccluster_lab.link.launch import find_guard, start_host
from speccluster_lab.link.processes import HostProcess

if TYPE_CHECKING:
    from running_hosts import Hosts


def _workers(host: RunningHost) -> list[psutil.Process]:
    """Return all but the guard and the host."""
    ours = {host.process.pid, host.connection.pid}
    return [one for one in host.processes() if one.pid not in ours]


def _gone(processes: list[psutil.Process], within: float) -> None:
    _, left = psutil.wait_procs(processes, timeout=within)
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []


async def _until_it_runs(client: Any, key: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            running = await client.scheduler.processing()
            if any(key in keys for keys in running.values()):
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("template", ["local", "grouped"])
def test_busy_workers_end_with_a_host_that_is_killed(hosts: Hosts, template: str) -> None:
    """Their tasks hold the interpreter, so that they hear of nothing."""
    host = hosts.start(template)
    host.until_running()
    before, workers = host.connection, _workers(host)
    with connect(host.id) as handle, handle.get_client() as client:
        tasks = [
            client.submit(hold_the_interpreter, workers=[one], pure=False)
            for one in client.scheduler_info(n_workers=-1)["workers"]
        ]
        for task in tasks:
            client.sync(_until_it_runs, client, task.key)
    # The client has gone, but what runs cannot be interrupted.
    began = time.monotonic()
    os.kill(before.pid, signal.SIGKILL)
    _gone(workers, within=SECONDS)
    assert time.monotonic() - began < 5
    after = host.reconnected()
    assert (after.id, after.socket) == (before.id, before.socket)
    assert after.pid != before.pid
    assert host.until_running().counts.registered == len(tasks)
    assert find_guard(host.folder) == host.leader
    host.ask(lambda client: client.stop())
    assert host.ended() == 0


def test_a_cluster_whose_worker_exits_is_not_taken_for_one_that_is_to_end(hosts: Hosts) -> None:
    cls = "difficult_workers.Exits"
    host = hosts.start(spec={"workers": {"0": {"cls": cls}}}, allowed=frozenset({cls}))
    host.reconnected()
    assert "The host has ended with status 1; it is started again" in host.log
    assert "A class of the cluster has ended this process" in host.log
    assert "sys.exit(0)" in host.log


def test_what_a_cluster_was_is_there_again(hosts: Hosts) -> None:
    host = hosts.start()
    host.until_running()
    events = host.ask(lambda client: client.timeline())
    os.kill(host.connection.pid, signal.SIGKILL)
    host.reconnected()
    host.until_running()
    again = host.ask(lambda client: client.timeline())
    assert again[: len(events)] == events
    assert [one.seq for one in again] == list(range(1, len(again) + 1))


def test_without_its_guard_a_host_closes_and_can_be_started_again(hosts: Hosts) -> None:
    host = hosts.start("local")
    host.until_running()
    family = [one for one in host.processes() if one.pid != host.process.pid]
    began = time.monotonic()
    host.process.kill()
    _gone(family, within=SECONDS)
    assert time.monotonic() - began < 5
    assert host.ended() == -signal.SIGKILL
    assert "the guard has gone" in host.log
    # Nobody has asked for the end of the cluster.
    assert host.folder.exists()
    process = start_host(host.folder)
    again = RunningHost(host.launch, host.folder, process, HostProcess.of(process.pid))
    hosts.started.append(again)
    assert again.until_running().counts.registered == 1
    again.ask(lambda client: client.stop())
    assert again.ended() == 0


def test_a_host_that_dies_while_it_stops_stays_dead(hosts: Hosts) -> None:
    host = hosts.start(
        spec={
            "worker": {"cls": "difficult_workers.NeverCloses", "options": {}},
            "workers": {"0": {"cls": "difficult_workers.NeverCloses", "options": {}}},
        }
    )
    host.until_running()
    assert host.request("DELETE").status == 202
    os.kill(host.connection.pid, signal.SIGKILL)
    assert host.ended() == 0
    assert not host.folder.exists()
    assert host.left() == []
