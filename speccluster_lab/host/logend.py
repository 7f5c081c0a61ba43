"""What the log says of entries that fail again and again, for the condition that says that."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from speccluster_lab.link.logs import with_last_lines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from speccluster_lab.spec.api import Condition

__all__ = ["LogEnd"]

logger = logging.getLogger(__name__)

# Between two looks, however many entries fail.
PAUSE: Final = 1.0


class LogEnd:
    """The end of the host's log as it was when an entry had failed once more.

    What the process of a worker prints goes there, and nothing tells whose a line is. So it is
    read when the failure is told, before much else is written; on no event loop.

    Parameters
    ----------
    read : callable
        Returns the last lines, without secrets.
    changed : callable
        Is told when there are others.
    """

    def __init__(
        self, read: Callable[[], Awaitable[list[str]]], changed: Callable[[], None]
    ) -> None:
        self._read = read
        self._changed = changed
        self._message: str | None = None
        self._lines: list[str] = []
        self._reading: asyncio.Task[None] | None = None

    def added_to(self, conditions: list[Condition]) -> list[Condition]:
        """Return conditions with the lines that there are; have them read where they are not.

        Parameters
        ----------
        conditions : list of Condition
            The cluster's, as it says them itself.
        """
        degraded = next((one for one in conditions if one.type == "Degraded"), None)
        if degraded is None:
            self._message, self._lines = None, []
            return conditions
        # Another one has another number of failures in it.
        if degraded.message != self._message and self._reading is None:
            self._message = degraded.message
            self._reading = asyncio.create_task(
                self._look(degraded.message), name="read the end of the log"
            )
        if not self._lines:
            return conditions
        message = with_last_lines(f"{degraded.message}.", "the host's", self._lines)
        said = degraded.model_copy(update={"message": message})
        return [said if one is degraded else one for one in conditions]

    async def _look(self, message: str) -> None:
        try:
            lines = await self._read()
            if self._message == message:
                self._lines = lines
                self._changed()
            await asyncio.sleep(PAUSE)
        except OSError as error:
            logger.warning("The end of the log cannot be shown: %s", error)
        finally:
            self._reading = None
            # There may have been another failure meanwhile.
            self._changed()
