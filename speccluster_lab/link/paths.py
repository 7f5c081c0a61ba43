"""Where things are: connection files, the clusters' state, sockets."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import psutil
from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir

from speccluster_lab.errors import ClusterNotFound, StartFailed
from speccluster_lab.link.files import make_private_folder
from speccluster_lab.link.processes import runs
from speccluster_lab.spec.names import is_id

__all__ = [
    "MAX_SOCKET_BYTES",
    "cluster_folder",
    "clusters_folder",
    "connection_file",
    "connections_folder",
    "scratch_folder",
    "socket_path",
    "spare_folder",
    "temporary_folder",
]

MAX_SOCKET_BYTES = 107
"""The longest path that a unix socket's address has room for on Linux."""

_NAME = "speccluster-lab"
# No digest begins so, and no socket of a cluster is called so.
_SPARE = "spare-"
# What multiprocessing calls the socket of a forkserver.
_LISTENER = "listener-xxxxxxxx"
# Of those that an id may be.
_LONGEST = f"{'x' * 63}.sock"


def connections_folder() -> Path:
    """Return the folder of this machine's connection files, made where it is missing.

    Raises
    ------
    StartFailed
        It cannot be made, or is there but not for us alone.
    """
    # Jupyter's runtime folder is in the home as well, unless somebody says otherwise.
    return _private(_private(Path(jupyter_runtime_dir()) / _NAME) / _machine())


def connection_file(id: str) -> Path:
    """Return where the connection file of a cluster is.

    Raises
    ------
    ClusterNotFound
        ``id`` cannot be the id of a cluster, and so cannot be a file's name either.
    """
    return connections_folder() / f"{_checked(id)}.json"


def clusters_folder() -> Path:
    """Return the folder of the clusters' state on this machine, made where it is missing.

    Raises
    ------
    StartFailed
        It cannot be made, or is there but not for us alone.
    """
    # Templates of the user's own are in the first one as well, which they may have made for them.
    ours = _private(Path(jupyter_data_dir()) / _NAME, is_a_persons=True)
    return _private(_private(ours / _machine(), is_a_persons=True) / "clusters")


def _machine() -> str:
    """Return this machine's name: homes are shared between machines, and processes are not."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).strip(".") or "localhost"


def cluster_folder(id: str) -> Path:
    """Return where the state of a cluster is, whether it is there or not.

    Raises
    ------
    ClusterNotFound
        ``id`` cannot be the id of a cluster.
    """
    return clusters_folder() / _checked(id)


def socket_path(id: str) -> Path:
    """Return where the socket of a cluster's host is; its folder is made where it is missing.

    The folder is a short one of our own: a socket's path has room for 107 bytes only, which the
    runtime folder alone can take up. Nor is it in that of the login session, where there is room
    elsewhere: that goes with the last session of its user, who may have left clusters running.

    Raises
    ------
    StartFailed
        The path is too long, or somebody else holds the folder.
    ClusterNotFound
        ``id`` cannot be the id of a cluster.
    """
    name = f"{_checked(id)}.sock"
    path = _sockets_folder()
    length = _length(path, max(name, f"{_scratch_name(id)}/{_LISTENER}", key=len))
    if length > MAX_SOCKET_BYTES:
        raise StartFailed(
            f"the path of the cluster's socket would have {length} bytes, which is more than the "
            f"{MAX_SOCKET_BYTES} that a socket may have; give the cluster a shorter name, or set "
            "TMPDIR to a shorter folder"
        )
    return path / name


def _sockets_folder() -> Path:
    """Return where sockets are: the same for all clusters, and for hosts that have none yet.

    As long as all processes have the same folders for temporary files and for the session.
    """
    session = _session_folder()
    has_room = session is not None and _length(session, _LONGEST) <= MAX_SOCKET_BYTES
    if session is None or not has_room:
        return temporary_folder()
    if _length(_among_temporary_files(), _LONGEST) > MAX_SOCKET_BYTES:
        return _private(session)
    try:
        return temporary_folder()
    except StartFailed:
        # Anybody may have made that before us.
        return _private(session)


def _length(folder: Path, name: str) -> int:
    return len(os.fsencode(folder / name))


def temporary_folder() -> Path:
    """Return our folder among the machine's temporary files, made where it is missing.

    What others can write has no place for what this user runs or reads again. One that lets them
    look is closed: where it has gone, as temporary files do, distributed makes it like that.

    Raises
    ------
    StartFailed
        Somebody else holds it.
    """
    return _private(_among_temporary_files(), closes=True)


def _among_temporary_files() -> Path:
    top, name = Path(tempfile.gettempdir()), f"{_NAME}-{os.geteuid()}"
    # A host keeps all of its own there.
    return top if top.name == name else top / name


def scratch_folder(id: str) -> Path:
    """Return where a host's short-lived files are, sockets among them; it need not be there.

    The same for a cluster wherever its socket is found, so that whoever comes after a host that was
    killed can remove what it has left; beside that socket, whose folder is private.

    Raises
    ------
    StartFailed, ClusterNotFound
        As :func:`socket_path`.
    """
    return socket_path(id).parent / _scratch_name(id)


def spare_folder(pid: int) -> Path:
    """Return where the short-lived files of a host are that has no cluster yet.

    Beside those of the clusters, so that it can become one of them. What hosts that are there no
    more have left is removed.

    Parameters
    ----------
    pid : int
        The host's process id.

    Raises
    ------
    StartFailed
        Somebody else holds the folder in which it is to be.
    """
    name = f"{_SPARE}{pid}"
    there = _sockets_folder()
    for other in there.glob(f"{_SPARE}*"):
        owner = other.name.removeprefix(_SPARE)
        if owner.isdecimal() and not _runs(int(owner)):
            shutil.rmtree(other, ignore_errors=True)
    return there / name


def _runs(pid: int) -> bool:
    try:
        return runs(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _scratch_name(id: str) -> str:
    # Short, for what is in it.
    return hashlib.sha256(id.encode()).hexdigest()[:12]


def _session_folder() -> Path | None:
    """Return our folder in the login session's own one, where that can be used."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if not os.path.isabs(given):
        return None
    folder = Path(given)
    try:
        usable = folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return None
    return folder / _NAME if usable else None


def _private(folder: Path, *, is_a_persons: bool = False, closes: bool = False) -> Path:
    try:
        return make_private_folder(folder, is_a_persons=is_a_persons, closes=closes)
    except OSError as error:
        raise StartFailed(f"{str(folder)!r} cannot be used: {error}") from error


def _checked(id: str) -> str:
    if not is_id(id):
        raise ClusterNotFound(f"there is no cluster {id!r}")
    return id
