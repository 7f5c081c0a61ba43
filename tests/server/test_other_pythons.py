"""Clusters that run with the Python of a kernel, and what is said where that cannot be."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from serving import Api, Wait

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
