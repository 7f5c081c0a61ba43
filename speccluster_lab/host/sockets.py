"""The unix socket that an API is served on: its owner's only, and nobody else's already."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from speccluster_lab.errors import NameInUse, StartFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["listening", "remove_dead_socket"]


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Listen on a unix socket of mode 0600, which is removed in the end.

    Raises
    ------
    StartFailed
        It cannot be opened.
    NameInUse
        Another one listens there.
    """
    remove_dead_socket(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        listener.setblocking(False)
        try:
            listener.bind(os.fspath(path))
        except OSError as error:
            raise StartFailed(f"the socket {str(path)!r} cannot be opened: {error}") from error
        try:
            # Nobody can connect before it listens. Not by umask, which all threads share.
            os.chmod(path, 0o600)
            listener.listen(128)
            yield listener
        finally:
            path.unlink(missing_ok=True)


def remove_dead_socket(path: Path) -> None:
    """Remove what a host that was killed has left, but not the socket of one that lives.

    Raises
    ------
    StartFailed
        It cannot be told whether it lives.
    NameInUse
        It does.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise StartFailed(f"the socket {str(path)!r} cannot be opened: {error}") from error
    raise NameInUse(f"another host listens on {str(path)!r} already", field="name")
