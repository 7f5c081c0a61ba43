"""What the stock class does well, and ours as well."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from typing import Any

import pytest
from distributed import Client, Nanny, Worker
from distributed.core import Status

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.reconcile import Policy

from ..conftest import (
    QUICK,
    SCHEDULER,
    cluster_of,
    entry,
    names,
    registered,
    run,
    several,
    until,
)
from ..workers import Counted

HERE = Counted.__module__
# As it is by default: a nanny takes its time.
PATIENT = Policy(close_timeout=30)


def test_scaling_changes_the_spec_at_once_and_in_the_callers_thread() -> None:
    seen: list[int] = []

    class Named(SpecCluster):
        def _new_worker_name(self, worker_number: int) -> Any:
            seen.append(threading.get_ident())
            return super()._new_worker_name(worker_number)

    with Named(scheduler=SCHEDULER, worker=entry(), policy=QUICK) as cluster:
        cluster.scale(3)
        assert list(cluster.worker_spec) == [0, 1, 2]
        assert set(seen) == {threading.get_ident()}
        cluster.scale(1)
        assert len(cluster.worker_spec) == 1


def test_bursts_coalesce() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry(f"{HERE}.Counted")) as cluster:
            for number in range(200):
                cluster.scale(number % 5 + 1)
            await cluster
            assert len(names(cluster)) == 5
            assert len(Counted.made) == 5
            assert len(cluster.events()) < 50

    run(test)


def test_awaiting_returns_settled() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry(f"{HERE}.Slow", delay=0.2)) as cluster:
            for n in (2, 4, 1, 0, 3):
                cluster.scale(n)
                assert await cluster is cluster
                assert len(cluster.workers) == n
                assert {one.status for one in cluster.workers.values()} <= {Status.running}
                assert len(names(cluster)) == n
            cluster.scale(1)
            await cluster._correct_state()
            assert len(names(cluster)) == 1

    run(test)


def test_entering_raises_the_first_failure_with_its_cause_and_leaves_nothing() -> None:
    async def test() -> None:
        cluster = SpecCluster(
            workers={"bad": entry(f"{HERE}.Caused"), "good": entry()},
            scheduler=SCHEDULER,
            asynchronous=True,
            policy=QUICK,
        )
        with pytest.raises(Exception, match=r".") as caught:
            await cluster.__aenter__()
        chain: list[BaseException] = [caught.value]
        while chain[-1].__cause__ is not None:
            chain.append(chain[-1].__cause__)
        assert [type(one) for one in chain[-2:]] == [ValueError, FileNotFoundError]
        assert cluster.status is Status.closed
        assert cluster.scheduler.status is Status.closed

    run(test)


def test_making_a_synchronous_one_raises_it_as_well() -> None:
    with pytest.raises(Exception, match=r"cannot listen|failed to start"):
        SpecCluster(workers={"bad": entry(f"{HERE}.Caused")}, scheduler=SCHEDULER, policy=QUICK)


def test_a_loss_is_seen_before_it_is_made_good() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(3)
            await registered(cluster, "0", "1", "2")
            seen = {len(cluster.workers)}
            cluster.subscribe(lambda: seen.add(len(cluster.workers)))
            await cluster.workers[1].close()
            # It may be made good between two looks; the subscriber misses nothing.
            await until(lambda: seen == {2, 3} and len(cluster.workers) == 3)
            assert sorted(cluster.workers) == [0, 1, 2]

    run(test)


def test_a_nanny_that_restarts_its_worker_is_no_death() -> None:
    async def test() -> None:
        form = entry("distributed.Nanny")
        async with cluster_of({"a": form}, policy=PATIENT) as cluster:
            await registered(cluster, "a")
            nanny = cluster.workers["a"]
            assert isinstance(nanny, Nanny)
            pid = nanny.pid
            os.kill(pid, signal.SIGKILL)
            await until(lambda: names(cluster) == [])
            await until(lambda: names(cluster) == ["a"])
            assert nanny.pid != pid
            assert cluster.workers["a"] is nanny
            await until(lambda: str(cluster.entries()[0].phase) == "running")

    run(test)


def test_restarting_the_workers_by_a_client_is_no_death() -> None:
    async def test() -> None:
        form = entry("distributed.Nanny")
        async with (
            cluster_of({"a": form}, policy=PATIENT) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await registered(cluster, "a")
            nanny, (address,) = cluster.workers["a"], cluster.scheduler.workers
            await client.restart()
            assert names(cluster) == ["a"]
            assert address not in cluster.scheduler.workers
            assert cluster.workers["a"] is nanny
            assert await client.submit(sum, [1, 2]) == 3

    run(test)


def test_closing_before_the_start_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        cluster = SpecCluster(
            workers={"a": entry()}, scheduler=SCHEDULER, asynchronous=True, policy=QUICK
        )
        assert cluster.status is Status.created
        await cluster.close()
        assert cluster.status is Status.closed
        await cluster.close()

    with caplog.at_level(logging.WARNING):
        run(test)
    assert caplog.records == []


def test_a_scheduler_that_is_to_stay_stays() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}, shutdown_scheduler=False) as cluster:
            await registered(cluster, "a")
            await cluster.close()
            assert cluster.scheduler.status is Status.running
            await until(lambda: names(cluster) == [])
            await cluster.scheduler.close()

    run(test)


def test_what_subclasses_override_is_asked() -> None:
    class Pairs(SpecCluster):
        def _new_worker_name(self, worker_number: int) -> str:
            return f"mine-{worker_number}"

        def new_worker_spec(self) -> dict[Any, Any]:
            self._i += 1
            name = self._new_worker_name(self._i)
            return {f"{name}-a": self.new_spec, f"{name}-b": self.new_spec}

    async def test() -> None:
        cluster = Pairs(scheduler=SCHEDULER, worker=entry(), asynchronous=True, policy=QUICK)
        async with cluster:
            cluster.scale(3)
            pairs = [f"mine-{number}-{letter}" for number in (1, 2) for letter in "ab"]
            assert list(cluster.worker_spec) == pairs
            await registered(cluster, *pairs)
            cluster.worker_spec["mine-1-a"]["options"]["nthreads"] = 2
            assert cluster.worker_spec["mine-1-b"]["options"]["nthreads"] == 1

    run(test)


def test_plan_requested_and_observed() -> None:
    async def test() -> None:
        async with cluster_of({0: several(2), "a": entry()}, worker=several(2)) as cluster:
            await registered(cluster, "0-0", "0-1", "a")
            assert cluster.plan == cluster.requested == {"0-0", "0-1", "a"}
            # The scheduler's event comes a moment later.
            await until(lambda: cluster.observed == cluster.plan)
            cluster.scale(3)
            assert cluster.plan - cluster.requested == {"1-0", "1-1"}
            await cluster
            await until(lambda: cluster.plan == cluster.requested == cluster.observed)
            assert cluster in SpecCluster._instances
            assert cluster._supports_scaling

    run(test)


def test_it_is_used_from_a_thread_of_its_own() -> None:
    cluster = SpecCluster(workers={"a": entry()}, scheduler=SCHEDULER, worker=entry(), policy=QUICK)
    try:
        assert isinstance(cluster.workers["a"], Worker)
        cluster.scale(3)
        cluster.wait_for_workers(3, timeout=30)
        cluster.worker_spec["a"]["options"]["nthreads"] = 4
        cluster.sync(cluster._correct_state)

        async def threads() -> dict[str, int]:
            return {str(w.name): w.nthreads for w in cluster.scheduler.workers.values()}

        found: dict[str, int] = {}
        for _ in range(100):
            found = cluster.sync(threads)
            if found.get("a") == 4:
                break
            threading.Event().wait(0.05)
        assert found == {"a": 4, "0": 1, "1": 1}
        cluster.sync(cluster.scale_down, ["a"])
        assert list(cluster.worker_spec) == [0, 1]
    finally:
        cluster.close()
    assert cluster.status is Status.closed
    cluster.close()


def test_many_threads_may_scale() -> None:
    with SpecCluster(scheduler=SCHEDULER, worker=entry(), policy=QUICK) as cluster:

        def scale(first: int) -> None:
            for number in range(20):
                cluster.scale((first + number) % 4)

        threads = [threading.Thread(target=scale, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cluster.scale(2)
        cluster.sync(cluster._correct_state)
        assert len(cluster.worker_spec) == 2
        cluster.wait_for_workers(2, timeout=30)
        asyncio.run_coroutine_threadsafe(
            until(lambda: len(names(cluster)) == 2), cluster.loop.asyncio_loop
        ).result(30)
