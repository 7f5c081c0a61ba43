"""Which clusters of this user there are on this machine, and how each of them is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from speccluster_lab.client.plain import many
from speccluster_lab.errors import ClusterNotFound, SpecClusterError, StartFailed
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.launch import find_guard, is_stopped, names_in_use, read_launch
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.spec.api import ClusterPhase

if TYPE_CHECKING:
    from pathlib import Path

    from speccluster_lab.link.connections import Connection

__all__ = ["ClusterSummary", "has_failed", "is_left_over", "survey"]

# A folder is there some moments before its cluster has a guard.
_NEW_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """A cluster in one line.

    Parameters
    ----------
    id : str
        What :func:`connect` takes.
    display_name : str
        What people call it; may be any text.
    template : str or None
        What it was made from.
    phase : ClusterPhase
        Where it is; ``unreachable`` when its host does not answer, and the rest is not known.
    entries, expected, registered : int
        Entries, the members that they are expected to have, and those that are there.
    nthreads : int
        Of the members that are there.
    """

    id: str
    display_name: str
    template: str | None
    phase: ClusterPhase
    entries: int = 0
    expected: int = 0
    registered: int = 0
    nthreads: int = 0

    def __repr__(self) -> str:
        entries, workers = many(self.entries, "entry", "entries"), f"{self.registered} of "
        workers += many(self.expected, "worker", "workers")
        return f"<{type(self).__name__} {self.id!r}: {self.phase.value}, {entries}, {workers}>"


async def survey(seconds: float) -> list[ClusterSummary]:
    """Return this user's clusters on this machine, by id, those that have failed among them.

    Parameters
    ----------
    seconds : float
        That the hosts, which are all asked at once, have to answer.

    Raises
    ------
    StartFailed
        The folders in which clusters are cannot be used.
    """
    ids = await asyncio.to_thread(names_in_use)
    found = await asyncio.gather(*(_look_at(id, seconds) for id in sorted(ids)))
    return [one for one in found if one is not None]


async def _look_at(id: str, seconds: float) -> ClusterSummary | None:
    try:
        connection = read_connection(id)
    except ClusterNotFound:
        connection = None
    if connection is not None and connection.is_alive():
        return await _ask(connection, seconds)
    return await asyncio.to_thread(_without_host, id)


async def _ask(connection: Connection, seconds: float) -> ClusterSummary:
    host = HostClient(connection, seconds)
    try:
        cluster = await host.get()
    except SpecClusterError:
        return ClusterSummary(connection.id, connection.id, None, ClusterPhase.UNREACHABLE)
    finally:
        host.close()
    return ClusterSummary(
        id=cluster.id,
        display_name=cluster.display_name,
        template=cluster.template,
        phase=cluster.phase,
        entries=cluster.counts.entries,
        expected=cluster.counts.expected,
        registered=cluster.counts.registered,
        nthreads=cluster.counts.nthreads,
    )


def _without_host(id: str) -> ClusterSummary | None:
    """Return a cluster that has a folder and no host; nothing where there is none yet."""
    try:
        folder = cluster_folder(id)
        launch = read_launch(folder)
    except (ClusterNotFound, StartFailed):
        return None
    phase = ClusterPhase.STARTING
    if is_stopped(folder):
        phase = ClusterPhase.STOPPING
    elif has_failed(folder):
        phase = ClusterPhase.FAILED
    entries = len(launch.spec.workers)
    return ClusterSummary(id, launch.display_name, launch.template, phase, entries)


def has_failed(folder: Path) -> bool:
    """Return whether nobody looks after the cluster of a folder any more."""
    if _is_looked_after(folder):
        return False
    try:
        return time.time() - folder.stat().st_mtime > _NEW_SECONDS
    except OSError:
        return False


def is_left_over(folder: Path) -> bool:
    """Return whether a cluster was to stop and has ended, and only its folder is still there."""
    return is_stopped(folder) and not _is_looked_after(folder)


def _is_looked_after(folder: Path) -> bool:
    if find_guard(folder) is not None:
        return True
    try:
        return read_connection(folder.name).is_alive()
    except ClusterNotFound:
        return False
