"""A real scheduler, workers that misbehave in every way, and anything in any order.

Minutes of a cluster's life pass in milliseconds here, by the clock of ``virtual_time``.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import dask
import pytest
from distributed import Client
from distributed.core import Status
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from reconcile.table import documented_transitions

from speccluster_lab.cluster import SpecCluster, watch
from speccluster_lab.cluster.view import RemoteView
from speccluster_lab.errors import InvalidInput
from speccluster_lab.reconcile import LEAVING, Policy
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

from .misbehaving import CONFIG, SCHEDULER, Behaviour, World, entry_of
from .virtual_time import VirtualTimeLoop, number_everything, use_clock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

EXAMPLES: Final = 500
STEPS: Final = 20
NAMES: Final = "abcd"
FRESH: Final = "rstuvw"

LIMITS: Final = {
    "start_timeout": 10.0,
    "arrival_timeout": 8.0,
    "lost_timeout": 5.0,
    "retire_timeout": 10.0,
    "retire_interval": 2.0,
    "close_timeout": 3.0,
    "cancel_grace": 1.0,
    "backoff_cap": 8.0,
    "healthy_after": 20.0,
}
# Starts at once, entries away at once, entries beyond those of the spec.
ROOMS: Final = [(2, 1, 0), (2, 0, 1), (4, 2, 0), (4, 1, 1), (1, 1, 0)]
# How long what must happen may take, in a cluster of a few entries of which each may hang.
CONVERGES_WITHIN: Final = 120.0
USABLE_WITHIN: Final = 60.0
CLOSES_WITHIN: Final = 20.0
LONGEST_TASK: Final = 3.0
# Passes of the planner of which each may ask for one more, at the same instant.
LONGEST_TURN: Final = 50
TRIED_AT_LEAST: Final = 10

# What really was tried, over all examples.
BEHAVED: Counter[Behaviour] = Counter()
ENTERED: Counter[str] = Counter()

# One number decides all that a rule leaves open.
numbers = st.integers(0, 719)
names = st.sampled_from(NAMES)
behaviours = st.sampled_from([*Behaviour, *[Behaviour.GOOD] * 6])
sizes = st.sampled_from((0, 0, 0, 2, 3))


async def compute(key: str, seconds: float) -> str:
    """Compute something that says what it is; without a thread."""
    await asyncio.sleep(seconds)
    return key


def one(among: Collection[Any], number: int) -> Any:
    return list(among)[number % len(among)]


class HardOfHearing(SpecCluster):
    """Misses as many events of the scheduler as it is told to, and hears the others late."""

    misses = 0
    lag = 0.0

    def _update_worker_status(self, op: str, msg: Any) -> None:
        if self.misses > 0:
            self.misses -= 1
        elif self.lag > 0:
            asyncio.get_running_loop().call_later(self.lag, self._hear, op, msg)
        else:
            self._hear(op, msg)

    def _hear(self, op: str, msg: Any) -> None:
        if self.status is Status.running:
            super()._update_worker_status(op, msg)


def _is_holder(entry: str | None) -> bool:
    return entry is not None and entry.startswith(HOLDER_PREFIX)


def when(condition: Callable[[Any], object]) -> Any:
    return precondition(condition)


class Anything(RuleBasedStateMachine):
    """Everything that can happen to a cluster."""

    # -- life

    def __init__(self) -> None:
        super().__init__()
        self.threads = set(threading.enumerate())
        # So much goes wrong on purpose that what is logged of it takes longer than it does.
        logging.disable()
        self.patches = pytest.MonkeyPatch()
        self.config = dask.config.set(CONFIG)
        self.loop = VirtualTimeLoop()
        use_clock_of(self.loop, self.patches)
        number_everything(self.patches)
        asyncio.set_event_loop(self.loop)
        self.world = World()
        self.removed: dict[str, dict[str, Any]] = {}
        self.results: dict[str, Any] = {}
        self.waiters: list[asyncio.Task[Any]] = []
        self.keys = 0
        self.observed = 0

    def do(self, work: Coroutine[Any, Any, Any], limit: float = CONVERGES_WITHIN) -> Any:
        """Run something on the cluster's loop, which stands still otherwise."""

        async def bounded() -> Any:
            async with asyncio.timeout(limit):
                return await work

        return self.loop.run_until_complete(bounded())

    def settle(self, ticks: int = 5) -> None:
        async def tick() -> None:
            for _ in range(ticks):
                await asyncio.sleep(0)

        self.do(tick())

    @initialize(
        room=st.sampled_from(ROOMS),
        first=st.lists(st.tuples(behaviours, sizes), max_size=len(NAMES)),
        calm=st.booleans(),
        remote=st.booleans(),
    )
    def begin(
        self, room: tuple[int, int, int], first: list[tuple[str, int]], calm: bool, remote: bool
    ) -> None:
        self.calm_at_the_end = calm
        if remote:
            # As if the scheduler were another process: it is asked, and answers later.
            self.patches.setattr(watch, "view_of", lambda _, rpc: RemoteView(rpc))
        starts, away, surge = room
        policy = Policy(
            max_concurrent_starts=starts, max_unavailable=away, max_surge=surge, **LIMITS
        )
        self.world.may_start = starts

        async def start() -> None:
            self.cluster = HardOfHearing(
                workers={name: entry_of(*one) for name, one in zip(NAMES, first, strict=False)},
                scheduler=SCHEDULER,
                worker=entry_of(),
                asynchronous=True,
                policy=policy,
            )
            await self.cluster._start()
            self.client = await Client(
                self.cluster.scheduler_address, asynchronous=True, set_as_default=False
            )

        self.do(start())

    @property
    def spec(self) -> dict[Any, Any]:
        return self.cluster.worker_spec

    @property
    def adapts(self) -> bool:
        return self.cluster.adaptive_range() is not None

    def call(self, what: Callable[[], Any]) -> None:
        """Call something on the cluster's loop."""

        async def call() -> None:
            what()

        self.do(call())

    def align(self) -> None:
        self.call(self.cluster._align)

    # -- the spec

    @rule(name=names, behaviour=behaviours, size=sizes, start=st.sampled_from((0.0, 0.1, 4.0)))
    def add_or_edit(self, name: str, behaviour: str, size: int, start: float) -> None:
        self.spec[name] = entry_of(behaviour, size, start=start)
        self.align()

    @rule(number=numbers, behaviour=behaviours)
    @when(lambda self: self.spec)
    def edit_in_place(self, number: int, behaviour: str) -> None:
        options = one(self.spec.values(), number)["options"]
        if number % 3:
            options["version"] = options.get("version", 0) + 1
        else:
            options["behaviour"] = str(behaviour)
        if number % 2:
            self.align()

    @rule(number=numbers)
    @when(lambda self: self.spec)
    def edit_all(self, number: int) -> None:
        for entry in self.spec.values():
            entry["options"]["version"] = number
        self.align()

    @rule(number=numbers)
    @when(lambda self: self.spec)
    def remove(self, number: int) -> None:
        name = one(self.spec, number)
        self.removed[name] = self.spec.pop(name)
        if number % 2:
            self.align()

    @rule()
    @when(lambda self: self.removed)
    def bring_back(self) -> None:
        name, entry = self.removed.popitem()
        self.spec[name] = dict(entry)
        self.align()

    @rule()
    def remove_all(self) -> None:
        self.cluster.worker_spec = {}
        self.align()

    @rule(n=st.integers(0, 5), behaviour=behaviours, size=sizes)
    def scale(self, n: int, behaviour: str, size: int) -> None:
        self.cluster.new_spec = entry_of(behaviour, size)
        self.call(lambda: self.cluster.scale(n))
        assert len(self.spec) == n

    @rule(number=numbers)
    @when(lambda self: self.spec)
    def scale_down_twice_at_once(self, number: int) -> None:
        async def both() -> None:
            for key in (one(self.spec, number), one(self.spec, number // 7)):
                self._have_wait(self.cluster.scale_down([key]))

        self.do(both())
        self.settle()

    @rule(minimum=st.integers(0, 2), more=st.integers(0, 3), size=sizes)
    def adapt(self, minimum: int, more: int, size: int) -> None:
        async def adapt() -> None:
            self.cluster.new_spec = entry_of(size=size)
            self.cluster.adapt(minimum=minimum, maximum=minimum + more, wait_count=2)

        self.do(adapt())

    @rule(number=numbers)
    @when(lambda self: self.adapts)
    def end_adapting(self, number: int) -> None:
        self.call(lambda: self.cluster.scale(number % 4))

    @rule(number=numbers)
    @when(lambda self: self.cluster._executor.entries)
    def ask(self, number: int) -> None:
        name = one(self.cluster._executor.entries, number)
        with suppress(InvalidInput):
            # It may just have gone.
            do = self.cluster.restart_entry if number % 4 == 0 else self.cluster.retry
            self.call(lambda: do(name))

    # -- what happens to workers

    @rule(number=numbers)
    @when(lambda self: self.world.alive())
    def kill(self, number: int) -> None:
        entry = one(self.world.alive(), number)

        self.call(lambda: entry.die(says_so=number % 2 > 0, one=number % 3 == 0))
        self.settle()

    @rule()
    def kill_all(self) -> None:
        for entry in self.world.alive():
            self.call(lambda entry=entry: entry.die(says_so=False))

    @rule(events=st.integers(1, 4))
    def miss(self, events: int) -> None:
        self.cluster.misses += events

    @rule(seconds=st.sampled_from((0.0, 0.1, 1.5)))
    def hear_late(self, seconds: float) -> None:
        self.cluster.lag = seconds

    @rule()
    def lose_the_stream_of_events(self) -> None:
        self.call(self.cluster._watch_worker_status_comm.abort)

    # -- who uses it

    @rule(number=numbers, seconds=st.sampled_from((0.0, 0.5, LONGEST_TASK)))
    def submit(self, number: int, seconds: float) -> None:
        async def submit() -> None:
            for _ in range(1 + number % 6):
                self.keys += 1
                key = f"computed-{self.keys}"
                self.results[key] = self.client.submit(compute, key, seconds, key=key)

        self.do(submit())
        self.settle(20)

    @rule(number=numbers)
    @when(lambda self: self.cluster.scheduler.running)
    def scatter(self, number: int) -> None:
        async def scatter() -> None:
            keys = []
            for _ in range(1 + number % 4):
                self.keys += 1
                keys.append(f"scattered-{self.keys}")
            # Of a worker that goes just then the scheduler says KeyError; whoever asks knows.
            with suppress(OSError, TimeoutError, KeyError):
                self.results |= await self.client.scatter({key: key for key in keys})

        self.do(scatter())

    @rule(number=numbers)
    @when(lambda self: self.results)
    def release(self, number: int) -> None:
        del self.results[one(self.results, number)]
        self.settle()

    @rule()
    def wait_for_it(self) -> None:
        async def wait() -> None:
            self._have_wait(self._await_cluster())

        self.do(wait())

    def _have_wait(self, work: Coroutine[Any, Any, Any]) -> None:
        waiter = asyncio.ensure_future(work)
        # It raises what a start raised; nobody is interested.
        waiter.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.waiters.append(waiter)

    async def _await_cluster(self) -> None:
        await self.cluster

    @rule(seconds=st.sampled_from((0.0, 0.05, 1.0)))
    def wait_impatiently(self, seconds: float) -> None:
        async def wait() -> None:
            with suppress(Exception):
                await asyncio.wait_for(self.cluster, seconds)

        self.do(wait())

    # -- time

    @rule(ticks=st.integers(1, 60))
    def tick(self, ticks: int) -> None:
        self.settle(ticks)

    @rule(seconds=st.sampled_from((0.05, 0.2, 1.0, 3.0, 6.0, 15.0)))
    def wait(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule()
    @when(lambda self: not self.adapts)
    def add_a_good_one(self) -> None:
        """Whatever the others do, it is soon there."""
        fresh = [name for name in FRESH if name not in self.cluster._executor.entries]
        if fresh:
            self.spec[fresh[0]] = entry_of()
            self.align()
            self._until(lambda: fresh[0] in self._registered(), USABLE_WITHIN)

    @rule()
    def calm(self) -> None:
        self._calm()
        self.world.healed = False

    # -- what must be

    def _registered(self) -> set[str]:
        return {str(state.name) for state in self.cluster.scheduler.workers.values()}

    def _expected(self) -> set[str]:
        lies = Behaviour.LIES_ABOUT_ITS_NAME
        liars = {one.name for one in self.world.entries if one.behaviour is lies and not one.closed}
        return {
            # A single worker under another name is known by its address.
            f"not-{member}" if "group" not in entry and str(key) in liars else member
            for key, entry in self.spec.items()
            for member in member_names(key, entry.get("group"))
        }

    def _until(self, condition: Callable[[], object], limit: float) -> None:
        async def until() -> None:
            while not condition():  # noqa: ASYNC110 - what is waited for gives no signal
                await asyncio.sleep(0.25)

        try:
            self.do(until(), limit)
        except TimeoutError:
            raise AssertionError(f"not within {limit:g} s: {self._describe()}") from None

    def _describe(self) -> str:
        cluster = self.cluster
        states = "\n".join(
            f"  {state.name} {state.phase} wanted={state.wanted is not None} "
            f"outdated={state.outdated} present={sorted(state.present)} busy={state.busy} "
            f"closing={state.closing} failure={state.failure} rolling={state.rolling} "
            f"holds_for={state.holds_for} surge={state.surge}"
            for state in cluster._executor.entries.values()
        )
        return (
            f"generation {cluster.generation}, observed {cluster.observed_generation}, expected "
            f"{sorted(self._expected())}, registered {sorted(self._registered())}, unexpected "
            f"{[one.name for one in cluster.unexpected()]}, at {self.loop.time():.2f}\n{states}"
        )

    def _is_as_wanted(self) -> bool:
        cluster = self.cluster
        return (
            cluster.observed_generation == cluster.generation
            and cluster._executor.settled
            and self._registered() == self._expected()
            and not cluster.unexpected()
        )

    def _calm(self) -> None:
        self.world.healed = True
        self.cluster.misses = 0
        self.cluster.lag = 0.0
        if self.adapts:
            self.call(lambda: self.cluster.scale(2))
        if not self.spec:
            # Otherwise nobody could take what there is.
            self.spec["a"] = entry_of()
        self.align()
        self._until(self._is_as_wanted, CONVERGES_WITHIN)
        for waiter in self.waiters:
            assert waiter.done(), "waits though all is as wanted"
            if not waiter.cancelled() and waiter.exception() is not None:
                assert not isinstance(waiter.exception(), TimeoutError)
        self.waiters.clear()
        self._until(lambda: all(one.done() for one in self.results.values()), CONVERGES_WITHIN)
        self.check()
        assert self.do(self.client.gather(dict(self.results))) == {k: k for k in self.results}

    @invariant()
    def check(self) -> None:
        self.settle()
        world, cluster = self.world, self.cluster
        executor, policy = cluster._executor, cluster.policy
        for _ in range(LONGEST_TURN):
            # What has just come to pass is the planner's in the next turn of the loop.
            if executor._pass is None:
                break
            self.settle(1)
        assert not world.wrong, world.wrong
        states = executor.entries.values()
        there = [
            state
            for state in states
            if state.holds_for is None
            and state.phase not in LEAVING
            and state.phase is not EntryPhase.CLOSING
            and (state.wanted is not None or state.phase is not EntryPhase.PENDING)
        ]
        assert len(there) <= len(executor.desired) + policy.max_surge, self._describe()
        held = Counter(state.holds_for for state in states if state.holds_for is not None)
        assert all(number == 1 for number in held.values())
        assert sum(state.surge for state in states) <= policy.max_surge
        starting = [state for state in states if state.phase is EntryPhase.STARTING]
        assert len(starting) <= executor.ledger.starting <= policy.max_concurrent_starts
        assert self.observed <= cluster.observed_generation <= cluster.generation
        self.observed = cluster.observed_generation
        for key in world.lost & self.results.keys():
            del self.results[key]
        for key, future in self.results.items():
            assert future.status in ("pending", "finished"), (key, future, self._describe())
            if key.startswith("scattered"):
                assert future.status == "finished"
        # It can always be shown.
        cluster.entries()
        assert cluster.conditions
        cluster.counts()
        assert cluster.phase is not None

    def teardown(self) -> None:
        try:
            fails = sys.exc_info()[0] is not None
            if hasattr(self, "client"):
                if self.calm_at_the_end and not fails:
                    self._calm()
                self._end(quietly=fails)
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()
            self.patches.undo()
            self.config.__exit__(None, None, None)
            logging.disable(logging.NOTSET)

    async def _close_client(self) -> None:
        await self.client.close()

    async def _close(self) -> None:
        await self.cluster.close()

    def _end(self, quietly: bool) -> None:
        world, cluster = self.world, self.cluster
        world.closing = True
        self.results.clear()
        self.do(self._close_client())
        began = self.loop.time()
        self.do(self._close())
        took = self.loop.time() - began
        left = world.left()
        self.do(asyncio.wait(self.waiters, timeout=1) if self.waiters else asyncio.sleep(1))
        waiting = [waiter for waiter in self.waiters if not waiter.done()]
        self.do(world.end())
        self.do(asyncio.sleep(1))
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=5))
        BEHAVED.update(world.seen)
        went = {(one.before, one.after) for one in cluster.events() if one.before and one.after}
        ENTERED.update({event.after for event in cluster.events() if event.entry})
        ENTERED.update("a holder" for event in cluster.events() if _is_holder(event.entry))
        if not quietly:
            assert took <= CLOSES_WITHIN, f"closing took {took:g} s"
            assert cluster.status is Status.closed
            assert went <= documented_transitions(), went - documented_transitions()
            assert not waiting, "still waits for a cluster that is closed"
            assert not left, left
            assert not tasks, tasks
            assert set(threading.enumerate()) <= self.threads
            assert not world.wrong, world.wrong


@pytest.mark.timeout(600)
# The scheduler says it of who subscribes again, and would answer with it as an error.
@pytest.mark.filterwarnings("ignore:Scheduler already contains a plugin with name worker-status")
def test_whatever_happens_it_ends_as_wanted() -> None:
    run_state_machine_as_test(
        Anything,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
    tried = {**dict.fromkeys(Behaviour, 0), **dict.fromkeys(EntryPhase, 0), **BEHAVED, **ENTERED}
    rare = {what: times for what, times in tried.items() if times < TRIED_AT_LEAST}
    assert not rare, "happens too seldom to say that it was tried"
