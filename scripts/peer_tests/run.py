"""Run the tests of distributed, or of dask-jobqueue, against our cluster class.

The tests are third-party and no part of this repository: they are read from a folder that the
user names. What is put where, and how a run proves it, is in ``plugin.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DEPLOY_TESTS = "distributed/deploy/tests"
# The others in that folder make no cluster, or need a server for SSH.
DEPLOY_FILES = [
    "spec_cluster",
    "local",
    "adaptive",
    "adaptive_core",
    "slow_adaptive",
    "cluster",
    "subprocess",
]
MISSING = f"""\
PEER must name one of these:
  the folder {DEPLOY_TESTS} of distributed's repository, or a checkout of that repository,
  a checkout of dask-jobqueue's repository,
each at the tag of the version to be tested."""


def suite(peer: Path, further: list[str]) -> list[str]:
    """Return pytest's arguments for the tests in a folder; exit when there are none."""
    for folder in (peer, peer / DEPLOY_TESTS):
        if (folder / "test_spec_cluster.py").is_file():
            files = [folder / f"test_{name}.py" for name in DEPLOY_FILES]
            return pytest_in(folder, "distributed.ini", [file for file in files if file.is_file()])
    tests = peer / "dask_jobqueue" / "tests"
    if not (tests.is_dir() and (peer / "conftest.py").is_file()):
        sys.exit(f"{MISSING} It says {str(peer)!r}, where there are no such tests.")
    # The classes under test come with their tests, whether the package is installed or not.
    sys.path.insert(1, str(peer))
    if not any(argument.startswith("-E") for argument in further):
        # No queue is wanted, so no client of one: test_slurm.py asks it when it is imported.
        os.environ["PATH"] = str(Path(sys.executable).parent)
    # A runner is no cluster.
    return [*pytest_in(peer, "jobqueue.ini", [tests]), f"--ignore={tests / 'test_runner.py'}"]


def pytest_in(folder: Path, configuration: str, tests: list[Path]) -> list[str]:
    # Nothing outside the folder counts: distributed's conftest.py is a part of our plugin.
    options = [f"--rootdir={folder}", f"--confcutdir={folder}", f"-c={HERE / configuration}"]
    return [*options, *map(str, tests)]


def main() -> int:
    """Run the tests and return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("peer", help="the folder with the tests")
    parser.add_argument("--stock", action="store_true", help="against stock, as a baseline")
    options, further = parser.parse_known_args()
    if not options.peer:
        sys.exit(MISSING)
    arguments = [*suite(Path(options.peer).expanduser().resolve(), further), *further]
    # The plugins that the tests were written with, not those that happen to be installed.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["PEER_TESTS_STOCK"] = "1" if options.stock else ""
    # The workers' processes, and what else the tests start.
    paths = [str(HERE / "loopback"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    # distributed tests itself so: its tests still use what it deprecates for IPv6.
    os.environ["DISABLE_IPV6"] = "1"
    scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    # dask-jobqueue writes its configuration when it is imported, and its tests write files here.
    os.environ["DASK_CONFIG"] = str(Path(scratch.name, "config"))
    with scratch, contextlib.chdir(scratch.name):
        import pytest

        code = pytest.main(arguments)
    # A thread that does not end would hold the interpreter for ever.
    faulthandler.dump_traceback_later(60, exit=True)
    return code


# A worker's process imports this module again.
if __name__ == "__main__":
    sys.exit(main())
