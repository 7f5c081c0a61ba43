"""Finding the clusters that others have started: another server, a notebook, the command line.

What a look costs is the listing of two folders: nothing tells of a new file in a way that all
platforms and file systems have.
"""

from __future__ import annotations

import datetime
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from speccluster_lab.errors import ClusterNotFound, StartFailed
from speccluster_lab.link.connections import Connection, read_connection, remove_connection
from speccluster_lab.link.guard import GUARD_FILE
from speccluster_lab.link.launch import LAUNCH_FILE, Launch, find_guard, is_stopped, read_launch
from speccluster_lab.link.paths import (
    clusters_folder,
    connection_file,
    connections_folder,
)
from speccluster_lab.link.remains import remove_socket
from speccluster_lab.spec.api import Owner, OwnerKind
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.names import is_id

if TYPE_CHECKING:
    import logging
    from pathlib import Path

    from speccluster_lab.link.processes import HostProcess
    from speccluster_lab.spec.admission import Admission

__all__ = ["Discovery", "Guarded"]

# A folder without a launch is about to have one, and one without a guard is about to be guarded,
# unless who has made it has died.
_RESERVED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Guarded:
    """A cluster that has a folder, and whose hosts have or had a guard.

    Parameters
    ----------
    launch : Launch
        What the first host was told.
    guard : HostProcess, optional
        Who looks after them; nobody where they have failed.
    is_stopped : bool
        Whether the cluster is to end.
    why : str, optional
        What is known to be wrong with it.
    """

    launch: Launch
    guard: HostProcess | None
    is_stopped: bool
    why: str | None

    @property
    def id(self) -> str:
        """The cluster's."""
        return self.launch.id


class Discovery:
    """Looks for clusters; what cannot be used is left out, and looked at again when it changes.

    Parameters
    ----------
    admission : Admission
        What a cluster of which nothing is known any more may ask for.
    log : logging.Logger
        Jupyter's.
    """

    def __init__(self, admission: Admission, log: logging.Logger) -> None:
        self._admission = admission
        self._log = log
        self._left_out: dict[str, tuple[object, ...]] = {}

    def look(self, known: frozenset[str]) -> list[Guarded | Connection]:
        """Return what is there, a connection where a cluster has no guard; called in a thread.

        Parameters
        ----------
        known : frozenset of str
            Ids that need not be looked at.

        Raises
        ------
        StartFailed, OSError
            The folders cannot be used.
        """
        found: list[Guarded | Connection] = []
        left_out: dict[str, tuple[object, ...]] = {}
        for id in sorted(name for name in _names_there() - known if is_id(name)):
            marks = _marks(id)
            if self._left_out.get(id) == marks:
                left_out[id] = marks
                continue
            try:
                one = self._look_for(id)
            except (OSError, ClusterNotFound) as error:
                # Never fatal to the others.
                self._log.warning("Left out what is there of cluster %r: %s", id, error)
                left_out[id] = marks
                continue
            if one is not None:
                found.append(one)
        self._left_out = left_out
        return found

    def _look_for(self, id: str) -> Guarded | Connection | None:
        """Return a cluster; nothing where there is none yet, or none any more.

        The order counts. A host has a folder before it has a connection, and until its process
        has ended; so a connection that was there, without a guard after that, of a process that
        still runs then, is none of a host whose guard could be found.
        """
        file, folder = connection_file(id), clusters_folder() / id
        connection, distrust = None, None
        if os.path.lexists(file):
            try:
                connection = read_connection(id)
            except ClusterNotFound as error:
                distrust = error
        guard = find_guard(folder)
        # Also where it should have one that cannot be recognised: what is alive has not failed.
        if guard is None and connection is not None and connection.is_alive():
            return connection
        if guard is not None or os.path.lexists(folder / LAUNCH_FILE):
            return self._guarded(folder, guard)
        if folder.is_dir() and _age(folder) > _RESERVED_SECONDS:
            self._log.warning("Removing %r, which nobody has used", str(folder))
            # Of one that was killed between its two ways: a socket, and the file that leads to it.
            remove_socket(id)
            shutil.rmtree(folder)
        if connection is not None:
            self._log.info("Removing what led to cluster %r, whose process has died", id)
            _remove_ways(connection)
        elif distrust is not None and os.path.lexists(file):
            raise distrust
        return None

    def _guarded(self, folder: Path, guard: HostProcess | None) -> Guarded | None:
        stopped = is_stopped(folder)
        try:
            launch, why = read_launch(folder), None
            if launch.id != folder.name:
                raise StartFailed(f"what to launch is that of cluster {launch.id!r}")
        except StartFailed as error:
            if not folder.exists():
                return None
            self._log.warning("Cluster %r cannot be run: %s", folder.name, error)
            launch, why = _without_launch(folder, self._admission), f"cannot be run: {error}"
        else:
            if guard is None and not stopped and _is_about_to_start(folder):
                return None
        return Guarded(launch, guard, stopped, why)


def _names_there() -> frozenset[str]:
    """Return what folders and connection files of this machine are named after."""
    folders = {folder.name for folder in clusters_folder().iterdir()}
    return frozenset(folders | {file.stem for file in connections_folder().glob("*.json")})


def _marks(id: str) -> tuple[object, ...]:
    """Return what is another when there is something new about a cluster."""
    folder = clusters_folder() / id
    return tuple(_mark(path) for path in (folder, folder / LAUNCH_FILE, connection_file(id)))


def _mark(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


def _is_about_to_start(folder: Path) -> bool:
    """Return whether a cluster has no guard because that has not begun yet."""
    try:
        return (folder / GUARD_FILE).stat().st_size == 0
    except FileNotFoundError:
        return folder.exists() and _age(folder) < _RESERVED_SECONDS


def _age(folder: Path) -> float:
    return time.time() - folder.stat().st_mtime


def _remove_ways(connection: Connection) -> None:
    """Remove what leads to a process that has died, unless another one has it by now."""
    try:
        if read_connection(connection.id) != connection:
            return
    except ClusterNotFound:
        return
    # Not the path that it names, which can be any. First of all: the file is what we look for.
    remove_socket(connection.id)
    remove_connection(connection.id)


def _without_launch(folder: Path, admission: Admission) -> Launch:
    """Return what stands for a cluster of which nothing is known any more, so that it is seen."""
    nothing = ClusterSpec()
    return Launch(
        id=folder.name,
        display_name=folder.name,
        template=None,
        owner=Owner(kind=OwnerKind.SERVER),
        created=datetime.datetime.fromtimestamp(folder.stat().st_mtime, datetime.UTC),
        nonce=secrets.token_urlsafe(32),
        spec=nothing,
        trusted=nothing,
        admission=admission,
    )
