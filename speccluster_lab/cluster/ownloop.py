"""Methods that may be called in any thread, and do what they do on the cluster's own loop.

Of a synchronous cluster that loop runs in a thread of its own, and a notebook has another one in
the thread of its cells: what was begun there would stand still whenever a cell runs.
"""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    import distributed
    from tornado.platform.asyncio import BaseAsyncIOLoop

__all__ = ["awaited_there", "called_there", "is_on_loop", "is_there", "loop_of"]

F = TypeVar("F", bound="Callable[..., Any]")

# Of what waits for nothing, but that the loop is free.
LIMIT: Final = 60


def loop_of(cluster: distributed.SpecCluster) -> asyncio.AbstractEventLoop:
    """Return the cluster's loop."""
    return cast("BaseAsyncIOLoop", cluster.loop).asyncio_loop


def is_on_loop(cluster: distributed.SpecCluster) -> bool:
    """Return whether this is called on the cluster's loop.

    The stock ``called_from_running_loop`` says so of any thread without a loop, too, where the
    cluster is asynchronous.
    """
    try:
        return asyncio.get_running_loop() is loop_of(cluster)
    except RuntimeError:
        return False


def is_there(cluster: distributed.SpecCluster) -> bool:
    """Return whether there is no need to go to the cluster's loop: this is it, or it stands."""
    return is_on_loop(cluster) or not loop_of(cluster).is_running()


def called_there(method: F) -> F:
    """Have a method called on the cluster's loop, and waited for in the thread that calls it."""

    @wraps(method)
    def call(self: distributed.SpecCluster, *args: Any, **options: Any) -> Any:
        if is_there(self):
            return method(self, *args, **options)

        async def there() -> Any:
            return method(self, *args, **options)

        return self.sync(there, asynchronous=False, callback_timeout=LIMIT)

    return cast("F", call)


def awaited_there(method: F) -> F:
    """Have a coroutine run on the cluster's loop, whichever loop waits for it."""

    @wraps(method)
    async def call(self: distributed.SpecCluster, *args: Any, **options: Any) -> Any:
        work = method(self, *args, **options)
        if is_there(self):
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop_of(self)))

    return cast("F", call)
