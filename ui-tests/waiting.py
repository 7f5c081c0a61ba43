"""Waiting for what nobody tells of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["wait_until"]

T = TypeVar("T")

_LOOK_SECONDS = 0.05


def wait_until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """Return what ``condition`` returns once that is true in the sense of ``bool``.

    Raises
    ------
    TimeoutError
        It never was; the message says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(_LOOK_SECONDS)
    return value
