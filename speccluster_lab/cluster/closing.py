"""Ending a worker or a scheduler, however it behaves: every wait has a bound."""

from __future__ import annotations

import asyncio
import logging
from inspect import isawaitable
from typing import Any, Final

from distributed.core import Status

__all__ = [
    "begin_to_close",
    "close_instance",
    "has_ended",
    "note_failure",
    "tells_whether_it_runs",
    "told_by",
]

logger = logging.getLogger(__name__)

_ENDED: Final = frozenset({Status.closed, Status.failed})


def has_ended(instance: Any) -> bool:
    """Return whether an instance says of itself that it does not run any more.

    A class need not say it; then only the scheduler tells.
    """
    status, process = told_by(instance, "status"), told_by(instance, "process")
    if isinstance(status, Status) and status in _ENDED:
        return True
    return isinstance(told_by(process, "returncode"), int)


def tells_whether_it_runs(instance: Any) -> bool:
    """Return whether :func:`has_ended` can know."""
    return (
        isinstance(told_by(instance, "status"), Status) or told_by(instance, "process") is not None
    )


def told_by(instance: Any, name: str) -> Any:
    """Return what an instance says of itself, or ``None``: a class need not, or not yet."""
    try:
        return getattr(instance, name, None)
    except Exception:
        # A property of somebody else's class.
        return None


def begin_to_close(instance: Any) -> asyncio.Future[Any] | None:
    """Tell an instance to close; return what ends when it has, or ``None`` where it has."""
    try:
        closing = instance.close()
        return asyncio.ensure_future(closing) if isawaitable(closing) else None
    except Exception as error:
        logger.warning("%r failed to close: %r", instance, error)
        return None


def note_failure(closing: asyncio.Future[Any], what: object) -> None:
    """Log that something failed to close: there is nobody else who could do more about it.

    What it is says itself, and only where it is logged: not every class can.
    """
    if not closing.cancelled() and closing.exception() is not None:
        logger.warning("%s failed to close: %r", what, closing.exception())


async def close_instance(instance: Any, limit: float) -> None:
    """Close a worker or a scheduler, waiting no longer than ``limit`` seconds."""
    closing = begin_to_close(instance)
    if closing is None:
        return
    done, _ = await asyncio.wait({closing}, timeout=limit)
    if done:
        note_failure(closing, instance)
    else:
        closing.cancel()
        logger.warning("%r did not close within %g s", instance, limit)
