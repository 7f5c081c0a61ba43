"""Waiting for what a cluster comes to, by following its events."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.client.reaching import Reaching
from speccluster_lab.errors import (
    HostNotResponding,
    InvalidInput,
    NotRunning,
    StartFailed,
    TimedOut,
)
from speccluster_lab.spec.api import Cluster, ClusterPhase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["SCHEDULER_SECONDS", "Waiting", "within"]

SCHEDULER_SECONDS: Final = 60.0


class Waiting(Reaching):
    """The part of a handle that waits for its cluster."""

    def wait(self, phase: str = "running", timeout: float = SCHEDULER_SECONDS) -> Any:
        """Wait until the cluster is in a phase.

        Parameters
        ----------
        phase : str
            One of ``starting running degraded stopping failed``.
        timeout : float
            Seconds to wait.

        Raises
        ------
        StartFailed
            It is ``failed``, and not going to be anything else.
        TimedOut
            It is still in another phase.
        """
        try:
            wanted = ClusterPhase(phase)
        except ValueError:
            known = ", ".join(one.value for one in ClusterPhase)
            raise InvalidInput(
                f"{phase!r} is no phase; there are: {known}", field="phase"
            ) from None
        return self.sync(self._wait, wanted, timeout)

    async def _wait(self, wanted: ClusterPhase, seconds: float) -> None:
        def there(cluster: Cluster) -> bool:
            return cluster.phase is wanted

        await self._until(there, seconds, f"cluster {self.id!r} is not {wanted.value}")

    async def _until(
        self, there: Callable[[Cluster], bool], seconds: float, otherwise: str
    ) -> None:
        await within(seconds, self._follow(there), otherwise)

    async def _follow(self, there: Callable[[Cluster], bool]) -> None:
        host = self._reach()
        while True:
            try:
                async with aclosing(host.events()) as events:
                    async for _ in events:
                        cluster = await self._refresh()
                        if there(cluster):
                            return
                        _check_hope(cluster)
            except HostNotResponding:
                # A call waits longer, for a host that has a lot to do.
                await self._refresh()


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


async def within(seconds: float, work: Awaitable[None], otherwise: str) -> None:
    """Wait for ``work``, and say what has not come about when the time is over."""
    try:
        async with asyncio.timeout(seconds) as limit:
            await work
    except TimeoutError:
        # A host that does not answer is a TimeoutError as well, with a better message.
        if not limit.expired():
            raise
        raise TimedOut(f"{otherwise} after {seconds:g} s") from None
