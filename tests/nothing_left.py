"""Folders of its own for each test, and the proof that it leaves nothing behind.

A plugin that ``conftest.py`` loads; tests ask for it with ``usefixtures("own_folders")``.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

GONE_WITHIN = 20.0


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let a test see no cluster but its own; fail one that leaves processes or sockets.

    The value is a short folder for sockets, whose paths may have 107 bytes.
    """
    short = Path(tempfile.mkdtemp(prefix="sclt-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    yield short
    left = processes_of(short)
    described = [_describe(process) for process in left]
    for process in left:
        process.kill()
    files = [str(file) for file in short.rglob("*.sock")]
    files += [str(file) for file in tmp_path.glob("runtime/speccluster-lab/*/*.json")]
    shutil.rmtree(short)
    assert described == [], "processes are left"
    assert files == [], "files are left"


def processes_of(marker: Path, wait: float = GONE_WITHIN) -> list[psutil.Process]:
    """Return the processes of a test that do not end within ``wait`` seconds.

    Whatever the test has started, however indirectly, has ``marker`` in its environment.
    """
    deadline = time.monotonic() + wait
    left = [process for process in psutil.process_iter() if _is_marked(process, marker)]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if _is_marked(process, marker)]
    return left


def _is_marked(process: psutil.Process, marker: Path) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get("XDG_RUNTIME_DIR") != str(marker):
            return False
        # multiprocessing's own helpers of the test process stay until it ends.
        helper = any("multiprocessing." in part for part in process.cmdline())
        return not (helper and process.ppid() == os.getpid())
    except psutil.Error:
        return False


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.cmdline()}"
    except psutil.Error:
        return f"{process.pid} (has just ended)"
