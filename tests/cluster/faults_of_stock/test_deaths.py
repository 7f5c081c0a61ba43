"""Faults 10 to 12, 14 and 15: what dies is noticed and comes back, and nothing else goes."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from distributed import Client, Scheduler
from distributed.core import Status
from distributed.objects import SchedulerInfo

from speccluster_lab.cluster.form import Form
from speccluster_lab.errors import NotRunning
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.api import ClusterPhase, EntryPhase

from ..conftest import (
    QUICK,
    cluster_of,
    condition,
    entry,
    group,
    names,
    phases,
    reasons,
    registered,
    run,
    several,
    until,
)
from ..workers import Hanging, Slow

HERE = Slow.__module__
SUBPROCESS = {
    "cls": "distributed.deploy.subprocess.SubprocessWorker",
    "options": {
        "worker_class": "distributed.Worker",
        "worker_kwargs": {"nthreads": 1, "host": "127.0.0.1"},
    },
}
RESTARTS = Policy(
    lost_timeout=0.5, close_timeout=1, cancel_grace=0.1, restart_scheduler=True, backoff_first=0.1
)


def test_fault_10_a_dead_worker_is_replaced() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry(), "b": entry()}) as cluster:
            await registered(cluster, "a", "b")
            before = cluster.workers["a"]
            await before.close()
            await until(lambda: cluster.workers.get("a") not in (before, None))
            await until(lambda: names(cluster) == ["a", "b"])

    run(test)


def test_fault_10_a_process_that_is_killed_is_replaced_although_its_class_says_nothing() -> None:
    async def test() -> None:
        async with cluster_of({"a": SUBPROCESS}) as cluster:
            await until(lambda: "a" in cluster.workers and len(names(cluster)) == 1)
            dead = cluster.workers["a"]
            os.kill(dead.process.pid, signal.SIGKILL)
            await until(lambda: cluster.workers.get("a") not in (dead, None))
            await until(lambda: len(names(cluster)) == 1)

    run(test)


def test_fault_11_a_dead_group_is_replaced() -> None:
    async def test() -> None:
        async with cluster_of({0: several(2), 1: several(2)}) as cluster:
            everybody = ["0-0", "0-1", "1-0", "1-1"]
            await registered(cluster, *everybody)
            dead, other = cluster.workers[0], cluster.workers[1]
            for worker in dead.workers:
                await worker.close()
            # For a moment there is none: not to be relied on, for another one is soon made.
            await until(lambda: cluster.workers.get(0, dead) is not dead)
            await until(lambda: names(cluster) == everybody)
            assert cluster.workers[1] is other

    run(test)


def test_fault_11_a_dead_member_is_replaced() -> None:
    async def test() -> None:
        async with cluster_of({0: several(2)}) as cluster:
            await registered(cluster, "0-0", "0-1")
            await cluster.workers[0].workers[1].close()
            await until(lambda: names(cluster) == ["0-0"])
            await until(lambda: names(cluster) == ["0-0", "0-1"])
            said = {event.after: event.message for event in cluster.events()}
            assert said[EntryPhase.DEGRADED] == "the scheduler has lost 0-1"
            await until(lambda: phases(cluster)["0"] is EntryPhase.RUNNING)

    run(test)


@pytest.mark.parametrize(
    ("running", "stuck"),
    [
        pytest.param({0: several(2), 1: several(2)}, 2, id="groups"),
        pytest.param({"0": entry(name=0), "1": entry(name=1)}, "2", id="text for a number"),
        pytest.param({0: entry(name="0"), 1: entry(name="1")}, 2, id="a number for text"),
    ],
)
def test_fault_12_what_has_not_started_goes_first(running: dict[Any, Any], stuck: Any) -> None:
    async def test() -> None:
        async with cluster_of({**running, stuck: {"cls": Hanging}}) as cluster:
            cluster._correct_state()
            members = sum(len(one.get("group", [0])) for one in running.values())
            await until(lambda: len(names(cluster)) == members)
            before = names(cluster)
            cluster.scale(2)
            assert list(cluster.worker_spec) == list(running)
            await registered(cluster, *before)

    run(test)


def test_fault_12_an_entry_may_name_its_worker() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry(name="alice"), "z": {"cls": Hanging}}) as cluster:
            await until(lambda: names(cluster) == ["alice"])
            cluster.scale(1)
            assert list(cluster.worker_spec) == ["a"]
            await until(lambda: phases(cluster) == {"a": EntryPhase.RUNNING})
            assert cluster.unexpected() == []
            await cluster.workers["a"].close()
            await until(lambda: names(cluster) == [])
            await until(lambda: names(cluster) == ["alice"])

    run(test)


def test_fault_14_a_worker_that_goes_while_its_cluster_is_read_ends_no_watch() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.scale(2)
            await registered(cluster, "0", "1")
            address = cluster.workers[0].worker_address
            await cluster.scheduler.remove_worker(address, stimulus_id="test", close=True)
            # What wait_for_workers does, before the event has come.
            cluster.scheduler_info = SchedulerInfo(cluster.scheduler.identity(n_workers=-1))
            await until(lambda: names(cluster) == ["1"])
            cluster.worker_spec["new"] = entry()
            cluster._correct_state()
            await until(lambda: "new" in names(cluster))
            assert not cluster._watch_worker_status_task.done()
            await until(
                lambda: "new" in {w["name"] for w in cluster.scheduler_info["workers"].values()}
            )

    run(test)


def test_fault_14_waiting_for_workers_while_others_go() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            for _ in range(5):
                cluster.scale(6)
                await cluster
                waiting = asyncio.ensure_future(cluster._wait_for_workers(7))
                cluster.scale(1)
                await cluster
                await until(lambda: len(names(cluster)) == 1)
                waiting.cancel()
            assert not cluster._watch_worker_status_task.done()

    run(test)


# The scheduler does not notice before it has something to say.
@pytest.mark.filterwarnings("ignore:Scheduler already contains a plugin with name worker-status")
def test_the_watch_of_the_workers_is_taken_up_again_when_it_ends() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster._watch_worker_status_comm.abort()
            await until(cluster._watch_worker_status_task.done)
            cluster.scale(2)
            await registered(cluster, "0", "1")
            await until(lambda: set(map(str, phases(cluster).values())) == {"running"})
            await until(lambda: not cluster._watch_worker_status_task.done())
            await until(lambda: len(cluster.scheduler_info["workers"]) == 2)

    run(test)


@pytest.mark.parametrize(
    "error", [ValueError("what?"), KeyError("workers"), OSError("no")], ids=repr
)
def test_a_reading_that_fails_is_not_the_last(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await registered(cluster, "a")
            view = cluster.view()
            failed = asyncio.Event()

            async def workers() -> None:
                monkeypatch.undo()
                failed.set()
                raise error

            monkeypatch.setattr(type(view), "workers", lambda self: workers())
            await failed.wait()
            # Nobody says so: only the next reading can tell.
            monkeypatch.setattr(cluster, "_update_worker_status", lambda op, msg: None)
            left = cluster.workers["a"]
            await left.close()
            # The next one may run before anybody looks.
            await until(lambda: cluster.workers.get("a") is not left, 6)

    run(test)


def test_an_edit_that_could_not_be_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another thread changes the entry meanwhile."""

    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await registered(cluster, "a")

            def of(one: object) -> None:
                monkeypatch.undo()
                raise RuntimeError("dictionary changed size during iteration")

            monkeypatch.setattr(Form, "of", of)
            cluster.worker_spec["a"]["options"]["nthreads"] = 2
            await until(lambda: {w.nthreads for w in cluster.scheduler.workers.values()} == {2}, 8)

    run(test)


def test_fault_15_a_scheduler_that_dies_is_noticed() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry(), "b": several(2)}) as cluster:
            await registered(cluster, "a", "b-0", "b-1")
            await cluster.scheduler.close()
            await until(lambda: cluster.phase is ClusterPhase.FAILED, 5)
            lost = condition(cluster, "SchedulerLost")
            assert lost is not None
            assert lost.message == "the scheduler has died"
            assert "SchedulerLost" in reasons(cluster)
            with pytest.raises(NotRunning, match="the scheduler has died"):
                await cluster
            with pytest.raises(NotRunning):
                await cluster.at_stake(["a"])
            begin = monotonic()
            await cluster.close()
            assert monotonic() - begin < 5
            assert cluster.status is Status.closed

    run(test)


def test_fault_15_closing_at_once_is_quick() -> None:
    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            await registered(cluster, "a")
            await cluster.scheduler.close()
            begin = monotonic()
            await cluster.close()
            assert monotonic() - begin < 5

    run(test)


@pytest.mark.parametrize("form", [entry(), group(2)], ids=["in process", "group"])
def test_fault_15_a_scheduler_may_come_back_with_its_entries(form: dict[str, Any]) -> None:
    async def test() -> None:
        async with cluster_of({"a": form}, policy=replace(RESTARTS, close_timeout=30)) as cluster:
            await until(lambda: phases(cluster).get("a") is EntryPhase.RUNNING)
            first, expected = cluster.scheduler, names(cluster)
            address = cluster.scheduler_address
            await first.close()
            await until(lambda: "SchedulerRestarted" in reasons(cluster))
            assert isinstance(cluster.scheduler, Scheduler)
            assert cluster.scheduler is not first
            assert cluster.scheduler_address != address
            await registered(cluster, *expected)
            await until(lambda: phases(cluster) == {"a": EntryPhase.RUNNING})
            assert condition(cluster, "SchedulerLost") is None
            assert cluster.phase is ClusterPhase.RUNNING
            async with Client(cluster, asynchronous=True) as client:
                assert await client.submit(sum, [1, 2]) == 3
            cluster.scale(0)
            await registered(cluster)

    run(test)


def test_fault_15_a_scheduler_process_that_is_killed_is_noticed() -> None:
    scheduler = {
        "cls": "distributed.deploy.subprocess.SubprocessScheduler",
        "options": {"scheduler_kwargs": {"host": "127.0.0.1", "port": 0, "dashboard": False}},
    }

    async def test() -> None:
        async with cluster_of({"a": entry()}, scheduler=scheduler) as cluster:
            await until(lambda: phases(cluster).get("a") is EntryPhase.RUNNING)
            os.kill(cluster.scheduler.process.pid, signal.SIGKILL)
            await until(lambda: condition(cluster, "SchedulerLost"), 10)
            begin = monotonic()
            await cluster.close()
            assert monotonic() - begin < 2 * QUICK.close_timeout + 5

    run(test)
