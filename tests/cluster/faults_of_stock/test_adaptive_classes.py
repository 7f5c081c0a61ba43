"""Adaptive scaling by a class that decides for itself."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from distributed import Adaptive

from ..conftest import cluster_of, entry, names, registered, run, until

if TYPE_CHECKING:
    import pytest


def test_a_class_that_decides_for_itself_does_not_end_itself() -> None:
    class Own(Adaptive):
        @property
        def plan(self) -> Any:
            return set(self.cluster.plan)

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            before = cluster.generation
            adaptive = cluster.adapt(Own, minimum=2, maximum=3, interval="20ms", wait_count=1)
            await until(lambda: names(cluster) == ["0", "1"])
            adaptive.minimum = adaptive.maximum = 1
            await until(lambda: len(names(cluster)) == 1)
            assert cluster.adaptive_range() == (1, 1)
            assert cluster.generation == before
            adaptive.minimum = adaptive.maximum = 3
            await until(lambda: len(names(cluster)) == 3)
            cluster.scale(2)
            assert cluster.adaptive_range() is None
            await until(lambda: len(names(cluster)) == 2)

    run(test)


def test_the_class_of_what_adapts_a_cluster_can_be_used_again() -> None:
    class Own(Adaptive):
        @property
        def plan(self) -> Any:
            return set(self.cluster.plan)

    class Other(Adaptive):
        pass

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            for cls in (Own, Other, Adaptive):
                first = type(cluster.adapt(cls, minimum=1, maximum=1, interval="10s"))
                for again in (first, type("Sub", (first,), {})):
                    adaptive = cluster.adapt(again, minimum=1, maximum=1, interval="10s")
                    assert type(adaptive) is again
            await adaptive.adapt()
            assert cluster.made_by_adaptive() == {"0"}

    run(test)


def test_what_the_owner_changes_and_what_a_class_that_decides_for_itself_does_are_told_apart() -> (
    None
):
    class Own(Adaptive):
        @property
        def plan(self) -> Any:
            return set(self.cluster.plan)

        requested = plan

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            before = cluster.generation
            adaptive = cluster.adapt(Own, minimum=1, maximum=3, interval="10s", wait_count=1)
            await adaptive.adapt()
            # As anybody may who looks at it now.
            cluster._align()
            assert cluster.generation == before
            assert cluster.made_by_adaptive() == {"0"}
            cluster.worker_spec["mine"] = entry()
            adaptive.minimum = 3
            await adaptive.adapt()
            await registered(cluster, "0", "1", "mine")
            assert cluster.generation == before + 1
            assert cluster.made_by_adaptive() == {"0", "1"}
            assert list(cluster.lasting_document().workers) == ["mine"]

    run(test)


def test_a_class_may_scale_from_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(Adaptive):
        async def scale_up(self, n: int) -> None:
            await asyncio.to_thread(self.cluster.scale, n)

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            told: set[str] = set()
            cluster.subscribe(lambda: told.add(threading.current_thread().name))
            align = cluster._align_soon
            # Who looks between the step and its end takes what it finds for the owner's.
            monkeypatch.setattr(cluster, "_align_soon", lambda by=None: by and align(by))
            adaptive = cluster.adapt(Own, minimum=2, maximum=2, interval="10s", wait_count=1)
            await adaptive.adapt()
            await until(lambda: names(cluster) == ["0", "1"])
            assert cluster.made_by_adaptive() == {"0", "1"}
            assert told == {threading.current_thread().name}

    run(test)
