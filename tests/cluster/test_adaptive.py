"""Adaptive scaling of a cluster that takes its time."""

from __future__ import annotations

import asyncio
from typing import Any

import distributed

from speccluster_lab.cluster import SpecCluster

from .conftest import QUICK, SCHEDULER, entry, run, until

INTERVAL = 0.05


class Leisurely(distributed.Scheduler):
    """Starts when adaptive scaling has looked for it more than once."""

    async def start_unsafe(self) -> Any:
        await asyncio.sleep(10 * INTERVAL)
        return await super().start_unsafe()


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
