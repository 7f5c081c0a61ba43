"""Names of entries and workers: which are refused, and what becomes of those that are passed on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from distributed import Client
from distributed.core import Status

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.api import EntryPhase

from .conftest import (
    QUICK,
    cluster_of,
    entry,
    group,
    names,
    observed,
    phases,
    reasons,
    run,
    several,
    until,
)
from .workers import Failing

HERE = Failing.__module__


def test_names_that_are_the_same_as_text_are_refused() -> None:
    async def test() -> None:
        async with cluster_of({0: entry()}) as cluster:
            cluster.worker_spec["0"] = entry()
            with pytest.raises(InvalidInput, match="same name as text"):
                await cluster
            del cluster.worker_spec["0"]
            await observed(cluster)

    run(test)


def test_names_that_are_the_same_as_text_are_refused_where_they_come_together() -> None:
    async def test() -> None:
        async with cluster_of({0: entry(), "0": entry(nthreads=2)}) as cluster:
            pytest.fail(f"made {cluster}")

    with pytest.raises(InvalidInput, match="same name as text: 0 and '0'") as caught:
        run(test)
    assert caught.value.field == "workers.0"


def test_members_that_two_entries_would_have_are_refused() -> None:
    async def test() -> None:
        async with cluster_of({"a-0": entry(), "a": group(2)}) as cluster:
            pytest.fail(f"made {cluster}")

    with pytest.raises(InvalidInput, match="both have a member 'a-0'"):
        run(test)


def test_a_worker_goes_by_the_key_that_it_was_made_of() -> None:
    async def test() -> None:
        async with cluster_of({0: entry()}) as cluster:
            await observed(cluster)
            cluster.worker_spec = {"0": entry(nthreads=2)}
            await observed(cluster)
            assert list(cluster.workers) == ["0"]
            assert cluster.workers["0"].status is Status.running

    run(test)


def test_an_entry_that_names_its_worker_is_rolled_with_a_stand_in() -> None:
    async def test() -> None:
        policy = replace(QUICK, max_unavailable=0, max_surge=1)
        async with cluster_of({"a": entry(name="bob")}, policy=policy) as cluster:
            await observed(cluster)
            assert names(cluster) == ["bob"]
            cluster.worker_spec["a"]["options"]["nthreads"] = 2
            await observed(cluster)
            await until(lambda: names(cluster) == ["bob"])
            assert [w.nthreads for w in cluster.scheduler.workers.values()] == [2]
            assert len(cluster.events()) < 100

    run(test)


def test_a_name_that_goes_from_one_entry_to_another_stays_watched() -> None:
    async def test() -> None:
        async with cluster_of({0: several(2)}) as cluster:
            await observed(cluster)
            del cluster.worker_spec[0]
            cluster.worker_spec.update({"0-0": entry(), "0-1": entry()})
            await observed(cluster)
            assert cluster.unexpected() == []
            await cluster.workers["0-0"].close()
            await until(lambda: names(cluster) == ["0-1"])
            await until(lambda: names(cluster) == ["0-0", "0-1"])

    run(test)


def test_a_name_whose_worker_has_to_stay_is_waited_for() -> None:
    """What it holds would be lost if it were taken for a worker of its heir that does not start."""

    async def test() -> None:
        async with (
            cluster_of({0: several(2)}, policy=QUICK) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            value = await client.scatter(1)
            del cluster.worker_spec[0]
            cluster.worker_spec["0-0"] = entry()
            await until(lambda: reasons(cluster).count("StartFailed") > 1)
            (heir,) = [one for one in cluster.entries() if one.name == "0-0"]
            assert heir.message is not None
            assert "entry '0' still has the name '0-0'" in heir.message
            assert await client.gather(value) == 1
            cluster.worker_spec["room"] = entry()
            await until(lambda: names(cluster) == ["0-0", "room"])
            assert await client.gather(value) == 1

    run(test)


def test_a_name_is_not_passed_on_while_the_worker_that_has_it_waits_to_be_replaced() -> None:
    async def test() -> None:
        async with cluster_of({"x": entry(name="foo"), "z": entry()}) as cluster:
            await observed(cluster)
            there = cluster.workers["x"]
            # The one that may be away is, and does not come back.
            cluster.worker_spec["z"] = entry(f"{HERE}.Failing", failures=1_000)
            cluster._align()
            await until(lambda: phases(cluster)["z"] is EntryPhase.BACKOFF)
            cluster.worker_spec["x"]["options"]["name"] = "bar"
            cluster._align()
            cluster.worker_spec["y"] = entry(name="foo")
            cluster._align()
            await until(lambda: phases(cluster)["y"] is EntryPhase.BACKOFF)
            cluster.worker_spec["x"]["options"]["nthreads"] = 2
            cluster._align()
            assert cluster._executor.entry_of("foo") == "x"
            assert cluster.scheduler.workers[there.address].name == "foo"
            cluster.worker_spec["z"] = entry()
            await observed(cluster)
            assert names(cluster) == ["bar", "foo", "z"]
            assert there.status.name == "closed"

    run(test)
