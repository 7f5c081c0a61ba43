"""Who runs a cluster that is made: a host that waits for one, where it has the right Python."""

from __future__ import annotations

import errno
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from speccluster_lab.errors import StartFailed
from speccluster_lab.link.creation import Maker, create, wish_for
from speccluster_lab.link.paths import clusters_folder
from speccluster_lab.link.spare import SpareHost
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import CreateCluster, Owner, OwnerKind
from speccluster_lab.spec.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

MAKER = Maker(Owner(kind=OwnerKind.COMMAND), Admission(), None, Limits())


@pytest.mark.parametrize(
    ("python", "answers", "runs_it"),
    [
        (None, True, ["spare"]),
        (None, False, ["spare", "started"]),
        (sys.executable, True, ["started"]),
    ],
)
def test_who_runs_it(
    python: str | None, answers: bool, runs_it: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    guard = subprocess.Popen(["true"])
    guard.wait()

    def take_spare(folder: Path) -> subprocess.Popen[bytes] | None:
        assert (folder / "launch.json").exists()
        asked.append("spare")
        return guard if answers else None

    def start_host(folder: Path, *, python: str | None) -> subprocess.Popen[bytes]:
        asked.append("started")
        return guard

    monkeypatch.setattr("speccluster_lab.link.creation.start_host", start_host)
    wish = replace(wish_for(CreateCluster(template="threads"), Admission()), python=python)
    assert create(wish, MAKER, frozenset(), take_spare)[1] is guard
    assert asked == runs_it


@pytest.mark.parametrize("spare", [True, False])
def test_a_full_disk_is_said_and_nothing_is_left(
    spare: bool, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    where = "spare.open_private_log" if spare else "launch.write_private_file"
    monkeypatch.setattr(f"speccluster_lab.link.{where}", full)
    host = SpareHost()
    try:
        with pytest.raises(StartFailed, match="Disk quota exceeded"):
            create(
                wish_for(CreateCluster(template="threads"), Admission()),
                MAKER,
                frozenset(),
                host.take,
            )
    finally:
        host.end()
    assert list(clusters_folder().iterdir()) == []
