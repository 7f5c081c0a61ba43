"""What has happened to the cluster, kept in its folder; the ground of the timeline.

The cluster counts from 1 whenever it is made; a host that is started again for the same folder
goes on from the last number that was stored.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from speccluster_lab.link.files import open_private_log, read_private_file, set_aside
from speccluster_lab.spec.api import Condition, ConditionStatus, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from speccluster_lab.cluster.history import Transition

__all__ = ["EVENTS_FILE", "EventStore"]

logger = logging.getLogger(__name__)

EVENTS_FILE: Final = "events.jsonl"
OLDER_FILE: Final = "events.older.jsonl"

INTERVAL: Final = 0.25
RETRY_SECONDS: Final = 5.0
# Less than what is read of a private file at most.
FILE_BYTES: Final = 4_000_000
MAX_CHARACTERS: Final = 1_000

_SEQ: Final = re.compile(rb'\{"seq":([0-9]{1,18}),')


class EventStore:
    """Appends what happens to a file, in batches, and gives it back.

    Belongs to one event loop, which never waits for the disk. What is given back has been stored
    before, so that a number never stands for something else after a crash; unless the disk does
    not take it, which is logged and tried again.

    Parameters
    ----------
    folder : Path
        The cluster's.
    interval : float
        Seconds between two writes at least, however much happens.
    file_bytes : int
        How large the file becomes; then it is the older one, and the one that was is dropped.
    """

    def __init__(
        self, folder: Path, interval: float = INTERVAL, file_bytes: int = FILE_BYTES
    ) -> None:
        self.conditions: list[Condition] = []
        """What is to be said of the file, once it is followed."""
        self._file = folder / EVENTS_FILE
        self._older = folder / OLDER_FILE
        self._interval = interval
        self._file_bytes = file_bytes
        self._source: Callable[[int], Sequence[Transition]] | None = None
        # One thread at a time.
        self._disk = asyncio.Lock()
        self._before = 0
        self._stored = 0
        self._size = 0
        self._storing: asyncio.Task[None] | None = None
        self._last = -float("inf")
        self._refused = False
        self._written = asyncio.Event()
        self._hurry = asyncio.Event()

    async def follow(self, source: Callable[[int], Sequence[Transition]]) -> int:
        """Find out what is stored already, and store what happens from now on.

        Parameters
        ----------
        source : callable
            Returns what has happened after a number, counted from 1; called on the loop.

        Returns
        -------
        int
            The number of the last event that was stored; 0 where there was none.
        """
        async with self._disk:
            await asyncio.to_thread(self._look)
        self._source = source
        self.changed()
        return self._before

    def changed(self) -> None:
        """Say that something may have happened; to be called on the loop, as often as it does."""
        if self._storing is None and self._new():
            self._storing = asyncio.create_task(self._store(), name="store events")

    async def since(self, seq: int, limit: int) -> list[Event]:
        """Return what has happened after number ``seq``, oldest first.

        Parameters
        ----------
        seq : int
            0 for all that is still kept.
        limit : int
            No more than this.
        """
        await self._until_stored()
        before = self._before
        kept = [] if self._source is None else self._source(max(0, seq - before))
        found: list[Event] = []
        # What the cluster itself still has need not be read.
        if self._source is None or seq < before or (kept and before + kept[0].seq > seq + 1):
            async with self._disk:
                found = await asyncio.to_thread(self._read, seq, limit)
        last = found[-1].seq if found else seq
        missing = [one for one in kept if before + one.seq > last][: limit - len(found)]
        # In a thread, for there can be thousands.
        return found + await asyncio.to_thread(events_of, missing, before)

    async def close(self) -> None:
        """Store what has not been yet, without waiting for the next time."""
        self._hurry.set()
        self.changed()
        if self._storing is not None:
            await asyncio.wait({self._storing})

    async def _until_stored(self) -> None:
        """Wait until what has happened so far is stored, if the disk takes it."""
        self.changed()
        new = self._new()
        with suppress(TimeoutError):
            async with asyncio.timeout(RETRY_SECONDS):
                while (
                    new
                    and self._stored < self._before + new[-1].seq
                    and self._storing is not None
                    and not self._refused
                ):
                    await self._written.wait()

    def _new(self) -> Sequence[Transition]:
        return () if self._source is None else self._source(self._stored - self._before)

    async def _store(self) -> None:
        try:
            while self._new():
                await self._pause(self._last + self._interval)
                self._last = asyncio.get_running_loop().time()
                new = self._new()
                try:
                    async with self._disk:
                        await asyncio.to_thread(self._append, new)
                    self._refused = False
                except OSError as error:
                    if not self._refused:
                        logger.warning("The cluster's events cannot be stored: %s", error)
                    self._refused = True
                self._tell_waiting()
                if self._refused:
                    if self._hurry.is_set():
                        return
                    await self._pause(self._last + RETRY_SECONDS)
        finally:
            self._storing = None
            self._tell_waiting()

    def _tell_waiting(self) -> None:
        written, self._written = self._written, asyncio.Event()
        written.set()

    async def _pause(self, until: float) -> None:
        """Wait until a time of the loop's clock, or until there is a hurry."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._hurry.wait()

    # In a thread, one at a time

    def _look(self) -> None:
        """Find the last number, and where the last whole line ends."""
        try:
            content = read_private_file(self._file)
        except FileNotFoundError:
            content = b""
        except OSError as error:
            self._set_aside(error)
            content = b""
        self._size = content.rfind(b"\n") + 1
        newest_first = (
            event
            for file in (self._file, self._older)
            for line in reversed(_lines_of(file))
            if (event := _parsed(line)) is not None
        )
        newest = next(newest_first, None)
        self._before = self._stored = 0 if newest is None else newest.seq

    def _set_aside(self, error: OSError) -> None:
        """Put away the file, which cannot be used, and say so."""
        message = f"{EVENTS_FILE} cannot be trusted ({error})"
        try:
            there = set_aside(self._file)
            message += f" and was set aside as {there.name}; the events in it are not shown."
        except OSError as fault:
            message += f", and cannot be set aside ({fault}); the events in it are not shown."
        logger.error("%s", message)
        self.conditions.append(
            Condition(
                type="StateSetAside",
                status=ConditionStatus.TRUE,
                reason="NotTrusted",
                message=message,
                since=datetime.now(UTC),
            )
        )

    def _append(self, new: Iterable[Transition]) -> None:
        events = events_of(new, self._before)
        lines = [event.model_dump_json().encode() + b"\n" for event in events]
        done = 0
        while done < len(lines):
            if self._size and self._size + len(lines[done]) > self._file_bytes:
                # Somebody may have removed it.
                with suppress(FileNotFoundError):
                    os.replace(self._file, self._older)
                self._size = 0
            end, room = done + 1, self._file_bytes - self._size - len(lines[done])
            while end < len(lines) and len(lines[end]) <= room:
                room -= len(lines[end])
                end += 1
            self._write(b"".join(lines[done:end]))
            self._stored = events[end - 1].seq
            done = end

    def _write(self, content: bytes) -> None:
        descriptor = open_private_log(self._file)
        try:
            size = os.fstat(descriptor).st_size
            if size > self._size:
                # The last line is not whole: this host or the one before was interrupted.
                os.ftruncate(descriptor, self._size)
            self._size = min(size, self._size)
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            self._size += len(content)
        finally:
            os.close(descriptor)

    def _read(self, seq: int, limit: int) -> list[Event]:
        """Return what the files hold after a number; what is garbled is left out."""
        found: list[Event] = []
        for file in (self._older, self._file):
            for line in _lines_of(file):
                start = _SEQ.match(line)
                if start is None or int(start[1]) <= seq:
                    continue
                event = _parsed(line)
                if event is not None:
                    seq = event.seq
                    found.append(event)
                    if len(found) == limit:
                        return found
        return found


def _lines_of(file: Path) -> list[bytes]:
    """Return the whole lines of a file; none where it cannot be read."""
    try:
        return read_private_file(file).split(b"\n")[:-1]
    except OSError:
        return []


def _parsed(line: bytes) -> Event | None:
    try:
        return Event.model_validate_json(line)
    except ValidationError:
        return None


def events_of(transitions: Iterable[Transition], before: int) -> list[Event]:
    return [
        Event.model_validate(
            {
                "seq": before + one.seq,
                "time": datetime.fromtimestamp(one.at, UTC),
                "entry": _text(one.entry),
                "from": one.before,
                "to": one.after,
                "reason": _text(one.reason),
                "message": _text(one.message),
            }
        )
        for one in transitions
    ]


def _text(text: str | None) -> str | None:
    """Return a text that is not too long, and that UTF-8 can carry."""
    return None if text is None else text[:MAX_CHARACTERS].encode("utf-8", "replace").decode()
