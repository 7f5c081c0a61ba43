"""Moving the data of workers that are to go, before they go."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from distributed.core import Status

from speccluster_lab.reconcile import HOLDS_ACTOR, NO_ROOM, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable

    from speccluster_lab.cluster.view import Stake, View
    from speccluster_lab.reconcile import Policy

__all__ = ["Retirement"]

logger = logging.getLogger(__name__)

FIRST_LOOK: Final = 0.25
LONGEST_LOOK: Final = 2.0
# How long a worker may take to say that it goes on is a little less than twice the longest pause.
FIRST_PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.64


class Retirement:
    """Retires the workers of entries; those that are asked for in one go are retired together.

    Together, so that none gives its data to another that is about to go as well. Each is free as
    soon as its own data is safe: one that cannot move its data holds no other up.

    Parameters
    ----------
    view : callable
        Returns the scheduler.
    policy : Policy
        ``retire_timeout`` is how long nothing may move.
    ended : callable
        Called with the name of an entry, with the addresses of the workers that it was asked for
        with, and with ``None`` or with why their data cannot move.
    """

    def __init__(
        self,
        view: Callable[[], View],
        policy: Policy,
        ended: Callable[[str, list[str], Failure | None], None],
    ) -> None:
        self.policy = policy
        self._view = view
        self._ended = ended
        self._next: dict[str, list[str]] = {}
        self._current: dict[str, object] = {}
        # Calls that go on although nobody waits for them: nothing moves.
        self._lingering: dict[str, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._current)

    def begin(self, name: str, addresses: Iterable[str]) -> None:
        """Retire the workers of an entry."""
        if not self._next:
            asyncio.get_running_loop().call_soon(self._go)
        self._next[name] = list(addresses)
        self._current[name] = self._next[name]

    def forget(self, name: str) -> None:
        """Say nothing more of an entry."""
        self._next.pop(name, None)
        self._current.pop(name, None)

    def stop(self) -> set[asyncio.Task[Any]]:
        """Give everything up; return what is still ending."""
        self._next.clear()
        self._current.clear()
        for task in self._tasks:
            task.cancel()
        return set(self._tasks)

    def _go(self) -> None:
        asked, self._next = self._next, {}
        together: dict[str, list[str]] = {}
        for name, addresses in asked.items():
            call = self._lingering.pop(name, None)
            if call is not None and not call.done():
                # Another call beside it would move nothing either.
                self._spawn(_Batch(self, {name: addresses}, call).run())
            else:
                together[name] = addresses
        if together:
            self._spawn(_Batch(self, together).run())

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name="retirement")
        self._tasks.add(task)
        task.add_done_callback(self._is_over)
        return task

    def _is_over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.debug("a retirement ended with %r", task.exception())


class _Batch:
    """The entries of one call.

    The scheduler is asked twice, and forgets only then: of a group no member before all of it can
    go, and of anybody what a client was sending there when it was chosen, which nothing shows yet.
    Where there is neither a task nor a client, once is enough.
    """

    def __init__(
        self,
        retirement: Retirement,
        entries: dict[str, list[str]],
        call: asyncio.Task[Collection[str]] | None = None,
    ) -> None:
        self._call = call
        self._retirement = retirement
        self._view = retirement._view()
        self._limit = retirement.policy.retire_timeout
        self._left = entries
        self._asked = dict(entries)

    async def run(self) -> None:
        try:
            await self._run()
        except Exception as error:
            logger.warning("retiring %s failed: %r", sorted(self._left), error)
            reason = f"{type(error).__name__}: {error}"
            for name in list(self._left):
                self._end(name, Failure("RetireFailed", reason))

    async def _run(self) -> None:
        if self._view.is_unused():
            await self._finish(list(self._left))
            if not self._left:
                return
        if self._call is None:
            addresses = [one for entry in self._left.values() for one in entry]
            retiring = self._view.retire(addresses, forget=False)
            self._call = self._retirement._spawn(retiring)
        freed = await self._watch(self._call)
        if freed:
            # What was on its way there when the worker was chosen is at most a moment late.
            await asyncio.sleep(FIRST_PAUSE)
        await self._finish([n for n, entry in self._left.items() if freed.issuperset(entry)])
        if self._left:
            await self._give_up(freed)

    async def _watch(self, call: asyncio.Task[Collection[str]]) -> set[str]:
        """Let go whoever is safe before the others are; return the addresses that were freed."""
        pause = FIRST_LOOK
        stakes: dict[str, Stake] = {}
        moved = dict.fromkeys(self._left, monotonic())
        while self._left:
            done, _ = await asyncio.wait({call}, timeout=pause)
            if done:
                return set(call.result())
            pause = min(2 * pause, LONGEST_LOOK)
            now = monotonic()
            async with asyncio.timeout(self._limit):
                found = await self._view.stakes(self._left)
            for name, stake in found.items():
                if stake != stakes.get(name):
                    moved[name] = now
                elif now - moved[name] >= self._limit:
                    text = f"nothing has moved for {self._limit:g} s: {stake} left"
                    self._retirement._lingering[name] = call
                    self._end(name, Failure("RetireTimeout", text))
            stakes = found
            await self._finish([name for name in self._left if not found[name].keys])
        return set()

    async def _finish(self, names: list[str]) -> None:
        """Have the scheduler forget workers whose data is safe.

        Not before all of a group can go; and what tasks have left there meanwhile moves first.
        """
        if not names:
            return
        entries = {name: self._left[name] for name in names}
        addresses = [one for entry in entries.values() for one in entry]
        async with asyncio.timeout(self._limit):
            freed = set(await self._view.retire(addresses, forget=True))
            if not freed.issuperset(addresses):
                # One that the scheduler does not have has nothing that could be freed.
                freed.update(set(addresses).difference(await self._view.workers()))
        for name, entry in entries.items():
            # Nobody else: one that the scheduler still has may get back, until it is closed,
            # what another one hands over.
            if freed.issuperset(entry):
                self._end(name, None)

    async def _give_up(self, freed: set[str]) -> None:
        async with asyncio.timeout(self._limit):
            stakes = await self._view.stakes(self._left)
        # Released or moved since, or one of a group has died.
        await self._finish([name for name in self._left if not stakes[name].keys])
        going = await self._wait_until_they_go_on(freed)
        for name in list(self._left):
            self._end(name, self._why_stuck(self._left[name], going, stakes[name]))

    async def _wait_until_they_go_on(self, freed: set[str]) -> set[str]:
        """Have those that cannot go yet go on; return the addresses of those that do not.

        The scheduler gives each that it could not free the status back that it had when it was
        asked: were it asked again before that has come about, the worker would be idle for ever.
        """
        stuck = {address for entry in self._left.values() for address in entry}
        self._view.restore(freed & stuck)
        pause = FIRST_PAUSE
        while stuck:
            async with asyncio.timeout(self._limit):
                known = await self._view.workers()
            leaving = Status.closing_gracefully.name
            stuck = {a for a in stuck & known.keys() if self._view.status(a) == leaving}
            if not stuck or pause > LONGEST_PAUSE:
                break
            await asyncio.sleep(pause)
            pause *= 2
        return set() if self._view.restore(stuck) else stuck

    def _why_stuck(self, addresses: list[str], going: set[str], stake: Stake) -> Failure:
        if self._view.holds_actor(addresses):
            return Failure(HOLDS_ACTOR, "holds an actor, which cannot move")
        if stake.keys:
            verb = "has" if stake.keys == 1 else "have"
            text = f"{stake} {verb} no other worker to go to"
        else:
            text = "what it holds is only on workers that are about to go as well"
        # Those of a group that could be freed wait for their end, and do nothing more.
        return Failure(NO_ROOM if going.isdisjoint(addresses) else "NoRoomForGroup", text)

    def _end(self, name: str, stuck: Failure | None) -> None:
        del self._left[name]
        retirement = self._retirement
        # It may have been asked for anew since, or not be waited for any more.
        if retirement._current.get(name) is self._asked[name]:
            del retirement._current[name]
            retirement._ended(name, self._asked[name], stuck)
