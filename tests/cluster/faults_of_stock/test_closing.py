"""Fault 8: whatever a worker does, ``close`` ends, and the scheduler with it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from distributed import Client, Scheduler
from distributed.core import Status

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.errors import NotRunning
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.api import ClusterPhase

from ..conftest import QUICK, SCHEDULER, cluster_of, entry, names, phases, registered, run, until
from ..virtual_time import run_in_virtual_time
from ..workers import Hanging, Slow, Unclosable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = Unclosable.__module__
WAYS = ["hangs", "raises", "clings"]
# For a scheduler that nothing but this process is needed for.
INPROC = {"protocol": "inproc", "dashboard": False, "dashboard_address": "127.0.0.1:0"}


@pytest.mark.parametrize("way", WAYS)
def test_fault_08_close_ends_though_a_worker_does_not(way: str) -> None:
    async def test() -> None:
        stubborn = {"cls": f"{HERE}.Unclosable", "options": {"way": way}}
        async with cluster_of({"stubborn": stubborn, "good": entry()}) as cluster:
            await until(lambda: names(cluster) == ["good"] and len(cluster.workers) == 2)
            begin = monotonic()
            await asyncio.gather(cluster.close(), cluster.close())
            await cluster.close()
            assert monotonic() - begin < 3 * QUICK.close_timeout + 2
            assert cluster.status is Status.closed
            assert cluster.scheduler.status is Status.closed
            assert cluster.scheduler.workers == {}

    run(test)


@pytest.mark.parametrize("way", WAYS)
def test_fault_08_an_entry_that_does_not_close_is_given_up(way: str) -> None:
    async def test() -> None:
        stubborn = {"cls": f"{HERE}.Unclosable", "options": {"way": way}}
        async with cluster_of({"stubborn": stubborn, "good": entry()}) as cluster:
            await until(lambda: names(cluster) == ["good"] and len(cluster.workers) == 2)
            del cluster.worker_spec["stubborn"]
            cluster.worker_spec["later"] = entry()
            await registered(cluster, "good", "later")
            assert list(phases(cluster)) == ["good", "later"]
            # Its name is free again.
            cluster.worker_spec["stubborn"] = entry()
            await registered(cluster, "good", "later", "stubborn")

    run(test)


@pytest.mark.parametrize("after", [0.0, 0.1, 0.5])
def test_fault_08_close_ends_in_whatever_state_the_cluster_is(after: float) -> None:
    async def test() -> None:
        cluster = SpecCluster(
            workers={"stuck": {"cls": Hanging}, "a": entry(), "b": entry(f"{HERE}.Slow", delay=1)},
            worker=entry(),
            scheduler=SCHEDULER,
            asynchronous=True,
            policy=QUICK,
        )
        starting = asyncio.ensure_future(cluster._start())
        await asyncio.sleep(after)
        cluster.scale(5)
        await cluster.close()
        assert cluster.status is Status.closed
        await asyncio.wait({starting}, timeout=5)
        assert starting.done()
        starting.exception()
        assert {one.status for one in Slow.made} <= {Status.closed, Status.failed}

    run(test)


@pytest.mark.parametrize("turns", range(4))
def test_close_ends_in_each_turn_of_the_loop_in_which_the_start_ends(turns: int) -> None:
    async def test() -> None:
        cluster = SpecCluster(
            workers={"a": entry()}, scheduler=SCHEDULER, asynchronous=True, policy=QUICK
        )
        starting = asyncio.ensure_future(cluster._start())
        while cluster.status is not Status.running:  # noqa: ASYNC110 - in this very turn
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        await cluster.close()
        assert cluster.status is Status.closed
        assert cluster.scheduler.status is Status.closed
        await asyncio.wait({starting}, timeout=5)
        # Whether it has heard of the start depends on the turn.
        with suppress(NotRunning):
            starting.result()
        assert cluster.status is Status.closed

    run(test)


def test_fault_08_close_ends_while_data_has_nowhere_to_go() -> None:
    async def test() -> None:
        policy = Policy(close_timeout=1, cancel_grace=0.1)
        async with (
            cluster_of({"a": entry()}, policy=policy) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await registered(cluster, "a")
            kept = await client.scatter([1])
            cluster.scale(0)
            await until(lambda: cluster.entries()[0].reason == "NoRoomForData")
            async with asyncio.timeout(5):
                await cluster.close()
            del kept

    run(test)


def test_fault_08_one_who_stops_waiting_for_close_does_not_stop_it() -> None:
    async def test() -> None:
        stubborn = {"cls": f"{HERE}.Unclosable", "options": {"way": "hangs"}}
        async with cluster_of({"stubborn": stubborn}) as cluster:
            await until(lambda: len(cluster.workers) == 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(cluster.close(), 0.2)
            async with asyncio.timeout(5):
                await cluster.close()
            assert cluster.status is Status.closed

    run(test)


class SlowScheduler(Scheduler):
    """Takes its time to start, and may cling to it or fail when it is not wanted any more."""

    def __init__(self, *, seconds: float, given_up: str, **options: Any) -> None:
        super().__init__(**options)
        self._start_takes = seconds
        self._given_up = given_up

    async def start(self) -> Any:
        until = asyncio.get_running_loop().time() + self._start_takes
        while (left := until - asyncio.get_running_loop().time()) > 0:
            try:
                await asyncio.sleep(left)
            except asyncio.CancelledError:
                if self._given_up == "raises":
                    raise OSError("was not to be cancelled") from None
                if self._given_up == "ends":
                    raise
        return await super().start()


@pytest.mark.parametrize("given_up", ["ends", "clings", "raises"])
@pytest.mark.parametrize("after", [0.0, 0.2])
def test_closing_ends_a_start_that_is_going_on(after: float, given_up: str) -> None:
    async def test() -> None:
        options = {**SCHEDULER["options"], "seconds": 2.0, "given_up": given_up}
        cluster = SpecCluster(
            workers={"a": entry()},
            scheduler={"cls": SlowScheduler, "options": options},
            asynchronous=True,
            policy=QUICK,
        )

        async def wait() -> None:
            await cluster

        waiters = [asyncio.ensure_future(one) for one in (cluster._start(), wait())]
        await asyncio.sleep(after)
        began = monotonic()
        await cluster.close()
        assert monotonic() - began < 1.8
        assert cluster.status is Status.closed
        await asyncio.wait(waiters, timeout=0.5)
        for waiter in waiters:
            with pytest.raises(NotRunning, match="closed before it had started"):
                waiter.result()
        # Not even when it would have been there.
        await asyncio.sleep(2.5)
        assert cluster.status is Status.closed
        assert cluster.scheduler is None or cluster.scheduler.status is not Status.running
        with pytest.raises(NotRunning):
            await cluster

    run(test)


# The first would be there before it is cut off.
@pytest.mark.parametrize("takes", [0.35, 20.0])
@pytest.mark.parametrize("given_up", ["ends", "clings", "raises"])
def test_a_scheduler_that_does_not_start_in_time_is_given_up_and_the_cluster_closed(
    given_up: str, takes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        options = {**INPROC, "seconds": takes, "given_up": given_up}
        cluster = SpecCluster(
            workers={"a": entry()},
            scheduler={"cls": SlowScheduler, "options": options},
            asynchronous=True,
            policy=replace(QUICK, scheduler_timeout=0.3),
        )
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match=r"no scheduler within 0\.3 s"):
            await cluster
        assert loop.time() < 0.3 + QUICK.cancel_grace + 2 * QUICK.close_timeout
        assert cluster.status is Status.closed
        # Not even when it would have been there.
        await asyncio.sleep(takes + 60)
        assert cluster.status is Status.closed
        assert cluster.scheduler is None or cluster.scheduler.status is not Status.running
        with pytest.raises(RuntimeError, match="no scheduler"):
            await cluster
        await cluster.close()
        assert cluster.status is Status.closed

    run_in_virtual_time(test, monkeypatch)


class Successor(SlowScheduler):
    """Takes its time to start and to close when it is not the first one."""

    made: ClassVar[list[Successor]] = []

    def __init__(self, *, seconds: float, **options: Any) -> None:
        super().__init__(seconds=seconds if self.made else 0, **options)
        self._close_takes = 0.5 if self.made else 0.0
        self.made.append(self)

    async def close(self, *args: Any, **options: Any) -> None:
        await asyncio.sleep(self._close_takes)
        await super().close(*args, **options)


@asynccontextmanager
async def restarting(monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[SpecCluster]:
    """Run a cluster whose scheduler has died, and is being started again."""
    monkeypatch.setattr(Successor, "made", [])
    options = {**INPROC, **options}
    scheduler = {"cls": Successor, "options": options}
    policy = replace(QUICK, restart_scheduler=True)
    async with cluster_of({}, scheduler=scheduler, policy=policy) as cluster:
        await cluster.scheduler.close()
        await until(lambda: len(Successor.made) == 2)
        yield cluster


@pytest.mark.parametrize("given_up", ["ends", "clings", "raises"])
def test_closing_waits_for_a_scheduler_that_is_just_being_started_again(
    given_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with restarting(monkeypatch, seconds=20.0, given_up=given_up) as cluster:
            # It is in the middle of its start.
            await asyncio.sleep(0.1)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await cluster.close()
            assert loop.time() - began < QUICK.cancel_grace + 3 * QUICK.close_timeout
            _, second = Successor.made
            if given_up != "clings":
                assert second.status is Status.closed
            await asyncio.sleep(60)
            assert second.status is Status.closed
            assert cluster.status is Status.closed
            assert len(Successor.made) == 2

    run_in_virtual_time(test, monkeypatch)


@pytest.mark.parametrize("closes", [False, True])
def test_a_scheduler_that_was_started_again_is_kept_while_the_old_connection_is_closed(
    closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with restarting(monkeypatch, seconds=1.0, given_up="ends") as cluster:
            closing = asyncio.Event()

            async def close_rpc() -> None:
                closing.set()
                await asyncio.sleep(0.5)
                if not closes:
                    raise OSError("is not there any more")

            monkeypatch.setattr(cluster.scheduler_comm, "close_rpc", close_rpc)
            await closing.wait()
            _, second = Successor.made
            if not closes:
                await asyncio.sleep(10)
                assert cluster.scheduler is second
                assert cluster.phase is ClusterPhase.RUNNING
            await cluster.close()
            assert second.status is Status.closed
            assert len(Successor.made) == 2

    run_in_virtual_time(test, monkeypatch)
