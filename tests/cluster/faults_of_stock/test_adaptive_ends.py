"""Adaptive scaling ends when anybody else scales, in whatever thread and moment that is."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Adaptive

from speccluster_lab.cluster.adaptive import who_adapts
from speccluster_lab.spec.api import EntryPhase

from ..conftest import (
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
from ..workers import Counted

if TYPE_CHECKING:
    from collections.abc import Callable


def test_scaling_by_hand_ends_adaptive_and_says_so() -> None:
    async def test() -> None:
        async with cluster_of(worker=several(2)) as cluster:
            adaptive = cluster.adapt(minimum=4, maximum=4, interval="20ms", wait_count=1)
            await until(lambda: len(names(cluster)) == 4)
            assert cluster.adaptive_range() == (4, 4)
            cluster.scale(1)
            assert cluster.adaptive_range() is None
            assert adaptive.state == "stopped"
            await until(lambda: len(names(cluster)) == 2)
            await asyncio.sleep(0.3)
            assert len(names(cluster)) == 2
            assert "AdaptiveEnded" in reasons(cluster)
            assert condition(cluster, "AdaptiveOvershoot") is None
            # It can be turned on again.
            cluster.adapt(minimum=4, maximum=4, interval="20ms", wait_count=1)
            await until(lambda: len(names(cluster)) == 4)
            assert cluster.adaptive_range() == (4, 4)

    run(test)


def test_a_decision_that_was_under_way_when_adaptive_ended_is_not_carried_out() -> None:
    class Pondering(Adaptive):
        async def target(self) -> int:
            asked.set()
            await decided.wait()
            return 4

    asked, decided = asyncio.Event(), asyncio.Event()

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.adapt(Pondering, minimum=0, maximum=4, interval="20ms", wait_count=1)
            await asked.wait()
            cluster.scale(1)
            decided.set()
            await registered(cluster, "0")
            await asyncio.sleep(0.2)
            assert names(cluster) == ["0"]

    run(test)


def from_another_thread(what: Callable[[], object]) -> None:
    owner = threading.Thread(target=what)
    owner.start()
    owner.join()


@pytest.mark.parametrize("step", ["_resize", "set_entries", "_align"])
def test_who_scales_from_another_thread_has_the_last_word(step: str) -> None:
    """In the middle of a step of adaptive scaling, whose owner is another thread."""

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            adaptive = cluster.adapt(minimum=2, maximum=4, interval="10s", wait_count=1)
            before = cluster.generation
            threads: list[threading.Thread] = []
            method = getattr(cluster, step)

            def interrupted(*args: Any, **options: Any) -> None:
                setattr(cluster, step, method)
                threads.append(threading.Thread(target=cluster.scale, args=(5,)))
                threads[0].start()
                # It may have to wait for what has begun already.
                threads[0].join(0.2)
                method(*args, **options)

            setattr(cluster, step, interrupted)
            await adaptive.adapt()
            await asyncio.to_thread(threads[0].join)
            assert adaptive.state == "stopped"
            assert len(cluster.worker_spec) == 5
            await registered(cluster, *"01234")
            # Once or more: the loop may have read it while it was being done.
            assert cluster.generation > before
            assert cluster.made_by_adaptive() == frozenset()

    run(test)


@pytest.mark.parametrize(
    "ended", [lambda cluster: cluster.scale(3), lambda cluster: cluster.end_adaptive()]
)
def test_who_is_subscribed_is_told_on_the_loop_what_another_thread_has_ended(
    ended: Callable[[Any], object],
) -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.adapt(minimum=1, maximum=1, interval="10s", wait_count=1)
            told: set[str] = set()
            cluster.subscribe(lambda: told.add(threading.current_thread().name))
            from_another_thread(lambda: ended(cluster))
            await until(lambda: "AdaptiveEnded" in reasons(cluster))
            assert told == {threading.current_thread().name}

    run(test)


def test_what_adaptive_has_made_lasts_although_another_thread_ends_it_while_it_is_read() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            adaptive = cluster.adapt(minimum=2, maximum=2, interval="10s", wait_count=1)
            changes = cluster._wanted._changes

            def interrupted(touched: Any) -> Any:
                cluster._wanted._changes = changes  # type: ignore[method-assign]
                from_another_thread(cluster.end_adaptive)
                return changes(touched)

            await observed(cluster)
            set_size = cluster._set_size

            def sized(*args: Any) -> None:
                set_size(*args)
                cluster._wanted._changes = interrupted  # type: ignore[method-assign]

            cluster._set_size = sized  # type: ignore[method-assign]
            await adaptive.adapt()
            await until(lambda: "AdaptiveEnded" in reasons(cluster))
            assert list(cluster.lasting_document().workers) == ["0", "1"]

    run(test)


def test_what_adaptive_lets_go_is_not_taken_from_who_scales_in_another_thread() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            adaptive = cluster.adapt(minimum=2, maximum=2, interval="10s", wait_count=1)
            await adaptive.adapt()
            await registered(cluster, "0", "1")
            named = cluster._wanted.named

            def interrupted(names: Any) -> Any:
                from_another_thread(lambda: cluster.scale(3))
                return named(names)

            cluster._wanted.named = interrupted  # type: ignore[method-assign]
            adaptive.minimum = adaptive.maximum = 1
            await adaptive.adapt()
            assert adaptive.state == "stopped"
            assert list(cluster.worker_spec) == [0, 1, 2]

    run(test)


def test_a_class_that_decides_for_itself_lets_nothing_go_after_its_end() -> None:
    """Not even at the scheduler, which the stock class asks before the cluster."""

    class Own(Adaptive):
        @property
        def plan(self) -> Any:
            return set(self.cluster.plan)

        async def workers_to_close(self, target: int) -> list[str]:
            found = await super().workers_to_close(target)
            from_another_thread(lambda: self.cluster.scale(2))
            return found

    async def test() -> None:
        async with cluster_of({"0": entry(), "1": entry()}, worker=entry()) as cluster:
            await registered(cluster, "0", "1")
            adaptive = cluster.adapt(Own, minimum=1, maximum=1, interval="10s", wait_count=1)
            await adaptive.adapt()
            assert adaptive.state == "stopped"
            assert names(cluster) == ["0", "1"]

    run(test)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda cluster: len(cluster.worker_spec) == 2, id="in the step"),
        pytest.param(
            lambda cluster: EntryPhase.STARTING in phases(cluster).values(), id="in what follows"
        ),
    ],
)
def test_who_is_told_of_a_step_of_adaptive_and_scales_is_not_taken_for_adaptive(
    moment: Callable[[Any], bool],
) -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            told: list[bool] = []

            def scale() -> None:
                if not told and moment(cluster):
                    told.append(True)
                    cluster.scale(1)

            cluster.subscribe(scale)
            adaptive = cluster.adapt(minimum=2, maximum=3, interval="10s", wait_count=1)
            await adaptive.adapt()
            await until(lambda: told)
            assert adaptive.state == "stopped"
            await registered(cluster, "0")
            assert reasons(cluster).count("AdaptiveEnded") == 1

    run(test)


def test_what_a_step_of_adaptive_begins_is_not_part_of_it() -> None:
    """Such as the start of a worker, which goes on by itself."""

    class Asking(Counted):
        async def start(self) -> Any:
            asked.append(who_adapts())
            return await super().start()

    asked: list[Any] = []

    async def test() -> None:
        async with cluster_of(worker={**entry(), "cls": Asking}) as cluster:
            adaptive = cluster.adapt(minimum=2, maximum=2, interval="10s", wait_count=1)
            await adaptive.adapt()
            await registered(cluster, "0", "1")
            assert asked == [None, None]

    run(test)


def test_what_begins_while_a_step_of_adaptive_waits_for_the_cluster_is_not_part_of_it() -> None:
    class Own(Adaptive):
        """Has it that something is wanted and not there, for which the stock class waits."""

        @property
        def requested(self) -> Any:
            return set()

        async def target(self) -> int:
            return 1

    class Scaling(Counted):
        async def start(self) -> Any:
            asked.append(who_adapts())
            cluster.scale(1)
            return await super().start()

    cluster: Any
    asked: list[Any] = []

    async def test() -> None:
        nonlocal cluster
        async with cluster_of(worker=entry()) as cluster:
            adaptive = cluster.adapt(Own, minimum=1, maximum=1, interval="10s", wait_count=1)
            cluster.worker_spec["mine"] = {**entry(), "cls": Scaling}
            await adaptive.adapt()
            assert adaptive.state == "stopped", "as where anybody else scales"
            await registered(cluster, "mine")
            assert asked == [None]

    run(test)
