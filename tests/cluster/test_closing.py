"""Closing, where what belongs to somebody else raises on the way."""

from __future__ import annotations

from typing import Any

import distributed
from distributed import Worker
from distributed.core import Status

from speccluster_lab.cluster import SpecCluster

from .conftest import QUICK, SCHEDULER, entry, names, run, until


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
