"""A cluster in virtual time under a machine of Hypothesis, and what must always be.

Minutes of its life pass in milliseconds here, by the clock of ``virtual_time``.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import dask
import pytest
from distributed import Client
from distributed.core import Status
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from reconcile.table import documented_transitions

from speccluster_lab.cluster import SpecCluster, watch
from speccluster_lab.cluster.view import RemoteView
from speccluster_lab.reconcile import LEAVING, Policy
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

from .misbehaving import CONFIG, SCHEDULER, Behaviour, World, entry_of
from .virtual_time import VirtualTimeLoop, number_everything, use_clock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

NAMES: Final = "abcd"

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
CLOSES_WITHIN: Final = 20.0
# Passes of the planner of which each may ask for one more, at the same instant.
LONGEST_TURN: Final = 50

# What really was tried, over all examples.
BEHAVED: Counter[Behaviour] = Counter()
ENTERED: Counter[str] = Counter()

behaviours = st.sampled_from([*Behaviour, *[Behaviour.GOOD] * 6])
sizes = st.sampled_from((0, 0, 0, 2, 3))


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


class Machine(RuleBasedStateMachine):
    """How a cluster begins and ends, and what must be meanwhile; nothing happens to it yet."""

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

    # -- its end

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
