"""What a wheel built from a fresh checkout carries: everything that a person needs."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LABEXTENSION = ".data/data/share/jupyter/labextensions/speccluster-lab/"
CONFIG = ".data/data/etc/jupyter/jupyter_server_config.d/speccluster_lab.json"

# It installs the JavaScript packages and builds, which a busy machine does slowly.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what git tracks, as it is now: neither built files nor forgotten ones come along."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    folder = tmp_path_factory.mktemp("checkout")
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as ``pip install .`` does: isolated, with what pyproject.toml asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), "."]
    environment = {k: v for k, v in os.environ.items() if k != "SKIP_JUPYTER_BUILDER"}
    built = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def files(wheel: Path) -> dict[str, bytes]:
    """Read the wheel; names lose the ``speccluster_lab-<version>`` before ``.data`` and such."""
    stem = "-".join(wheel.name.split("-")[:2])
    with zipfile.ZipFile(wheel) as archive:
        return {name.removeprefix(stem): archive.read(name) for name in archive.namelist()}


def test_the_version_is_that_of_package_json(wheel: Path) -> None:
    version = json.loads((ROOT / "package.json").read_text())["version"]
    assert wheel.name == f"speccluster_lab-{version}-py3-none-any.whl"


def test_the_labextension_loads_what_it_names(files: dict[str, bytes]) -> None:
    package = json.loads(files[LABEXTENSION + "package.json"])
    assert package["name"] == "speccluster-lab"
    assert package["jupyterlab"]["_build"]["extension"] == "./extension"
    remote_entry = files[LABEXTENSION + package["jupyterlab"]["_build"]["load"]]
    assert b"speccluster-lab" in remote_entry
    assert LABEXTENSION + "static/style.js" in files
    code = b"".join(files[name] for name in files if name.startswith(LABEXTENSION + "static/"))
    assert b"speccluster-lab:panel" in code


def test_the_labextension_says_who_installed_it(files: dict[str, bytes]) -> None:
    assert json.loads(files[LABEXTENSION + "install.json"])["packageName"] == "speccluster_lab"


def test_the_server_extension_is_enabled(files: dict[str, bytes]) -> None:
    config = json.loads(files[CONFIG])
    assert config == {"ServerApp": {"jpserver_extensions": {"speccluster_lab": True}}}


@pytest.mark.parametrize("name", ["grouped", "local", "threads"])
def test_the_templates_are_there(files: dict[str, bytes], name: str) -> None:
    assert files[f"speccluster_lab/templates/{name}.yaml"].strip()


def test_the_worker_classes_are_named(files: dict[str, bytes]) -> None:
    points = configparser.ConfigParser(delimiters=["="])
    points.optionxform = str  # type: ignore[assignment, method-assign]
    points.read_string(files[".dist-info/entry_points.txt"].decode())
    assert dict(points["speccluster_lab.worker_classes"]) == {
        "distributed.Nanny": "distributed:Nanny",
        "distributed.Worker": "distributed:Worker",
        "speccluster_lab.MultiWorker": "speccluster_lab:MultiWorker",
    }


def test_the_translations_are_where_jupyterlab_looks(files: dict[str, bytes]) -> None:
    points = configparser.ConfigParser(delimiters=["="])
    points.read_string(files[".dist-info/entry_points.txt"].decode())
    # Its name is that of the file.
    assert dict(points["jupyterlab.locale"]) == {"speccluster_lab": "speccluster_lab"}
    german = json.loads(files["speccluster_lab/locale/de_DE/LC_MESSAGES/speccluster_lab.json"])
    assert german[""]["language"] == "de-DE"
    assert german["Show workers"] == ["Worker zeigen"]


def test_the_command_is_there(files: dict[str, bytes]) -> None:
    points = configparser.ConfigParser(delimiters=["="])
    points.read_string(files[".dist-info/entry_points.txt"].decode())
    assert dict(points["console_scripts"]) == {
        "jupyter-speccluster": "speccluster_lab.client.command:main"
    }


def test_types_and_licence_come_along(files: dict[str, bytes]) -> None:
    assert "speccluster_lab/py.typed" in files
    assert files[".dist-info/licenses/LICENSE"].startswith(b"BSD 3-Clause License")


def test_nothing_else_is_in_it(files: dict[str, bytes], checkout: Path) -> None:
    ours = ("speccluster_lab/", ".data/data/", ".dist-info/")
    assert [name for name in files if not name.startswith(ours)] == []
    assert [name for name in files if name.startswith("speccluster_lab/labextension")] == []
    assert [name for name, text in files.items() if str(checkout).encode() in text] == []
