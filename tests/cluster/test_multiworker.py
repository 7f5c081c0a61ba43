"""``MultiWorker``: one entry, several dask workers in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import psutil
import pytest
from distributed import Scheduler
from distributed.core import Status

from speccluster_lab import MultiWorker, SpecCluster
from speccluster_lab.errors import GroupMismatch, InvalidInput

from .conftest import run, until

OPTIONS = {"host": "127.0.0.1", "nthreads": 1, "memory_limit": 0}


def scheduler() -> Scheduler:
    return Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0", dashboard=False)


def test_members_are_processes_named_by_suffix() -> None:
    async def test() -> None:
        async with scheduler() as s:
            entry = MultiWorker(s.address, name=0, processes=3, group=["-a", "-b", "-c"], **OPTIONS)
            assert entry.status is Status.created
            assert await entry is entry
            assert entry.status is Status.running
            workers = {str(w.name): w for w in s.workers.values()}
            assert set(workers) == {"0-a", "0-b", "0-c"}
            assert entry.worker_address in s.workers
            assert entry.worker_addresses == {n: w.address for n, w in workers.items()}
            assert repr(entry) == "<MultiWorker 0: running, 3 of 3 workers>"
            pids = {nanny.pid for nanny in entry.nannies.values()}
            assert len(pids) == 3
            assert os.getpid() not in pids
            await entry.close()
            assert entry.status is Status.closed
            assert not any(pid and psutil.pid_exists(pid) for pid in pids)
            await until(lambda: not s.workers)
            await entry.close()

    run(test)


def test_a_member_that_dies_comes_back() -> None:
    async def test() -> None:
        async with (
            scheduler() as s,
            MultiWorker(s.address, name="x", processes=2, **OPTIONS) as entry,
        ):
            before = dict(entry.worker_addresses)
            pid = entry.nannies["x-0"].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: len(s.workers) == 2 and set(before.values()) != set(s.workers))
            assert {str(w.name) for w in s.workers.values()} == {"x-0", "x-1"}

    run(test)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        pytest.param({"local_directory": "/proc/nowhere"}, "nowhere", id="cannot be made"),
        pytest.param({"colour": "red"}, "failed to start", id="cannot be started"),
    ],
)
def test_a_member_that_fails_leaves_none(option: dict, message: str) -> None:
    async def test() -> None:
        async with scheduler() as s:
            entry = MultiWorker(s.address, name=0, processes=2, **OPTIONS, **option)
            with pytest.raises((OSError, RuntimeError), match=message):
                await entry
            assert entry.status is Status.closed
            assert not s.workers

    run(test)


def test_closing_ends_a_start() -> None:
    async def test() -> None:
        async with scheduler() as s:
            entry = MultiWorker(s.address, name=0, processes=2, **OPTIONS)
            start = asyncio.ensure_future(entry)
            await until(lambda: entry.nannies and all(n.process for n in entry.nannies.values()))
            await entry.close()
            assert entry.status is Status.closed
            await asyncio.wait({start}, timeout=30)
            assert start.done()
            await until(lambda: not s.workers)

    run(test)


def test_closing_goes_on_when_nobody_waits_for_it_any_more() -> None:
    async def test() -> None:
        async with scheduler() as s:
            entry = MultiWorker(s.address, name=0, processes=2, **OPTIONS)
            start = asyncio.ensure_future(entry)
            await until(lambda: entry.nannies and all(n.process for n in entry.nannies.values()))
            waiter = asyncio.ensure_future(entry.close())
            await until(lambda: entry.status is Status.closing)
            waiter.cancel()
            await asyncio.wait({start, waiter}, timeout=30)
            assert waiter.cancelled()
            # The fixture looks whether their processes have.
            await until(lambda: all(n.status is Status.closed for n in entry.nannies.values()))

    run(test)


@pytest.mark.parametrize("group", [["-0"], ["-0", "-1", "-2"], []])
def test_group_and_count_must_agree(group: list[str]) -> None:
    with pytest.raises(GroupMismatch, match=rf"names {len(group)} workers, but processes is 2"):
        MultiWorker("tcp://127.0.0.1:1", name=0, processes=2, group=group)


def test_a_spec_says_the_members_that_its_class_makes() -> None:
    silent: dict[str, Any] = {"cls": MultiWorker, "options": {"processes": 2}}

    async def test() -> None:
        with pytest.raises(GroupMismatch, match="an entry of 2 processes needs a group") as caught:
            SpecCluster(worker=silent, asynchronous=True)
        assert caught.value.field == "group"
        with pytest.raises(GroupMismatch, match="names 1 workers, but processes is 2") as caught:
            SpecCluster(workers={"b": {**silent, "group": ["-0"]}}, asynchronous=True)
        assert caught.value.field == "workers.b.group"

    run(test)


@pytest.mark.parametrize("processes", [0, -1, 1.5, "3", True, 10**9])
def test_processes_is_a_whole_number(processes: object) -> None:
    with pytest.raises(InvalidInput, match="processes must be a whole number") as caught:
        MultiWorker("tcp://127.0.0.1:1", processes=processes)  # type: ignore[arg-type]
    assert caught.value.field == "options.processes"


def test_the_count_is_that_of_the_group_unless_said() -> None:
    assert MultiWorker("tcp://127.0.0.1:1", name=0, group=["-x", "-y"]).group == ["-x", "-y"]
    assert MultiWorker("tcp://127.0.0.1:1", name=0, processes=2).group == ["-0", "-1"]
    assert MultiWorker("tcp://127.0.0.1:1", name=0).group == ["-0"]


def test_an_entry_knows_its_size() -> None:
    options = {"processes": 3, "nthreads": 2, "memory_limit": "1 GiB"}
    assert MultiWorker.resources(options, ["-0", "-1", "-2"]) == (6, 3 * 2**30)
