"""What the documentation of ``distributed.SpecCluster`` says, word for word.

Each test quotes the sentence that it is about. Only what a test machine needs is added: loopback,
a free port for the dashboard, members that start in a moment.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import distributed
import pytest
from distributed import Client, Nanny, Scheduler, Worker
from distributed.core import Status
from distributed.deploy.spec import close_clusters

from speccluster_lab import MultiWorker
from speccluster_lab.cluster import SpecCluster

from .conftest import QUICK, names, run, until

LOOPBACK = {"host": "127.0.0.1"}
SCHEDULER = {"cls": Scheduler, "options": {"dashboard_address": "127.0.0.1:0", **LOOPBACK}}
WORKERS = {
    "my-worker": {"cls": Worker, "options": {"nthreads": 1, **LOOPBACK}},
    "my-nanny": {"cls": Nanny, "options": {"nthreads": 2, **LOOPBACK}},
}
WORKER: dict[str, Any] = {"cls": Worker, "options": {}}


class Job:
    """Called with the provided options; supports __await__, close and worker_address: no more."""

    __slots__ = ("_worker",)

    def __init__(self, scheduler: str, /, *, name: Any, queue: str) -> None:
        assert queue == "long"
        self._worker = Worker(scheduler, name=name, nthreads=1, **LOOPBACK)

    def __await__(self) -> Any:
        return self._worker.__await__()

    async def close(self) -> None:
        await self._worker.close()

    @property
    def worker_address(self) -> str:
        return self._worker.address


class OnlyAwaited:
    """Has nothing but ``__await__`` and ``close``; no dask worker comes of it."""

    def __init__(self, scheduler: str, name: Any) -> None:
        pass

    def __await__(self) -> Any:
        return asyncio.sleep(0).__await__()

    def close(self) -> None:
        pass


def test_the_declaration_is_the_same() -> None:
    """``class SpecCluster(Cluster)``."""
    stock = inspect.signature(distributed.SpecCluster).parameters
    ours = inspect.signature(SpecCluster).parameters
    assert list(ours)[: len(stock)] == list(stock)
    for name, parameter in stock.items():
        assert (ours[name].kind, ours[name].default) == (parameter.kind, parameter.default)
    assert {one.kind for one in list(ours.values())[len(stock) :]} == {
        inspect.Parameter.KEYWORD_ONLY
    }
    public = {name for name in dir(distributed.SpecCluster) if not name.startswith("__")}
    assert public <= set(dir(SpecCluster))


def test_to_create_one_you_specify_how_to_set_up_a_scheduler_and_workers() -> None:
    with SpecCluster(scheduler=SCHEDULER, workers=WORKERS) as cluster:
        # "The worker spec is stored as the .worker_spec attribute"
        assert cluster.worker_spec == WORKERS
        assert repr(cluster.worker_spec) == repr(WORKERS)
        # "While the instantiation of this spec is stored in the .workers attribute"
        assert sorted(cluster.workers) == ["my-nanny", "my-worker"]
        assert isinstance(cluster.workers["my-worker"], Worker)
        assert isinstance(cluster.workers["my-nanny"], Nanny)
        assert isinstance(cluster.scheduler, Scheduler)
        with Client(cluster) as client:
            client.wait_for_workers(2, timeout=30)
            threads = {
                w["name"]: w["nthreads"] for w in client.scheduler_info()["workers"].values()
            }
            assert threads == {"my-worker": 1, "my-nanny": 2}
            assert client.submit(sum, [1, 2, 3]).result(timeout=30) == 6
    assert cluster.status is Status.closed


@pytest.mark.parametrize("how", ["await", "_correct_state"])
def test_should_the_spec_change_we_can_await_the_cluster_or_call_correct_state(how: str) -> None:
    async def test() -> None:
        async with SpecCluster(
            scheduler=SCHEDULER, workers=WORKERS, asynchronous=True, policy=QUICK
        ) as cluster:

            async def align() -> None:
                await (cluster if how == "await" else cluster._correct_state())

            del cluster.worker_spec["my-nanny"]
            cluster.worker_spec["new"] = {"cls": Worker, "options": {"nthreads": 3, **LOOPBACK}}
            await align()
            assert names(cluster) == ["my-worker", "new"]
            assert list(cluster.workers) == ["my-worker", "new"]
            cluster.worker_spec = {"other": {"cls": Worker, "options": {**LOOPBACK}}}
            await align()
            await until(lambda: names(cluster) == ["other"])
            assert list(cluster.workers) == ["other"]
            cluster.worker_spec.clear()
            await align()
            await until(lambda: names(cluster) == [])
            assert cluster.workers == {}

    run(test)


def test_scale_adds_new_workers_of_a_given_form() -> None:
    async def test() -> None:
        async with SpecCluster(
            scheduler=SCHEDULER, worker=WORKER, asynchronous=True, policy=QUICK
        ) as cluster:
            assert cluster.worker_spec == {}
            assert repr(cluster.worker_spec) == "{}"
            cluster.scale(3)
            expected = {
                0: {"cls": Worker, "options": {}},
                1: {"cls": Worker, "options": {}},
                2: {"cls": Worker, "options": {}},
            }
            assert cluster.worker_spec == expected
            assert repr(cluster.worker_spec) == repr(expected)
            await cluster
            assert names(cluster) == ["0", "1", "2"]

    run(test)


def test_in_practice_other_classes_could_be_used() -> None:
    """Called with the options; ``__await__``, ``close`` and ``worker_address`` are enough."""

    async def test() -> None:
        job = {"cls": Job, "options": {"queue": "long"}}
        async with SpecCluster(
            scheduler=SCHEDULER, workers={"first": job}, worker=job, asynchronous=True, policy=QUICK
        ) as cluster:
            cluster.scale(3)
            await cluster
            assert names(cluster) == ["0", "1", "first"]
            assert cluster.workers["first"].worker_address in cluster.scheduler.workers
            cluster.scale(1)
            await cluster
            await until(lambda: names(cluster) == ["first"])
        assert cluster.status is Status.closed

    run(test)


def test_a_class_may_have_nothing_but_await_and_a_close_that_is_no_coroutine() -> None:
    async def test() -> None:
        async with SpecCluster(
            scheduler=SCHEDULER,
            workers={"a": {"cls": OnlyAwaited}},
            asynchronous=True,
            policy=QUICK,
        ) as cluster:
            assert isinstance(cluster.workers["a"], OnlyAwaited)
            assert [str(one.phase) for one in cluster.entries()] == ["waiting"]
            cluster.worker_spec["b"] = {"cls": OnlyAwaited, "options": {}}
            await cluster
            assert list(cluster.workers) == ["a", "b"]
            del cluster.worker_spec["a"]
            await cluster
            assert list(cluster.workers) == ["b"]
        assert cluster.status is Status.closed

    run(test)


def test_uniformity_of_the_specification_is_not_required() -> None:
    """Other API (in subclasses) adds workers of different specifications into the same dict."""

    class Mixed(SpecCluster):
        def add(self, nthreads: int) -> None:
            self.worker_spec[f"with-{nthreads}"] = {
                "cls": Worker,
                "options": {"nthreads": nthreads, **LOOPBACK},
            }
            self.loop.add_callback(self._correct_state)

    async def test() -> None:
        async with Mixed(
            scheduler=SCHEDULER, worker=WORKER, asynchronous=True, policy=QUICK
        ) as cluster:
            cluster.add(2)
            cluster.scale(2)
            cluster.add(5)
            await until(lambda: len(names(cluster)) == 3)
            threads = {str(w.name): w.nthreads for w in cluster.scheduler.workers.values()}
            assert (threads["with-2"], threads["with-5"]) == (2, 5)

    run(test)


def test_if_a_single_entry_generates_multiple_workers_provide_a_group() -> None:
    options = {"nthreads": 1, "memory_limit": 0, **LOOPBACK}
    workers = {
        0: {
            "cls": MultiWorker,
            "options": {"processes": 3, **options},
            "group": ["-0", "-1", "-2"],
        },
        1: {"cls": MultiWorker, "options": {"processes": 2, **options}, "group": ["-0", "-1"]},
    }

    async def test() -> None:
        async with SpecCluster(scheduler=SCHEDULER, workers=workers, asynchronous=True) as cluster:
            assert cluster.worker_spec == workers
            await until(lambda: len(cluster.scheduler.workers) == 5)
            # "These suffixes should correspond to the names used by the workers"
            found = sorted(ws.name for ws in cluster.scheduler.workers.values())
            assert found == ["0-0", "0-1", "0-2", "1-0", "1-1"]
            assert cluster.plan == cluster.requested == cluster.observed == set(found)
            assert all(isinstance(one, MultiWorker) for one in cluster.workers.values())

    run(test)


def test_a_class_may_be_given_by_its_import_path() -> None:
    async def test() -> None:
        scheduler = {**SCHEDULER, "cls": "distributed.Scheduler"}
        workers = {"a": {"cls": "distributed.Worker", "options": {**LOOPBACK}}}
        async with SpecCluster(
            scheduler=scheduler, workers=workers, asynchronous=True, policy=QUICK
        ) as cluster:
            assert names(cluster) == ["a"]

    run(test)


def test_what_was_given_is_not_changed() -> None:
    async def test() -> None:
        workers = {"a": {"cls": Worker, "options": {**LOOPBACK}}}
        worker = {"cls": Worker, "options": {**LOOPBACK}}
        async with SpecCluster(
            scheduler=SCHEDULER, workers=workers, worker=worker, asynchronous=True, policy=QUICK
        ) as cluster:
            cluster.scale(3)
            cluster.worker_spec["a"]["options"]["nthreads"] = 2
            await cluster
        assert workers == {"a": {"cls": Worker, "options": {**LOOPBACK}}}
        assert worker == {"cls": Worker, "options": {**LOOPBACK}}

    run(test)


def test_the_scheduler_is_the_standard_one_where_none_is_given() -> None:
    cluster = SpecCluster(asynchronous=False, policy=QUICK, worker=WORKER)
    try:
        assert isinstance(cluster.scheduler, Scheduler)
        assert cluster.worker_spec == {}
    finally:
        cluster.close()


def test_from_name_is_for_subclasses() -> None:
    with pytest.raises(NotImplementedError):
        SpecCluster.from_name("any")


def test_logs_adapt_and_wait_for_workers() -> None:
    with SpecCluster(scheduler=SCHEDULER, worker=WORKER, policy=QUICK, name="mine") as cluster:
        assert cluster.name == "mine"
        cluster.scale(2)
        cluster.wait_for_workers(2, timeout=30)
        logs = cluster.get_logs()
        assert {"Cluster", "Scheduler"} < set(logs)
        assert len(logs) == 4
        assert cluster.scheduler_address == cluster.scheduler.address
        assert cluster.dashboard_link.startswith("http://127.0.0.1:")
        adaptive = cluster.adapt(minimum=1, maximum=2, interval="50ms", wait_count=2)
        assert isinstance(adaptive, distributed.Adaptive)
        for _ in range(200):
            if len(cluster.scheduler_info["workers"]) == 1:
                break
            cluster.sync(asyncio.sleep, 0.05)
        assert len(cluster.worker_spec) == 1


@pytest.mark.parametrize("shutdown_on_close", [True, False])
def test_shutdown_on_close(shutdown_on_close: bool) -> None:
    cluster = SpecCluster(
        scheduler=SCHEDULER,
        workers={"a": WORKER},
        policy=QUICK,
        shutdown_on_close=shutdown_on_close,
    )
    try:
        # What Python does at its end.
        close_clusters()
        expected = Status.closed if shutdown_on_close else Status.running
        assert cluster.status is expected
    finally:
        cluster.close()


def test_both_ways_of_use() -> None:
    async def test() -> None:
        cluster = await SpecCluster(
            scheduler=SCHEDULER, workers={"a": WORKER}, asynchronous=True, policy=QUICK
        )
        assert cluster.asynchronous
        assert names(cluster) == ["a"]
        await cluster.close()

    run(test)
    cluster = SpecCluster(scheduler=SCHEDULER, workers={"a": WORKER}, policy=QUICK)
    assert not cluster.asynchronous
    assert list(cluster.workers) == ["a"]
    assert cluster.close() is None
