"""A cluster whose loop runs in a thread of its own, used in another one, as a notebook does."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from distributed import Worker
from distributed.core import Status

from speccluster_lab.cluster import SpecCluster
from speccluster_lab.errors import InvalidInput

from .conftest import QUICK, SCHEDULER, entry, run

if TYPE_CHECKING:
    from speccluster_lab.cluster.status import StatusReport


class Placed(Worker):
    """Knows in which thread its kind has been started."""

    started_in: ClassVar[list[threading.Thread]] = []
    closed_in: ClassVar[list[threading.Thread]] = []

    async def start(self) -> Any:
        self.started_in.append(threading.current_thread())
        return await super().start()

    async def close(self, *args: Any, **options: Any) -> Any:
        self.closed_in.append(threading.current_thread())
        return await super().close(*args, **options)


PLACED = f"{__name__}.Placed"


def test_what_is_asked_in_a_thread_with_another_loop_is_done_on_the_loop_of_the_cluster() -> None:
    Placed.started_in.clear()
    with SpecCluster(workers={"a": entry(PLACED)}, scheduler=SCHEDULER, policy=QUICK) as cluster:

        async def test() -> None:
            cluster.worker_spec["b"] = entry(PLACED)
            await cluster
            assert set(cluster.workers) == {"a", "b"}
            cluster.worker_spec["c"] = entry(PLACED)
            await cluster._correct_state()
            assert set(cluster.workers) == {"a", "b", "c"}
            before = cluster.workers["a"]
            cluster.restart_entry("a")
            await cluster
            assert cluster.workers["a"] is not before
            cluster.retry("a")
            with pytest.raises(InvalidInput, match="no entry"):
                cluster.retry("nobody")
            await cluster.scale_down(["a", "b"])
            assert set(cluster.workers) == {"c"}
            document = cluster.document()
            document.workers["d"] = document.workers["c"]
            cluster.apply(document)
            await cluster
            assert set(cluster.workers) == {"c", "d"}
            cluster.policy = replace(QUICK, max_unavailable=2)
            assert cluster.policy.max_unavailable == 2
            with pytest.raises(InvalidInput, match="not on its way out"):
                await cluster.drop_data("c")

        run(test)
    assert threading.current_thread() not in Placed.started_in
    assert len(Placed.started_in) == 5


def test_what_is_asked_in_a_thread_without_a_loop_is_done_on_the_loop_of_the_cluster() -> None:
    Placed.started_in.clear()
    with SpecCluster(workers={"a": entry(PLACED)}, scheduler=SCHEDULER, policy=QUICK) as cluster:
        cluster.worker_spec["b"] = entry(PLACED)
        cluster._correct_state().result(timeout=30)
        assert set(cluster.workers) == {"a", "b"}
        cluster.policy = replace(QUICK, max_unavailable=2)
        assert cluster.policy.max_unavailable == 2
        cluster.restart_entry("a")
        asyncio.run_coroutine_threadsafe(cluster._settle(), cluster.loop.asyncio_loop).result(30)
    assert threading.current_thread() not in Placed.started_in
    assert len(Placed.started_in) == 3


def test_who_leaves_it_in_a_thread_with_another_loop_has_it_closed_on_its_own() -> None:
    Placed.closed_in.clear()

    async def test(cluster: SpecCluster) -> None:
        async with cluster as same:
            assert same is cluster
        assert cluster.status == Status.closed

    with SpecCluster(workers={"a": entry(PLACED)}, scheduler=SCHEDULER, policy=QUICK) as cluster:
        run(partial(test, cluster))
    assert Placed.closed_in
    assert threading.current_thread() not in Placed.closed_in


class Whereabouts:
    """Says in which thread it is asked for its text; stands for all that a cluster shows, too."""

    seen: ClassVar[list[threading.Thread]] = []

    def __str__(self) -> str:
        self.seen.append(threading.current_thread())
        return "where"

    def __getattr__(self, name: str) -> Any:
        return lambda cluster: str(self)


def test_what_is_shown_in_another_thread_is_read_on_the_loop_which_may_be_changing_it() -> None:
    Whereabouts.seen.clear()
    form = entry(env={Whereabouts(): 1})
    with SpecCluster(worker=form, scheduler=SCHEDULER, policy=QUICK) as cluster:
        cluster.document()
        cluster.lasting_document()
        cluster.document_of_size(2)
        by_documents = len(Whereabouts.seen)
        report, cluster._report = cluster._report, cast("StatusReport", Whereabouts())
        asked = [cluster.phase, cluster.conditions, cluster.scheduler_status()]
        asked += [cluster.entries(), cluster.counts(), cluster.unexpected()]
        cluster._report = report
    assert by_documents >= 3
    assert len(Whereabouts.seen) == by_documents + len(asked)
    assert threading.current_thread() not in Whereabouts.seen


class Seen(dict[Any, Any]):
    """Knows in which threads it is gone through."""

    def __init__(self, content: dict[Any, Any]) -> None:
        super().__init__(content)
        self.by: list[threading.Thread] = []

    def __iter__(self) -> Any:
        self.by.append(threading.current_thread())
        return super().__iter__()

    def values(self) -> Any:
        """As :meth:`dict.values`."""
        self.by.append(threading.current_thread())
        return super().values()


def test_what_the_stock_class_says_there_is_can_be_read_in_another_thread() -> None:
    with SpecCluster(workers={0: entry()}, scheduler=SCHEDULER, policy=QUICK) as cluster:
        workers = cluster.workers = Seen(cluster.workers)
        told = cluster.scheduler_info["workers"] = Seen(cluster.scheduler_info["workers"])
        assert cluster.requested == cluster.observed == cluster.plan == {0}
        for seen in (workers, told):
            assert seen.by
            assert threading.current_thread() not in seen.by
