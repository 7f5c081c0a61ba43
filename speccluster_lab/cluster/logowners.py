"""Whose a record of a log is that several workers of one process share.

distributed has one logger for all workers of a process, and one for all nannies, and each of them
keeps what it hears of it. Who logs says so nowhere in the record, but is at work when it is made.
"""

from __future__ import annotations

import logging
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final

from distributed import Nanny
from distributed.nanny import WorkerProcess
from distributed.node import ServerNode

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["keep_own"]

# The logging itself is a few of them, and so is what an event loop has below a task.
_FRAMES: Final = 50
_AT_WORK: Final = "speccluster_lab_at_work"
OF_ALL: Final = "(of no single worker of its process) "


def _nobody() -> None:
    """Return nobody, as a weak reference to what has gone does."""


class _Own(logging.Filter):
    """Lets pass what a worker or a nanny logs itself, and what nobody of its kind does."""

    def __init__(self, server: ServerNode) -> None:
        super().__init__()
        self._server = weakref.ref(server)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record that is being made is kept; called by logging."""
        known = vars(record).get(_AT_WORK)
        if known is None:
            # Once for all that hear of it, which may be very many.
            found = _at_work(sys._getframe())
            known = vars(record)[_AT_WORK] = _nobody if found is None else weakref.ref(found)
        server, at_work = self._server(), known()
        if server is None or at_work is None:
            return True
        return at_work is server or isinstance(at_work, Nanny) is not isinstance(server, Nanny)


class _Said(logging.Formatter):
    """Says of a record that it is nobody's own, and otherwise what another formatter does."""

    def __init__(self, usual: logging.Formatter) -> None:
        super().__init__()
        self._usual = usual

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text; called by who tells the log."""
        text = self._usual.format(record)
        return f"{OF_ALL}{text}" if vars(record).get(_AT_WORK) is _nobody else text


def keep_own(instance: Any) -> None:
    """Have a worker or a nanny keep no records of others of its process from now on.

    What none of them logs is kept by all, and its text says so.

    Parameters
    ----------
    instance : object
        One of distributed's; anything else stays as it is.
    """
    handler = getattr(instance, "_deque_handler", None)
    if isinstance(instance, ServerNode) and isinstance(handler, logging.Handler):
        handler.addFilter(_Own(instance))
        handler.setFormatter(_Said(handler.formatter or logging.Formatter()))


def _at_work(frame: FrameType | None) -> ServerNode | None:
    """Return the server whose method is being run, the innermost one."""
    for _ in range(_FRAMES):
        if frame is None:
            break
        match frame.f_locals.get("self"):
            case ServerNode() as server:
                return server
            case WorkerProcess(on_exit=told):
                # It has no reference to its nanny but what tells that of its end.
                nanny = getattr(told, "__self__", None)
                if isinstance(nanny, ServerNode):
                    return nanny
        frame = frame.f_back
    return None
