"""What a forkserver imports beside ``distributed``; imported there, and by whoever asks it.

By way of a variable of the environment: multiprocessing's own list takes an import that fails in
silence, and the forkserver does not survive one that raises anything but ``ImportError``.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.connection import Connection

__all__ = ["VARIABLE", "report"]

VARIABLE: Final = "SPECCLUSTER_LAB_PREIMPORT"

_troubles: list[str] = []


def _import_all(modules: Iterable[str]) -> None:
    this = psutil.Process()
    for module in modules:
        threads = this.num_threads()
        try:
            import_module(module)
        except (Exception, SystemExit) as error:
            _troubles.append(f"{module} cannot be imported: {type(error).__name__}: {error}")
        if this.num_threads() > threads:
            _troubles.append(f"{module} starts threads, which workers will not have")


def _import_what_workers_begin_with() -> None:
    """Do what every worker would otherwise do for itself, in a third of its start."""
    from distributed.versions import get_versions

    modules = ["multiprocessing.popen_forkserver", "multiprocessing.synchronize"]
    if "numpy" in sys.modules:
        # A worker seeds it anew, and imports it for that.
        modules.append("numpy.random")
    for module in (*modules, "tornado.platform.asyncio"):
        import_module(module)
    # A worker tells it when it registers; what has been found is kept.
    get_versions()


def report(answer: Connection) -> None:
    """Send what went wrong; runs in a process that the forkserver has forked."""
    answer.send(_troubles)
    answer.close()


# Nobody else is to find it: what a forkserver has forked has it all imported.
if (_asked_for := os.environ.pop(VARIABLE, None)) is not None:
    _import_what_workers_begin_with()
    _import_all(filter(None, _asked_for.split(",")))
    # What is there now stays as long as the forkserver: collections in what is forked are neither
    # to look at it nor, by doing so, to have its memory copied.
    gc.collect()
    gc.freeze()
