"""What a cluster puts aside, and where it looks for modules, is where no other user can write."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import distributed
import pytest
from kernels import Kernel

from speccluster_lab.client import connect
from speccluster_lab.host.dashboard import without_port
from speccluster_lab.host.scratch import in_usual_place
from speccluster_lab.link.connections import list_connections

if TYPE_CHECKING:
    from pathlib import Path

    from running_hosts import Hosts


@pytest.fixture
def shared(tmp_path: Path, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder for temporary files in which another user has made what distributed uses."""
    folder = tmp_path / "tmp"
    (folder / "dask-scratch-space").mkdir(parents=True)
    (folder / "dask-scratch-space").chmod(0o777)
    monkeypatch.delenv("DASK_TEMPORARY_DIRECTORY")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("template", ["local", "grouped", "threads"])
def test_nothing_is_where_another_user_can_write(hosts: Hosts, shared: Path, template: str) -> None:
    host = hosts.start(template)
    host.until_running()
    ours = shared / f"speccluster-lab-{os.geteuid()}"
    assert stat.S_IMODE(ours.stat().st_mode) == 0o700
    assert [one for one in ours.glob("dask-scratch-space/worker-*") if one.is_dir()] != []
    with connect(host.id) as handle, handle.get_client() as client:
        # Where modules are looked for.
        paths = [client.run_on_scheduler(lambda: sys.path), *client.run(lambda: sys.path).values()]
    assert [one for path in paths for one in path if one.startswith(f"{shared}/dask")] == []
    assert any(one.startswith(f"{ours}/dask") for one in paths[0])
    host.connection.process.kill()
    host.reconnected()
    host.until_running()
    host.request("DELETE")
    assert host.ended() == 0
    assert list(ours.glob("dask-scratch-space/worker-*")) == []
    assert list((shared / "dask-scratch-space").iterdir()) == []


def test_a_place_that_another_user_holds_is_not_used(hosts: Hosts, shared: Path) -> None:
    ours = shared / f"speccluster-lab-{os.geteuid()}"
    ours.mkdir()
    ours.chmod(0o777)
    host = hosts.start("local")
    cluster = host.until(lambda cluster: cluster.phase == "failed")
    assert "lets other users in" in cluster.conditions[-1].message
    host.request("DELETE")
    assert host.ended() == 0
    assert list(ours.iterdir()) == []


def test_a_scheduler_class_has_it_once() -> None:
    once = in_usual_place(distributed.Scheduler)
    assert once is not distributed.Scheduler
    assert in_usual_place(once) is once
    # That of a cluster, whose form is used for another one.
    made = without_port(once)
    assert in_usual_place(made) is without_port(made) is made


IN_A_NOTEBOOK = """
import sys
from functools import partial
from distributed import LocalCluster, Nanny, Scheduler, Worker
from speccluster_lab import MultiWorker, SpecCluster, reconciled
one = {"nthreads": 1}
with_a_port = {"cls": Scheduler, "options": {"dashboard_address": "127.0.0.1:0"}}
entries = {
    "nanny": {"cls": Nanny, "options": one},
    "here": {"cls": Worker, "options": one},
    "group": {"cls": MultiWorker, "options": {"processes": 2, **one}, "group": ["-0", "-1"]},
}
class OwnNanny(Nanny):
    def __init__(self, *args, local_directory=None, **options):
        super().__init__(*args, local_directory=local_directory, **options)
difficult = {
    "own": {"cls": OwnNanny, "options": one},
    "part": {"cls": partial(Nanny, local_directory=None, name="all", **one)},
    "here": {"cls": Worker, "options": {**one, "local_directory": None}},
    "group": {"cls": partial(MultiWorker, processes=1, **one), "group": ["-0"]},
}
made_by_part = {"cls": partial(Scheduler, dashboard=False)}
"""


@pytest.mark.parametrize(
    "made",
    [
        "SpecCluster(workers=entries, publish=True)",
        "SpecCluster(workers=entries, scheduler=with_a_port, publish=True)",
        "SpecCluster(workers=difficult, scheduler=made_by_part, publish=True)",
        "reconciled(LocalCluster)(n_workers=4, threads_per_worker=1, publish=True)",
    ],
)
def test_nor_is_what_a_published_one_has(shared: Path, made: str) -> None:
    ours = shared / f"speccluster-lab-{os.geteuid()}"
    kernel = Kernel()
    try:
        kernel.run(f"{IN_A_NOTEBOOK}\ncluster = {made}\ncluster.wait_for_workers(4)")
        kernel.run("client = cluster.get_client()")
        paths = kernel.value("[sys.path, *client.run(lambda: sys.path).values()]")
        assert len(paths) == 5
        assert [one for path in paths for one in path if one.startswith(f"{shared}/dask")] == []
        assert any(one.startswith(f"{ours}/dask-scratch-space/scheduler-") for one in paths[0])
        assert stat.S_IMODE(ours.stat().st_mode) == 0o700
        # Of the nannies' workers, and of the one in the kernel itself.
        folders = [one for one in ours.glob("dask-scratch-space/worker-*") if one.is_dir()]
        assert len(folders) == 4
        # It was so for the scheduler alone, and only while that was made.
        assert kernel.value("__import__('dask').config.get('temporary-directory')") is None
        kernel.run("client.close(); cluster.close()")
        assert [one for one in ours.glob("dask-scratch-space/*-*") if one.is_dir()] == []
        assert list((shared / "dask-scratch-space").iterdir()) == []
    finally:
        kernel.end()
    assert list_connections() == []


ELSEWHERE = """
class Elsewhere(Nanny):
    def __init__(self, *args, local_directory="{}", **options):
        super().__init__(*args, local_directory=local_directory, **options)
"""


def test_what_its_owner_says_stays(shared: Path, tmp_path: Path) -> None:
    kernel = Kernel(DASK_TEMPORARY_DIRECTORY=str(tmp_path / "configured"))
    said = {"nthreads": 1, "local_directory": str(tmp_path / "said")}
    try:
        kernel.run(
            f"{IN_A_NOTEBOOK}{ELSEWHERE.format(tmp_path / 'said')}"
            f"entries['nanny']['options'] = {said}\n"
            f"entries['here'] = {{'cls': partial(Worker, **{said})}}\n"
            f"entries['own'] = {{'cls': Elsewhere, 'options': {{'nthreads': 1}}}}\n"
            "cluster = SpecCluster(workers=entries, publish=True)\ncluster.wait_for_workers(5)"
        )
        for place, count in (("said", 3), ("configured", 2)):
            found = tmp_path.glob(f"{place}/dask-scratch-space/worker-*")
            assert len([one for one in found if one.is_dir()]) == count
        kernel.run("cluster.close()")
    finally:
        kernel.end()


def test_a_place_that_another_user_holds_is_not_published_from(shared: Path) -> None:
    ours = shared / f"speccluster-lab-{os.geteuid()}"
    ours.mkdir()
    ours.chmod(0o777)
    kernel = Kernel()
    try:
        said = kernel.run(
            f"{IN_A_NOTEBOOK}\ntry:\n    SpecCluster(workers=entries, publish=True)\n"
            "except Exception as error:\n    print(repr(error))"
        )
    finally:
        kernel.end()
    assert "StartFailed" in said
    assert "lets other users in" in said
    assert list(ours.iterdir()) == []
