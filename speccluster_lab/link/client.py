"""The client of one host, over its unix socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from tornado.netutil import Resolver

from speccluster_lab.errors import ClusterNotFound
from speccluster_lab.link.api import ApiClient
from speccluster_lab.link.connections import NONCE_HEADER, Connection, read_connection
from speccluster_lab.link.launch import find_guard
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.spec.api import API_PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from speccluster_lab.link.processes import HostProcess
    from speccluster_lab.spec.api import PatchEvent, SnapshotEvent

__all__ = ["HostClient", "SocketResolver"]


class SocketResolver(Resolver):
    """Finds the same unix socket, whatever the name."""

    def initialize(self, path: str) -> None:
        """Take the socket's path; called by tornado's constructor."""
        self._path = path

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        """Return the socket's address."""
        return [(socket.AF_UNIX, self._path)]


class HostClient(ApiClient):
    """Talks to one host directly.

    Parameters
    ----------
    connection : Connection
        How the host is reached.
    timeout : float
        Seconds that a call may take, from start to end.
    """

    def __init__(self, connection: Connection, timeout: float = 10.0) -> None:
        self.connection = connection
        self._guard: HostProcess | None = None
        super().__init__(
            connection.id,
            f"http://host{API_PREFIX}",
            {NONCE_HEADER: connection.nonce},
            timeout,
            SocketResolver(connection.socket),
        )

    @property
    def way(self) -> str:
        """How the cluster is reached, for people."""
        return "its host"

    async def exists(self) -> bool:
        """Return whether the host's process is there, or its guard, which is the last to go.

        What has no folder belongs to a process that goes on, and that lets it be found or not.
        """
        if self._guard is None:
            # Later, while it removes the folder in which that stands, it could not be found.
            self._guard = find_guard(cluster_folder(self.id))
        guarded = self._guard is not None and self._guard.is_alive()
        if guarded or not self.connection.is_alive():
            return guarded
        return cluster_folder(self.id).exists() or self._is_found()

    def _is_found(self) -> bool:
        try:
            return read_connection(self.id) == self.connection
        except ClusterNotFound:
            return False

    def events(self) -> AsyncGenerator[SnapshotEvent | PatchEvent]:
        """Yield a snapshot, and then changes in order, until the host closes the stream."""
        return self._messages()
