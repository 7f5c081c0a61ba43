"""The way through a Jupyter server, for whoever is not on the machine of the cluster."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from speccluster_lab.errors import ClusterNotFound, InvalidInput
from speccluster_lab.link.api import ApiClient
from speccluster_lab.spec.api import API_PREFIX, PatchEvent, SnapshotEvent

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["RemoteClient"]


class RemoteClient(ApiClient):
    """Talks to the Jupyter server that shows a cluster, which passes the calls on.

    Parameters
    ----------
    id : str
        The cluster's.
    server : str
        The server's URL, with its base path: ``https://hub.example.org/user/me/``. A token in it
        is not used, and not kept.
    token : str
        What that server, or its JupyterHub, knows the caller by.
    timeout : float
        Seconds that a call may take, from start to end.

    Raises
    ------
    InvalidInput
        The URL is none of HTTP.
    """

    def __init__(self, id: str, server: str, token: str, timeout: float = 10.0) -> None:
        self.server = base_url(server)
        headers = {"Authorization": f"token {token}"}
        super().__init__(id, f"{self.server.rstrip('/')}{API_PREFIX}", headers, timeout)

    @property
    def way(self) -> str:
        """How the cluster is reached, for people."""
        return f"the Jupyter server {self.server}"

    async def exists(self) -> bool:
        """Return whether the server knows the cluster."""
        try:
            await self.get()
        except ClusterNotFound:
            return False
        return True

    async def events(self) -> AsyncGenerator[SnapshotEvent | PatchEvent]:
        """Yield a snapshot, and then changes in order, until the cluster is gone."""
        async with aclosing(self._messages()) as messages:
            async for message in messages:
                match message:
                    case SnapshotEvent():
                        ours = [one for one in message.snapshot if one.id == self.id]
                        yield message.model_copy(update={"snapshot": ours})
                        if not ours:
                            return
                    case PatchEvent() if message.cluster == self.id:
                        yield message
                        if any(one.op == "remove" and one.path == "" for one in message.patch):
                            return
                    case _:
                        pass


def base_url(url: str) -> str:
    """Return a server's URL without its query, in which people leave their token.

    Raises
    ------
    InvalidInput
        It is none of HTTP.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname is not None
    except ValueError:
        known = False
    if not known:
        raise InvalidInput("must be an http:// or https:// URL", field="server")
    # The page on which it was copied is not the server.
    path = parts.path.removesuffix("/lab").removesuffix("/tree")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, path.rstrip("/") + "/", "", ""))
