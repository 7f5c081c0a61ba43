"""Workers that end with the process of their nanny, whatever they do then.

distributed has a thread in the worker that waits for that, which never runs where a task holds the
interpreter. A host has its guard; a notebook's kernel has nobody. On Linux the kernel can do it; on
other platforms distributed's thread is all there is.

A nanny is set up by this module where it is among those that it preloads.
"""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dask.config

from speccluster_lab.link.guard import PR_SET_PDEATHSIG, prctl

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Nanny

__all__ = ["dask_setup", "preloaded_by_nannies"]

_PRELOAD: Final = "distributed.nanny.preload"


def preloaded_by_nannies() -> dict[str, Any]:
    """Return the options that have a nanny preload this module after what is configured."""
    preload, arguments = dask.config.get(_PRELOAD), dask.config.get(f"{_PRELOAD}-argv")
    # Either of all of them, or one list for each.
    is_nested = bool(arguments) and not isinstance(arguments[0], str)
    # Three lines for each nanny, about what nobody has asked for.
    logging.getLogger("distributed.preloading").addFilter(_is_of_others)
    return {
        "preload_nanny": [*([preload] if isinstance(preload, str) else preload), __name__],
        "preload_nanny_argv": [*arguments, []] if is_nested else arguments,
    }


def _is_of_others(record: logging.LogRecord) -> bool:
    return __name__ not in (record.args or ())


def dask_setup(nanny: Nanny) -> None:
    """Have a nanny make workers that end with this process.

    Parameters
    ----------
    nanny : distributed.Nanny
        It; about to start its first worker.
    """
    nanny.Worker = partial(_bound, nanny.Worker)


def _bound(cls: Callable[..., Any], **options: Any) -> Any:
    """Return a new worker; called in the main thread of its process, before all else."""
    parent = multiprocessing.parent_process()
    if parent is not None and sys.platform == "linux":
        _end_with(parent.sentinel)
        if not parent.is_alive():
            # It was too early for the kernel to tell.
            os._exit(1)
    return cls(**options)


def _end_with(sentinel: int) -> None:
    """Have the kernel kill this process at the end of the one that a pipe comes from.

    Two ways, for each has a gap. The first is about the thread that has started this process, which
    distributed keeps for as long as the worker is wanted; behind a forkserver that is the wrong
    process. The second waits for whoever has a copy of the pipe's other end, as what the nanny's
    process has forked.
    """
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(sentinel, fcntl.F_GETFL)
    fcntl.fcntl(sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
