"""Following a cluster until it comes to something, or to its end.

The handle and the command line both do; the latter without ``distributed``.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    NotRunning,
    StartFailed,
    TimedOut,
)
from speccluster_lab.spec.api import Cluster, ClusterPhase, ConditionStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from speccluster_lab.link.api import ApiClient

__all__ = ["follow", "is_settled", "until_gone", "within"]

_LOOK_SECONDS: Final = 0.05


async def follow(
    host: ApiClient,
    there: Callable[[Cluster], bool],
    get: Callable[[], Awaitable[Cluster]] | None = None,
) -> Cluster:
    """Return the cluster as soon as ``there`` holds for it.

    Parameters
    ----------
    host : ApiClient
        The way to it.
    there : callable
        What is waited for.
    get : callable, optional
        Returns the cluster as it is; ``host.get`` if not given.

    Raises
    ------
    StartFailed, NotRunning
        It has failed, or stops, and will not come to anything else.
    """
    get = get or host.get
    while True:
        try:
            async with aclosing(host.events()) as events:
                async for _ in events:
                    cluster = await get()
                    if there(cluster):
                        return cluster
                    _check_hope(cluster)
        except HostNotResponding:
            # A call waits longer, for a host that has a lot to do.
            await get()


def is_settled(cluster: Cluster, generation: int) -> bool:
    """Return whether all entries of a cluster run as a generation wants them, none worn."""
    # The phase as well: when a host ends, the conditions told last may still stand beside it.
    if cluster.observed_generation < generation or cluster.phase is not ClusterPhase.RUNNING:
        return False
    ready = (one.status for one in cluster.conditions if one.type == "Ready")
    return ConditionStatus.TRUE in ready


async def until_gone(host: ApiClient) -> None:
    """Wait until nothing of a cluster that is being stopped is left."""
    while await host.exists():
        with suppress(HostNotResponding, ClusterNotFound):
            async with aclosing(host.events()) as events:
                async for _ in events:
                    pass
        # The stream ends before the process does, which nobody else can await.
        await asyncio.sleep(_LOOK_SECONDS)


def _check_hope(cluster: Cluster) -> None:
    """Raise when a cluster will not come to any other phase."""
    match cluster.phase:
        case ClusterPhase.FAILED:
            why = cluster.conditions[-1].message if cluster.conditions else "no reason known"
            raise StartFailed(f"cluster {cluster.id!r} has failed: {why}")
        case ClusterPhase.STOPPING:
            raise NotRunning(f"cluster {cluster.id!r} is stopping")
        case _:
            pass


async def within(seconds: float, work: Awaitable[object], otherwise: str) -> None:
    """Wait for ``work``, and say what has not come about when the time is over."""
    try:
        async with asyncio.timeout(seconds) as limit:
            await work
    except TimeoutError:
        # A host that does not answer is a TimeoutError as well, with a better message.
        if not limit.expired():
            raise
        raise TimedOut(f"{otherwise} after {seconds:g} s") from None
