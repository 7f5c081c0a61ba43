"""How nannies of this host start their workers; distributed sets up each of them by this module."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import dask.config
import distributed.utils
from distributed.core import Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from distributed import Nanny

    from speccluster_lab.host.forkserver import Forkserver

__all__ = ["dask_setup", "start_workers_by"]

DYING_SECONDS: Final = 2.0

_METHOD: Final = "distributed.worker.multiprocessing-method"
_PRELOAD: Final = "distributed.nanny.preload"
_NO_WORKER: Final = "no-worker"

_forkserver: Forkserver | None = None


def start_workers_by(forkserver: Forkserver | None) -> None:
    """Choose how all nannies of this process start their workers.

    Parameters
    ----------
    forkserver : Forkserver or None
        What forks them; without one they are spawned.
    """
    global _forkserver
    if forkserver is None:
        dask.config.set({_METHOD: "spawn"})
        return
    _forkserver = forkserver
    # It would put a list of its own in the place of what ours imports, and for that import pandas
    # and all the rest here.
    distributed.utils._forkserver_preload_set = True
    preload, arguments = dask.config.get(_PRELOAD), dask.config.get(f"{_PRELOAD}-argv")
    dask.config.set(
        {
            _METHOD: "forkserver",
            _PRELOAD: [*([preload] if isinstance(preload, str) else preload), __name__],
            # Either of all of them, or one list for each.
            f"{_PRELOAD}-argv": [*arguments, []] if _is_nested(arguments) else arguments,
        }
    )
    # Three lines for each nanny.
    logging.getLogger("distributed.preloading").setLevel(logging.WARNING)


def _is_nested(arguments: list[str] | list[list[str]]) -> bool:
    return bool(arguments) and not isinstance(arguments[0], str)


def dask_setup(nanny: Nanny) -> None:
    """Have a nanny start its workers by this host's forkserver.

    Parameters
    ----------
    nanny : distributed.Nanny
        It; about to start its first worker.
    """
    if _forkserver is not None:
        start = partial(_start_worker, nanny, nanny.instantiate, _forkserver)
        nanny.instantiate = start  # type: ignore[method-assign]


async def _start_worker(
    nanny: Nanny, start: Callable[[], Awaitable[Status]], forkserver: Forkserver
) -> Status:
    """Start a nanny's worker, the first one or another.

    A forkserver that is dying still looks alive for a moment: then the start comes to nothing,
    and is tried once more with the next one.
    """
    again = nanny.status is Status.running
    for _ in range(2):
        running = await forkserver.get()
        # What is preimported may have read any of them; distributed itself reads none.
        environ = nanny.env if forkserver.modules else nanny.pre_spawn_env
        if running is None or not running.has(environ):
            return await _spawned(start)
        try:
            status = await start()
        except Exception:
            if again:
                await nanny.close(reason=_NO_WORKER)
            raise
        if status is not Status.failed:
            return status
        with suppress(TimeoutError):
            async with asyncio.timeout(DYING_SECONDS):
                await running.gone.wait()
    if again:
        # Nobody else looks at what a restart comes to. One that is closed is replaced at once.
        await nanny.close(reason=_NO_WORKER)
    return Status.failed


async def _spawned(start: Callable[[], Awaitable[Status]]) -> Status:
    """Have one start use another method than all others.

    distributed reads the method in the first step of the start, which here comes, in the order of
    the loop, between the two calls that change it.
    """
    loop = asyncio.get_running_loop()
    changed = ExitStack()
    loop.call_soon(lambda: changed.enter_context(dask.config.set({_METHOD: "spawn"})))
    starting = asyncio.ensure_future(start())
    loop.call_soon(changed.close)
    return await starting
