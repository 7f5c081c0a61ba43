"""The way to a cluster: its host on this machine, or a Jupyter server that shows it."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyter_core.paths import jupyter_runtime_dir

from speccluster_lab.client.survey import has_failed
from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    InvalidInput,
    SpecClusterError,
    StartFailed,
)
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import list_connections, read_connection
from speccluster_lab.link.files import read_private_file
from speccluster_lab.link.launch import HOST_LOG
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.link.remote import RemoteClient, base_url

if TYPE_CHECKING:
    from speccluster_lab.link.api import ApiClient

__all__ = ["Server", "find", "known_servers"]

_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Server:
    """A Jupyter server that may show a cluster.

    Parameters
    ----------
    url : str
        With its base path.
    token : str
        What it knows the caller by.
    known_from : str
        How it was found, for people.
    """

    url: str
    token: str = field(repr=False)
    known_from: str


def known_servers() -> list[Server]:
    """Return the Jupyter servers that this process belongs to, the most telling first.

    JupyterHub names the user's own server to its kernels; any Jupyter server is the parent of the
    kernels that it starts, and leaves a file that says where it is.
    """
    found = []
    url, token = os.environ.get("JUPYTERHUB_SERVICE_URL"), os.environ.get("JUPYTERHUB_API_TOKEN")
    if url and token:
        found.append(Server(url, token, "JUPYTERHUB_SERVICE_URL"))
    parent = _parent()
    if parent is not None:
        found.append(parent)
    return found


def _parent() -> Server | None:
    pid = os.environ.get("JPY_PARENT_PID", "")
    if not pid.isdecimal():
        return None
    try:
        said = json.loads(read_private_file(Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json"))
        url, token = said["url"], said["token"]
    except (OSError, ValueError, KeyError, TypeError):
        # Another kind of parent, or one that has ended.
        return None
    if not isinstance(url, str) or not isinstance(token, str):
        return None
    return Server(url, token, "the server that started this kernel")


async def find(
    id: str, seconds: float, server: str | None = None, token: str | None = None
) -> ApiClient:
    """Return how a cluster is reached.

    Parameters
    ----------
    id : str
        The cluster's.
    seconds : float
        That a host which has just been launched on this machine may take to come up.
    server, token : str, optional
        The Jupyter server through which it is to be reached, whatever there is on this machine.

    Raises
    ------
    ClusterNotFound
        Nobody knows it; the message names who was asked.
    HostNotResponding
        It is there, and does not answer.
    StartFailed
        It is there, and has failed.
    InvalidInput
        A server without a token, or the other way round.
    """
    if server is not None:
        given = _given(server, token)
        try:
            return await _through(id, given)
        except HostNotResponding as error:
            raise HostNotResponding(f"{base_url(server)}: {error.message}") from None
    if token is not None:
        raise InvalidInput("a token is for a server, which is missing", field="server")
    try:
        return await _on_this_machine(id, seconds)
    except ClusterNotFound as error:
        tried = [f"on this machine {error.message}"]
    for one in known_servers():
        try:
            return await _through(id, one)
        except SpecClusterError as error:
            tried.append(f"{one.url} ({one.known_from}): {error.message}")
    raise ClusterNotFound("; ".join(tried))


def _given(server: str, token: str | None) -> Server:
    token = token or os.environ.get("JUPYTERHUB_API_TOKEN")
    if not token:
        raise InvalidInput(
            f"the server {base_url(server)} wants a token: give it, or set JUPYTERHUB_API_TOKEN",
            field="token",
        )
    return Server(server, token, "as given")


async def _through(id: str, server: Server) -> ApiClient:
    client = RemoteClient(id, server.url, server.token)
    try:
        await client.get()
    except BaseException:
        client.close()
        raise
    return client


async def _on_this_machine(id: str, seconds: float) -> ApiClient:
    """Return the client of a host of this machine; waits for one that has just been launched."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while True:
        try:
            connection = read_connection(id)
        except ClusterNotFound as error:
            reason = error.message
        else:
            if connection.is_alive():
                return HostClient(connection)
            raise ClusterNotFound(f"the host of cluster {id!r} has died; {_others()}")
        try:
            folder = cluster_folder(id)
        except ClusterNotFound:
            raise ClusterNotFound(f"{reason}; {_others()}") from None
        if not folder.is_dir():
            raise ClusterNotFound(f"{reason}; {_others()}")
        if await asyncio.to_thread(has_failed, folder):
            raise StartFailed(
                f"cluster {id!r} has failed, and nobody looks after it any more; its log is "
                f"{str(folder / HOST_LOG)!r}"
            )
        if clock() >= deadline:
            raise HostNotResponding(
                f"the host of cluster {id!r} has not come up; its log is {str(folder / HOST_LOG)!r}"
            )
        # A file that appears cannot be awaited in a way that works everywhere.
        await asyncio.sleep(_LOOK_SECONDS)


def _others() -> str:
    ids = ", ".join(connection.id for connection in list_connections())
    return f"there are: {ids}" if ids else "no cluster is running"
