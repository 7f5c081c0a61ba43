"""What a cluster shows of itself, and what it tells those who have subscribed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from .conftest import QUICK, cluster_of, entry, names, observed, run


def test_an_entry_that_is_removed_before_it_starts_can_still_be_shown() -> None:
    async def test() -> None:
        policy = replace(QUICK, max_concurrent_starts=1)
        async with cluster_of(worker=entry(), policy=policy) as cluster:
            cluster.set_entries(3)
            del cluster.worker_spec[2]
            cluster._align()
            assert {one.name for one in cluster.entries()} >= {"0", "1"}
            await observed(cluster)
            assert set(cluster._executor._owners) == {"0", "1"}

    run(test)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_a_subscriber_that_fails_stops_nothing(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            cluster.subscribe(fail)
            cluster.worker_spec["b"] = entry()
            await cluster
            await observed(cluster)
            assert names(cluster) == ["a", "b"]
        assert cluster.status.name == "closed"

    run(test)


def test_a_subscription_that_is_ended_twice_ends_no_other() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            told: list[int] = []
            by = partial(told.append, 1)
            end, _ = cluster.subscribe(by), cluster.subscribe(by)
            end()
            end()
            told.clear()
            cluster.scale(1)
            await cluster
            assert told

    run(test)
