"""What can happen to a cluster, as rules of the machine: to its spec, its workers and its users."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from speccluster_lab.errors import InvalidInput

from .machine import NAMES, Machine, behaviours, sizes
from .misbehaving import entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine

FRESH: Final = "rstuvw"
USABLE_WITHIN: Final = 60.0
LONGEST_TASK: Final = 3.0

# One number decides all that a rule leaves open.
numbers = st.integers(0, 719)
names = st.sampled_from(NAMES)


async def compute(key: str, seconds: float) -> str:
    """Compute something that says what it is; without a thread."""
    await asyncio.sleep(seconds)
    return key


def one(among: Collection[Any], number: int) -> Any:
    return list(among)[number % len(among)]


def when(condition: Callable[[Any], object]) -> Any:
    return precondition(condition)


class Anything(Machine):
    """Everything that can happen to a cluster."""

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
