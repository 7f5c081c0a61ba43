"""What dask-labextension was configured with, as templates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from speccluster_lab.client.command import main
from speccluster_lab.client.command.migration import Section, templates_from
from speccluster_lab.link.templates import get_template, known_templates, template_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def in_own_folders(own_folders: Path) -> None:
    """Let nothing of the machine be seen, and nothing be left."""


def local(**kwargs: Any) -> Section:
    return Section.model_validate({"factory": {"kwargs": kwargs}, "default": {"workers": 2}})


def migrate(*arguments: str, **environment: str) -> tuple[int, Any, str]:
    command = [sys.executable, "-m", "speccluster_lab.client.command", "import-dask-config"]
    done = subprocess.run(
        [*command, *arguments, "--json"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def test_a_local_cluster() -> None:
    section = local(**{"threads-per-worker": 4}, memory_limit="3 GiB", resources={"GPU": 1})
    ((template,), notes) = templates_from(section)
    assert (template.name, template.initial, notes) == ("dask-default", 2, [])
    spec = template.make_spec({"memory_limit": "1 GiB"})
    assert [entry.cls for entry in spec.workers.values()] == ["distributed.Nanny"] * 2
    assert spec.workers["0"].options == {
        "nthreads": 4,
        "memory_limit": "1 GiB",
        "resources": {"GPU": 1},
    }


@pytest.mark.parametrize(
    ("kwargs", "read"),
    [
        ({"processes": False}, lambda one: one.spec["worker"]["cls"] == "distributed.Worker"),
        ({"n_workers": 7}, lambda one: one.initial == 2),
        ({"name": "Mine"}, lambda one: (one.name, one.title) == ("dask-default", "Dask default")),
        ({"memory_limit": 0}, lambda one: one.spec["worker"]["options"]["memory_limit"] == 0),
        ({"interface": "ib0"}, lambda one: one.bind == "ib0"),
        ({"host": "tcp://10.0.0.7"}, lambda one: one.bind == "10.0.0.7"),
        ({"host": "127.0.0.1"}, lambda one: one.bind is None),
        ({"host": "0.0.0.0"}, lambda one: one.bind is None),
        ({"env": {"A": "1"}}, lambda one: one.spec["worker"]["options"]["env"] == {"A": "1"}),
    ],
)
def test_what_is_carried_over(kwargs: dict[str, Any], read: Any) -> None:
    ((template,), _) = templates_from(local(threads_per_worker=1, **kwargs))
    assert read(template)


@pytest.mark.parametrize(
    ("kwargs", "note"),
    [
        ({"dashboard_address": ":8787"}, "dashboard_address: a dashboard has no port"),
        ({"security": "secret-text"}, "security: each cluster makes certificates"),
        ({"nonsense": "secret-text"}, "nonsense: is not known here"),
        ({"host": "0.0.0.0"}, "host: listening everywhere is left out"),
        ({"host": "node7"}, "host: is no address"),
    ],
)
def test_what_is_not_is_said(kwargs: dict[str, Any], note: str) -> None:
    _, notes = templates_from(local(threads_per_worker=1, **kwargs))
    assert note in "\n".join(notes)
    assert "secret-text" not in "\n".join(notes)


def test_sizes() -> None:
    section = Section.model_validate(
        {
            "factory": {"args": ["x", 3, 2]},
            "default": {"adapt": {"minimum": 0, "maximum": 5}},
            "initial": [{"name": "My <b>Big</b> cluster", "workers": 10}, {"name": "Dask default"}],
        }
    )
    templates, notes = templates_from(section)
    assert [(one.name, one.initial) for one in templates] == [
        ("dask-default", 3),
        ("my-b-big-b-cluster", 10),
        ("dask-default-2", 3),
    ]
    assert templates[0].make_spec({}).workers["0"].options["nthreads"] == 2
    said = "\n".join(notes)
    assert "adaptive: {maximum: 5, minimum: 0}" in said
    assert "initial: nothing is started with the server" in said


def test_another_factory_makes_no_template() -> None:
    section = Section.model_validate(
        {"factory": {"module": "dask_jobqueue", "class": "SLURMCluster"}}
    )
    templates, (note,) = templates_from(section)
    assert templates == []
    assert "publish=True" in note


def test_it_reads_dasks_own_configuration(tmp_path: Path) -> None:
    (tmp_path / "labextension.yaml").write_text(
        yaml.safe_dump(
            {
                "labextension": {
                    "factory": {"module": "dask.distributed", "class": "LocalCluster", "args": []},
                    "default": {"workers": 1, "adapt": None},
                    "initial": [],
                }
            }
        )
    )
    status, told, _ = migrate("--dry-run", DASK_CONFIG=str(tmp_path))
    assert (status, told["written"]) == (0, False)
    assert "dask-default" not in known_templates()

    status, told, _ = migrate(DASK_CONFIG=str(tmp_path))
    file = str(template_file("dask-default"))
    assert (status, told["templates"]) == (0, [{"name": "dask-default", "file": file}])
    assert get_template("dask-default").initial == 1
    status, _, err = migrate(DASK_CONFIG=str(tmp_path))
    assert (status, json.loads(err)["field"]) == (2, "name")
    assert "--replace" in json.loads(err)["message"]
    assert migrate("--replace", DASK_CONFIG=str(tmp_path))[0] == 0


def test_what_it_would_write_is_shown_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.yaml"
    kwargs = {"threads_per_worker": 1, "env": {"MY_TOKEN": "canary-1", "A": "b"}}
    file.write_text(yaml.safe_dump({"labextension": {"factory": {"kwargs": kwargs}}}))
    assert main(["import-dask-config", "--file", str(file), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "MY_TOKEN: '***'" in told
    assert "A: b" in told
    assert "canary" not in told


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("other: 1", 3),
        ("{", 2),
        ("labextension: 1", 2),
        ("labextension: {factory: {args: 1}}", 2),
        ("labextension: {default: {workers: -1}}", 2),
        ("labextension: {factory: {kwargs: {threads_per_worker: many}}}", 2),
        ("labextension: {factory: {module: dask_jobqueue, class: SLURMCluster}}", 1),
    ],
)
def test_a_section_that_cannot_be_used(tmp_path: Path, text: str, status: int) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    assert migrate("--file", str(file))[0] == status
    assert migrate("--file", str(tmp_path / "none.yaml"))[0] == 3
