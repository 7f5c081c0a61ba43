"""What a host's websocket sends: the difference between the cluster's document and the last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import jsonpatch

from speccluster_lab.link.feed import Feed
from speccluster_lab.spec.api import Cluster, PatchOperation
from speccluster_lab.spec.limits import DEFAULT_QUEUED_EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stream"]

INTERVAL: Final = 0.1


class Stream:
    """Compares the cluster's document with the one before, and hands the difference to readers.

    Parameters
    ----------
    document : callable
        Returns the cluster as it is.
    interval : float
        Seconds between two comparisons at least, however often the cluster changes.
    queued_events : int
        How many changes may wait for a reader.
    """

    def __init__(
        self,
        document: Callable[[], Cluster],
        interval: float = INTERVAL,
        queued_events: int = DEFAULT_QUEUED_EVENTS,
    ) -> None:
        self._document = document
        self._interval = interval
        self.feed = Feed(self.snapshot, queued_events)
        self.asked = 0
        """How often somebody has asked for anything, this stream or not."""
        self._published: Cluster | None = None
        self._values: dict[str, Any] = {}
        self._last = -float("inf")
        self._due: asyncio.TimerHandle | None = None
        self._ended = False

    def changed(self) -> None:
        """Say that the document may have changed; to be called on the loop, as often as it does."""
        if self._due is not None or self._ended:
            return
        loop = asyncio.get_running_loop()
        self._due = loop.call_at(max(loop.time(), self._last + self._interval), self._publish)

    def end(self) -> None:
        """Tell the readers that the cluster has gone, and end."""
        if self._ended:
            return
        if self._due is not None:
            # The last change is told as well, however soon the end has come.
            self._publish()
        self._ended = True
        self.feed.publish(self._document().id, [PatchOperation(op="remove", path="")])
        self.feed.close()

    def snapshot(self) -> list[Cluster]:
        """Return what patches from now on are relative to; empty once the cluster has gone."""
        if self._ended:
            return []
        self._publish()
        return [] if self._published is None else [self._published]

    def _publish(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._last = asyncio.get_running_loop().time()
        cluster = self._document()
        before, self._values = self._values, cluster.model_dump(mode="json")
        first, self._published = self._published is None, cluster
        if first or not self.feed:
            return
        operations = jsonpatch.make_patch(before, self._values).patch
        if operations:
            patch = [PatchOperation.model_validate(operation) for operation in operations]
            self.feed.publish(cluster.id, patch)
