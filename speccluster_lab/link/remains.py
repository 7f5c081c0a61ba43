"""What is left of a cluster whose hosts have ended, and its removal."""

from __future__ import annotations

import shutil

from speccluster_lab.errors import ClusterNotFound
from speccluster_lab.link.connections import read_connection, remove_connection
from speccluster_lab.link.launch import find_guard
from speccluster_lab.link.paths import cluster_folder, scratch_folder, socket_path

__all__ = ["remove_cluster", "remove_ways"]


def remove_ways(id: str, nonce: str | None) -> None:
    """Remove what leads to a host that has ended, unless another one is about to use it.

    Parameters
    ----------
    id : str
        The cluster's.
    nonce : str or None
        Of its hosts; the connection file of others stays.
    """
    if find_guard(cluster_folder(id)) is not None:
        return
    try:
        known = read_connection(id).nonce
    except ClusterNotFound:
        pass
    else:
        if known == nonce:
            remove_connection(id)
    socket_path(id).unlink(missing_ok=True)
    shutil.rmtree(scratch_folder(id), ignore_errors=True)


def remove_cluster(id: str, nonce: str | None) -> None:
    """Remove all that is left of a cluster which nobody looks after any more.

    Parameters
    ----------
    id, nonce
        As :func:`remove_ways` takes them.
    """
    remove_ways(id, nonce)
    folder = cluster_folder(id)
    if folder.exists():
        shutil.rmtree(folder)
