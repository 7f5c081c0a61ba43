"""Run the host of one cluster: ``python -m speccluster_lab.host <folder>``.

Light on purpose: nothing is imported here before the arguments are known to be good.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path


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


if __name__ == "__main__":
    sys.exit(main())
