"""What a scheduler, a spec or a caller may do that must not stop the reconciler."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from distributed import Client

from speccluster_lab.errors import StartFailed
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.api import ClusterPhase, ConditionStatus, EntryPhase

from .conftest import (
    QUICK,
    cluster_of,
    condition,
    entry,
    names,
    observed,
    phases,
    reasons,
    run,
    several,
    until,
)
from .misbehaving import SCHEDULER as QUIET
from .misbehaving import Behaviour, World, entry_of
from .virtual_time import run_in_virtual_time
from .workers import Failing, NotAwaitable, Tardy, Unclosable

HERE = Failing.__module__


def test_waiting_ends_although_entries_go_on_failing() -> None:
    async def test() -> None:
        failing = {f"bad-{n}": entry(f"{HERE}.Failing", failures=1_000) for n in range(6)}
        async with cluster_of({"good": entry(), **failing}) as cluster:
            with pytest.raises(RuntimeError, match="has no luck"):
                async with asyncio.timeout(20):
                    await cluster
            assert "good" in names(cluster)

    run(test)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour.FAILS_IN_CONSTRUCTOR,
        Behaviour.FAILS_IN_START,
        Behaviour.FAILS_AFTER_REGISTERING,
    ],
)
def test_no_entry_comes_later_for_another_that_fails(
    behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is room for all starts at once."""
    found: list[dict[str, float]] = []
    bad = {"bad": entry_of(behaviour), "a bad one": entry_of(behaviour, size=2)}

    async def test() -> None:
        for others in ({}, bad):
            found.append(await _arrivals(others))

    run_in_virtual_time(test, monkeypatch)
    without, beside = found
    assert beside.keys() == without.keys()
    later = {name: (after, without[name]) for name, after in beside.items()}
    assert {name: both for name, both in later.items() if both[0] > 1.2 * both[1]} == {}


async def _arrivals(others: dict[str, Any]) -> dict[str, float]:
    """Return how long good entries take to run beside others, which come first."""
    world, loop = World(), asyncio.get_running_loop()
    world.may_start = 16
    good = {f"good-{n}": entry_of(start=0.5 * n) for n in range(1, 6)}
    policy = Policy(max_concurrent_starts=16)
    async with cluster_of({**others, **good}, scheduler=QUIET, policy=policy) as cluster:
        wanted = dict.fromkeys(good, loop.time())
        arrived: dict[str, float] = {}
        for step in range(1200):
            if step % 40 == 20 and step < 1100:
                # These come while the others back off, or are tried again.
                late = f"late-{step}"
                cluster.worker_spec[late] = entry_of(start=1.0)
                cluster._align()
                wanted[late] = loop.time()
            await asyncio.sleep(0.05)
            for name, phase in phases(cluster).items():
                if name in wanted and phase is EntryPhase.RUNNING:
                    arrived.setdefault(name, loop.time() - wanted[name])
        assert all(phases(cluster)[name] is not EntryPhase.RUNNING for name in others)
        assert wanted.keys() == arrived.keys()
    await world.end()
    return arrived


def test_what_cannot_be_awaited_is_a_start_that_has_failed_and_is_closed() -> None:
    async def test() -> None:
        NotAwaitable.made.clear()
        async with cluster_of({"good": entry()}) as cluster:
            cluster.worker_spec["bad"] = {"cls": NotAwaitable}
            with pytest.raises(TypeError, match="await"):
                await cluster
            await until(lambda: phases(cluster)["bad"] is EntryPhase.BACKOFF)
            assert [one.closed for one in NotAwaitable.made] == [True]
            assert names(cluster) == ["good"]

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


def test_an_entry_that_names_its_worker_is_rolled_with_a_stand_in() -> None:
    async def test() -> None:
        policy = replace(QUICK, max_unavailable=0, max_surge=1)
        async with cluster_of({"a": entry(name="bob")}, policy=policy) as cluster:
            await observed(cluster)
            assert names(cluster) == ["bob"]
            cluster.worker_spec["a"]["options"]["nthreads"] = 2
            await observed(cluster)
            await until(lambda: names(cluster) == ["bob"])
            assert [w.nthreads for w in cluster.scheduler.workers.values()] == [2]
            assert len(cluster.events()) < 100

    run(test)


@pytest.mark.parametrize("how", ["removed", "mended"])
def test_who_waits_hears_nothing_of_what_failed_before_the_spec_was_another(how: str) -> None:
    async def test() -> None:
        async with cluster_of({}, policy=replace(QUICK, backoff_cap=0.1)) as cluster:
            cluster.worker_spec["bad"] = entry(f"{HERE}.FailingConstructor")
            with pytest.raises(TypeError, match="not like this"):
                await cluster
            # Once more while nobody waits.
            attempts = cluster.entries()[0].attempts
            await until(lambda: cluster.entries()[0].attempts > attempts)
            if how == "removed":
                del cluster.worker_spec["bad"]
            else:
                cluster.worker_spec["bad"]["cls"] = "distributed.Worker"
            await cluster
            assert names(cluster) == ([] if how == "removed" else ["bad"])

    run(test)


class CutOff:
    """Is cut off where it is said, as by a future that somebody has cancelled."""

    def __init__(self, scheduler: str, name: Any, where: str) -> None:
        self._where = where
        self._cut("constructor")

    def _cut(self, where: str) -> None:
        if self._where == where:
            raise asyncio.CancelledError

    def __await__(self) -> Any:
        async def start() -> None:
            self._cut("start")

        return start().__await__()

    async def close(self) -> None:
        """Have nothing to close."""


@pytest.mark.parametrize("where", ["constructor", "start"])
def test_a_start_that_was_cut_off_by_somebody_else_does_not_cut_off_who_waits(where: str) -> None:
    async def test() -> None:
        async with cluster_of() as cluster:
            cluster.worker_spec["cut"] = {"cls": CutOff, "options": {"where": where}}
            cluster.worker_spec["b"] = entry()
            with pytest.raises(StartFailed, match="was cancelled"):
                await cluster
            assert phases(cluster)["cut"] is EntryPhase.BACKOFF
            assert cluster.entries()[0].reason == "StartFailed"
            await until(lambda: names(cluster) == ["b"])

    run(test)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
def test_a_subscriber_that_fails_stops_nothing(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    async def test() -> None:
        async with cluster_of({"a": entry()}) as cluster:
            cluster.subscribe(fail)
            cluster.worker_spec["b"] = entry()
            await cluster
            await observed(cluster)
            assert names(cluster) == ["a", "b"]
        assert cluster.status.name == "closed"

    run(test)


def test_a_subscription_that_is_ended_twice_ends_no_other() -> None:
    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            told: list[int] = []
            by = partial(told.append, 1)
            end, _ = cluster.subscribe(by), cluster.subscribe(by)
            end()
            end()
            told.clear()
            cluster.scale(1)
            await cluster
            assert told

    run(test)


def test_a_name_that_goes_from_one_entry_to_another_stays_watched() -> None:
    async def test() -> None:
        async with cluster_of({0: several(2)}) as cluster:
            await observed(cluster)
            del cluster.worker_spec[0]
            cluster.worker_spec.update({"0-0": entry(), "0-1": entry()})
            await observed(cluster)
            assert cluster.unexpected() == []
            await cluster.workers["0-0"].close()
            await until(lambda: names(cluster) == ["0-1"])
            await until(lambda: names(cluster) == ["0-0", "0-1"])

    run(test)


def test_a_name_whose_worker_has_to_stay_is_waited_for() -> None:
    """What it holds would be lost if it were taken for a worker of its heir that does not start."""

    async def test() -> None:
        async with (
            cluster_of({0: several(2)}, policy=QUICK) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            value = await client.scatter(1)
            del cluster.worker_spec[0]
            cluster.worker_spec["0-0"] = entry()
            await until(lambda: reasons(cluster).count("StartFailed") > 1)
            (heir,) = [one for one in cluster.entries() if one.name == "0-0"]
            assert heir.message is not None
            assert "entry '0' still has the name '0-0'" in heir.message
            assert await client.gather(value) == 1
            cluster.worker_spec["room"] = entry()
            await until(lambda: names(cluster) == ["0-0", "room"])
            assert await client.gather(value) == 1

    run(test)


def test_a_name_is_not_passed_on_while_the_worker_that_has_it_waits_to_be_replaced() -> None:
    async def test() -> None:
        async with cluster_of({"x": entry(name="foo"), "z": entry()}) as cluster:
            await observed(cluster)
            there = cluster.workers["x"]
            # The one that may be away is, and does not come back.
            cluster.worker_spec["z"] = entry(f"{HERE}.Failing", failures=1_000)
            cluster._align()
            await until(lambda: phases(cluster)["z"] is EntryPhase.BACKOFF)
            cluster.worker_spec["x"]["options"]["name"] = "bar"
            cluster._align()
            cluster.worker_spec["y"] = entry(name="foo")
            cluster._align()
            await until(lambda: phases(cluster)["y"] is EntryPhase.BACKOFF)
            cluster.worker_spec["x"]["options"]["nthreads"] = 2
            cluster._align()
            assert cluster._executor.entry_of("foo") == "x"
            assert cluster.scheduler.workers[there.address].name == "foo"
            cluster.worker_spec["z"] = entry()
            await observed(cluster)
            assert names(cluster) == ["bar", "foo", "z"]
            assert there.status.name == "closed"

    run(test)


def test_an_entry_that_is_removed_before_it_starts_can_still_be_shown() -> None:
    async def test() -> None:
        policy = replace(QUICK, max_concurrent_starts=1)
        async with cluster_of(worker=entry(), policy=policy) as cluster:
            cluster.set_entries(3)
            del cluster.worker_spec[2]
            cluster._align()
            assert {one.name for one in cluster.entries()} >= {"0", "1"}
            await observed(cluster)
            assert set(cluster._executor._owners) == {"0", "1"}

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


def test_entries_never_share_the_worker_form() -> None:
    """Fault 3 again, through a subclass that returns the form itself."""

    async def test() -> None:
        async with cluster_of(worker=entry()) as cluster:
            cluster.worker_spec["mine"] = cluster.new_spec
            cluster.worker_spec["mine"]["options"]["nthreads"] = 2
            assert cluster.new_spec["options"]["nthreads"] == 1
            await observed(cluster)

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


class Impossible:
    """What cannot be carried out as often as ``failures`` says."""

    def __init__(self, failures: float, method: Any = None) -> None:
        self.failures = failures
        self.method = method
        self.times = 0

    def __call__(self, *args: Any) -> Any:
        self.times += 1
        if self.times <= self.failures:
            raise ZeroDivisionError("not like this")
        return self.method(*args)


# What does not close is given up, and not told to close again.
@pytest.mark.parametrize(
    ("action", "failures"), [("start", 2), ("retire", 2), ("close", 1), ("abandon", 2)]
)
def test_a_step_that_cannot_be_carried_out_is_a_failure_of_its_entry_alone(
    action: str, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        shown: set[str | None] = set()
        stubborn = {"cls": Unclosable, "options": {"way": "clings"}}
        policy = replace(QUICK, arrival_timeout_elsewhere=0.2, close_timeout=0.3)
        async with (
            cluster_of({"good": entry()}, policy=policy) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter(7)
            cluster.subscribe(lambda: shown.update(one.message for one in cluster.entries()))
            if action not in ("start", "abandon"):
                cluster.worker_spec["a"] = entry()
                await observed(cluster)
            actions, method = cluster._executor._actions, f"_{action}"
            fails = Impossible(failures, getattr(actions, method))
            monkeypatch.setattr(actions, method, fails)
            match action:
                case "start":
                    cluster.worker_spec["a"] = entry()
                case "abandon":
                    cluster.worker_spec["a"] = stubborn
                case _:
                    del cluster.worker_spec["a"]
                    cluster.worker_spec["b"] = entry()
            cluster._align()
            await until(lambda: fails.times >= failures)
            cluster.worker_spec["a"] = entry()
            await observed(cluster)
            assert "ZeroDivisionError: not like this" in shown
            assert set(phases(cluster).values()) == {EntryPhase.RUNNING}
            assert await client.gather(kept) == 7
            began = fails.times
            await asyncio.sleep(0.2)
            assert fails.times == began

    run(test)


def test_a_step_that_can_never_be_carried_out_is_tried_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        policy = replace(QUICK, backoff_first=0.2)
        async with cluster_of({"a": entry()}, policy=policy) as cluster:
            await observed(cluster)
            fails = Impossible(math.inf)
            monkeypatch.setattr(cluster._executor._actions, "_close", fails)
            monkeypatch.setattr(cluster._executor._actions, "_abandon", fails)
            del cluster.worker_spec["a"]
            cluster._align()
            await until(lambda: cluster.entries()[0].attempts > 0)
            await asyncio.sleep(1)
            assert fails.times < 8
            assert cluster.entries()[0].message == "ZeroDivisionError: not like this"

    run(test)
