"""A cluster as it is shown: where it is and why, what it has, what is at stake."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from distributed.core import Status

from speccluster_lab.cluster.logs import log_of
from speccluster_lab.cluster.ownloop import awaited_there, called_there
from speccluster_lab.cluster.scaled import Scaled
from speccluster_lab.cluster.status import StatusReport
from speccluster_lab.errors import InvalidInput, NotRunning

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from speccluster_lab.cluster.history import Transition
    from speccluster_lab.cluster.logrecords import LogText
    from speccluster_lab.cluster.view import Stake
    from speccluster_lab.spec.api import (
        ClusterPhase,
        Condition,
        Counts,
        Entry,
        Member,
        SchedulerStatus,
    )

__all__ = ["Shown"]


class Shown(Scaled):
    """The part of a cluster that says how it stands.

    Parameters
    ----------
    **options
        As the other parts take them.
    """

    def __init__(self, **options: Any) -> None:
        self._report = StatusReport()
        super().__init__(**options)

    @property
    @called_there
    def phase(self) -> ClusterPhase:
        """Where the cluster is."""
        return self._report.phase(self)

    @property
    @called_there
    def conditions(self) -> list[Condition]:
        """Why it is there."""
        return self._report.conditions(self)

    @called_there
    def entries(self) -> list[Entry]:
        """Return the entries as they stand."""
        return self._report.entries(self)

    @called_there
    def unexpected(self) -> list[Member]:
        """Return the workers that the scheduler has and no entry expects."""
        return self._report.unexpected(self)

    @called_there
    def counts(self) -> Counts:
        """Return the cluster in numbers."""
        return self._report.counts(self)

    @called_there
    def scheduler_status(self) -> SchedulerStatus:
        """Return the scheduler as it stands."""
        return self._report.scheduler(self)

    def events(self, since: int = 0) -> list[Transition]:
        """Return what has happened after event number ``since``, oldest first."""
        return self._executor.history.since(since)

    @awaited_there
    async def log(self, name: str | None, records: int, after: str | None = None) -> LogText:
        """Return the newest of what a worker, the workers of an entry, or the scheduler logs.

        Of an entry without a worker, or a worker that has not come up, it is why.

        Parameters
        ----------
        name : str, optional
            A worker's or an entry's; the scheduler if not given.
        records : int
            How many at most. The caller bounds the time.
        after : str, optional
            The cursor of an earlier text: what has been logged since, instead of the newest.

        Raises
        ------
        NotRunning
            There is no scheduler to ask.
        MemberNotFound
            Nobody of this name is there, and nothing is known of why.
        """
        if self.status != Status.running or self._watch.failure is not None:
            raise NotRunning("the cluster has no scheduler")
        return await log_of(self, name, records, after)

    @awaited_there
    async def at_stake(self, entries: Collection[Hashable]) -> Stake:
        """Return what only the members of some entries hold.

        That is what would have to move if they were to go, and is lost if they die.

        Parameters
        ----------
        entries : collection of hashable
            Their names.

        Raises
        ------
        NotRunning
            There is no scheduler to ask.
        """
        if self.status != Status.running or self._watch.failure is not None:
            raise NotRunning("the cluster has no scheduler")
        members = [m for name in entries for m in self._executor.members_of(str(name))]
        addresses = [a for one in members if (a := self._watch.membership.address(one)) is not None]
        async with asyncio.timeout(self.policy.retire_timeout):
            return (await self.view().stakes({"": addresses}))[""]

    @awaited_there
    async def drop_data(self, entry: Hashable) -> Stake:
        """Let an entry that is on its way out go with what it holds; return what is lost.

        Parameters
        ----------
        entry : hashable
            Its name.

        Raises
        ------
        InvalidInput
            There is no such entry, or it is not waiting for room for its data.
        """
        name = str(entry)
        if not self._executor.is_leaving(name):
            raise InvalidInput(f"entry {name!r} is not on its way out", field="entry")
        stake = await self.at_stake([name])
        self._executor.drop_data(name)
        self._note("DataDropped", f"entry {name} goes with {stake}")
        return stake

    @called_there
    def retry(self, entry: Hashable) -> None:
        """Try an entry again now, whatever its backoff says.

        Raises
        ------
        InvalidInput
            There is no such entry.
        """
        if str(entry) not in self._executor.entries:
            raise InvalidInput(f"there is no entry {str(entry)!r}", field="entry")
        self._executor.retry(str(entry))

    @called_there
    def restart_entry(self, entry: Hashable) -> None:
        """Have an entry made anew although its spec says the same, as a roll-out does it.

        Its data moves first, and no more entries than ``max_unavailable`` are away at a time. One
        of which nothing is there is tried again now.

        Raises
        ------
        InvalidInput
            There is no such entry.
        """
        name = str(entry)
        # Nobody has asked for a holder, nor for one that is going.
        if name not in self._executor.entries or name not in self._executor.desired:
            raise InvalidInput(f"there is no entry {name!r}", field="entry")
        self._executor.wear_out(name)
        self._note("EntryRestarted", f"entry {name} is to be made anew, as was asked for")
