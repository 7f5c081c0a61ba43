"""What a cluster hears of its scheduler, at once or although that tells nothing any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from distributed import Worker

from speccluster_lab.cluster.watch import SchedulerWatch
from speccluster_lab.spec.api import ClusterPhase, ConditionStatus

from .conftest import QUICK, cluster_of, condition, entry, names, observed, run, until
from .workers import Half

HERE = Half.__module__


def test_a_worker_that_nobody_expects_is_told_of_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            told: list[list[str]] = []
            cluster.subscribe(lambda: told.append([m.name for m in cluster.unexpected()]))
            async with Worker(cluster.scheduler.address, name="stranger", host="127.0.0.1"):
                await until(lambda: told[-1:] == [["stranger"]])
            await until(lambda: told[-1] == [])

    # Not when it is looked at the next time.
    monkeypatch.setattr(SchedulerWatch, "_pause", asyncio.Event().wait)
    run(test)


def test_the_first_of_a_group_is_told_of_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    half = entry(f"{HERE}.Half", processes=2) | {"group": ["-0", "-1"]}

    async def test() -> None:
        async with cluster_of({"half": half}) as cluster:
            told: list[int] = []
            cluster.subscribe(lambda: told.append(cluster.counts().registered))
            await until(lambda: told[-1:] == [1])
            (first,) = cluster.scheduler.workers
            await cluster.scheduler.remove_worker(first, stimulus_id="gone")
            await until(lambda: told[-1] == 0)

    monkeypatch.setattr(SchedulerWatch, "_pause", asyncio.Event().wait)
    run(test)


def test_a_scheduler_that_tells_no_events_any_more_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await observed(cluster)
            cluster._watch.period = 0.05
            refused = asyncio.Event()

            async def refuses(_: Any) -> None:
                refused.set()
                raise RuntimeError("not any more")

            monkeypatch.setattr(cluster._watch, "_listen", refuses)
            cluster._watch_worker_status_comm.abort()
            await refused.wait()
            before = cluster.workers["a"].address
            await cluster.workers["a"].close()
            await until(lambda: before not in cluster.scheduler.workers)
            await until(lambda: names(cluster) == ["a"])

    run(test)


def test_news_of_very_many_workers_at_once_lets_others_run_between() -> None:
    class Comm:
        """Tells all at once that 5,000 workers have gone, which nobody knew, and then nothing."""

        def __init__(self) -> None:
            self.messages = [[("remove", f"tcp://127.0.0.1:{n}") for n in range(5_000)]]

        async def read(self) -> Any:
            if not self.messages:
                raise OSError("it has gone")
            return self.messages.pop()

        async def close(self) -> None:
            pass

    async def test() -> None:
        async with cluster_of({}) as cluster:
            turns = 0
            told = asyncio.ensure_future(cluster._watch_worker_status(Comm()))
            while not told.done():
                turns += 1
                await asyncio.sleep(0)
            await told
            assert turns >= 10

    run(test)


def test_a_scheduler_that_is_only_silent_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await observed(cluster)
            cluster._watch.period = 0.05
            view = cluster.view()
            with monkeypatch.context() as patch:

                async def silent() -> Any:
                    raise TimeoutError

                patch.setattr(view, "workers", silent)
                await until(lambda: condition(cluster, "SchedulerSilent") is not None)
                assert cluster.phase is ClusterPhase.RUNNING
                assert names(cluster) == ["a"]
            await until(lambda: condition(cluster, "SchedulerSilent") is None)
            ready = condition(cluster, "Ready")
            assert ready is not None
            assert ready.status is ConditionStatus.TRUE

    run(test)


@pytest.mark.parametrize("of", ["the worker", "the scheduler"])
def test_what_has_ended_is_said_to_be_lost(of: str) -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}, policy=replace(QUICK, lost_timeout=60)) as cluster:
            await observed(cluster)
            cluster._watch.period = 0.05
            ended = cluster.scheduler if of == "the scheduler" else cluster.workers["a"]
            await ended.close()

            def went() -> set[tuple[str | None, str | None]]:
                return {(one.before, one.after) for one in cluster.events() if one.entry == "a"}

            await until(lambda: ("lost", "closing") in went())
            assert went() & {("running", "lost"), ("degraded", "lost")}

    run(test)
