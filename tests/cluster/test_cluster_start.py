"""The start of a cluster: who waits for it, and what becomes of one that is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from distributed.core import Status

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.errors import InvalidInput

from .conftest import QUICK, SCHEDULER, entry, names, run

if TYPE_CHECKING:
    from pathlib import Path


def test_who_waits_for_it_while_it_starts_waits_for_its_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        cluster = SpecCluster({"a": entry()}, SCHEDULER, asynchronous=True, policy=QUICK)
        met, go_on, begin = asyncio.Event(), asyncio.Event(), cluster._watch.begin

        async def takes_long() -> None:
            met.set()
            await go_on.wait()
            await begin()

        monkeypatch.setattr(cluster._watch, "begin", takes_long)
        try:
            first = asyncio.ensure_future(cluster._start())
            await met.wait()
            assert cluster.status is Status.running

            async def wait_for_it() -> list[str]:
                await cluster
                return names(cluster)

            second = asyncio.ensure_future(wait_for_it())
            await asyncio.sleep(0)
            go_on.set()
            assert await second == ["a"]
            await first
        finally:
            await cluster.close()

    run(test)


def test_a_spec_that_cannot_be_starts_nothing() -> None:
    with pytest.raises(InvalidInput) as caught:
        SpecCluster(workers={"a": {"options": {}}}, scheduler=SCHEDULER)
    assert caught.value.field == "workers.a.cls"


def test_a_start_that_was_refused_can_be_made_once_it_can_be() -> None:
    async def test() -> None:
        cluster = SpecCluster(scheduler=SCHEDULER, asynchronous=True, policy=QUICK)
        cluster.worker_spec["a"] = {"options": {}}
        both = await asyncio.gather(cluster._start(), cluster._start(), return_exceptions=True)
        assert {type(one) for one in both} == {InvalidInput}
        for _ in range(2):
            with pytest.raises(InvalidInput, match="class of its workers"):
                await cluster
        del cluster.worker_spec["a"]
        cluster.worker_spec["b"] = entry()
        await asyncio.gather(cluster._start(), cluster._start())
        scheduler = cluster.scheduler
        await cluster
        assert names(cluster) == ["b"]
        assert cluster.scheduler is scheduler
        await cluster.close()

    run(test)


def test_a_file_that_the_scheduler_needs_may_come_after_the_first_try(tmp_path: Path) -> None:
    secret = tmp_path / "host"
    scheduler = {
        "cls": "distributed.Scheduler",
        "options": {"host": {"$file": str(secret)}, "dashboard": False},
    }

    async def test() -> None:
        cluster = SpecCluster(scheduler=scheduler, asynchronous=True, policy=QUICK)
        with pytest.raises(InvalidInput, match="option host"):
            await cluster
        secret.write_text("127.0.0.1")
        await cluster
        assert cluster.status is Status.running
        await cluster.close()

    run(test)


def test_a_start_that_was_refused_is_not_made_after_the_cluster_was_closed() -> None:
    async def test() -> None:
        cluster = SpecCluster(scheduler=SCHEDULER, asynchronous=True, policy=QUICK)
        cluster.worker_spec["a"] = {"options": {}}
        with pytest.raises(InvalidInput):
            await cluster
        await cluster.close()
        del cluster.worker_spec["a"]
        with pytest.raises(InvalidInput):
            await cluster
        assert cluster.status is Status.closed
        assert cluster.scheduler is None

    run(test)
