"""What the scheduler has of an entry: looked up, asked for, and forgotten."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from speccluster_lab.cluster.membership import Membership
    from speccluster_lab.cluster.roster import Roster
    from speccluster_lab.cluster.view import View
    from speccluster_lab.reconcile import EntryState

__all__ = ["Presence"]

logger = logging.getLogger(__name__)


class Presence:
    """Finds out about members what no event has told, and has the scheduler forget them.

    Parameters
    ----------
    roster : Roster
        The entries.
    membership : Membership
        What is known of the scheduler's workers.
    view : callable
        Returns the scheduler.
    leave_to_itself : callable
        Called with everything that is begun here.
    """

    def __init__(
        self,
        roster: Roster,
        membership: Membership,
        view: Callable[[], View],
        leave_to_itself: Callable[[asyncio.Future[Any]], None],
    ) -> None:
        self._roster = roster
        self._membership = membership
        self._view = view
        self._leave_to_itself = leave_to_itself
        self._asking: dict[str, object] = {}

    def look_up(self, entry: EntryState) -> bool:
        """Note which members a scheduler of this process has; return whether one has to be asked.

        What its events have told may not be all: one of them may be lost, or on its way.
        """
        if not self._roster.has_scheduler:
            return False
        known = self._view().look_up(self._own_members(entry))
        if known is not None:
            self._learn(entry, known)
        return known is None

    def _learn(self, entry: EntryState, known: Mapping[str, str]) -> None:
        for member, address in known.items():
            if self._membership.address(member) != address:
                self._membership.add(address, member)
                entry.arrive(member, monotonic())

    def ask(self, name: str, then: Callable[[EntryState], None]) -> None:
        """Ask the scheduler which members of an entry it has, and go on then."""
        token = self._asking[name] = object()
        entries = self._roster.entries

        async def ask() -> None:
            known: Mapping[str, str] = {}
            try:
                async with asyncio.timeout(self._roster.policy.close_timeout):
                    known = await self._view().find(self._own_members(entries[name]))
            except Exception as error:
                # Whatever it answers: the entry waits for nothing else.
                logger.warning("the scheduler does not say what entry %r has: %r", name, error)
            if self._asking.get(name) is token and not self._roster.ended:
                del self._asking[name]
                self._learn(entries[name], known)
                then(entries[name])

        self._leave_to_itself(asyncio.ensure_future(ask()))

    def ask_no_more(self, name: str) -> None:
        """Go on with nothing that has been asked for an entry."""
        self._asking.pop(name, None)

    def left_behind(self, entry: EntryState) -> list[str]:
        """Return the addresses of its members that the scheduler believes to be there."""
        if not self._roster.has_scheduler:
            return []
        found = map(self._membership.address, self._own_members(entry))
        return [address for address in found if address is not None]

    def _own_members(self, entry: EntryState) -> tuple[str, ...]:
        """Return its members without those whose workers are another entry's."""
        others = self._roster.owners.others(entry)
        if not others:
            return entry.members
        return tuple(member for member in entry.members if member not in others)

    def forget(self, name: str, addresses: list[str]) -> asyncio.Future[None]:
        """Have the scheduler forget workers of an entry; return what ends when it has been asked.

        One that still runs, although it was told to end, gives away first what it holds.
        """
        forgetting = asyncio.ensure_future(self._forget(name, addresses))
        self._leave_to_itself(forgetting)
        return forgetting

    async def _forget(self, name: str, addresses: list[str]) -> None:
        view, limit = self._view(), self._roster.policy.close_timeout
        try:
            async with asyncio.timeout(limit):
                freed = await view.retire(addresses, forget=True)
        except Exception as error:
            logger.warning("what %s hold does not move: %r", addresses, error)
            freed = ()
        left = set(addresses).difference(freed)
        if left:
            await self._note_loss(name, left)
        try:
            async with asyncio.timeout(limit):
                for address in left:
                    await view.forget(address)
        except Exception as error:
            logger.warning("the scheduler keeps %s: %r", addresses, error)

    async def _note_loss(self, name: str, addresses: set[str]) -> None:
        """Say what goes with workers that are not to be had any more."""
        try:
            async with asyncio.timeout(self._roster.policy.close_timeout):
                stake = (await self._view().stakes({name: addresses}))[name]
        except Exception as error:
            logger.warning("what goes with %s is not to be had: %r", addresses, error)
            return
        if stake.keys:
            text = f"entry {name} is gone, and with it {stake}"
            self._roster.history.note(time(), None, None, None, "DataDropped", text)
