"""One server for all trials, in places of its own; and the report of how long each one took."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import Cell, p95
from nothing_left import processes_of
from running_servers import SECONDS, Server

TOOK = pytest.StashKey[dict[Cell, float]]()


@pytest.fixture(scope="package")
def took(pytestconfig: pytest.Config) -> dict[Cell, float]:
    """Keep the seconds until all was as it should be, by cell."""
    return pytestconfig.stash.setdefault(TOOK, {})


@pytest.fixture(scope="package")
def marker() -> Iterator[Path]:
    """Make the folder of sockets and of temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="slc-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="package")
def server(folder: Path, marker: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(marker))
        patch.setenv("TMPDIR", str(marker))
        # Other extensions of the server ask npm things, which would keep a cache among our files.
        patch.setenv("NODE_DISABLE_COMPILE_CACHE", "1")
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        patch.setenv("JUPYTER_DATA_DIR", str(folder / "data"))
        patch.setenv("DASK_TEMPORARY_DIRECTORY", str(folder / "dask"))
        found = Server(folder)
        found.start()
        yield found
        assert found.process is not None
        found.process.terminate()
        assert found.process.wait(SECONDS) == 0
        left = processes_of(marker)
        for process in left:
            process.kill()
        assert left == []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    took = config.stash.get(TOOK, {})
    if took:
        terminalreporter.section("seconds from the fault until all was as it should be")
        for cell, seconds in took.items():
            terminalreporter.line(f"{seconds:6.2f}  {cell}")
        terminalreporter.line(f"{p95(took):6.2f}  is the 95th percentile of {len(took)}")
