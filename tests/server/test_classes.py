"""The worker classes that specs may name: listed, with their options, by a process of their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from speccluster_lab.link import classes
from speccluster_lab.server import classes as known
from speccluster_lab.server import pythons

if TYPE_CHECKING:
    from pathlib import Path

    from serving import Api, FakeHosts, Wait

    from speccluster_lab.server.manager import ClusterManager


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Note which processes are started to ask for classes."""
    started: list[list[str]] = []
    run = subprocess.run

    def note(command: list[str], **options: Any) -> Any:
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr(classes.subprocess, "run", note)
    return started


async def test_they_are_asked_once_and_what_is_for_templates_is_marked(
    api: Api, manager: ClusterManager, commands: list[list[str]]
) -> None:
    answer = await api("GET", "/classes")
    assert {one["cls"] for one in answer.body} == manager.admission.worker_classes
    (nanny,) = [one for one in answer.body if one["cls"] == "distributed.Nanny"]
    options = nanny["options"]["properties"]
    assert options["preload"]["readOnly"] is options["env"]["readOnly"] is True
    assert options["dashboard"]["readOnly"] is options["dashboard_address"]["readOnly"] is True
    assert "readOnly" not in options["nthreads"]
    assert (await api("GET", "/classes")).body == answer.body
    assert [command[0] for command in commands] == [sys.executable]


async def test_they_are_asked_anew_when_that_was_a_while_ago(
    api: Api, monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    monkeypatch.setattr(known, "_KEPT_SECONDS", 0.0)
    answers = [await api("GET", "/classes") for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert len(commands) == 2


async def test_those_of_a_cluster_are_as_its_python_has_them(
    api: Api, fake_host: FakeHosts, wait_for: Wait, commands: list[list[str]]
) -> None:
    made = await api("POST", "/clusters", {"template": "threads"})
    id = made.body["id"]
    await wait_for(id, "running")
    answer = await api("GET", "/classes", params={"cluster": id})
    assert answer.status == 200
    assert len(commands) == 1
    assert (await api("GET", "/classes", params={"cluster": "nobody"})).status == 404
    wrong = await api("GET", "/classes", params={"cluster": "No Id"})
    assert (wrong.status, wrong.body["field"]) == (422, "cluster")


async def test_an_interpreter_that_never_starts_holds_up_no_other(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    run = subprocess.run

    def never_starts(command: list[str], **options: Any) -> Any:
        if command[0] == "/on/a/dead/disk":
            assert goes_on.wait(60)
        return run(command, **options)

    monkeypatch.setattr(classes.subprocess, "run", never_starts)
    monkeypatch.setattr(pythons, "MORE_SECONDS", 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(classes, "ASK_SECONDS", 0.5)
        patch.setattr(sys, "executable", "/on/a/dead/disk")
        answers = await asyncio.gather(*(api("GET", "/classes") for _ in range(2)))
    for answer in answers:
        assert (answer.status, answer.code) == (422, "unfit_interpreter")
        assert "within 1 s" in answer.body["message"]
    assert (await api("GET", "/classes")).status == 200
    goes_on.set()


async def test_an_interpreter_that_cannot_say_is_asked_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no dask here' >&2\nexit 3\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(broken))
        answer = await api("GET", "/classes")
    assert answer.status == 422
    assert "status 3: no dask here" in answer.body["message"]
    assert (await api("GET", "/classes")).status == 200
