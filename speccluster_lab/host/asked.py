"""Carrying a call over from one event loop to another, which may be busy."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Generic, TypeVar

from speccluster_lab.errors import NotRunning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Asked"]

T = TypeVar("T")

_making: set[asyncio.Future[None]] = set()


class Asked(Generic[T]):
    """A call that is asked for on one loop and made on another, or not at all if that is too late.

    Parameters
    ----------
    call : callable
        What is to be made.
    """

    def __init__(self, call: Callable[[], Awaitable[T]]) -> None:
        self._call = call
        self._begun: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._result: concurrent.futures.Future[T] = concurrent.futures.Future()

    async def has_begun(self, seconds: float) -> bool:
        """Return whether it has begun after a time; if not, it never will."""
        waiting = asyncio.wrap_future(self._begun)
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        return bool(done) or not self._begun.cancel()

    async def result(self) -> T:
        """Return what it has given."""
        return await asyncio.wrap_future(self._result)

    def begin(self) -> None:
        """Make it; on the loop that does."""
        if self._begun.set_running_or_notify_cancel():
            self._begun.set_result(None)
            making = asyncio.ensure_future(self._make())
            # The loop itself keeps only a weak one.
            _making.add(making)
            making.add_done_callback(_making.discard)

    async def _make(self) -> None:
        try:
            self._result.set_result(await self._call())
        except asyncio.CancelledError:
            self._result.set_exception(NotRunning("the cluster has gone meanwhile"))
            raise
        except Exception as error:
            self._result.set_exception(error)
