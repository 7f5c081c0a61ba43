"""What is left of a cluster whose hosts have ended, and its removal."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from speccluster_lab.errors import ClusterNotFound, NotRunning, StartFailed
from speccluster_lab.link.connections import read_connection, remove_connection
from speccluster_lab.link.guard import STOPPED_FILE
from speccluster_lab.link.launch import find_guard, read_launch
from speccluster_lab.link.paths import cluster_folder, scratch_folder, socket_path

if TYPE_CHECKING:
    from pathlib import Path

    from speccluster_lab.link.connections import Connection

__all__ = ["remove_cluster", "remove_socket", "remove_ways"]


def remove_ways(id: str, nonce: str | None) -> None:
    """Remove what leads to a host that has ended, unless one uses it, or is about to.

    Parameters
    ----------
    id : str
        The cluster's.
    nonce : str or None
        Of its hosts; the connection file of others stays.
    """
    if find_guard(cluster_folder(id)) is not None:
        return
    known = _connection_of(id)
    if known is not None:
        if known.is_alive():
            return
        if known.nonce == nonce:
            remove_connection(id)
    remove_socket(id)
    with suppress(StartFailed):
        shutil.rmtree(scratch_folder(id), ignore_errors=True)


def remove_socket(id: str) -> None:
    """Remove the socket of a host that has ended; where there is no place for one there is none.

    Raises
    ------
    OSError
        It cannot be removed.
    """
    with suppress(StartFailed):
        socket_path(id).unlink(missing_ok=True)


def remove_cluster(id: str, nonce: str | None) -> None:
    """Remove all that is left of a cluster which nobody looks after any more.

    Where there is another one of its id by now, it has gone already.

    Parameters
    ----------
    id, nonce
        As :func:`remove_ways` takes them.

    Raises
    ------
    NotRunning
        A host of it runs, whose guard is not found.
    OSError
        Something cannot be removed.
    """
    folder = cluster_folder(id)
    if nonce is not None and _is_of_another(folder, nonce):
        return
    known = _connection_of(id)
    if known is not None and nonce in (None, known.nonce) and known.is_alive():
        raise NotRunning(f"the host of cluster {id!r} still runs, as process {known.pid}")
    remove_ways(id, nonce)
    _remove_folder(folder)


def _is_of_another(folder: Path, nonce: str) -> bool:
    """Return whether a folder is that of hosts with another nonce, as far as it can be told."""
    try:
        return read_launch(folder).nonce != nonce
    except StartFailed:
        pass
    known = _connection_of(folder.name)
    return known is not None and known.nonce != nonce and known.is_alive()


def _connection_of(id: str) -> Connection | None:
    """Return what leads to a host, where that can be trusted; the host may have died."""
    try:
        return read_connection(id)
    except ClusterNotFound:
        return None


def _remove_folder(folder: Path) -> None:
    """Remove a folder that somebody else may be removing too.

    That the cluster is to end goes last: where something stays, it is still known.
    """
    try:
        paths = sorted(folder.iterdir(), key=lambda path: path.name == STOPPED_FILE)
    except FileNotFoundError:
        return
    for path in paths:
        with suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    with suppress(FileNotFoundError):
        folder.rmdir()
