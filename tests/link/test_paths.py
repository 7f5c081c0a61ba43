"""Where things are, and that they are for us alone."""

import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from speccluster_lab.errors import ClusterNotFound, StartFailed
from speccluster_lab.link import paths
from speccluster_lab.link.paths import (
    MAX_SOCKET_BYTES,
    cluster_folder,
    clusters_folder,
    connection_file,
    socket_path,
    spare_folder,
)


def test_places(tmp_path: Path, own_folders: Path) -> None:
    machine = socket.gethostname()
    assert connection_file("brave-otter") == (
        tmp_path / "runtime/speccluster-lab" / machine / "brave-otter.json"
    )
    assert cluster_folder("brave-otter") == (
        tmp_path / "data/speccluster-lab" / machine / "clusters/brave-otter"
    )
    assert socket_path("brave-otter") == (
        own_folders / f"speccluster-lab-{os.geteuid()}/brave-otter.sock"
    )
    for folder in (
        connection_file("a").parent,
        clusters_folder(),
        tmp_path / "data/speccluster-lab",
        socket_path("a").parent,
    ):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("id", ["", "..", "a/b", "/etc/passwd", "A", "a\0", "a\n", "a" * 64, "é"])
def test_what_is_no_id_is_no_path(id: str) -> None:
    for place in (connection_file, cluster_folder, socket_path):
        with pytest.raises(ClusterNotFound):
            place(id)


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "..", "\0"])
def test_a_strange_name_of_the_machine_does_no_harm(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    folder = clusters_folder()
    assert folder.resolve().parent.parent == (tmp_path / "data/speccluster-lab").resolve()


def test_the_longest_id_has_room_in_the_usual_places() -> None:
    for folder in ("/run/user/1000/speccluster-lab", "/tmp/speccluster-lab-1000"):
        assert len(f"{folder}/{'a' * 63}.sock") <= MAX_SOCKET_BYTES


@pytest.mark.parametrize("session", [None, "", "relative", "/nowhere/at/all", "short"])
def test_sockets_are_among_temporary_files_whatever_the_session_has(
    session: str | None, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the session goes when its user has logged out, whoever still runs."""
    if session == "short":
        (own_folders / "s").mkdir()
        session = str(own_folders / "s")
    if session is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", session)
    path = socket_path("a")
    assert path == own_folders / f"speccluster-lab-{os.geteuid()}" / "a.sock"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_where_those_have_no_room_they_are_the_sessions(
    tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 80)))
    path = socket_path("a")
    assert path == own_folders / "speccluster-lab/a.sock"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_socket_that_has_no_room_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 80)))
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    with pytest.raises(StartFailed, match="shorter"):
        socket_path("a")


def test_a_folder_in_the_temporary_one_that_is_not_ours_is_refused(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can make one of that name before we do."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(own_folders))
    squatted = own_folders / f"speccluster-lab-{os.geteuid()}"
    squatted.mkdir()
    squatted.chmod(0o777)
    with pytest.raises(StartFailed, match="lets other users in"):
        socket_path("a")


def test_where_somebody_else_has_made_that_they_are_the_sessions(own_folders: Path) -> None:
    squatted = own_folders / f"speccluster-lab-{os.geteuid()}"
    squatted.mkdir()
    squatted.chmod(0o777)
    assert socket_path("a") == own_folders / "speccluster-lab/a.sock"


def test_one_that_only_lets_others_look_is_closed(own_folders: Path) -> None:
    """It is so where distributed has made it, because it had gone."""
    ours = own_folders / f"speccluster-lab-{os.geteuid()}"
    ours.mkdir(0o755)
    ours.chmod(0o755)
    assert socket_path("a").parent == ours
    assert stat.S_IMODE(ours.stat().st_mode) == 0o700


def test_a_link_in_its_place_is_neither_followed_nor_used(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    other = own_folders / "other"
    other.mkdir()
    other.chmod(0o755)
    (own_folders / f"speccluster-lab-{os.geteuid()}").symlink_to(other)
    with pytest.raises(StartFailed, match="is no folder"):
        socket_path("a")
    assert stat.S_IMODE(other.stat().st_mode) == 0o755


def test_all_sockets_are_in_one_place_however_long_the_id(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is made beforehand does not know it, and moves its own there."""
    there = own_folders / ("x" * 20)
    there.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(there))
    places = {socket_path(id).parent for id in ("a", "a" * 40, "a" * 63)}
    assert places == {spare_folder(1).parent} == {own_folders / "speccluster-lab"}


@pytest.mark.parametrize("umask", [0o022, 0o002])
def test_a_folder_that_a_person_has_made_for_templates_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    before = os.umask(umask)
    try:
        (tmp_path / "data" / "speccluster-lab" / "templates").mkdir(parents=True)
        folder = paths.clusters_folder()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    # What is in them is ours all the same.
    folder.chmod(0o755)
    with pytest.raises(StartFailed, match="lets other users in"):
        paths.clusters_folder()


@pytest.mark.parametrize("which", ["speccluster-lab", "speccluster-lab/*"])
def test_a_folder_above_the_clusters_that_anybody_can_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    paths.clusters_folder()
    (folder,) = tmp_path.glob(which)
    folder.chmod(0o777)
    with pytest.raises(StartFailed, match="lets other users in"):
        paths.clusters_folder()


def test_a_folder_that_cannot_be_made_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(StartFailed, match="cannot be used"):
        paths.clusters_folder()
