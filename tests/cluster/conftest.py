"""Clusters on this machine, and a check that each leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from distributed import SchedulerPlugin

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.reconcile import Policy

from .workers import Counted, Failing, Hanging, Slow, Tardy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from speccluster_lab.spec.api import Condition, EntryPhase

# What these assert is to be shown as that of a test is.
pytest.register_assert_rewrite(f"{__package__}.machine", f"{__package__}.machine_rules")

SCHEDULER = {
    "cls": "distributed.Scheduler",
    "options": {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "dashboard": False},
}
QUICK = Policy(
    lost_timeout=0.5, close_timeout=1, retire_interval=0.2, backoff_first=0.1, cancel_grace=0.1
)
# For workers in processes of their own, which take long to end on a busy machine.
PATIENT = replace(QUICK, close_timeout=30, cancel_grace=10)


def entry(cls: str = "distributed.Worker", **options: Any) -> dict[str, Any]:
    """Return an entry of one thread, bound to loopback."""
    return {"cls": cls, "options": {"nthreads": 1, "host": "127.0.0.1", **options}}


def group(size: int = 3, **options: Any) -> dict[str, Any]:
    """Return an entry of ``size`` members in processes of their own."""
    one = entry("speccluster_lab.MultiWorker", processes=size, memory_limit=0, **options)
    return {**one, "group": [f"-{number}" for number in range(size)]}


@asynccontextmanager
async def cluster_of(
    workers: dict[Any, Any] | None = None, worker: Any = None, **options: Any
) -> AsyncIterator[SpecCluster]:
    """Run a cluster; unlike ``async with SpecCluster``, a start that fails does not end it."""
    options = {"policy": QUICK, "asynchronous": True, "scheduler": SCHEDULER, **options}
    cluster = SpecCluster(workers=workers, worker=worker, **options)
    await cluster._start()
    try:
        yield cluster
    finally:
        await cluster.close()


async def until(condition: Callable[[], Any], limit: float = 30) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - what is waited for gives no signal
            await asyncio.sleep(0.01)


async def observed(cluster: SpecCluster, limit: float = 30) -> None:
    """Wait until the cluster is as its spec says."""
    cluster._align()
    await until(lambda: cluster.observed_generation == cluster.generation, limit)


def names(cluster: SpecCluster) -> list[str]:
    """Return the scheduler's own names of its workers."""
    return sorted(str(worker.name) for worker in cluster.scheduler.workers.values())


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, bounded."""

    async def bounded() -> None:
        async with asyncio.timeout(90):
            await test()

    asyncio.run(bounded())


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    for seen in (Failing.left, Hanging.closed, Counted.made, Tardy.workers):
        seen.clear()
    Slow.forget()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    left = [
        process
        for process in set(psutil.Process().children(recursive=True)) - before
        # Python's own, which stays for the life of the interpreter.
        if "multiprocessing.resource_tracker" not in " ".join(process.cmdline())
    ]
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive, [process.cmdline() for process in alive]


def several(size: int = 2, **options: Any) -> dict[str, Any]:
    """Return an entry of ``size`` members in this process, which start at once."""
    one = entry(f"{__package__}.workers.Several", processes=size, **options)
    return {**one, "group": [f"-{number}" for number in range(size)]}


async def registered(cluster: SpecCluster, *expected: str, limit: float = 30) -> None:
    """Align the cluster, and wait until the scheduler has these workers and no other."""
    aligning = cluster._correct_state()
    await until(lambda: names(cluster) == sorted(expected), limit)
    await aligning


def phases(cluster: SpecCluster) -> dict[str, EntryPhase]:
    """Return the phases of the entries."""
    return {one.name: one.phase for one in cluster.entries()}


def condition(cluster: SpecCluster, kind: str) -> Condition | None:
    """Return the condition of this type, if the cluster has it."""
    return next((one for one in cluster.conditions if one.type == kind), None)


def reasons(cluster: SpecCluster) -> list[str | None]:
    """Return the reasons of what has happened, oldest first."""
    return [event.reason for event in cluster.events()]


class Runs(SchedulerPlugin):
    """Counts how often each task is sent to a worker; the scheduler's own log is too short."""

    def __init__(self, cluster: SpecCluster) -> None:
        self.of: Counter[Any] = Counter()
        cluster.scheduler.add_plugin(self, name="runs")

    def transition(self, key: Any, start: str, finish: str, *args: Any, **more: Any) -> None:
        """Note a task."""
        self.of[key] += finish == "processing"
