"""The settings as the command line and notebooks read them: from the files that a server reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from speccluster_lab.errors import InvalidInput
from speccluster_lab.link.settings import ClusterSettings, UnknownSetting, read_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    return tmp_path


def write(folder: Path, file: str, **settings: Any) -> None:
    (folder / file).write_text(json.dumps({"SpecClusterLab": settings}))


def test_nothing_is_configured(folder: Path) -> None:
    names = ClusterSettings.class_trait_names(config=True)
    read, default = read_settings(), ClusterSettings()
    assert {n: getattr(read, n) for n in names} == {n: getattr(default, n) for n in names}


@pytest.mark.parametrize(
    "file", ["jupyter_config", "jupyter_server_config", "jupyter_speccluster_lab_config"]
)
def test_the_files_of_a_server(folder: Path, file: str) -> None:
    write(folder, f"{file}.json", max_workers=200, shutdown_clusters_on_exit=False)
    settings = read_settings()
    assert settings.max_workers == 200
    assert settings.admission().max_workers == 200


def test_a_file_that_is_a_program(folder: Path) -> None:
    program = (
        'c.SpecClusterLab.allowed_classes.append("a.B")\nc.SpecClusterLab.max_queued_events = 9\n'
    )
    (folder / "jupyter_speccluster_lab_config.py").write_text(program)
    settings = read_settings()
    assert "a.B" in settings.admission().worker_classes
    assert settings.limits().queued_events == 9


def test_the_extensions_own_file_has_the_last_word(folder: Path) -> None:
    write(folder, "jupyter_server_config.json", max_workers=1, max_clusters=1)
    write(folder, "jupyter_speccluster_lab_config.json", max_workers=2)
    settings = read_settings()
    assert (settings.max_workers, settings.max_clusters) == (2, 1)


def test_a_value_that_cannot_be(folder: Path) -> None:
    write(folder, "jupyter_server_config.json", max_workers=0)
    with pytest.raises(InvalidInput, match="max_workers"):
        read_settings()


def test_a_file_that_cannot_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "jupyter_server_config.json").write_text("{")
    assert read_settings().max_workers == ClusterSettings().max_workers
    assert "jupyter_server_config" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["config.json", "config.py"])
def test_a_name_that_is_misspelt(folder: Path, file: str) -> None:
    if file == "config.json":
        write(folder, "jupyter_server_config.json", max_clusterz=3, max_workers=7)
    else:
        program = "c.SpecClusterLab.max_clusterz = 3\nc.SpecClusterLab.max_workers = 7\n"
        (folder / "jupyter_server_config.py").write_text(program)
    said = "no setting 'max_clusterz'; did you mean 'max_clusters'?"
    with pytest.warns(UnknownSetting, match=said.replace("?", r"\?")) as warned:
        settings = read_settings()
    assert len(warned) == 1
    assert (settings.max_workers, settings.max_clusters) == (7, 16)


def test_a_name_that_is_like_no_other(folder: Path) -> None:
    write(folder, "jupyter_server_config.json", qqq=3)
    with pytest.warns(UnknownSetting, match="no setting 'qqq'$"):
        read_settings()


def test_what_is_a_servers_alone_is_known(folder: Path) -> None:
    """Warnings are errors in tests."""
    write(folder, "jupyter_server_config.json", spare_host=False, log_level=10, SpecCluster={})
    assert read_settings().max_workers == ClusterSettings().max_workers
