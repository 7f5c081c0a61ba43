"""Run the host of one cluster: ``python -m speccluster_lab.host <folder>``.

With ``--spare`` in place of the folder it imports all that it needs, and waits for it.

Light on purpose: nothing is imported here before the arguments are known to be good.
"""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

_PATH_BYTES = 4096
_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def main(arguments: list[str] | None = None) -> int:
    """Run one cluster until it is stopped, and return the exit status.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line; ``sys.argv`` otherwise.
    """
    parser = argparse.ArgumentParser(
        prog="python -m speccluster_lab.host",
        description="Run one cluster and serve its API on a unix socket. Started by the Jupyter "
        "server or by a notebook rather than by hand; the log goes to stderr.",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "folder", type=Path, nargs="?", help="the cluster's state folder, which holds launch.json"
    )
    which.add_argument(
        "--spare",
        action="store_true",
        help="wait for the folder on standard input, a socket, as guard.py says",
    )
    options = parser.parse_args(arguments)
    folder: Path | None = options.folder or _wait_for_a_cluster()
    if folder is None:
        return 0
    # A stop that is asked for during the imports waits for the handler instead of killing.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)

    from speccluster_lab.host.life import run_host

    try:
        return run_host(folder)
    except SystemExit:
        # Nobody here ends so, but what the cluster is made of may; to the guard its status would
        # say that the end was wanted.
        logging.getLogger(__name__).exception("A class of the cluster has ended this process")
        return 1


def _wait_for_a_cluster() -> Path | None:
    """Import all that a cluster needs, and return its folder; nothing where none comes."""
    # What is forked later has the signals blocked that are blocked here.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    path = b""
    from speccluster_lab.host.forkserver import forget_prepared, prepare

    try:
        # First of all: it imports while this process does.
        prepare()
        import speccluster_lab.host.keyfiles
        import speccluster_lab.host.life
        import speccluster_lab.host.start  # noqa: F401

        with socket.socket(fileno=os.dup(0)) as guard:
            path, descriptors, _, _ = socket.recv_fds(guard, _PATH_BYTES, 1)
    finally:
        if not path:
            forget_prepared()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if not path:
        return None
    nothing, log = os.open(os.devnull, os.O_RDONLY), descriptors[0]
    for descriptor, stands_for in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, stands_for)
    os.close(nothing)
    os.close(log)
    return Path(os.fsdecode(path))


def _leave(status: int) -> NoReturn:
    """End the process with what was registered for its end, and without the rest.

    Taking apart all that is imported takes longer than closing the cluster.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
