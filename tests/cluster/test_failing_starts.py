"""Starts that fail: who waits is told why and when, and no other entry suffers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.errors import StartFailed
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.api import EntryPhase

from .conftest import QUICK, SCHEDULER, cluster_of, entry, names, phases, run, until
from .misbehaving import SCHEDULER as QUIET
from .misbehaving import Behaviour, World, entry_of
from .virtual_time import run_in_virtual_time
from .workers import Failing, NotAwaitable

HERE = Failing.__module__


def test_entering_raises_what_the_first_failing_worker_raised() -> None:
    async def test() -> None:
        with pytest.raises(RuntimeError, match="a has no luck"):
            async with SpecCluster(
                workers={"a": entry(f"{HERE}.Failing", failures=1), "b": entry()},
                scheduler=SCHEDULER,
                asynchronous=True,
                policy=QUICK,
            ):
                pytest.fail("must not get here")

    run(test)


def test_waiting_ends_although_entries_go_on_failing() -> None:
    async def test() -> None:
        failing = {f"bad-{n}": entry(f"{HERE}.Failing", failures=1_000) for n in range(6)}
        async with cluster_of({"good": entry(), **failing}) as cluster:
            with pytest.raises(RuntimeError, match="has no luck"):
                async with asyncio.timeout(20):
                    await cluster
            assert "good" in names(cluster)

    run(test)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour.FAILS_IN_CONSTRUCTOR,
        Behaviour.FAILS_IN_START,
        Behaviour.FAILS_AFTER_REGISTERING,
    ],
)
def test_no_entry_comes_later_for_another_that_fails(
    behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is room for all starts at once."""
    found: list[dict[str, float]] = []
    bad = {"bad": entry_of(behaviour), "a bad one": entry_of(behaviour, size=2)}

    async def test() -> None:
        for others in ({}, bad):
            found.append(await _arrivals(others))

    run_in_virtual_time(test, monkeypatch)
    without, beside = found
    assert beside.keys() == without.keys()
    later = {name: (after, without[name]) for name, after in beside.items()}
    assert {name: both for name, both in later.items() if both[0] > 1.2 * both[1]} == {}


async def _arrivals(others: dict[str, Any]) -> dict[str, float]:
    """Return how long good entries take to run beside others, which come first."""
    world, loop = World(), asyncio.get_running_loop()
    world.may_start = 16
    good = {f"good-{n}": entry_of(start=0.5 * n) for n in range(1, 6)}
    policy = Policy(max_concurrent_starts=16)
    async with cluster_of({**others, **good}, scheduler=QUIET, policy=policy) as cluster:
        wanted = dict.fromkeys(good, loop.time())
        arrived: dict[str, float] = {}
        for step in range(1200):
            if step % 40 == 20 and step < 1100:
                # These come while the others back off, or are tried again.
                late = f"late-{step}"
                cluster.worker_spec[late] = entry_of(start=1.0)
                cluster._align()
                wanted[late] = loop.time()
            await asyncio.sleep(0.05)
            for name, phase in phases(cluster).items():
                if name in wanted and phase is EntryPhase.RUNNING:
                    arrived.setdefault(name, loop.time() - wanted[name])
        assert all(phases(cluster)[name] is not EntryPhase.RUNNING for name in others)
        assert wanted.keys() == arrived.keys()
    await world.end()
    return arrived


def test_what_cannot_be_awaited_is_a_start_that_has_failed_and_is_closed() -> None:
    async def test() -> None:
        NotAwaitable.made.clear()
        async with cluster_of({"good": entry()}) as cluster:
            cluster.worker_spec["bad"] = {"cls": NotAwaitable}
            with pytest.raises(TypeError, match="await"):
                await cluster
            await until(lambda: phases(cluster)["bad"] is EntryPhase.BACKOFF)
            assert [one.closed for one in NotAwaitable.made] == [True]
            assert names(cluster) == ["good"]

    run(test)


@pytest.mark.parametrize("how", ["removed", "mended"])
def test_who_waits_hears_nothing_of_what_failed_before_the_spec_was_another(how: str) -> None:
    async def test() -> None:
        async with cluster_of({}, policy=replace(QUICK, backoff_cap=0.1)) as cluster:
            cluster.worker_spec["bad"] = entry(f"{HERE}.FailingConstructor")
            with pytest.raises(TypeError, match="not like this"):
                await cluster
            # Once more while nobody waits.
            attempts = cluster.entries()[0].attempts
            await until(lambda: cluster.entries()[0].attempts > attempts)
            if how == "removed":
                del cluster.worker_spec["bad"]
            else:
                cluster.worker_spec["bad"]["cls"] = "distributed.Worker"
            await cluster
            assert names(cluster) == ([] if how == "removed" else ["bad"])

    run(test)


class CutOff:
    """Is cut off where it is said, as by a future that somebody has cancelled."""

    def __init__(self, scheduler: str, name: Any, where: str) -> None:
        self._where = where
        self._cut("constructor")

    def _cut(self, where: str) -> None:
        if self._where == where:
            raise asyncio.CancelledError

    def __await__(self) -> Any:
        async def start() -> None:
            self._cut("start")

        return start().__await__()

    async def close(self) -> None:
        """Have nothing to close."""


@pytest.mark.parametrize("where", ["constructor", "start"])
def test_a_start_that_was_cut_off_by_somebody_else_does_not_cut_off_who_waits(where: str) -> None:
    async def test() -> None:
        async with cluster_of() as cluster:
            cluster.worker_spec["cut"] = {"cls": CutOff, "options": {"where": where}}
            cluster.worker_spec["b"] = entry()
            with pytest.raises(StartFailed, match="was cancelled"):
                await cluster
            assert phases(cluster)["cut"] is EntryPhase.BACKOFF
            assert cluster.entries()[0].reason == "StartFailed"
            await until(lambda: names(cluster) == ["b"])

    run(test)


@pytest.mark.parametrize(
    "exits",
    [
        {"cls": f"{__package__}.exits.Never"},
        entry(f"{HERE}.Exiting", where="made"),
        entry(f"{HERE}.Exiting", where="started"),
    ],
)
def test_a_class_that_exits_fails_alone(exits: Any) -> None:
    async def test() -> None:
        async with cluster_of({"good": entry(), "exits": exits}) as cluster:
            await until(lambda: phases(cluster)["good"] is EntryPhase.RUNNING)
            await until(lambda: "exit" in str(cluster.entries()[1].message).lower())

    run(test)


def test_a_class_that_does_not_exist_fails_alone() -> None:
    async def test() -> None:
        async with cluster_of({"good": entry(), "nowhere": {"cls": "no.such.thing"}}) as cluster:
            await until(lambda: names(cluster) == ["good"])
            await until(lambda: cluster.entries()[1].reason == "InvalidClass")
            await until(lambda: phases(cluster)["good"] is EntryPhase.RUNNING)

    run(test)
