"""Run the host of one cluster: ``python -m speccluster_lab.host <folder>``.

Light on purpose: nothing is imported here before the arguments are known to be good.
"""

from __future__ import annotations

import argparse
import atexit
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn


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
    parser.add_argument(
        "folder", type=Path, help="the cluster's state folder, which holds launch.json"
    )
    folder: Path = parser.parse_args(arguments).folder
    # A stop that is asked for during the imports waits for the handler instead of killing.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

    from speccluster_lab.host.life import run_host

    return run_host(folder)


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
