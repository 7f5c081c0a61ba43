"""Reserving an id, and starting the host of a cluster; server, notebook and command line alike."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
from pydantic import AwareDatetime, Field, ValidationError

from speccluster_lab.errors import ClusterNotFound, NameInUse, StartFailed
from speccluster_lab.link import guard
from speccluster_lab.link.connections import list_connections, read_connection
from speccluster_lab.link.files import (
    check_storable,
    open_private_log,
    read_private_file,
    write_private_file,
)
from speccluster_lab.link.guard import GUARD_FILE, HOST_LOG, STOPPED_FILE
from speccluster_lab.link.paths import cluster_folder, clusters_folder
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import Owner
from speccluster_lab.spec.lifetimes import Lifetimes
from speccluster_lab.spec.limits import Limits
from speccluster_lab.spec.models import ClusterSpec, Document
from speccluster_lab.spec.names import ClusterId, id_from_name, suggest_id
from speccluster_lab.spec.policies import PolicyOverlay
from speccluster_lab.spec.templates import Preimport, StartMethod

__all__ = [
    "DESIRED_FILE",
    "GENERATIONS_FOLDER",
    "HOST_LOG",
    "LAUNCH_FILE",
    "Launch",
    "find_guard",
    "guard_program",
    "home_folder",
    "host_program",
    "is_stopped",
    "mark_stopped",
    "names_in_use",
    "read_launch",
    "reserve",
    "reserve_for",
    "start_host",
    "write_launch",
]

LAUNCH_FILE = "launch.json"

DESIRED_FILE = "desired.json"
"""In the cluster's folder: the spec that is wanted now, and more, once it is another one."""

GENERATIONS_FOLDER = "generations"
"""In the cluster's folder: the specs that were wanted before, a file each; some number of them."""

_ATTEMPTS = 5


class Launch(Document):
    """What a host is told when it starts; it lies in a file, so that nothing is in ``argv``.

    Parameters
    ----------
    id, display_name : str
        The cluster's.
    template : str, optional
        What its first spec was made from.
    owner : Owner
        Who started it.
    created : datetime
        When; with a time zone.
    nonce : str
        What requests must carry.
    spec : ClusterSpec
        The desired state at the start.
    trusted : ClusterSpec
        The template's own spec: what it says may be repeated by later requests.
    admission : Admission
        What later requests may ask for.
    start_method : StartMethod
        How worker processes are started.
    preimport : list of str
        What the forkserver imports.
    python : str, optional
        The path of the Python that the host runs with; that of who starts it if not given.
    bind : str, optional
        Where scheduler and workers listen; on this machine only if not given.
    lifetimes : Lifetimes
        When it stops by itself; never if not given.
    policy : PolicyOverlay
        The limits that its reconciler keeps to, as far as they are not the usual ones.
    limits : Limits
        What its process and its API may take up.
    """

    id: ClusterId
    display_name: str
    template: str | None
    owner: Owner
    created: AwareDatetime
    nonce: str = Field(repr=False)
    spec: ClusterSpec
    trusted: ClusterSpec
    admission: Admission
    start_method: StartMethod = StartMethod.FORKSERVER
    preimport: Preimport = Field(default_factory=list)
    python: str | None = None
    bind: str | None = None
    lifetimes: Lifetimes = Field(default_factory=Lifetimes)
    policy: PolicyOverlay = Field(default_factory=PolicyOverlay)
    limits: Limits = Field(default_factory=Limits)


def reserve(id: str) -> Path:
    """Make the folder of a cluster, which reserves its id, and return it.

    Raises
    ------
    NameInUse
        Another cluster of this user on this machine has it, be it one without a folder.
    StartFailed
        The folder cannot be made.
    """
    folder = cluster_folder(id)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise NameInUse(f"there is a cluster {id!r} already", field="name") from None
    except OSError as error:
        raise StartFailed(f"the folder of cluster {id!r} cannot be made: {error}") from error
    # After that: who has none has had one until it could be found.
    if _is_found(id):
        folder.rmdir()
        raise NameInUse(f"there is a cluster {id!r} already", field="name")
    return folder


def _is_found(id: str) -> bool:
    try:
        return read_connection(id).is_alive()
    except ClusterNotFound:
        return False


def reserve_for(name: str | None, taken: frozenset[str] = frozenset()) -> tuple[str, Path]:
    """Reserve an id for a name, and return both it and its folder.

    Parameters
    ----------
    name : str or None
        What people call the cluster; one is suggested if not given.
    taken : frozenset of str
        Ids that are not to be had, beside those in use.

    Raises
    ------
    NameInUse
        Others have been faster, more than once.
    StartFailed
        The folder cannot be made.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        in_use = taken | names_in_use()
        id = id_from_name(name, in_use) if name else suggest_id(in_use)
        try:
            return id, reserve(id)
        except NameInUse:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def names_in_use() -> frozenset[str]:
    """Return the ids of clusters that have a folder, or a process that can be found."""
    folders = {folder.name for folder in clusters_folder().iterdir()}
    return frozenset(folders | {connection.id for connection in list_connections()})


def write_launch(folder: Path, launch: Launch) -> None:
    """Write what the host of the cluster in ``folder`` is to be told.

    Raises
    ------
    InvalidInput
        It is too large to be read again.
    StartFailed
        It cannot be written.
    """
    content = launch.model_dump_json().encode()
    check_storable(content)
    try:
        write_private_file(folder / LAUNCH_FILE, content)
    except OSError as error:
        raise StartFailed(f"what to launch cannot be written: {error.strerror}") from error


def read_launch(folder: Path) -> Launch:
    """Return what the host of the cluster in ``folder`` is told.

    Raises
    ------
    StartFailed
        The file is not there, cannot be trusted, or is garbled.
    """
    try:
        return Launch.model_validate_json(read_private_file(folder / LAUNCH_FILE))
    except OSError as error:
        raise StartFailed(f"what to launch cannot be read: {error}") from error
    except ValidationError as error:
        raise StartFailed(
            f"what to launch, in {str(folder)!r}, is garbled: {error.error_count()} errors"
        ) from error


def mark_stopped(folder: Path) -> None:
    """Note on disk that the cluster in ``folder`` is to end: from here on nothing revives it."""
    if not is_stopped(folder):
        write_private_file(folder / STOPPED_FILE, b"")


def is_stopped(folder: Path) -> bool:
    """Return whether the cluster in ``folder`` is to end."""
    return os.path.lexists(folder / STOPPED_FILE)


def host_program(python: str) -> list[str]:
    """Return what runs a host, given a folder."""
    # -P: a file in the home folder that is named like a module of the standard library must not
    # stand in for it.
    return [python, "-P", "-m", "speccluster_lab.host"]


def guard_program(python: str) -> list[str]:
    """Return what runs a guard, given a folder and what runs its host."""
    # -I, -S: it needs nothing that is installed, and is small without.
    return [python, "-I", "-S", guard.__file__]


def start_host(
    folder: Path, *, python: str | None = None, command: list[str] | None = None
) -> subprocess.Popen[bytes]:
    """Start the host of the cluster in ``folder``, under a guard; see :mod:`.guard`.

    They are in a process session of their own, so that a Ctrl-C in a terminal does not reach
    them, and everything that they start can be found. The caller polls the result, which is the
    guard, until it has ended.

    Parameters
    ----------
    folder : Path
        Holds what was written by :func:`write_launch`.
    python : str, optional
        Path of the interpreter that the host runs with; this one if not given.
    command : list of str, optional
        What to run instead of our host.

    Raises
    ------
    StartFailed
        The process could not be started.
    """
    python = python or sys.executable
    command = command or [*host_program(python), str(folder)]
    guarded = [*guard_program(python), str(folder), *command]
    try:
        log = open_private_log(folder / HOST_LOG)
        try:
            return subprocess.Popen(
                guarded,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home_folder(),
                start_new_session=True,
            )
        finally:
            os.close(log)
    except OSError as error:
        raise StartFailed(f"the cluster's host could not be started: {error}") from error


def home_folder() -> Path:
    """Return where hosts are started: the user's home, or what is there in any case.

    A user of a container may have none, or one that is not there.
    """
    try:
        home = Path.home()
    except RuntimeError:
        return Path(os.sep)
    return home if os.access(home, os.X_OK) and home.is_dir() else Path(os.sep)


def find_guard(folder: Path) -> HostProcess | None:
    """Return the guard of the cluster in ``folder``; nothing where it has none.

    A guard that is about to start or to restart the host is one as well.
    """
    try:
        process = psutil.Process(int(read_private_file(folder / GUARD_FILE)))
        # The id alone may be somebody else's by now.
        if not any(_is_folder(argument, folder) for argument in process.cmdline()):
            return None
        return HostProcess.of(process.pid)
    except (OSError, ValueError, psutil.Error):
        return None


def _is_folder(argument: str, folder: Path) -> bool:
    """Return whether an argument is a folder, by whatever name: homes have several."""
    if argument == str(folder):
        return True
    try:
        return os.path.isabs(argument) and os.path.samefile(argument, folder)
    except OSError:
        return False
