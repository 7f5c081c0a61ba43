"""The command line: what commonly goes wrong, and what mends it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from command_line import cli

from speccluster_lab.link.launch import GUARD_FILE
from speccluster_lab.link.paths import connection_file, connections_folder
from speccluster_lab.link.templates import template_file

if TYPE_CHECKING:
    import pytest
    from running_hosts import Hosts, RunningHost


def findings() -> dict[str, dict[str, str]]:
    return {one["what"]: one for one in json.loads(cli("doctor", "--json").out)}


def test_doctor_finds_nothing_where_nothing_is_wrong(running: RunningHost) -> None:
    done = cli("doctor")
    assert "brave-otter" in done.out
    assert not [one for one in findings().values() if one["state"] == "problem"]
    assert done.status == 0


def test_doctor(place: Hosts, running: RunningHost, tmp_path: Path) -> None:
    content = json.loads(connection_file(running.id).read_text())
    stale = connections_folder() / "stale.json"
    stale.write_text(json.dumps({**content, "id": "stale", "pid": 2**22 - 1}))
    stale.chmod(0o600)
    open_one = connections_folder() / "open.json"
    open_one.write_text(json.dumps({**content, "id": "open"}))
    open_one.chmod(0o666)
    template_file("broken").parent.mkdir(parents=True, exist_ok=True)
    template_file("broken").write_text("name: broken")
    try:
        found = findings()
        assert "has ended" in found["stale.json"]["message"]
        assert "lets other users in" in found["open.json"]["message"]
        assert f"rm {open_one}" in found["open.json"]["mend"]
        assert found[str(template_file("broken"))]["state"] == "problem"
        assert cli("doctor").status == 1
    finally:
        for file in (stale, open_one, template_file("broken")):
            file.unlink()
    # Nothing is changed by looking.
    assert GUARD_FILE in {one.name for one in running.folder.iterdir()}


def test_doctor_sees_settings_that_cannot_be(place: Hosts, tmp_path: Path) -> None:
    wrong = {"SpecClusterLab": {"max_workers": "many"}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(wrong))
    done = cli("doctor", JUPYTER_CONFIG_DIR=str(tmp_path))
    assert done.status == 1
    assert "'max_workers'" in done.out
    assert "jupyter --paths" in done.out


def test_a_setting_that_is_misspelt_is_said(place: Hosts, tmp_path: Path) -> None:
    wrong = {"SpecClusterLab": {"max_clusterz": 0}}
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(wrong))
    said = "no setting 'max_clusterz'; did you mean 'max_clusters'?"
    doctor = cli("doctor", JUPYTER_CONFIG_DIR=str(tmp_path))
    assert (doctor.status, said in doctor.out, doctor.err) == (0, True, "")
    file = tmp_path / "x.yaml"
    file.write_text("name: x\ntemplate: threads\n")
    plan = cli("plan", str(file), JUPYTER_CONFIG_DIR=str(tmp_path))
    assert plan.status == 0
    assert plan.err.startswith("warning: Jupyter's configuration, SpecClusterLab: ")
    assert said in plan.err
    plan = cli("plan", str(file), "--json", JUPYTER_CONFIG_DIR=str(tmp_path))
    told = json.loads(plan.err)
    assert (told["code"], said in told["message"]) == ("warning", True)


def test_doctor_sees_folders_that_cannot_be_used(place: Hosts, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    (runtime / "speccluster-lab").mkdir(parents=True)
    (runtime / "speccluster-lab").chmod(0o755)
    done = cli("doctor", JUPYTER_RUNTIME_DIR=str(runtime))
    assert done.status == 1
    assert "lets other users in" in done.out
    assert "chmod 700" in done.out
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    done = cli("doctor", XDG_RUNTIME_DIR="", TMPDIR=str(deep))
    assert done.status == 1
    assert "set TMPDIR to a short folder" in done.out


def test_doctor_sees_a_place_that_somebody_else_holds(
    place: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Path(os.environ["TMPDIR"]) / f"speccluster-lab-{os.geteuid()}"
    ours.mkdir(exist_ok=True)
    ours.chmod(0o777)
    monkeypatch.delenv("DASK_TEMPORARY_DIRECTORY")
    done = cli("doctor")
    # Sockets have the session's folder; what workers put aside may be too much for that.
    assert done.status == 1
    line = next(line for line in done.out.splitlines() if "put aside" in line)
    assert "lets other users in" in line
    ours.chmod(0o700)
