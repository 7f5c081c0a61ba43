"""Who waits until nothing is under way, and hears what has failed meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from speccluster_lab.reconcile import ACTIVE, LEAVING
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from speccluster_lab.cluster.roster import Roster

__all__ = ["Waiting"]


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody who waits until nothing is under way for some entries."""

    failures: list[BaseException]
    names: set[str] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Waiting:
    """Those who wait for what is under way, and the failures that nobody has heard of yet.

    Parameters
    ----------
    roster : Roster
        The entries.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._waiters: list[_Waiter] = []
        self._unheard: dict[str, BaseException] = {}

    async def idle(self, run_pass: Callable[[], None]) -> list[BaseException]:
        """Wait until every start, retirement and closing under way has ended.

        Parameters
        ----------
        run_pass : callable
            Begins what is due.

        Returns
        -------
        list of BaseException
            What starts that failed meanwhile raised, and before where nobody waited then and
            the entry has neither recovered nor been changed since.
        """
        failures = list(self._unheard.values())
        self._unheard.clear()
        waiter = _Waiter(failures)
        self._waiters.append(waiter)
        try:
            # What starts now, and fails at once, is this one's to hear of.
            run_pass()
            waiter.names = self._under_way()
            if waiter.names and not self._roster.ended:
                await waiter.done.wait()
        finally:
            self._waiters = [one for one in self._waiters if one is not waiter]
        return failures

    def _under_way(self) -> set[str]:
        """Return the entries for which something is being done, or is about to be."""
        roster, by_phase = self._roster, self._roster.ledger.by_phase
        surely = ACTIVE if roster.has_scheduler else ACTIVE - {EntryPhase.PENDING}
        perhaps = [name for phase in (ACTIVE | LEAVING) - surely for name in by_phase[phase]]
        names = set(filter(self._is_active, [*perhaps, *roster.dirty]))
        return names.union(*(by_phase[phase] for phase in surely))

    def _is_active(self, name: str) -> bool:
        """Return whether something is being done for an entry, or is about to be."""
        roster = self._roster
        entry = roster.entries.get(name)
        if entry is None:
            return False
        if entry.phase is EntryPhase.PENDING:
            # Without a scheduler it may wait for ever.
            return roster.has_scheduler or entry.wanted is None
        if entry.active or name in roster.dirty:
            return True
        # What a holder is made for goes on with the holder.
        holder = roster.entries.get(HOLDER_PREFIX + name) if roster.ledger.holders else None
        return entry.phase in LEAVING and holder is not None and holder.active

    def release(self, names: list[str]) -> None:
        """Let those go who waited for nothing but these entries."""
        for waiter in self._waiters:
            if waiter.names is None:
                continue
            for name in names:
                if name in waiter.names and not self._is_active(name):
                    waiter.names.discard(name)
            if not waiter.names:
                waiter.done.set()

    def release_all(self) -> None:
        """Let everybody go."""
        for waiter in self._waiters:
            waiter.done.set()

    def tell(self, name: str, error: BaseException) -> None:
        """Tell those who wait that the start of an entry has failed; or else who comes next."""
        if not self._waiters:
            self._unheard[name] = error
        for waiter in self._waiters:
            waiter.failures.append(error)

    def take_back(self, name: str) -> None:
        """Tell nobody more that an entry has failed: it has recovered, changed, or gone."""
        if self._unheard:
            self._unheard.pop(name, None)
