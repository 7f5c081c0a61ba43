"""The events that a host's websocket sends: a snapshot, then what changes, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import jsonpatch

from speccluster_lab.spec.api import Cluster, PatchEvent, PatchOperation, SnapshotEvent

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Reader", "Stream", "as_message"]

INTERVAL: Final = 0.1
QUEUE_LENGTH: Final = 64


class Stream:
    """Compares the cluster's document with the one before, and hands the difference to readers.

    Parameters
    ----------
    document : callable
        Returns the cluster as it is.
    interval : float
        Seconds between two comparisons at least, however often the cluster changes.
    """

    def __init__(self, document: Callable[[], Cluster], interval: float = INTERVAL) -> None:
        self._document = document
        self._interval = interval
        self._readers: set[Reader] = set()
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

    def open(self) -> Reader:
        """Return a new reader, which gets a snapshot first."""
        reader = Reader(self)
        if self._ended:
            reader.end()
        else:
            self._readers.add(reader)
        return reader

    def end(self) -> None:
        """Tell the readers that the cluster has gone, and end."""
        if self._ended:
            return
        if self._due is not None:
            # The last change is told as well, however soon the end has come.
            self._publish()
        self._ended = True
        gone = [PatchOperation(op="remove", path="")]
        for reader in tuple(self._readers):
            reader.push(gone)
            reader.end()

    def forget(self, reader: Reader) -> None:
        """Hand nothing more to ``reader``."""
        self._readers.discard(reader)

    @property
    def id(self) -> str:
        """The cluster's."""
        return self._document().id if self._published is None else self._published.id

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
        if first or not self._readers:
            return
        operations = jsonpatch.make_patch(before, self._values).patch
        if operations:
            patch = [PatchOperation.model_validate(operation) for operation in operations]
            for reader in self._readers:
                reader.push(patch)


class Reader:
    """One websocket's view of a stream: an asynchronous iterator over its messages.

    At most :data:`QUEUE_LENGTH` changes wait for a reader that is slow; when there are more it
    gets a snapshot instead. ``seq`` grows by one with each message.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._patches: deque[list[PatchOperation]] = deque()
        self._wants_snapshot = True
        self._ended = False
        self._seq = -1
        self._wake = asyncio.Event()
        self._wake.set()

    def request_snapshot(self) -> None:
        """Let the next message be a snapshot; what waits is in it."""
        self._patches.clear()
        self._wants_snapshot = True
        self._wake.set()

    def push(self, patch: list[PatchOperation]) -> None:
        """Add a change; called by the stream."""
        if self._wants_snapshot:
            return
        if len(self._patches) >= QUEUE_LENGTH:
            self.request_snapshot()
            return
        self._patches.append(patch)
        self._wake.set()

    def end(self) -> None:
        """Let the iteration end after what waits."""
        self._ended = True
        self._wake.set()

    def close(self) -> None:
        """Give up, without what waits."""
        self._stream.forget(self)
        self._patches.clear()
        self._wants_snapshot = False
        self.end()

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> SnapshotEvent | PatchEvent:
        await self._wake.wait()
        self._seq += 1
        if self._wants_snapshot:
            # In this order: publishing hands the patch up to the snapshot to the others only.
            snapshot = self._stream.snapshot()
            self._wants_snapshot = False
            event: SnapshotEvent | PatchEvent = SnapshotEvent(seq=self._seq, snapshot=snapshot)
        elif self._patches:
            event = PatchEvent(
                seq=self._seq, cluster=self._stream.id, patch=self._patches.popleft()
            )
        else:
            raise StopAsyncIteration
        if not self._patches and not self._ended:
            self._wake.clear()
        return event


def as_message(event: SnapshotEvent | PatchEvent) -> str:
    """Return an event as it is sent.

    A cluster has all its fields, but an operation of a patch only those that it was made with: a
    ``value`` of null is something else than none.
    """
    return event.model_dump_json(by_alias=True, exclude_unset=isinstance(event, PatchEvent))
