"""What has happened to a cluster, what it has logged, and what was wanted of it before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from speccluster_lab.client.reaching import Reaching
from speccluster_lab.client.tables import Events, Generations
from speccluster_lab.spec.api import MAX_EVENTS, EventsQuery, LogQuery
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from speccluster_lab.spec.api import Event, Generation, Log

__all__ = ["History"]


class History(Reaching):
    """The part of a handle that tells what was before."""

    def events(self, since: int = 0) -> Any:
        """Return what has happened to the cluster and its entries, oldest first.

        Parameters
        ----------
        since : int
            Only what came after the event of this number; the oldest are not kept for ever.

        Returns
        -------
        list of Event
            Displayed as a table.
        """
        try:
            query = EventsQuery(since=since, limit=MAX_EVENTS)
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._events, query)

    async def _events(self, query: EventsQuery) -> list[Event]:
        found = Events()
        while True:
            page = await self._reach().timeline(query)
            found.extend(page)
            if len(page) < query.limit:
                return found
            query = EventsQuery(since=page[-1].seq, limit=query.limit)

    def generations(self) -> Any:
        """Return the desired states that the cluster had before, newest first.

        Returns
        -------
        list of Generation
            Displayed as a table.
        """
        return self.sync(self._generations)

    async def _generations(self) -> list[Generation]:
        return Generations(await self._reach().generations())

    def logs(self, member: str | int | None = None, tail: int = 500) -> Any:
        """Return the end of a log; ``print`` shows its lines.

        Parameters
        ----------
        member : str or int, optional
            The name of a worker, or of an entry; the cluster's own process if not given. What
            code on workers prints stands there as well, and what their loggers say in their own.
        tail : int
            How many lines at most, the newest; up to 10,000.

        Returns
        -------
        Log

        Raises
        ------
        MemberNotFound
            No worker of this name is there, nor an entry of which there is anything to tell.
        NotRunning
            The cluster is starting or stopping, and it was asked for a worker's.
        InvalidInput
            That many lines cannot be had.
        """
        try:
            query = LogQuery(member=None if member is None else str(member), tail=tail)
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._logs, query)

    async def _logs(self, query: LogQuery) -> Log:
        return await self._reach().log(query)
