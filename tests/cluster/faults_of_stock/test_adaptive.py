"""Fault 13: adaptive scaling of groups settles, and is itself no change of what is wanted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from distributed import Client

from speccluster_lab.spec.api import EntryPhase

from ..conftest import (
    Runs,
    cluster_of,
    condition,
    entry,
    names,
    observed,
    phases,
    registered,
    run,
    several,
    until,
)
from ..machine_rules import Anything
from ..misbehaving import entry_of
from ..workers import Counted, Hanging

HERE = Counted.__module__


async def adapted(cluster: Any, times: int = 40) -> None:
    """Have adaptive scaling decide many times, whatever its interval."""
    for _ in range(times):
        await cluster._adaptive.adapt()
        await asyncio.sleep(0.005)


class Decisions:
    """Counts how often adaptive scaling has decided."""

    def __init__(self, cluster: Any) -> None:
        self.times = 0
        self._recommendations = cluster._adaptive.recommendations
        cluster._adaptive.recommendations = self._decide

    async def _decide(self, target: int) -> Any:
        self.times += 1
        return await self._recommendations(target)


def test_fault_13_adaptive_settles_with_groups() -> None:
    async def test() -> None:
        async with cluster_of(worker=several(3)) as cluster:
            cluster.adapt(minimum=4, maximum=4, interval="50ms", wait_count=2)
            await until(lambda: len(names(cluster)) == 6 and len(cluster.workers) == 2)
            instances = dict(cluster.workers)
            seen: set[tuple[int, int]] = set()
            for _ in range(200):
                await adapted(cluster, 1)
                seen.add((len(cluster.worker_spec), len(names(cluster))))
            await asyncio.sleep(3)
            seen.add((len(cluster.worker_spec), len(names(cluster))))
            assert seen == {(2, 6)}
            assert dict(cluster.workers) == instances
            overshoot = condition(cluster, "AdaptiveOvershoot")
            assert overshoot is not None
            assert overshoot.message == (
                "6 workers, though the maximum is 4: the minimum is 4, and an entry comes and goes "
                "as a whole"
            )
            assert cluster.adaptive_range() == (4, 4)

    run(test)


def test_fault_13_adaptive_that_has_settled_does_nothing_for_a_minute() -> None:
    """By the clock of the machine, in which adaptive scaling decides once a second."""
    machine = Anything()
    try:
        machine.begin(room=(2, 1, 0), first=[], calm=False, remote=False)
        cluster = machine.cluster
        cluster.new_spec = entry_of(size=3)
        machine.call(lambda: cluster.adapt(minimum=4, maximum=4))
        decided = Decisions(cluster)
        machine.wait(10.0)
        expected = ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]
        assert names(cluster) == expected
        assert set(phases(cluster).values()) == {EntryPhase.RUNNING}
        instances = dict(cluster.workers)
        (last,) = cluster.events()[-1:]
        overshoot = condition(cluster, "AdaptiveOvershoot")
        decided.times = 0
        machine.wait(60.0)
        assert decided.times >= 55
        assert cluster.events(since=last.seq) == [], "no transition"
        assert names(cluster) == expected
        assert list(cluster.worker_spec) == [0, 1]
        assert dict(cluster.workers) == instances
        assert overshoot is not None
        assert overshoot.message.startswith("6 workers, though the maximum is 4")
        assert condition(cluster, "AdaptiveOvershoot") == overshoot, "for as long as that"
    finally:
        machine.teardown()


@pytest.mark.parametrize(
    ("minimum", "maximum", "members"),
    [(2, 2, 2), (4, 4, 4), (3, 4, 4), (1, 6, 2), (6, 6, 6), (0, 0, 0)],
)
def test_fault_13_adaptive_keeps_its_range(minimum: int, maximum: int, members: int) -> None:
    async def test() -> None:
        async with cluster_of(worker=several(2)) as cluster:
            cluster.adapt(minimum=minimum, maximum=maximum, interval="10s", wait_count=2)
            await adapted(cluster, 10)
            await until(lambda: len(names(cluster)) == members)
            await adapted(cluster)
            assert len(names(cluster)) == members
            assert condition(cluster, "AdaptiveOvershoot") is None

    run(test)


@pytest.mark.parametrize(
    ("minimum", "maximum", "members"), [(3, 3, {3}), (1, 2, {1}), (2, 2, {3}), (5, 5, {5})]
)
def test_fault_13_entries_of_different_sizes_keep_the_range_where_they_can(
    minimum: int, maximum: int, members: set[int]
) -> None:
    async def test() -> None:
        workers = {"one": entry(), "three": several(3)}
        async with cluster_of(workers, worker=several(2)) as cluster:
            await registered(cluster, "one", "three-0", "three-1", "three-2")
            cluster.adapt(minimum=minimum, maximum=maximum, interval="10s", wait_count=1)
            for _ in range(3):
                await adapted(cluster)
                assert sum(map(len, cluster.members_by_entry().values())) in members

    run(test)


def test_fault_13_entries_on_their_way_are_not_asked_for_again() -> None:
    async def test() -> None:
        async with cluster_of(worker={"cls": Hanging, "group": ["-0", "-1", "-2"]}) as cluster:
            cluster.adapt(minimum=4, maximum=4, interval="10s", wait_count=1)
            await adapted(cluster)
            assert list(cluster.worker_spec) == [0, 1]
            await adapted(cluster)
            assert list(cluster.worker_spec) == [0, 1]

    run(test)


def test_fault_13_with_work_groups_come_and_go_once() -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=several(2)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            runs = Runs(cluster)
            cluster.adapt(minimum=0, maximum=4, interval="20ms", wait_count=3, target_duration="1s")
            sizes: list[int] = []

            def note() -> None:
                if sizes[-1:] != [len(cluster.worker_spec)]:
                    sizes.append(len(cluster.worker_spec))

            cluster.subscribe(note)

            def work(x: int) -> int:
                import time

                time.sleep(0.05)
                return x

            results = client.map(work, range(60), pure=False)
            assert sum(await client.gather(results)) == sum(range(60))
            assert max(sizes) == 2
            assert {runs.of[one.key] for one in results} == {1}
            del results
            await until(lambda: names(cluster) == [] and not cluster.worker_spec)
            top = sizes.index(2)
            assert sizes[: top + 1] == sorted(sizes[: top + 1])
            assert sizes[top:] == sorted(sizes[top:], reverse=True), "no back and forth"

    run(test)


def test_fault_13_adaptive_steps_are_no_change_of_what_is_wanted() -> None:
    async def test() -> None:
        async with cluster_of({"mine": entry()}, worker=several(2)) as cluster:
            await observed(cluster)
            before = cluster.generation
            adaptive = cluster.adapt(minimum=3, maximum=3, interval="10s", wait_count=1)
            await adapted(cluster, 5)
            await until(lambda: len(names(cluster)) == 3)
            assert cluster.generation == before
            adaptive.minimum, adaptive.maximum = 1, 2
            await adapted(cluster, 5)
            await until(lambda: 1 <= len(names(cluster)) <= 2)
            assert cluster.generation == before
            await until(lambda: cluster.observed_generation == before)

    run(test)


def test_fault_13_an_edit_while_adaptive_is_on_is_a_change() -> None:
    async def test() -> None:
        async with cluster_of(worker=several(2)) as cluster:
            cluster.adapt(minimum=2, maximum=2, interval="10s", wait_count=1)
            await adapted(cluster, 5)
            await until(lambda: len(names(cluster)) == 2)
            before = cluster.generation
            cluster.worker_spec[0]["options"]["nthreads"] = 2
            await adapted(cluster, 1)
            await until(lambda: {w.nthreads for w in cluster.scheduler.workers.values()} == {2})
            assert cluster.generation == before + 1
            await adapted(cluster)
            assert names(cluster) == ["0-0", "0-1"]

    run(test)


def test_fault_13_limits_in_cores_and_memory_are_whole_entries() -> None:
    async def test() -> None:
        form = several(2)
        form["options"] |= {"nthreads": 2, "memory_limit": "1 GiB"}
        # The class says nothing of its size, so that an entry's options are taken for it.
        async with cluster_of(worker=form) as cluster:
            adaptive = cluster.adapt(minimum_cores=3, maximum_cores=7, interval="10s")
            assert (adaptive.minimum, adaptive.maximum) == (4, 6)
            adaptive = cluster.adapt(minimum_memory="1 GiB", maximum_memory="3 GiB", interval="10s")
            assert (adaptive.minimum, adaptive.maximum) == (2, 6)

    run(test)


def test_fault_13_what_adaptive_lets_go_keeps_its_data() -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=several(2)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            adaptive = cluster.adapt(minimum=6, maximum=6, interval="10s", wait_count=1)
            await adapted(cluster, 5)
            await until(lambda: len(names(cluster)) == 6)
            runs = Runs(cluster)
            results = client.map(lambda x: x + 1, range(300), pure=False)
            await client.gather(results)
            scattered = await client.scatter(list(range(12)))
            adaptive.minimum, adaptive.maximum = 2, 2
            await adapted(cluster, 20)
            await until(lambda: len(names(cluster)) == 2)
            assert sum(await client.gather(results)) == sum(range(301))
            assert await client.gather(scattered) == list(range(12))
            assert {runs.of[one.key] for one in results} == {1}

    run(test)


def test_adaptive_of_single_workers_is_as_it_was() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry(f"{HERE}.Counted")) as cluster:
            cluster.adapt(minimum=3, maximum=3, interval="20ms", wait_count=2)
            await registered(cluster, "0", "1", "2")
            await asyncio.sleep(0.5)
            assert Counted.made == [0, 1, 2]

    run(test)
