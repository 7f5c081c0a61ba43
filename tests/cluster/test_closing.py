"""Closing a worker or all of a cluster, where what is not ours raises on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import distributed
import pytest
from distributed import Worker
from distributed.core import Status

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.cluster.view import RemoteView
from speccluster_lab.errors import NotRunning

from .conftest import QUICK, SCHEDULER, cluster_of, entry, names, run, until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from speccluster_lab.cluster.view import Stake


class Speechless(Worker):
    """Cannot say what it is, as a class may that shows what only its start would tell."""

    def __repr__(self) -> str:
        raise AttributeError("no job id")


class Stubborn(distributed.Adaptive):
    """Ends, and complains of it."""

    def stop(self, reason: str = "unknown") -> None:
        super().stop(reason)
        if reason != "adaptive-deleted":
            raise RuntimeError("not like this")


class Confused(RemoteView):
    """A scheduler of another process that does not do what it is asked."""

    async def find(self, members: Iterable[str]) -> Mapping[str, str]:
        raise TypeError("unexpected keyword")

    async def stakes(self, groups: Mapping[str, Collection[str]]) -> dict[str, Stake]:
        raise TypeError("unexpected keyword")


class Watching(SpecCluster):
    """Counts on something that is not there when a worker goes, as the stock class does."""

    def _update_worker_status(self, op: str, msg: Any) -> None:
        super()._update_worker_status(op, msg)
        if op == "remove":
            raise KeyError(msg)


def test_it_is_closed_although_a_worker_cannot_say_what_it_is() -> None:
    async def test() -> None:
        cluster = await SpecCluster(
            scheduler=SCHEDULER,
            workers={number: entry(f"{__name__}.Speechless") for number in range(2)},
            asynchronous=True,
            policy=QUICK,
        )
        workers = list(cluster.workers.values())
        await cluster.close()
        assert cluster.status == cluster.scheduler.status == Status.closed
        assert {one.status for one in workers} == {Status.closed}

    run(test)


def test_it_is_closed_although_adaptive_scaling_does_not_end_well() -> None:
    async def test() -> None:
        cluster = await SpecCluster(
            scheduler=SCHEDULER, worker=entry(), asynchronous=True, policy=QUICK
        )
        cluster.adapt(Stubborn, minimum=1, interval=0.05)
        await until(lambda: len(cluster.workers) == 1)
        await cluster.close()
        assert cluster.status == cluster.scheduler.status == Status.closed

    run(test)


def test_a_subclass_that_raises_at_an_event_misses_no_other_and_can_be_closed() -> None:
    async def test() -> None:
        cluster = await Watching(
            scheduler=SCHEDULER,
            workers={number: entry() for number in range(3)},
            worker=entry(),
            asynchronous=True,
            policy=QUICK,
        )
        cluster.scale(1)
        await cluster
        assert names(cluster) == ["0"]
        await until(lambda: len(cluster.scheduler_info["workers"]) == 1)
        listening = cluster._watch_worker_status_task
        cluster.scale(2)
        await cluster
        await until(lambda: len(cluster.scheduler_info["workers"]) == 2)
        assert cluster._watch_worker_status_task is listening
        await cluster.close()
        assert cluster.status == Status.closed

    run(test)


def test_it_is_closed_although_the_scheduler_cannot_say_what_is_lost() -> None:
    async def test() -> None:
        cluster = await SpecCluster(
            scheduler=SCHEDULER, workers={"a": entry()}, asynchronous=True, policy=QUICK
        )
        cluster._watch._view = Confused(cluster.scheduler_comm)
        await cluster.close()
        assert cluster.status == cluster.scheduler.status == Status.closed

    run(test)


def test_an_entry_goes_although_the_scheduler_answers_nonsense_when_it_is_asked_for_it() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry(), "b": entry()}) as cluster:
            await cluster
            cluster._watch._view = Confused(cluster.scheduler_comm)
            # As an event that is late or lost makes it.
            cluster._executor._actions.doubt("b")
            del cluster.worker_spec["b"]
            await cluster
            assert names(cluster) == ["a"]

    run(test)


def test_one_that_is_closed_cannot_be_entered() -> None:
    async def test() -> None:
        cluster = await SpecCluster(scheduler=SCHEDULER, asynchronous=True, policy=QUICK)
        await cluster.close()
        with pytest.raises(NotRunning, match="is closed"):
            async with cluster:
                raise AssertionError("entered")
        # To wait for it is no fault: there is nothing to come.
        assert await cluster is cluster

    run(test)
