"""Ending what a host has started and what has not ended by itself."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil

from speccluster_lab.link.processes import descendants_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["descendants", "end_processes"]

logger = logging.getLogger(__name__)

TERMINATE_SECONDS: Final = 3.0
KILL_SECONDS: Final = 5.0


def descendants() -> set[psutil.Process]:
    """Return what this process has started; what has lost its parent is the guard's to end."""
    return set(descendants_of(os.getpid()))


def end_processes(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """End processes, first by asking; return those that are still there.

    Waits for them: to be called in a thread.
    """
    left = [process for process in processes if not _is_resource_tracker(process)]
    for ask, seconds in (("terminate", TERMINATE_SECONDS), ("kill", KILL_SECONDS)):
        # Those that are on their way out need no asking.
        _, left = psutil.wait_procs(left, timeout=0)
        for process in left:
            logger.warning("Process %d is still there: %s", process.pid, ask)
            with suppress(psutil.Error):
                getattr(process, ask)()
        _, left = psutil.wait_procs(left, timeout=seconds)
    return left


def _is_resource_tracker(process: psutil.Process) -> bool:
    """Return whether this is multiprocessing's own helper, which ends when this process does."""
    try:
        return any("multiprocessing.resource_tracker" in part for part in process.cmdline())
    except psutil.Error:
        return False
