"""A host that waits for a cluster: its imports are what takes a start its time."""

from __future__ import annotations

import os
import site
import socket
import subprocess
import sys
import sysconfig
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from speccluster_lab.errors import StartFailed
from speccluster_lab.link.files import open_private_log
from speccluster_lab.link.guard import HOST_LOG, SPARE, TAKEN
from speccluster_lab.link.launch import guard_program, home_folder, host_program
from speccluster_lab.link.processes import HostProcess

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SpareHost"]

ANSWER_SECONDS: Final = 2.0
END_SECONDS: Final = 2.0


class SpareHost:
    """A guard and a host that have no cluster yet; they end with who has made them.

    Raises
    ------
    OSError
        They could not be started.
    """

    def __init__(self) -> None:
        # Before it imports any of it.
        self._installed = _installed()
        self._socket, theirs = socket.socketpair()
        python = sys.executable
        with theirs:
            self._guard: subprocess.Popen[bytes] | None = subprocess.Popen(
                [*guard_program(python), SPARE, *host_program(python)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=home_folder(),
                start_new_session=True,
            )

    @property
    def pid(self) -> int | None:
        """The guard's process id, for as long as it has no cluster."""
        return None if self._guard is None else self._guard.pid

    def take(self, folder: Path) -> subprocess.Popen[bytes] | None:
        """Have it run the cluster in ``folder``; waits for a moment: not for an event loop.

        Returns
        -------
        subprocess.Popen or None
            The guard, as ``start_host`` has it; nothing where it does not answer, or packages have
            been installed since: it would run what was there before, and workers of both. It has
            ended then, and has changed nothing.

        Raises
        ------
        StartFailed
            The cluster's log cannot be written.
        """
        guard = self._guard
        if guard is None:
            return None
        if self._installed != _installed():
            self.end()
            return None
        try:
            log = open_private_log(folder / HOST_LOG)
        except OSError as error:
            raise StartFailed(f"the cluster's log cannot be written: {error.strerror}") from error
        try:
            self._socket.settimeout(ANSWER_SECONDS)
            socket.send_fds(self._socket, [os.fsencode(folder)], [log])
            if self._socket.recv(len(TAKEN)) == TAKEN:
                self._guard = None
                self._socket.close()
                return guard
        except OSError:
            pass
        finally:
            os.close(log)
        self.end()
        return None

    def end(self) -> None:
        """End it, unless it has a cluster; waits for a moment: not for an event loop."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):
            guard.wait(END_SECONDS)
            return
        HostProcess.of(guard.pid).end(0)
        guard.wait()


def _installed() -> list[int]:
    """Return what is another after a package has been installed, upgraded or removed."""
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"], site.getusersitepackages()}
    found = []
    for folder in sorted(folders):
        with suppress(OSError):
            found.append(os.stat(folder).st_mtime_ns)
    return found
