"""Clocks, and waiting for what is measured to have happened."""

from __future__ import annotations

import asyncio
import gc
from threading import get_ident
from time import perf_counter, process_time, thread_time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Heartbeat", "NotDone", "Stopwatch", "check", "until"]


class NotDone(Exception):
    """What was to be measured has not happened, so that there is nothing to report."""


class Stopwatch:
    """The CPU time of this process, and the time by the clock, that a block takes.

    Garbage is collected before, so that a measurement does not pay for what went before it. It
    is collected in the block as always: what makes garbage is to pay for it.
    """

    def __init__(self, *, collect: bool = True) -> None:
        self.cpu = 0.0
        self.wall = 0.0
        self._collect = collect

    def __enter__(self) -> Self:
        if self._collect:
            gc.collect()
        self._began = process_time(), perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = process_time() - self._began[0]
        self.wall = perf_counter() - self._began[1]


class Heartbeat:
    """For how long, at most, the running event loop did not come round.

    Attributes
    ----------
    cpu : float
        The most CPU time of the loop's thread between two beats: what the loop's own callbacks
        took.
    without_gc : float
        The same without the collections of garbage that fell into it. A full one looks at all
        that this process has ever imported, and alone takes tens of milliseconds.
    wall : float
        The longest time by the clock, which other processes of a busy machine lengthen too.
    beats : int
        How many there were.
    """

    # A tenth of what is looked for. More often would cost more: what waits longest would pay most.
    INTERVAL = 0.005

    def __init__(self) -> None:
        self.cpu = 0.0
        self.without_gc = 0.0
        self.wall = 0.0
        self.beats = 0
        self._collecting = 0.0
        self._collected = 0.0

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        gc.callbacks.append(self._collects)
        self._last = thread_time(), perf_counter()
        self._timer = self._loop.call_later(self.INTERVAL, self._beat)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._note()
        gc.callbacks.remove(self._collects)

    def _beat(self) -> None:
        # A timer and not a task, which costs three times as much, and is measured too.
        self._note()
        self._timer = self._loop.call_later(self.INTERVAL, self._beat)

    def _note(self) -> None:
        cpu, wall = thread_time(), perf_counter()
        taken = cpu - self._last[0]
        self.beats += 1
        self.cpu = max(self.cpu, taken)
        self.without_gc = max(self.without_gc, taken - self._collected)
        self.wall = max(self.wall, wall - self._last[1] - self.INTERVAL)
        self._last = cpu, wall
        self._collected = 0.0

    def _collects(self, phase: str, _: dict[str, int]) -> None:
        if get_ident() != self._thread:
            return
        if phase == "start":
            self._collecting = thread_time()
        else:
            self._collected += thread_time() - self._collecting


def check(done: bool, what: str) -> None:
    """Fail unless what was to be measured has happened.

    Raises
    ------
    NotDone
        It has not.
    """
    if not done:
        raise NotDone(what)


async def until(
    condition: Callable[[], bool],
    what: Callable[[], str],
    limit: float,
    every: float = 0.002,
) -> None:
    """Wait for something that both classes can be asked for; neither announces it.

    Parameters
    ----------
    condition : callable
        Whether it has happened; cheap, for asking is measured too.
    what : callable
        What has not happened, in words and figures, for the error.
    limit : float
        Seconds after which it counts as not happening.
    every : float
        Seconds between two questions.

    Raises
    ------
    NotDone
        The time is over.
    """
    end = perf_counter() + limit
    while not condition():
        if perf_counter() > end:
            raise NotDone(f"{what()} after {limit:g} s")
        await asyncio.sleep(every)
