"""What has happened to a cluster, and the desired states that it had before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from speccluster_lab.client.reaching import Reaching
from speccluster_lab.spec.api import MAX_EVENTS, EventsQuery
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from speccluster_lab.spec.api import Event, Generation

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
        """
        try:
            query = EventsQuery(since=since, limit=MAX_EVENTS)
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._events, query)

    async def _events(self, query: EventsQuery) -> list[Event]:
        found: list[Event] = []
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
        """
        return self.sync(self._generations)

    async def _generations(self) -> list[Generation]:
        return await self._reach().generations()
