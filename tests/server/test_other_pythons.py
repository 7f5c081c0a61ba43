"""Clusters that run with the Python of a kernel, and what is said where that cannot be."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.serverapp import ServerApp
from serving import Answer, Api, Wait, until

from speccluster_lab.server.extension import SpecClusterLab
from speccluster_lab.server.manager import ClusterManager


@pytest.fixture
def other_python(tmp_path: Path) -> Path:
    """Another environment, in which all that this one has is installed."""
    folder = tmp_path / "env"
    venv.create(folder, symlinks=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    # As a file of paths, which is how an editable installation does it too.
    (packages / "here.pth").write_text(
        "".join(f"import site; site.addsitedir({p!r})\n" for p in here)
    )
    python = folder / "bin" / "python"
    subprocess.run([python, "-c", "import speccluster_lab"], check=True)
    return python


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: Api) -> Path:
    # The plugin that makes the server gives this to whatever is started.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    folder = tmp_path / "jupyter" / "kernels"
    folder.mkdir(parents=True)
    return folder


def kernel(folder: Path, name: str, python: object) -> None:
    (folder / name).mkdir()
    spec = {"argv": [str(python), "-m", "ipykernel_launcher"], "language": "python"}
    (folder / name / "kernel.json").write_text(json.dumps({**spec, "display_name": name}))


async def test_a_cluster_runs_with_the_python_of_a_kernel(
    api: Api, wait_for: Wait, kernels: Path, other_python: Path
) -> None:
    kernel(kernels, "other", other_python)
    body = {"template": "threads", "name": "Real", "kernel": "other"}
    assert (await api("POST", "/clusters", body)).status == 201
    cluster = await wait_for("real", "running")
    assert cluster is not None
    assert cluster["environment"]["python"] == str(other_python)
    # It is that one's again after a restart.
    assert (await api("POST", "/clusters/real/restart", {})).status == 202
    await wait_for("real", "starting")
    cluster = await wait_for("real", "running")
    assert cluster is not None
    assert cluster["environment"]["python"] == str(other_python)
    await api("DELETE", "/clusters/real")
    await wait_for("real", None)


async def test_what_is_missing_there_is_said_before_anything_is_started(
    api: Api, kernels: Path, tmp_path: Path, manager: ClusterManager
) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    python = tmp_path / "bare" / "bin" / "python"
    kernel(kernels, "bare", python)
    refused = await api("POST", "/clusters", {"template": "threads", "kernel": "bare"})
    assert (refused.status, refused.code) == (422, "unfit_interpreter")
    assert refused.body["field"] == "kernel"
    assert f"{python} -m pip install speccluster-lab==" in refused.body["message"]
    assert manager.clusters() == []


async def test_a_kernel_that_is_not_there_is_said(api: Api, kernels: Path) -> None:
    refused = await api("POST", "/clusters", {"template": "threads", "kernel": "nonsense"})
    assert (refused.status, refused.body["field"]) == (422, "kernel")
    both = {"template": "threads", "kernel": "a", "python": "/b"}
    assert (await api("POST", "/clusters", both)).status == 422


async def test_the_kernels_are_those_that_the_server_has(
    api: Api, wait_for: Wait, kernels: Path, jp_serverapp: ServerApp
) -> None:
    kernel(kernels, "here", sys.executable)
    kernel(kernels, "hidden", sys.executable)
    # An admin's setting; other managers know kernels of conda's environments.
    assert jp_serverapp.kernel_spec_manager is not None
    jp_serverapp.kernel_spec_manager.allowed_kernelspecs = {"here"}
    refused = await api("POST", "/clusters", {"template": "threads", "kernel": "hidden"})
    assert (refused.status, refused.body["field"]) == (422, "kernel")
    assert refused.body["message"] == "there is no kernel 'hidden'; there are: here"
    body = {"template": "threads", "name": "Real", "kernel": "here"}
    assert (await api("POST", "/clusters", body)).status == 201
    await api("DELETE", "/clusters/real")
    await wait_for("real", None)


class OfAGateway(KernelSpecManager):
    def find_kernel_specs(self) -> dict[str, str]:
        return {"remote": ""}

    async def get_kernel_spec(self, kernel_name: str) -> Any:
        raise AssertionError("it runs elsewhere")


async def test_a_gateways_kernels_are_not_those_of_this_machine(
    extension: SpecClusterLab, jp_serverapp: ServerApp, api: Api, kernels: Path
) -> None:
    kernel(kernels, "here", sys.executable)
    jp_serverapp.kernel_spec_manager = OfAGateway()
    # As at the start of a server that has had it from the beginning.
    extension.manager._kernels = extension._kernels()
    refused = await api("POST", "/clusters", {"template": "threads", "kernel": "remote"})
    assert (refused.status, refused.body["field"]) == (422, "kernel")
    assert ", here, " in refused.body["message"]


async def test_a_path_is_for_templates_unless_an_admin_allows_it(
    api: Api, wait_for: Wait, manager: ClusterManager, other_python: Path
) -> None:
    body = {"template": "threads", "name": "Real", "python": str(other_python)}
    refused = await api("POST", "/clusters", body)
    assert (refused.status, refused.code) == (422, "class_not_allowed")
    assert refused.body["field"] == "python"
    manager.admission = manager.admission.model_copy(update={"allow_code_options": True})
    assert (await api("POST", "/clusters", body)).status == 201
    cluster = await wait_for("real", "running")
    assert cluster is not None
    assert cluster["environment"]["python"] == str(other_python)
    relative = await api("POST", "/clusters", {**body, "name": "x", "python": f"bin{os.sep}python"})
    assert (relative.status, relative.body["field"]) == (422, "python")
    await api("DELETE", "/clusters/real")
    await wait_for("real", None)


# Twice as many can be asked for at a time.
HANGING = 4


@pytest.fixture
def hanging(kernels: Path, tmp_path: Path) -> Callable[[], int]:
    """Have kernels whose Pythons do not answer; return how often one of them was started.

    They end where there is a file ``end``.
    """
    for number in range(HANGING):
        python = tmp_path / f"hanging-{number}"
        python.write_text(
            f"#!/bin/sh\ntouch {tmp_path}/asked.$$\n"
            f"until [ -e {tmp_path}/end ]; do sleep 0.1; done\n"
        )
        python.chmod(0o755)
        kernel(kernels, python.name, python)
    return lambda: len(list(tmp_path.glob("asked.*")))


def ask_for_hanging(api: Api) -> list[asyncio.Future[Answer]]:
    bodies = [{"template": "threads", "kernel": f"hanging-{one}"} for one in range(HANGING)]
    return [asyncio.ensure_future(api("POST", "/clusters", body)) for body in 2 * bodies]


async def test_pythons_that_hang_slow_nobody(
    api: Api, hanging: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speccluster_lab.link.interpreters.ASK_SECONDS", 4.0)
    # Of which there are few.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(HANGING))
    asked = ask_for_hanging(api)
    await until(lambda: hanging() == HANGING)
    began = time.monotonic()
    assert (await api("GET", "/templates")).status == 200
    # Nor one who asks for no other Python.
    assert (await api("POST", "/clusters", {"template": "nonsense"})).status == 404
    assert time.monotonic() - began < 2
    for answer in await asyncio.gather(*asked):
        assert (answer.status, answer.code) == (422, "unfit_interpreter")
        assert "has not answered within 4 s" in answer.body["message"]
    # Each of them once, whoever has asked.
    assert hanging() == HANGING


async def test_a_python_that_cannot_even_be_started_is_given_up(
    api: Api, hanging: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    run = subprocess.run

    def never_starts(command: list[str], **options: Any) -> Any:
        # As where its program lies on a disk whose server has gone.
        if "hanging" in command[0]:
            assert goes_on.wait(60)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", never_starts)
    monkeypatch.setattr("speccluster_lab.link.interpreters.ASK_SECONDS", 0.5)
    monkeypatch.setattr("speccluster_lab.server.pythons.MORE_SECONDS", 0.5)
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*ask_for_hanging(api))
    for answer in answers:
        assert (answer.status, answer.code) == (422, "unfit_interpreter")
        assert answer.body["field"] == "kernel"
        assert "could not be started within 1 s" in answer.body["message"]
    goes_on.set()


async def test_a_server_that_ends_asks_no_other_python(
    api: Api,
    hanging: Callable[[], int],
    manager: ClusterManager,
    tmp_path: Path,
) -> None:
    body = {"template": "threads", "kernel": "hanging-0"}
    asked = asyncio.ensure_future(api("POST", "/clusters", body))
    await until(lambda: hanging() == 1)
    await manager.close(stop_clusters=True)
    assert not asked.done()
    late = await api("POST", "/clusters", {"template": "threads", "kernel": "hanging-1"})
    assert (late.status, late.code) == (409, "not_running")
    assert hanging() == 1
    (tmp_path / "end").touch()
    assert (await asked).code == "unfit_interpreter"
