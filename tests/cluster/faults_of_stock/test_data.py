"""Faults 1 to 3: results that are lost, and edits that are not made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from distributed import Client, wait

from ..conftest import (
    Runs,
    cluster_of,
    condition,
    entry,
    names,
    observed,
    phases,
    reasons,
    registered,
    run,
    several,
    until,
)


async def results_of(client: Client, count: int = 1_000) -> list[Any]:
    results = client.map(lambda x: x + 1, range(count), pure=False)
    await wait(results)
    return results


async def scattered_by(client: Client) -> dict[str, Any]:
    """Scatter a value to each worker, one copy of each."""
    workers = list(await client.run(lambda: None))
    scattered = {}
    for number, worker in enumerate(workers):
        scattered |= await client.scatter({f"value-{number}": number}, workers=[worker])
    return scattered


async def all_is_kept(
    runs: Runs, client: Client, results: list[Any], scattered: dict[str, Any]
) -> None:
    assert {one.status for one in [*results, *scattered.values()]} == {"finished"}
    assert sum(await client.gather(results)) == sum(range(len(results) + 1))
    values = {f"value-{number}": number for number in range(len(scattered))}
    assert await client.gather(scattered) == values
    assert {runs.of[one.key] for one in results} == {1}


@pytest.mark.parametrize("steps", [[1], [3, 2], [3, 2, 1]], ids=str)
@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_fault_01_scaling_down_loses_no_result(steps: list[int], pause: float) -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=entry()) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            cluster.scale(4)
            await registered(cluster, "0", "1", "2", "3")
            runs = Runs(cluster)
            results = await results_of(client)
            scattered = await scattered_by(client)
            for n in steps:
                cluster.scale(n)
                # With a pause, the retirement before is under way.
                await asyncio.sleep(pause)
            await cluster
            await until(lambda: len(names(cluster)) == steps[-1])
            await all_is_kept(runs, client, results, scattered)

    run(test)


def test_fault_02_scaling_groups_down_loses_no_result() -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=several(2)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            cluster.scale(3)
            await registered(cluster, "0-0", "0-1", "1-0", "1-1", "2-0", "2-1")
            runs = Runs(cluster)
            results = await results_of(client)
            scattered = await scattered_by(client)
            cluster.scale(2)
            cluster.scale(1)
            await cluster
            await until(lambda: len(names(cluster)) == 2)
            await all_is_kept(runs, client, results, scattered)

    run(test)


def test_fault_02_a_member_that_is_named_does_not_take_its_group_with_it() -> None:
    async def test() -> None:
        async with (
            cluster_of({0: several(2), 1: several(2)}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await registered(cluster, "0-0", "0-1", "1-0", "1-1")
            runs = Runs(cluster)
            results = await results_of(client, 100)
            scattered = await scattered_by(client)
            await cluster.scale_down(["0-0"])
            assert list(cluster.worker_spec) == [0, 1]
            assert names(cluster) == ["0-0", "0-1", "1-0", "1-1"]
            await cluster.scale_down(["0-0", "0-1"])
            assert list(cluster.worker_spec) == [1]
            await registered(cluster, "1-0", "1-1")
            await all_is_kept(runs, client, results, scattered)

    run(test)


def test_fault_03_an_edit_is_made() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry(), "b": entry()}) as cluster:
            await registered(cluster, "a", "b")
            other = cluster.workers["b"]
            cluster.worker_spec["a"]["options"]["nthreads"] = 8
            await cluster
            await until(
                lambda: (
                    {str(w.name): w.nthreads for w in cluster.scheduler.workers.values()}
                    == {"a": 8, "b": 1}
                )
            )
            assert cluster.workers["b"] is other

    run(test)


def test_fault_03_entries_made_by_scale_share_nothing() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(2)
            cluster.worker_spec[0]["options"]["nthreads"] = 8
            assert cluster.worker_spec[1]["options"]["nthreads"] == 1
            assert cluster.new_spec["options"]["nthreads"] == 1
            await registered(cluster, "0", "1")
            threads = {str(w.name): w.nthreads for w in cluster.scheduler.workers.values()}
            assert threads == {"0": 8, "1": 1}

    run(test)


@pytest.mark.parametrize("form", [entry(), several(2)], ids=["one", "group"])
def test_fault_03_an_edit_of_the_only_entry_keeps_its_data(form: dict[str, Any]) -> None:
    async def test() -> None:
        async with (
            cluster_of({"only": form}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            before = names(cluster)
            runs = Runs(cluster)
            results = await results_of(client, 100)
            scattered = await scattered_by(client)
            seen: set[str] = set()
            cluster.subscribe(lambda: seen.update(phases(cluster)))
            cluster.worker_spec["only"]["options"]["nthreads"] = 3
            await observed(cluster)
            assert len(seen) == 2, "a holder has come and gone"
            assert names(cluster) == before
            assert {w.nthreads for w in cluster.scheduler.workers.values()} == {3}
            await all_is_kept(runs, client, results, scattered)

    run(test)


def test_what_is_at_stake_is_said_before_and_kept_until_it_is_dropped() -> None:
    async def test() -> None:
        async with (
            cluster_of({"a": entry(), "b": entry()}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await registered(cluster, "a", "b")
            a = cluster.workers["a"].worker_address
            b = cluster.workers["b"].worker_address
            only_a = await client.scatter(1, workers=[a])
            both = await client.scatter([2], workers=[a, b], broadcast=True)
            assert (await cluster.at_stake(["a"])).keys == 1
            assert (await cluster.at_stake(["b"])).keys == 0
            assert (await cluster.at_stake(["a", "b"])).keys == 2
            assert (await cluster.at_stake([])).keys == 0
            cluster.scale(0)
            await until(lambda: condition(cluster, "DataAtStake"))
            stuck = [one.name for one in cluster.entries() if one.reason == "NoRoomForData"]
            assert stuck, "one of them holds what nobody else could take"
            assert await client.gather([only_a, *both]) == [1, 2]
            for name in stuck:
                lost = await cluster.drop_data(name)
                assert lost.keys
            await registered(cluster)
            assert "DataDropped" in reasons(cluster)
            assert condition(cluster, "DataAtStake") is None

    run(test)


def test_closing_says_what_it_drops() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await registered(cluster, "a")
            async with Client(cluster, asynchronous=True) as client:
                kept = await client.scatter([1, 2])
                await cluster.close()
                del kept
            events = {event.reason: event.message for event in cluster.events()}
            assert events["DataDropped"] == "closing the cluster drops 2 results (56 B)"

    run(test)
