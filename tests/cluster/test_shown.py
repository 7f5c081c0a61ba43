"""What a cluster shows of itself, and what it tells those who have subscribed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from speccluster_lab.spec.api import ClusterPhase, EntryPhase

from .conftest import PATIENT, QUICK, cluster_of, entry, group, names, observed, run, until


def test_what_the_api_shows() -> None:
    async def test() -> None:
        async with cluster_of(worker=group(2), policy=PATIENT) as cluster:
            assert cluster.phase is ClusterPhase.STARTING or not cluster.entries()
            changes: list[int] = []
            unsubscribe = cluster.subscribe(lambda: changes.append(cluster.generation))
            cluster.set_entries(1)
            (one,) = cluster.entries()
            assert one.phase in {EntryPhase.PENDING, EntryPhase.STARTING}
            assert [m.name for m in one.members] == ["0-0", "0-1"]
            assert [m.address for m in one.members] == [None, None]
            await observed(cluster)
            await until(lambda: all(m.memory_used for m in cluster.entries()[0].members))
            counts = cluster.counts()
            assert (counts.entries, counts.expected, counts.registered) == (1, 2, 2)
            assert counts.nthreads == 2
            assert counts.memory_used > 2**20
            (ready,) = cluster.conditions
            assert (ready.type, ready.reason) == ("Ready", "AllMembersRegistered")
            assert ready.message == "2 of 2 workers have registered"
            status = cluster.scheduler_status()
            assert status.address == cluster.scheduler.address
            assert (status.status, status.dashboard) == ("running", True)
            assert changes
            unsubscribe()
            seen = len(changes)
            cluster.set_entries(0)
            await observed(cluster)
            assert len(changes) == seen

    run(test)


def test_what_has_happened_is_told_in_order() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await observed(cluster)
            del cluster.worker_spec["a"]
            await observed(cluster)
            events = cluster.events()
            assert [one.seq for one in events] == list(range(1, len(events) + 1))
            assert [(one.before, one.after) for one in events if one.entry == "a"] == [
                (None, "pending"),
                ("pending", "starting"),
                ("starting", "waiting"),
                ("waiting", "running"),
                ("running", "retiring"),
                ("retiring", "closing"),
                ("closing", "pending"),
                ("pending", None),
            ]
            assert cluster.events(since=events[-2].seq) == events[-1:]
            assert cluster.events(since=events[-1].seq) == []

    run(test)


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
