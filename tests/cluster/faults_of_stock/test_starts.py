"""Faults 4 to 7 and 9: starts that fail, hang or take their time."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import pytest
from distributed.core import Status

from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.api import EntryPhase

from ..conftest import QUICK, cluster_of, entry, names, phases, registered, run, until
from ..machine import LIMITS
from ..machine_rules import Anything
from ..misbehaving import Entry, World, entry_of
from ..workers import Failing, FailingConstructor, Hanging, Slow

HERE = Failing.__module__
SLOW = Policy(max_concurrent_starts=16, cancel_grace=0.1, close_timeout=2)


def slow(delay: float) -> dict[str, Any]:
    return entry(f"{HERE}.Slow", delay=delay)


def test_fault_04_a_start_that_raises_is_tried_again() -> None:
    async def test() -> None:
        workers = {"a": entry(f"{HERE}.Failing", failures=2), "b": entry()}
        async with cluster_of(workers) as cluster:
            await until(lambda: names(cluster) == ["a", "b"])
            await until(lambda: sorted(cluster.workers) == ["a", "b"])

    run(test)


def test_fault_04_it_is_not_a_worker_meanwhile_and_says_why() -> None:
    async def test() -> None:
        workers = {"a": entry(f"{HERE}.Failing", failures=1_000), "b": entry()}
        async with cluster_of(workers) as cluster:
            await until(lambda: names(cluster) == ["b"] and "b" in cluster.workers)
            for _ in range(2):
                await until(lambda: cluster.entries()[0].reason == "RuntimeError")
                assert "a" not in cluster.workers
                cluster.retry("a")
                with pytest.raises(RuntimeError, match="a has no luck"):
                    await cluster
            assert cluster.entries()[0].message == "RuntimeError: a has no luck"

    run(test)


def test_fault_04_adaptive_reaches_its_minimum_though_starts_fail() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry(f"{HERE}.Failing", failures=1)) as cluster:
            # The other half fails at first.
            Failing.left.update({"0": 0, "2": 0})
            cluster.adapt(minimum=4, maximum=4, interval="50ms")
            await until(lambda: names(cluster) == ["0", "1", "2", "3"])

    run(test)


def test_fault_05_a_constructor_that_raises_stops_no_other_start() -> None:
    async def test() -> None:
        workers: dict[str, Any] = {f"good-{number}": entry() for number in range(4)}
        workers["bad"] = {"cls": FailingConstructor}
        async with cluster_of(workers) as cluster:
            await until(lambda: names(cluster) == sorted(set(workers) - {"bad"}))
            await until(lambda: sorted(cluster.workers) == names(cluster))

    run(test)


def test_fault_06_a_start_that_hangs_stalls_nobody() -> None:
    async def test() -> None:
        workers: dict[str, Any] = {f"good-{number}": entry() for number in range(4)}
        async with cluster_of({**workers, "stuck": {"cls": Hanging}}) as cluster:
            await until(lambda: names(cluster) == sorted(workers))
            await until(lambda: sorted(cluster.workers) == sorted(workers))
            cluster.worker_spec["later"] = entry()
            del cluster.worker_spec["good-0"]
            cluster._correct_state()
            expected = ["good-1", "good-2", "good-3", "later"]
            await until(lambda: names(cluster) == expected)
            begin = monotonic()
            await asyncio.gather(cluster.close(), cluster.close())
            await cluster.close()
            assert cluster.status is Status.closed
            assert monotonic() - begin < 10
            assert Hanging.closed == ["stuck"]

    run(test)


def test_fault_06_a_start_that_hangs_is_ended_by_its_limit_and_tried_again() -> None:
    async def test() -> None:
        policy = Policy(start_timeout=0.1, cancel_grace=0.1, close_timeout=0.2, backoff_first=0.1)
        async with cluster_of({"stuck": {"cls": Hanging}}, policy=policy) as cluster:
            await until(lambda: len(Hanging.closed) == 2)
            assert cluster.entries()[0].reason == "StartTimeout"

    run(test)


def test_fault_07_a_slow_start_delays_no_later_change() -> None:
    async def test() -> None:
        async with cluster_of({"slow": slow(3)}, policy=SLOW) as cluster:
            await until(lambda: Slow.begun == ["slow"])
            cluster.worker_spec["quick"] = entry()
            cluster._correct_state()
            await until(lambda: names(cluster) == ["quick"])
            assert Slow.started == []

    run(test)


def test_fault_07_a_start_that_is_not_wanted_any_more_is_given_up() -> None:
    async def test() -> None:
        async with cluster_of(worker=slow(1), policy=SLOW) as cluster:
            cluster.scale(20)
            await until(lambda: Slow.begun)
            cluster.scale(0)
            await registered(cluster)
            await asyncio.sleep(1.2)
            assert names(cluster) == []
            assert Slow.started == []
            assert len(Slow.made) <= SLOW.max_concurrent_starts
            assert {one.status for one in Slow.made} == {Status.closed}

    run(test)


def test_fault_07_starts_are_bounded_and_in_order() -> None:
    async def test() -> None:
        async with cluster_of(worker=slow(0.1), policy=SLOW) as cluster:
            cluster.scale(40)
            await cluster
            assert Slow.most_at_once == SLOW.max_concurrent_starts
            assert Slow.begun == list(range(40))
            assert len(names(cluster)) == 40

    run(test)


def test_fault_07_those_that_wait_for_their_turn_go_first() -> None:
    async def test() -> None:
        policy = Policy(max_concurrent_starts=2, cancel_grace=0.1, close_timeout=2)
        async with cluster_of(worker=slow(0.3), policy=policy) as cluster:
            cluster.scale(6)
            await until(lambda: len(Slow.begun) == 2)
            cluster.scale(2)
            await registered(cluster, "0", "1")
            assert Slow.begun == [0, 1]

    run(test)


def test_fault_09_one_who_stops_waiting_stops_nothing() -> None:
    async def test() -> None:
        async with cluster_of(worker=slow(0.6)) as cluster:
            cluster.scale(5)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(cluster, 0.2)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(cluster._correct_state(), 0.2)
            await cluster
            await until(lambda: len(names(cluster)) >= 5)
            assert len(Slow.made) == 5, "no doubles"
            assert names(cluster) == ["0", "1", "2", "3", "4"]
        assert {one.status for one in Slow.made} == {Status.closed}, "no orphans"

    run(test)


def test_fault_09_a_waiter_that_is_cancelled_takes_no_other_with_it() -> None:
    async def test() -> None:
        async with cluster_of(worker=slow(0.5), policy=QUICK) as cluster:
            cluster.scale(2)
            patient, impatient = (asyncio.ensure_future(cluster._settle()) for _ in range(2))
            await asyncio.sleep(0.1)
            impatient.cancel()
            await patient
            assert impatient.cancelled()
            assert names(cluster) == ["0", "1"]
            assert set(map(str, phases(cluster).values())) == {"running"}

    run(test)


class EndsInStart(Entry):
    """Its process ends, and it goes on waiting for what that was to say."""

    async def _start_as_it_does(self) -> None:
        if not World.current.healed:
            await asyncio.sleep(1)
            self.status = Status.failed
            await asyncio.Event().wait()
        await super()._start_as_it_does()


@pytest.mark.parametrize("remote", [False, True])
def test_fault_10_a_process_that_ends_during_its_start_is_noticed(
    remote: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not only when the start has taken longer than it may, which is two minutes."""
    monkeypatch.setitem(LIMITS, "start_timeout", 120.0)
    machine = Anything()
    try:
        machine.begin(room=(2, 1, 0), first=[], calm=True, remote=remote)
        cluster = machine.cluster
        machine.spec["a"] = {**entry_of(), "cls": EndsInStart}
        machine.align()
        machine.wait(5.1)
        (a,) = cluster.entries()
        assert (a.phase, a.attempts) == (EntryPhase.BACKOFF, 1)
        assert a.message == "StartFailed: its process has ended"
        machine.wait(60.0)
        (a,) = cluster.entries()
        assert a.attempts >= 4
        assert len(machine.world.entries) <= a.attempts + 1, "with pauses that grow"
        machine.check()
    finally:
        machine.teardown()


def test_a_start_that_fails_says_itself_why_although_its_process_has_ended() -> None:
    class Slowly(Entry):
        async def _start_as_it_does(self) -> None:
            self.status = Status.closed
            await asyncio.sleep(1.9)
            raise OSError("no such interface")

    machine = Anything()
    try:
        machine.begin(room=(2, 1, 0), first=[], calm=False, remote=False)
        # Whenever the cluster looks in between.
        for number in range(8):
            machine.spec[f"a{number}"] = {**entry_of(), "cls": Slowly}
            machine.align()
            machine.wait(0.3)
        machine.wait(2.0)
        said = {one.message for one in machine.cluster.events() if one.after == "closing"}
        assert said == {"OSError: no such interface"}
    finally:
        machine.teardown()
