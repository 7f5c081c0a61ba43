"""A cluster that a notebook, or another program, has published: its process is none of ours."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING

from speccluster_lab.errors import ClusterNotFound, OwnedElsewhere
from speccluster_lab.link.connections import read_connection
from speccluster_lab.server.absence import before_it_is_known
from speccluster_lab.server.following import Follower

if TYPE_CHECKING:
    from speccluster_lab.link.connections import Connection
    from speccluster_lab.server.following import Listener
    from speccluster_lab.spec.api import Cluster

__all__ = ["Published"]


class Published(Follower):
    """Follows a cluster without a guard, for as long as its process lets it be found.

    That process has more to do than this cluster: it is asked, and never killed.

    Parameters
    ----------
    connection : Connection
        How its API is reached.
    call_seconds : float
        For the answer to a call.
    listener : Listener
        Who is told of the cluster.
    """

    def __init__(self, connection: Connection, call_seconds: float, listener: Listener) -> None:
        known = before_it_is_known(connection.id, datetime.datetime.now(datetime.UTC))
        super().__init__(known, call_seconds, listener)
        self._connection = connection

    async def restart(self) -> Cluster:
        """Refuse: who has made it is the only one who can make it again.

        Raises
        ------
        OwnedElsewhere
            Always.
        """
        raise OwnedElsewhere(
            f"cluster {self.id!r} belongs to the program that has published it, and can be started "
            "again only there"
        )

    async def stop(self) -> None:
        """Ask for the cluster's end.

        Raises
        ------
        HostNotResponding
            Nobody answers in time.
        """
        await self.ask(lambda host: host.stop())
        self._shown.stopping()

    async def close(self, *, kill: bool) -> None:
        """Let go of the cluster, which goes on."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        self._let_go()

    async def _follow(self) -> None:
        try:
            await self._follow_host(self._connection)
        except Exception:
            self._log.exception("Lost track of cluster %r", self.id)
        self._forget(self.id)
        self._shown.end()
        self._log.info("Cluster %r has gone", self.id)

    def _is_there(self, connection: Connection) -> bool:
        try:
            return read_connection(self.id) == connection and connection.is_alive()
        except ClusterNotFound:
            return False
