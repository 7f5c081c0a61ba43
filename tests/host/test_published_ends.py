"""A cluster that cannot be published, or whose kernel or program ends, leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from kernels import Kernel
from published_clusters import IMPORTS, PROGRAM, UNCLOSED, ask
from running_hosts import SECONDS

from speccluster_lab import SpecCluster, list_clusters
from speccluster_lab.errors import StartFailed
from speccluster_lab.host import published as published_module
from speccluster_lab.link import launch
from speccluster_lab.link.connections import list_connections, read_connection, remove_connection
from speccluster_lab.link.paths import cluster_folder, connection_file, socket_path

if TYPE_CHECKING:
    from running_hosts import Hosts

pytestmark = UNCLOSED


def test_one_that_does_not_come_up_in_time_leaves_nothing(
    place: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_module, "BEGIN_SECONDS", 0.0)
    with pytest.raises(StartFailed, match="Timeout"):
        SpecCluster(publish=True, name="late")
    assert_not_served("late")
    assert not cluster_folder("late").exists()


def test_one_whose_folder_cannot_be_removed_is_not_served(
    place: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused when its API answers already."""

    def reserve_for(name: str | None) -> tuple[str, Path]:
        id, folder = launch.reserve_for(name)
        (folder / "of somebody else").touch()
        return id, folder

    monkeypatch.setattr(published_module, "reserve_for", reserve_for)
    with pytest.raises(StartFailed, match="not empty"):
        SpecCluster(publish=True, name="late")
    assert_not_served("late")
    shutil.rmtree(cluster_folder("late"))


def assert_not_served(id: str) -> None:
    for thread in threading.enumerate():
        if thread.name == f"API of {id}":
            thread.join(SECONDS)
            assert not thread.is_alive()
    assert not connection_file(id).exists()


def test_it_goes_with_its_kernel(place: Hosts) -> None:
    kernel = Kernel()
    try:
        # The stock class closes the first one when the kernel ends, and not the other.
        kernel.run(f"{IMPORTS}clusters = made(), made(shutdown_on_close=False)")
        connections = list_connections()
        assert len(connections) == 2
        for one in connections:
            assert ask(one.id, "GET")[1]["owner"]["detail"].startswith("kernel, process ")
    finally:
        kernel.end()
    for one in connections:
        assert not connection_file(one.id).exists()
        assert not os.path.lexists(one.socket)


def test_one_whose_kernel_was_killed_is_not_found_and_not_in_the_way(place: Hosts) -> None:
    names = []
    for end in (Kernel.kill, Kernel.end):
        kernel = Kernel()
        try:
            kernel.run(f"{IMPORTS}cluster = made(name='again')")
            names.append(kernel.value("cluster.published_as"))
            assert [one.id for one in list_clusters()] == ["again"]
        finally:
            end(kernel)
        assert list_clusters() == []
    # Nobody has removed what leads to the first one.
    assert names == ["again", "again"]


BUSY = """
import ctypes, dask
from pathlib import Path
from distributed import Client, Nanny
from speccluster_lab import MultiWorker

def hold(file):
    Path(file).touch()
    # Waits for ever, and does not let go of the interpreter.
    ctypes.PyDLL(None).pause()

dask.config.set({"distributed.worker.multiprocessing-method": METHOD})
entries = {
    "a": {"cls": Nanny, "options": {"nthreads": 1}},
    "b": {"cls": MultiWorker, "options": {"processes": 1, "nthreads": 1}, "group": ["-0"]},
}
cluster = SpecCluster(workers=entries, publish=True, name="busy")
client = Client(cluster)
client.wait_for_workers(2)
pids = client.run(os.getpid, nanny=False)
tasks = [client.submit(hold, f"{FOLDER}/{pid}", workers=[at]) for at, pid in pids.items()]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels tell nobody")
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_hold_the_interpreter_end_with_a_kernel_that_is_killed(
    place: Hosts, tmp_path: Path, method: str
) -> None:
    # What workers leave that are killed, the next ones remove.
    kernel = Kernel(DASK_TEMPORARY_DIRECTORY=str(tmp_path / "dask"))
    workers: list[psutil.Process] = []
    try:
        given = f"import os\nMETHOD, FOLDER = {method!r}, {str(tmp_path)!r}\n"
        kernel.run(f"{given}{IMPORTS}{BUSY}")
        workers = [psutil.Process(pid) for pid in kernel.value("list(pids.values())")]
        deadline = time.monotonic() + SECONDS
        while len(list(tmp_path.glob("[0-9]*"))) < len(workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        kernel.kill()
        _, left = psutil.wait_procs(workers, timeout=SECONDS / 4)
        for process in left:
            process.kill()
        # The next one of this name would do that.
        remove_connection("busy")
        socket_path("busy").unlink(missing_ok=True)
    assert len(workers) == 2
    assert left == []


HELD = """
from speccluster_lab.host import published
published.END_SECONDS = 0.0
# Its thread is not told, as if it did not come to anything any more.
published.Published._tell = lambda self, *call: None
"""


def test_one_whose_thread_hangs_goes_with_its_program(place: Hosts, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(HELD + PROGRAM.replace('name="job"', 'name="held", shutdown_on_close=False'))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        ways = [connection_file("held"), Path(read_connection("held").socket)]
        assert all(map(os.path.lexists, ways))
        process.communicate(timeout=SECONDS)
    assert not any(map(os.path.lexists, ways))
