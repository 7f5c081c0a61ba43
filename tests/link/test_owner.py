"""What people read of whose a cluster is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from speccluster_lab.link import owner
from speccluster_lab.link.owner import owner_here, printable


@pytest.mark.parametrize(
    ("argv", "detail"),
    [
        ([str(Path.home() / "jobs" / "etl.py"), "x"], "jobs/etl.py, process {}"),
        (["/srv/etl.py"], "/srv/etl.py, process {}"),
        (["-c"], "Python, process {}"),
        ([""], "Python, process {}"),
        ([], "Python, process {}"),
    ],
)
def test_a_program_is_named(monkeypatch: pytest.MonkeyPatch, argv: list[str], detail: str) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    # That of the notebook which has started the program.
    monkeypatch.setenv("JPY_SESSION_NAME", "/srv/a.ipynb")
    found = owner_here()
    assert (found.kind, found.detail) == ("notebook", detail.format(os.getpid()))


def test_a_notebook_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "_is_kernel", lambda: True)
    monkeypatch.setenv("JPY_SESSION_NAME", str(Path.home() / "a\n<b>.ipynb"))
    assert owner_here().detail == "a <b>.ipynb"
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert owner_here().detail == f"kernel, process {os.getpid()}"


def test_a_long_name_is_cut() -> None:
    assert printable("a" * 10, 10) == "a" * 10
    assert printable("a" * 11, 10) == "a" * 9 + "\u2026"
