"""Handing changes to those who read them, none of whom can hold up another.

The event streams of a host and of the Jupyter server are both this.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from speccluster_lab.spec.api import Cluster, Patch, PatchEvent, SnapshotEvent, SnapshotRequest
from speccluster_lab.spec.limits import DEFAULT_QUEUED_EVENTS
from speccluster_lab.spec.validation import parse_body

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Feed", "Reader", "as_message"]


class Feed:
    """Hands every change to every reader.

    Parameters
    ----------
    snapshot : callable
        Returns all clusters, as the changes that were handed out so far have made them.
    queued_events : int
        How many changes may wait for a reader.
    """

    def __init__(
        self,
        snapshot: Callable[[], list[Cluster]],
        queued_events: int = DEFAULT_QUEUED_EVENTS,
    ) -> None:
        self._snapshot = snapshot
        self._queued_events = queued_events
        self._readers: set[Reader] = set()
        self._ended = False

    def __bool__(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    def open(self) -> Reader:
        """Return a new reader, whose first event is a snapshot."""
        reader = Reader(self._snapshot, self._queued_events)
        if self._ended:
            reader.end()
        else:
            self._readers.add(reader)
        return reader

    def forget(self, reader: Reader) -> None:
        """Hand nothing more to ``reader``, and end it without what waits."""
        self._readers.discard(reader)
        reader.close()

    def publish(self, cluster: str, patch: Patch) -> None:
        """Hand out a change of the cluster of this id."""
        for reader in self._readers:
            reader.push(cluster, patch)

    def close(self) -> None:
        """End all readers, each after what waits for it, and those that are still to come."""
        self._ended = True
        for reader in self._readers:
            reader.end()
        self._readers.clear()


class Reader:
    """What one reader gets: an asynchronous iterator over events, ``seq`` growing by one.

    Parameters
    ----------
    snapshot : callable
        Returns all clusters.
    queued_events : int
        How many changes may wait for one that is slow; when there are more it gets a snapshot
        instead.
    """

    def __init__(self, snapshot: Callable[[], list[Cluster]], queued_events: int) -> None:
        self._snapshot = snapshot
        self._queued_events = queued_events
        self._waiting: deque[tuple[str, Patch]] = deque()
        self._wants_snapshot = True
        self._ended = False
        self._seq = 0
        self._wake = asyncio.Event()
        self._wake.set()

    def push(self, cluster: str, patch: Patch) -> None:
        """Add a change."""
        if self._wants_snapshot:
            # The snapshot is taken when it is sent, and so has this change in it.
            return
        if len(self._waiting) >= self._queued_events:
            self.request_snapshot()
            return
        self._waiting.append((cluster, patch))
        self._wake.set()

    def request_snapshot(self) -> None:
        """Let the next event be a snapshot; the changes that wait are in it."""
        self._waiting.clear()
        self._wants_snapshot = True
        self._wake.set()

    def take(self, message: str | bytes) -> None:
        """Do what the reader asks for, which can only be a snapshot.

        Parameters
        ----------
        message : str or bytes
            As it came.

        Raises
        ------
        InvalidInput
            It asks for something else, or is nothing that can be read.
        """
        parse_body(SnapshotRequest, message.encode() if isinstance(message, str) else message)
        self.request_snapshot()

    def end(self) -> None:
        """Let the iteration end after what waits."""
        self._ended = True
        self._wake.set()

    def close(self) -> None:
        """Let the iteration end at once."""
        self._waiting.clear()
        self._wants_snapshot = False
        self.end()

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> SnapshotEvent | PatchEvent:
        """Wait for the next event, and return it."""
        await self._wake.wait()
        event: SnapshotEvent | PatchEvent
        if self._wants_snapshot:
            # In this order: a host publishes the newest change before it takes a snapshot, and
            # that is for the others only.
            snapshot = self._snapshot()
            self._wants_snapshot = False
            event = SnapshotEvent(seq=self._seq, snapshot=snapshot)
        elif self._waiting:
            cluster, patch = self._waiting.popleft()
            event = PatchEvent(seq=self._seq, cluster=cluster, patch=patch)
        else:
            raise StopAsyncIteration
        self._seq += 1
        if not self._waiting and not self._ended:
            self._wake.clear()
        return event


def as_message(event: SnapshotEvent | PatchEvent) -> str:
    """Return an event as it is sent.

    A cluster has all its fields, but an operation of a patch only those that it was made with: a
    ``value`` of null is something else than none.
    """
    return event.model_dump_json(by_alias=True, exclude_unset=isinstance(event, PatchEvent))
