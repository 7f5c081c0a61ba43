"""Connection files: how the host of a cluster is found.

A host is known by its process id, that process's start time, and a nonce that its answers are
checked against: a process id alone, or a path alone, may be somebody else's by now.
"""

from __future__ import annotations

import logging
import os

import psutil
from pydantic import Field, ValidationError

import speccluster_lab
from speccluster_lab.errors import ClusterNotFound
from speccluster_lab.link.files import read_private_file, remove_unfinished, write_private_file
from speccluster_lab.link.paths import connection_file, connections_folder
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.spec.models import Document
from speccluster_lab.spec.names import ClusterId

__all__ = [
    "NONCE_HEADER",
    "Connection",
    "list_connections",
    "read_connection",
    "remove_connection",
    "write_connection",
]

logger = logging.getLogger(__name__)

NONCE_HEADER = "X-SpecCluster-Nonce"
"""The header in which every request tells a host whom it is meant for."""


class Connection(Document):
    """How the host of one cluster is reached.

    Parameters
    ----------
    id : str
        The cluster's.
    pid : int
        The host's process id.
    start_time : float
        When that process started, as psutil tells it: seconds since the epoch.
    boot_time : float
        When the machine started, as psutil told it then; see :class:`.HostProcess`.
    nonce : str
        What requests must carry; the host refuses another.
    socket : str
        Path of the host's unix socket.
    version : str
        Of this package, in the host.
    """

    id: ClusterId
    pid: int = Field(gt=0)
    start_time: float
    boot_time: float = Field(default_factory=psutil.boot_time)
    nonce: str = Field(min_length=16, max_length=256, pattern=r"^[A-Za-z0-9_-]+$", repr=False)
    socket: str = Field(min_length=1, max_length=256)
    version: str = Field(max_length=64)

    @classmethod
    def here(cls, id: str, nonce: str, socket: str) -> Connection:
        """Return how a cluster is reached whose host is this process."""
        this = HostProcess.of(os.getpid())
        return cls(
            id=id,
            pid=this.pid,
            start_time=this.start_time,
            boot_time=this.boot_time,
            nonce=nonce,
            socket=socket,
            version=speccluster_lab.__version__,
        )

    def is_alive(self) -> bool:
        """Return whether the process that wrote this is still running."""
        return self.process.is_alive()

    @property
    def process(self) -> HostProcess:
        """The process that wrote this."""
        return HostProcess(self.pid, self.start_time, self.boot_time)


def read_connection(id: str) -> Connection:
    """Return how the host of a cluster is reached; it may have died since.

    Raises
    ------
    ClusterNotFound
        There is no connection file of this id that can be trusted.
    """
    try:
        content = read_private_file(connection_file(id))
    except FileNotFoundError:
        raise ClusterNotFound(f"there is no cluster {id!r}") from None
    except OSError as error:
        raise ClusterNotFound(f"cluster {id!r} has no file that can be trusted: {error}") from None
    try:
        connection = Connection.model_validate_json(content)
    except ValidationError:
        raise ClusterNotFound(f"the connection file of cluster {id!r} is garbled") from None
    if connection.id != id:
        raise ClusterNotFound(f"the connection file of cluster {id!r} is another's")
    return connection


def list_connections() -> list[Connection]:
    """Return how the hosts that are alive are reached, by id.

    A file that cannot be trusted or read is left out, with a warning in the log.
    """
    found = []
    for file in sorted(connections_folder().glob("*.json")):
        try:
            connection = read_connection(file.stem)
        except ClusterNotFound as error:
            # One that has gone since the folder was read is nobody's fault.
            if file.exists() or file.is_symlink():
                logger.warning("Left out connection file %r: %s", str(file), error)
            continue
        if connection.is_alive():
            found.append(connection)
    return found


def write_connection(connection: Connection) -> None:
    """Let a host be found; called by the host once it answers."""
    file = connection_file(connection.id)
    remove_unfinished(file)
    write_private_file(file, connection.model_dump_json().encode())


def remove_connection(id: str) -> None:
    """Let a host no longer be found; it is no error when it could not be."""
    file = connection_file(id)
    remove_unfinished(file)
    file.unlink(missing_ok=True)
