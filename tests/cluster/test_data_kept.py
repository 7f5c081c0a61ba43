"""The results of a worker that goes are given away first, or it is said that they are lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from distributed import Client

from .conftest import QUICK, cluster_of, entry, names, observed, run, until
from .workers import Tardy

if TYPE_CHECKING:
    import pytest


def test_data_with_nowhere_to_go_is_kept_and_said() -> None:
    async def test() -> None:
        async with (
            cluster_of({"a": entry()}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter([1, 2, 3])
            cluster.scale(0)
            await cluster
            await until(lambda: cluster.entries()[0].reason == "NoRoomForData")
            assert cluster.entries()[0].message == "3 results (84 B) have no other worker to go to"
            stake = next(c for c in cluster.conditions if c.type == "DataAtStake")
            assert stake.message == "a: 3 results (84 B) have no other worker to go to"
            assert await client.gather(kept) == [1, 2, 3]
            del kept
            await until(lambda: names(cluster) == [])
            await until(lambda: cluster.entries() == [])

    run(test)


def test_a_retirement_whose_last_step_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with (
            cluster_of({"a": entry()}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter(7)
            view = cluster.view()
            stakes, failed = view.stakes, asyncio.Event()

            async def fails_once(groups: Any) -> Any:
                if not failed.is_set():
                    failed.set()
                    raise OSError("no answer")
                return await stakes(groups)

            monkeypatch.setattr(view, "stakes", fails_once)
            del cluster.worker_spec["a"]
            cluster._align()
            await failed.wait()
            cluster.worker_spec["b"] = entry()
            await observed(cluster)
            assert names(cluster) == ["b"]
            assert await client.gather(kept) == 7

    run(test)


def test_a_worker_that_the_scheduler_could_not_free_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though it holds nothing: until it is closed it gets what another one gives away."""

    async def test() -> None:
        async with (
            cluster_of({"a": entry(), "b": entry()}) as cluster,
            Client(cluster, asynchronous=True),
        ):
            await observed(cluster)
            view = cluster.view()
            retire, answers = view.retire, []

            async def not_at_first(addresses: Any, *, forget: bool) -> Any:
                answers.append([] if not answers else await retire(addresses, forget=forget))
                return answers[-1]

            monkeypatch.setattr(view, "retire", not_at_first)
            left = cluster.workers["a"].address
            del cluster.worker_spec["a"]
            await observed(cluster)
            assert [list(freed) for freed in answers] == [[], [left]]

    run(test)


def test_what_registers_while_it_is_closed_gives_its_results_away_before_it_is_given_up() -> None:
    async def test() -> None:
        policy = replace(QUICK, close_timeout=0.5, arrival_timeout_elsewhere=0.2)
        tardy = {"cls": Tardy, "options": {}}
        async with (
            cluster_of({"good": entry(), "late": tardy}, policy=policy) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await until(lambda: names(cluster) == ["good", "late"])
            kept = client.submit(str, 7, workers=["late"])
            await kept
            del cluster.worker_spec["late"]
            await observed(cluster)
            assert names(cluster) == ["good"]
            assert await client.gather(kept) == "7"
        for worker in Tardy.workers:
            await worker.close()

    run(test)


def test_what_is_lost_with_a_worker_that_came_while_it_was_closed_is_said() -> None:
    async def test() -> None:
        policy = replace(QUICK, close_timeout=0.5, arrival_timeout_elsewhere=0.2)
        async with (
            cluster_of({"late": {"cls": Tardy}}, policy=policy) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await until(lambda: names(cluster) == ["late"])
            del cluster.worker_spec["late"]
            kept = await client.scatter({"only here": 7})
            await observed(cluster)
            assert names(cluster) == []
            said = [one.message for one in cluster.events() if one.reason == "DataDropped"]
            assert said == ["entry late is gone, and with it 1 result (28 B)"]
            assert list(kept) == ["only here"]
        for worker in Tardy.workers:
            await worker.close()

    run(test)


def test_late_news_of_an_earlier_worker_of_a_name_does_not_lose_the_data_of_its_successor() -> None:
    async def test() -> None:
        async with (
            cluster_of({"a": entry()}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter(7)
            (info,) = cluster.scheduler_info["workers"].values()
            earlier = "tcp://127.0.0.1:1"
            cluster._update_worker_status("add", {"workers": {earlier: info}})
            del cluster.worker_spec["a"]
            cluster._align()
            await until(lambda: cluster.entries()[0].reason == "NoRoomForData")
            cluster._update_worker_status("remove", earlier)
            cluster.worker_spec["b"] = entry()
            await observed(cluster)
            assert names(cluster) == ["b"]
            assert await client.gather(kept) == 7

    run(test)
