"""Fault 13: adaptive scaling of groups settles, and is itself no change of what is wanted."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Adaptive, Client

from speccluster_lab.cluster.adaptive import who_adapts
from speccluster_lab.spec.api import EntryPhase

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
from ..misbehaving import entry_of
from ..test_machine import Anything
from ..workers import Counted, Hanging

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Counted.__module__


async def adapted(cluster: Any, times: int = 40) -> None:
    """Have adaptive scaling decide many times, whatever its interval."""
    for _ in range(times):
        await cluster._adaptive.adapt()
        await asyncio.sleep(0.005)


class Decisions:
    """Counts how often adaptive scaling has decided."""

    def __init__(self, cluster: Any) -> None:
        self.times = 0
        self._recommendations = cluster._adaptive.recommendations
        cluster._adaptive.recommendations = self._decide

    async def _decide(self, target: int) -> Any:
        self.times += 1
        return await self._recommendations(target)


def test_fault_13_adaptive_settles_with_groups() -> None:
    async def test() -> None:
        async with cluster_of(worker=several(3)) as cluster:
            cluster.adapt(minimum=4, maximum=4, interval="50ms", wait_count=2)
            await until(lambda: len(names(cluster)) == 6 and len(cluster.workers) == 2)
            instances = dict(cluster.workers)
            seen: set[tuple[int, int]] = set()
            for _ in range(200):
                await adapted(cluster, 1)
                seen.add((len(cluster.worker_spec), len(names(cluster))))
            await asyncio.sleep(3)
            seen.add((len(cluster.worker_spec), len(names(cluster))))
            assert seen == {(2, 6)}
            assert dict(cluster.workers) == instances
            overshoot = condition(cluster, "AdaptiveOvershoot")
            assert overshoot is not None
            assert overshoot.message == (
                "6 workers, though the maximum is 4: the minimum is 4, and an entry comes and goes "
                "as a whole"
            )
            assert cluster.adaptive_range() == (4, 4)

    run(test)


def test_fault_13_adaptive_that_has_settled_does_nothing_for_a_minute() -> None:
    """By the clock of the machine, in which adaptive scaling decides once a second."""
    machine = Anything()
    try:
        machine.begin(room=(2, 1, 0), first=[], calm=False, remote=False)
        cluster = machine.cluster
        cluster.new_spec = entry_of(size=3)
        machine.call(lambda: cluster.adapt(minimum=4, maximum=4))
        decided = Decisions(cluster)
        machine.wait(10.0)
        expected = ["0-0", "0-1", "0-2", "1-0", "1-1", "1-2"]
        assert names(cluster) == expected
        assert set(phases(cluster).values()) == {EntryPhase.RUNNING}
        instances = dict(cluster.workers)
        (last,) = cluster.events()[-1:]
        overshoot = condition(cluster, "AdaptiveOvershoot")
        decided.times = 0
        machine.wait(60.0)
        assert decided.times >= 55
        assert cluster.events(since=last.seq) == [], "no transition"
        assert names(cluster) == expected
        assert list(cluster.worker_spec) == [0, 1]
        assert dict(cluster.workers) == instances
        assert overshoot is not None
        assert overshoot.message.startswith("6 workers, though the maximum is 4")
        assert condition(cluster, "AdaptiveOvershoot") == overshoot, "for as long as that"
    finally:
        machine.teardown()


@pytest.mark.parametrize(
    ("minimum", "maximum", "members"),
    [(2, 2, 2), (4, 4, 4), (3, 4, 4), (1, 6, 2), (6, 6, 6), (0, 0, 0)],
)
def test_fault_13_adaptive_keeps_its_range(minimum: int, maximum: int, members: int) -> None:
    async def test() -> None:
        async with cluster_of(worker=several(2)) as cluster:
            cluster.adapt(minimum=minimum, maximum=maximum, interval="10s", wait_count=2)
            await adapted(cluster, 10)
            await until(lambda: len(names(cluster)) == members)
            await adapted(cluster)
            assert len(names(cluster)) == members
            assert condition(cluster, "AdaptiveOvershoot") is None

    run(test)


@pytest.mark.parametrize(
    ("minimum", "maximum", "members"), [(3, 3, {3}), (1, 2, {1}), (2, 2, {3}), (5, 5, {5})]
)
def test_fault_13_entries_of_different_sizes_keep_the_range_where_they_can(
    minimum: int, maximum: int, members: set[int]
) -> None:
    async def test() -> None:
        workers = {"one": entry(), "three": several(3)}
        async with cluster_of(workers, worker=several(2)) as cluster:
            await registered(cluster, "one", "three-0", "three-1", "three-2")
            cluster.adapt(minimum=minimum, maximum=maximum, interval="10s", wait_count=1)
            for _ in range(3):
                await adapted(cluster)
                assert sum(map(len, cluster.members_by_entry().values())) in members

    run(test)


def test_fault_13_entries_on_their_way_are_not_asked_for_again() -> None:
    async def test() -> None:
        async with cluster_of(worker={"cls": Hanging, "group": ["-0", "-1", "-2"]}) as cluster:
            cluster.adapt(minimum=4, maximum=4, interval="10s", wait_count=1)
            await adapted(cluster)
            assert list(cluster.worker_spec) == [0, 1]
            await adapted(cluster)
            assert list(cluster.worker_spec) == [0, 1]

    run(test)


def test_fault_13_with_work_groups_come_and_go_once() -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=several(2)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            runs = Runs(cluster)
            cluster.adapt(minimum=0, maximum=4, interval="20ms", wait_count=3, target_duration="1s")
            sizes: list[int] = []

            def note() -> None:
                if sizes[-1:] != [len(cluster.worker_spec)]:
                    sizes.append(len(cluster.worker_spec))

            cluster.subscribe(note)

            def work(x: int) -> int:
                import time

                time.sleep(0.05)
                return x

            results = client.map(work, range(60), pure=False)
            assert sum(await client.gather(results)) == sum(range(60))
            assert max(sizes) == 2
            assert {runs.of[one.key] for one in results} == {1}
            del results
            await until(lambda: names(cluster) == [] and not cluster.worker_spec)
            top = sizes.index(2)
            assert sizes[: top + 1] == sorted(sizes[: top + 1])
            assert sizes[top:] == sorted(sizes[top:], reverse=True), "no back and forth"

    run(test)


def test_fault_13_adaptive_steps_are_no_change_of_what_is_wanted() -> None:
    async def test() -> None:
        async with cluster_of({"mine": entry()}, worker=several(2)) as cluster:
            await observed(cluster)
            before = cluster.generation
            adaptive = cluster.adapt(minimum=3, maximum=3, interval="10s", wait_count=1)
            await adapted(cluster, 5)
            await until(lambda: len(names(cluster)) == 3)
            assert cluster.generation == before
            adaptive.minimum, adaptive.maximum = 1, 2
            await adapted(cluster, 5)
            await until(lambda: 1 <= len(names(cluster)) <= 2)
            assert cluster.generation == before
            await until(lambda: cluster.observed_generation == before)

    run(test)


def test_fault_13_an_edit_while_adaptive_is_on_is_a_change() -> None:
    async def test() -> None:
        async with cluster_of(worker=several(2)) as cluster:
            cluster.adapt(minimum=2, maximum=2, interval="10s", wait_count=1)
            await adapted(cluster, 5)
            await until(lambda: len(names(cluster)) == 2)
            before = cluster.generation
            cluster.worker_spec[0]["options"]["nthreads"] = 2
            await adapted(cluster, 1)
            await until(lambda: {w.nthreads for w in cluster.scheduler.workers.values()} == {2})
            assert cluster.generation == before + 1
            await adapted(cluster)
            assert names(cluster) == ["0-0", "0-1"]

    run(test)


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


def test_fault_13_limits_in_cores_and_memory_are_whole_entries() -> None:
    async def test() -> None:
        form = several(2)
        form["options"] |= {"nthreads": 2, "memory_limit": "1 GiB"}
        # The class says nothing of its size, so that an entry's options are taken for it.
        async with cluster_of(worker=form) as cluster:
            adaptive = cluster.adapt(minimum_cores=3, maximum_cores=7, interval="10s")
            assert (adaptive.minimum, adaptive.maximum) == (4, 6)
            adaptive = cluster.adapt(minimum_memory="1 GiB", maximum_memory="3 GiB", interval="10s")
            assert (adaptive.minimum, adaptive.maximum) == (2, 6)

    run(test)


def test_fault_13_what_adaptive_lets_go_keeps_its_data() -> None:
    async def test() -> None:
        async with (
            cluster_of(worker=several(2)) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            adaptive = cluster.adapt(minimum=6, maximum=6, interval="10s", wait_count=1)
            await adapted(cluster, 5)
            await until(lambda: len(names(cluster)) == 6)
            runs = Runs(cluster)
            results = client.map(lambda x: x + 1, range(300), pure=False)
            await client.gather(results)
            scattered = await client.scatter(list(range(12)))
            adaptive.minimum, adaptive.maximum = 2, 2
            await adapted(cluster, 20)
            await until(lambda: len(names(cluster)) == 2)
            assert sum(await client.gather(results)) == sum(range(301))
            assert await client.gather(scattered) == list(range(12))
            assert {runs.of[one.key] for one in results} == {1}

    run(test)


def test_adaptive_of_single_workers_is_as_it_was() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry(f"{HERE}.Counted")) as cluster:
            cluster.adapt(minimum=3, maximum=3, interval="20ms", wait_count=2)
            await registered(cluster, "0", "1", "2")
            await asyncio.sleep(0.5)
            assert Counted.made == [0, 1, 2]

    run(test)
