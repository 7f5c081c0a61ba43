"""Adaptive scaling of a cluster that takes its time."""

from __future__ import annotations

import asyncio
from typing import Any

import distributed
import pytest

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.errors import InvalidInput

from .conftest import QUICK, SCHEDULER, cluster_of, entry, run, until

INTERVAL = 0.05


class Leisurely(distributed.Scheduler):
    """Starts when adaptive scaling has looked for it more than once."""

    async def start_unsafe(self) -> Any:
        await asyncio.sleep(10 * INTERVAL)
        return await super().start_unsafe()


class Own(distributed.Adaptive):
    """Knows itself of what to make entries."""

    async def scale_up(self, n: int) -> None:
        self.cluster.worker_spec.update({f"own-{number}": entry() for number in range(n)})


class OfItsOwn(SpecCluster):
    """Knows itself what its next entry is."""

    def new_worker_spec(self) -> dict[Any, dict[str, Any]]:
        return {f"own-{len(self.worker_spec)}": entry()}


def test_it_is_refused_where_there_is_nothing_to_make_entries_from() -> None:
    async def test() -> None:
        limits = {"minimum": 2}
        async with cluster_of({"a": entry()}) as cluster:
            with pytest.raises(InvalidInput, match="no worker form to make entries from"):
                cluster.adapt(**limits)
            assert cluster.adaptive_range() is None
            cluster.new_spec = entry()
            cluster.adapt(**limits)
            without = cluster.document().model_copy(update={"worker": None})
            with pytest.raises(InvalidInput, match="end it first"):
                cluster.apply(without)
            # What there would be once it has ended can be asked for.
            assert (await cluster.preview(spec=without)).retire == ()
            cluster.end_adaptive()
            cluster.apply(without)
            assert cluster.new_spec is None

    run(test)


@pytest.mark.parametrize(
    ("cls", "who"), [(SpecCluster, Own), (OfItsOwn, distributed.Adaptive)], ids=["Own", "OfItsOwn"]
)
def test_what_makes_entries_in_its_own_way_needs_no_form(
    cls: type[SpecCluster], who: type[distributed.Adaptive]
) -> None:
    async def test() -> None:
        async with cls(scheduler=SCHEDULER, asynchronous=True, policy=QUICK) as cluster:
            cluster.adapt(who, minimum=1, maximum=1, interval=INTERVAL)
            await until(lambda: len(cluster.workers) == 1)

    run(test)


def test_without_a_form_it_may_let_entries_go_and_says_that_it_can_make_none() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry(), "b": entry()}) as cluster:
            adaptive = cluster.adapt(minimum=0, interval=INTERVAL, wait_count=1)
            await until(lambda: not cluster.workers)
            for _ in range(2):
                await adaptive.scale_up(3)
            held = [one for one in cluster.events() if one.reason == "AdaptiveHeld"]
            assert len(held) == 1
            assert cluster.adaptive_range() == (0, None)

    run(test)


def test_its_end_is_taken_in_at_once_while_the_loop_stands() -> None:
    async def begin() -> SpecCluster:
        cluster = await SpecCluster(
            scheduler=SCHEDULER, worker=entry(), asynchronous=True, policy=QUICK
        )
        cluster.adapt(minimum=1, maximum=1, interval=INTERVAL)
        await until(lambda: cluster.made_by_adaptive() == {"0"})
        return cluster

    async def end(cluster: SpecCluster) -> None:
        await cluster.close()

    with asyncio.Runner() as runner:
        cluster = runner.run(begin())
        cluster.end_adaptive()
        assert cluster.made_by_adaptive() == frozenset()
        runner.run(end(cluster))


def test_it_waits_for_a_scheduler_that_starts_slowly() -> None:
    async def test() -> None:
        cluster = SpecCluster(
            scheduler={**SCHEDULER, "cls": Leisurely},
            worker=entry(),
            asynchronous=True,
            policy=QUICK,
        )
        try:
            cluster.adapt(minimum=2, maximum=3, interval=INTERVAL)
            await cluster
            await until(lambda: len(cluster.workers) == 2)
            assert cluster.adaptive_range() == (2, 3)
        finally:
            await cluster.close()
        assert cluster.adaptive_range() is None

    run(test)
