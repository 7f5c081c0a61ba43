"""Handing changes to those who read them, none of whom can hold up another."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from speccluster_lab.spec.api import Cluster, Patch, PatchEvent, SnapshotEvent

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Feed", "Reader"]

QUEUE_LENGTH: Final = 256


class Feed:
    """Hands every change to every reader.

    Parameters
    ----------
    snapshot : callable
        Returns all clusters, as the changes that were handed out so far have made them.
    """

    def __init__(self, snapshot: Callable[[], list[Cluster]]) -> None:
        self._snapshot = snapshot
        self._readers: set[Reader] = set()

    def open(self) -> Reader:
        """Return a new reader, whose first event is a snapshot."""
        reader = Reader(self._snapshot)
        self._readers.add(reader)
        return reader

    def forget(self, reader: Reader) -> None:
        """Hand nothing more to ``reader``, and end it."""
        self._readers.discard(reader)
        reader.end()

    def publish(self, cluster: str, patch: Patch) -> None:
        """Hand out a change of the cluster of this id."""
        for reader in self._readers:
            reader.push(cluster, patch)

    def close(self) -> None:
        """End all readers."""
        for reader in tuple(self._readers):
            self.forget(reader)


class Reader:
    """What waits for one reader: at most :data:`QUEUE_LENGTH` changes, or else a snapshot.

    Parameters
    ----------
    snapshot : callable
        Returns all clusters.
    """

    def __init__(self, snapshot: Callable[[], list[Cluster]]) -> None:
        self._snapshot = snapshot
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
        if len(self._waiting) >= QUEUE_LENGTH:
            self.request_snapshot()
            return
        self._waiting.append((cluster, patch))
        self._wake.set()

    def request_snapshot(self) -> None:
        """Let the next event be a snapshot; the changes that wait are in it."""
        self._waiting.clear()
        self._wants_snapshot = True
        self._wake.set()

    def end(self) -> None:
        """Let the iteration end."""
        self._ended = True
        self._wake.set()

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> SnapshotEvent | PatchEvent:
        """Wait for the next event, and return it."""
        await self._wake.wait()
        if self._ended:
            raise StopAsyncIteration
        self._seq += 1
        event: SnapshotEvent | PatchEvent
        if self._wants_snapshot:
            self._wants_snapshot = False
            event = SnapshotEvent(seq=self._seq, snapshot=self._snapshot())
        else:
            cluster, patch = self._waiting.popleft()
            event = PatchEvent(seq=self._seq, cluster=cluster, patch=patch)
        if not self._waiting:
            self._wake.clear()
        return event
