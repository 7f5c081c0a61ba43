"""The instances of entries: started, closed and given up, none waiting for another."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.cluster.closing import begin_to_close, close_instance, note_failure
from speccluster_lab.errors import StartFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from speccluster_lab.reconcile import Policy

__all__ = ["CANCELLED", "Instances"]

logger = logging.getLogger(__name__)

CANCELLED: Final = "the start was cancelled"


async def _started(instance: Any) -> None:
    try:
        await instance
    except SystemExit as error:
        # As the end of a task it would end all that runs here.
        raise StartFailed(f"its class exits: {error!r}") from None


class Instances:
    """What has been made of the entries, by their names.

    Parameters
    ----------
    start_ended : callable
        Called with a name, and with what its start raised or ``None``.
    close_ended : callable
        Called with a name when its instance is closed.
    """

    def __init__(
        self,
        start_ended: Callable[[str, BaseException | None], None],
        close_ended: Callable[[str], None],
    ) -> None:
        self._there: dict[str, Any] = {}
        self._starts: dict[str, asyncio.Future[Any]] = {}
        self._closes: dict[str, asyncio.Future[Any]] = {}
        self._given_up: set[asyncio.Future[Any]] = set()
        self._start_ended = start_ended
        self._close_ended = close_ended

    def get(self, name: str) -> Any:
        """Return the instance of an entry, or ``None``."""
        return self._there.get(name)

    def start(self, name: str, instance: Any) -> None:
        """Begin to start an instance; that it cannot be awaited is how its start ends."""
        self._there[name] = instance
        starting = self._starts[name] = asyncio.get_running_loop().create_task(_started(instance))
        starting.add_done_callback(partial(self._on_start, name))

    def _on_start(self, name: str, starting: asyncio.Future[Any]) -> None:
        # Asked for in any case: what nobody wants to know is not to be warned of.
        cancelled = starting.cancelled()
        # By somebody else, for what we cancel is not waited for; it is not to cancel who hears it.
        error = StartFailed(CANCELLED) if cancelled else starting.exception()
        if self._starts.get(name) is starting:
            del self._starts[name]
            self._start_ended(name, error)

    def close(self, name: str) -> None:
        """Begin to close the instance of an entry; one that is not there is closed."""
        instance = self._there.pop(name, None)
        self._wait(name, None if instance is None else begin_to_close(instance))

    def _wait(self, name: str, closing: asyncio.Future[Any] | None) -> None:
        if closing is not None:
            self._closes[name] = closing
            closing.add_done_callback(partial(self._on_close, name))
            return
        starting = self._starts.pop(name, None)
        if starting is not None and not starting.done():
            # Closed, and still trying to start.
            starting.cancel()
            self._wait(name, starting)
            return
        self._close_ended(name)

    def _on_close(self, name: str, closing: asyncio.Future[Any]) -> None:
        note_failure(closing, name)
        if self._closes.get(name) is closing:
            del self._closes[name]
            self._wait(name, None)

    def give_up(self, name: str) -> None:
        """Wait no longer for an instance that does not close."""
        for table in (self._closes, self._starts):
            future = table.pop(name, None)
            if future is not None:
                self.leave_to_itself(future)
                future.cancel()

    def leave_to_itself(self, future: asyncio.Future[Any]) -> None:
        """Have something end by itself, or with all the others."""
        self._given_up.add(future)
        future.add_done_callback(self._given_up.discard)

    async def end(self, policy: Policy, others: set[asyncio.Task[Any]]) -> None:
        """Close every instance, whatever is under way; always ends.

        Parameters
        ----------
        policy : Policy
            How long things may take.
        others : set of asyncio.Task
            What is to be waited for as well.
        """
        starts = [one for one in self._starts.values() if not one.done()]
        if starts:
            # See the executor's CANCEL.
            await asyncio.wait(starts, timeout=policy.cancel_grace)
        limit = policy.close_timeout
        await asyncio.gather(*(close_instance(one, limit) for one in self._there.values()))
        for future in self._starts.values():
            future.cancel()
        under_way = {*self._starts.values(), *self._closes.values(), *self._given_up, *others}
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=limit)
            for future in late:
                future.cancel()
        self._there.clear()
