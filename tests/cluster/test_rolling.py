"""Roll-outs: how many entries are away at once, how many there are beyond those of the spec."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, SchedulerPlugin

from speccluster_lab.errors import InvalidInput

from .conftest import QUICK, Runs, cluster_of, entry, names, observed, phases, run, several, until
from .workers import Slow

if TYPE_CHECKING:
    from speccluster_lab.cluster import SpecCluster

HERE = Slow.__module__


class Watch(SchedulerPlugin):
    """Notes how many workers the scheduler has, and who comes, with how many threads."""

    def __init__(self, cluster: SpecCluster) -> None:
        self._scheduler = cluster.scheduler
        self.counts: list[int] = [len(cluster.scheduler.workers)]
        self.came: list[tuple[str, int]] = []
        cluster.scheduler.add_plugin(self, name="watch")

    def add_worker(self, scheduler: Any, worker: str) -> None:
        state = self._scheduler.workers[worker]
        self.came.append((str(state.name), state.nthreads))
        self.counts.append(len(self._scheduler.workers))

    def remove_worker(self, scheduler: Any, worker: str, **more: Any) -> None:
        self.counts.append(len(self._scheduler.workers))


def edit_all(cluster: SpecCluster, nthreads: int) -> None:
    for one in cluster.worker_spec.values():
        one["options"]["nthreads"] = nthreads


def threads(cluster: SpecCluster) -> list[int]:
    return [worker.nthreads for worker in cluster.scheduler.workers.values()]


@pytest.mark.parametrize(
    ("unavailable", "surge", "least", "most"),
    [(1, 0, 3, 4), (2, 0, 2, 4), (0, 1, 4, 5), (0, 2, 4, 6), (1, 1, 3, 5), (9, 0, 0, 4)],
)
def test_a_roll_out_keeps_to_its_limits(
    unavailable: int, surge: int, least: int, most: int
) -> None:
    async def test() -> None:
        limits = replace(QUICK, max_unavailable=unavailable, max_surge=surge)
        async with cluster_of(worker=entry(f"{HERE}.Slow", delay=0.1), policy=limits) as cluster:
            cluster.scale(4)
            await observed(cluster)
            watch = Watch(cluster)
            edit_all(cluster, 2)
            await observed(cluster)
            assert threads(cluster) == [2] * 4
            assert names(cluster) == ["0", "1", "2", "3"]
            assert min(watch.counts) >= least
            assert max(watch.counts) <= most
            if unavailable > 1:
                assert min(watch.counts) < 3, "more than one at a time"
            if not unavailable:
                assert max(watch.counts) > 4, "somebody has stood in"
            assert len(Slow.made) <= 8 + 4 * bool(surge)

    run(test)


@pytest.mark.parametrize(
    "limits", [{}, {"max_unavailable": 2}, {"max_unavailable": 0, "max_surge": 1}], ids=str
)
def test_a_roll_out_of_groups_loses_nothing(limits: dict[str, int]) -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=several(2), policy=replace(QUICK, **limits)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            cluster.scale(2)
            await observed(cluster)
            runs = Runs(cluster)
            results = client.map(lambda x: x + 1, range(200), pure=False)
            await client.gather(results)
            scattered = await client.scatter(list(range(8)))
            edit_all(cluster, 2)
            await observed(cluster)
            assert threads(cluster) == [2] * 4
            assert names(cluster) == ["0-0", "0-1", "1-0", "1-1"]
            assert sum(await client.gather(results)) == sum(range(201))
            assert await client.gather(scattered) == list(range(8))
            assert {runs.of[one.key] for one in results} == {1}

    run(test)


def test_an_edit_during_a_roll_out_starts_it_anew() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(4)
            await observed(cluster)
            watch = Watch(cluster)
            edit_all(cluster, 2)
            cluster._correct_state()
            await until(lambda: len(watch.came) == 2)
            before = len(watch.came)
            assert cluster.observed_generation < cluster.generation
            edit_all(cluster, 3)
            await observed(cluster)
            assert threads(cluster) == [3] * 4
            late = [nthreads for _, nthreads in watch.came[before:]]
            # One of the old generation may be on its way already.
            assert late.count(2) <= 1
            assert min(watch.counts) >= 3

    run(test)


def test_the_generation_that_is_observed_tells_when_a_roll_out_is_done() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(3)
            await observed(cluster)
            before = cluster.generation
            wrong: list[tuple[int, list[int]]] = []

            def look() -> None:
                done = cluster.observed_generation == cluster.generation > before
                if done and threads(cluster) != [2] * 3:
                    wrong.append((cluster.generation, threads(cluster)))

            cluster.subscribe(look)
            edit_all(cluster, 2)
            await cluster
            assert cluster.generation == before + 1, "one edit of three entries"
            await observed(cluster)
            assert wrong == []

    run(test)


def test_an_edit_that_is_taken_back_replaces_no_more() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(4)
            await observed(cluster)
            watch = Watch(cluster)
            edit_all(cluster, 2)
            cluster._correct_state()
            await until(lambda: len(watch.came) == 1)
            edit_all(cluster, 1)
            await observed(cluster)
            assert threads(cluster) == [1] * 4
            assert len(watch.came) <= 4

    run(test)


def test_a_roll_out_to_what_cannot_start_takes_no_more_than_allowed() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(4)
            await observed(cluster)
            watch = Watch(cluster)
            for key in cluster.worker_spec:
                cluster.worker_spec[key] = entry(f"{HERE}.Failing", failures=1_000)
            cluster._correct_state()
            await until(lambda: any(one.attempts > 2 for one in cluster.entries()))
            await asyncio.sleep(0.3)
            assert min(watch.counts) == 3
            assert len(names(cluster)) == 3
            for key in cluster.worker_spec:
                cluster.worker_spec[key] = entry()
            await observed(cluster)
            assert names(cluster) == ["0", "1", "2", "3"]

    run(test)


def test_scaling_during_a_roll_out() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(4)
            await observed(cluster)
            watch = Watch(cluster)
            edit_all(cluster, 2)
            cluster.new_spec["options"]["nthreads"] = 2
            cluster._correct_state()
            await until(lambda: watch.came)
            cluster.scale(6)
            cluster.scale(2)
            cluster.scale(3)
            await observed(cluster)
            assert threads(cluster) == [2] * 3
            assert set(map(str, phases(cluster).values())) == {"running"}

    run(test)


def test_an_edited_entry_that_is_removed_at_once_goes() -> None:
    async def test() -> None:
        async with (
            cluster_of({"a": entry(), "b": entry()}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter(list(range(4)))
            cluster.worker_spec["a"]["options"]["nthreads"] = 2
            cluster._correct_state()
            await until(lambda: str(phases(cluster)["a"]) != "running")
            del cluster.worker_spec["a"]
            await observed(cluster)
            assert names(cluster) == ["b"]
            assert list(phases(cluster)) == ["b"]
            assert await client.gather(kept) == list(range(4))

    run(test)


def test_entries_are_made_anew_one_after_the_other_and_lose_nothing() -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=several(2), policy=QUICK) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            cluster.scale(3)
            await observed(cluster)
            generation = cluster.generation
            before = dict(cluster.workers)
            runs, watch = Runs(cluster), Watch(cluster)
            results = client.map(lambda x: x + 1, range(50), pure=False)
            await client.gather(results)
            for name in (0, 2):
                cluster.restart_entry(name)
            assert not cluster._executor.settled
            await until(lambda: not {before[0], before[2]} & set(cluster.workers.values()))
            await until(lambda: cluster._executor.settled)
            assert cluster.workers[1] is before[1]
            assert min(watch.counts) >= 4, "one at a time"
            assert await client.gather(results) == [x + 1 for x in range(50)]
            assert {runs.of[one.key] for one in results} == {1}
            assert cluster.generation == generation
            assert "EntryRestarted" in [event.reason for event in cluster.events()]
            with pytest.raises(InvalidInput, match="there is no entry '9'"):
                cluster.restart_entry(9)

    run(test)


@pytest.mark.parametrize("limits", [{}, {"max_unavailable": 0, "max_surge": 1}], ids=str)
@pytest.mark.parametrize(
    ("before", "after"),
    [(("foo", "bar"), ("bar", "baz")), (("foo", "bar"), ("bar", "foo"))],
    ids=["passed on", "swapped"],
)
def test_a_roll_out_that_passes_names_on_goes_through(
    before: tuple[str, str], after: tuple[str, str], limits: dict[str, int]
) -> None:
    async def test() -> None:
        workers = dict(zip("xy", (entry(name=name) for name in before), strict=True))
        async with (
            cluster_of({**workers, "z": entry()}, policy=replace(QUICK, **limits)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter(list(range(6)))
            for key, name in zip("xy", after, strict=True):
                cluster.worker_spec[key]["options"]["name"] = name
            await observed(cluster)
            assert [cluster.workers[key].name for key in "xy"] == list(after)
            assert names(cluster) == sorted([*after, "z"])
            assert await client.gather(kept) == list(range(6))

    run(test)
