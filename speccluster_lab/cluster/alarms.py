"""When entries are to be looked at although nothing happens."""

from __future__ import annotations

import asyncio
from heapq import heappop
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Alarms"]


class Alarms:
    """One timer for the alarms of all entries.

    An alarm that is not needed any more is left to ring: finding it would cost more than to see
    that it is of the past.

    Parameters
    ----------
    ring : callable
        Called when the time of the first one has come; it is to set the timer anew.

    Attributes
    ----------
    heap : list of tuple of float and str
        When which entry is to be looked at, as :mod:`heapq` keeps it.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self.heap: list[tuple[float, str]] = []
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def due(self, now: float) -> Iterator[str]:
        """Return, and forget, whose time has come."""
        heap = self.heap
        while heap and heap[0][0] <= now:
            yield heappop(heap)[1]

    def set(self, now: float) -> None:
        """Set the timer to the first alarm."""
        self.stop()
        if self.heap:
            delay = max(0.0, self.heap[0][0] - now) + 0.001
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def stop(self) -> None:
        """Ring no more, until it is set anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
