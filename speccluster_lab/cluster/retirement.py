"""Moving the data of workers that are to go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from speccluster_lab.reconcile import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["retire"]


async def retire(scheduler: Any, addresses: Sequence[str]) -> Failure | None:
    """Move the data of some workers to others, then let the scheduler forget them.

    By *address*: names given to ``retire_workers(workers=)`` match nothing, silently
    (dask/distributed#4069). In two calls, so that no member of a group is forgotten unless all of
    it can go; and the forgetting says that it was expected, or the scheduler would blame the
    tasks that run there for the loss of their worker.

    Parameters
    ----------
    scheduler : distributed.core.rpc
        The scheduler.
    addresses : sequence of str
        Of the workers.

    Returns
    -------
    Failure or None
        What has nowhere to go, or ``None`` when all of it has moved.
    """
    moved = await scheduler.retire_workers(
        workers=list(addresses), remove=False, close_workers=False
    )
    behind = [address for address in addresses if address not in moved]
    if behind:
        held = await scheduler.has_what(workers=behind)
        keys = {key for address in behind for key in held.get(address, ())}
        if keys:
            return Failure(
                "NoRoomForData",
                f"{len(keys)} result{'s have' if len(keys) != 1 else ' has'} "
                "no other worker to go to",
            )
    await scheduler.retire_workers(workers=list(addresses), remove=True, close_workers=False)
    return None
