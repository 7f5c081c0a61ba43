"""Stopping a cluster, and seeing that nothing of it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from distributed.utils import NoOpAwaitable

from speccluster_lab.client.awaiting import until_gone, within
from speccluster_lab.client.reaching import Reaching
from speccluster_lab.errors import ClusterNotFound, HostNotResponding

if TYPE_CHECKING:
    from speccluster_lab.link.api import ApiClient

__all__ = ["Stopping"]

SHUTDOWN_SECONDS: Final = 60.0


class Stopping(Reaching):
    """The part of a handle that stops its cluster."""

    def shutdown(self, timeout: float = SHUTDOWN_SECONDS) -> Any:
        """Stop the cluster, and wait until nothing of it is left.

        Parameters
        ----------
        timeout : float
            Seconds to wait.

        Raises
        ------
        TimedOut
            It is still there.
        HostNotResponding
            Its process is there, but does not answer.
        """
        if self._closed:
            return NoOpAwaitable() if self.asynchronous else None
        if self.asynchronous:
            return self._shutdown(timeout)
        self.sync(self._shutdown, timeout)
        self.close()
        return None

    async def _shutdown(self, seconds: float) -> None:
        host = self._reach()
        await within(seconds, self._end(host), f"cluster {self.id!r} has not stopped")
        if self._asynchronous:
            self.close()

    async def _end(self, host: ApiClient) -> None:
        await host.exists()
        try:
            self._cluster = await host.stop()
        except (HostNotResponding, ClusterNotFound):
            # Somebody else may have stopped it meanwhile, which is what was wanted.
            if await host.exists():
                raise
        await until_gone(host)
