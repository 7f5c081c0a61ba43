"""Files and folders that are ours alone: what is written, and what is refused."""

import errno
import os
import stat
from pathlib import Path

import pytest

from speccluster_lab.link import files
from speccluster_lab.link.files import make_private_folder, read_private_file, write_private_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_is_written_is_for_us_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = make_private_folder(tmp_path / "a" / "b")
        write_private_file(folder / "file", b"one")
    finally:
        os.umask(before)
    assert (mode(folder), mode(folder / "file")) == (0o700, 0o600)
    write_private_file(folder / "file", b"two")
    assert read_private_file(folder / "file") == b"two"
    assert [file.name for file in folder.iterdir()] == ["file"]
    assert make_private_folder(folder) == folder


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_private_folder(tmp_path / "a")
    write_private_file(folder / "file", b"one")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_private_file(folder / "file", b"two")
    assert [file.name for file in folder.iterdir()] == ["file"]
    assert (folder / "file").read_bytes() == b"one"


def test_it_is_on_disk_before_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_private_folder(tmp_path / "a")
    happened: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        happened.append(f"fsync {os.readlink(f'/proc/self/fd/{descriptor}')}")
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        happened.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_private_file(folder / "file", b"one")
    assert [step.partition(" ")[0] for step in happened] == ["fsync", "rename", "fsync"]
    assert happened[0].endswith(".tmp")
    assert happened[2] == f"fsync {folder}"


@pytest.mark.parametrize("loose", [0o750, 0o701, 0o777])
def test_a_folder_that_lets_others_in_is_refused(tmp_path: Path, loose: int) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    folder.chmod(loose)
    with pytest.raises(PermissionError, match="lets other users in"):
        make_private_folder(folder)


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PermissionError, match="is no folder"):
        make_private_folder(tmp_path / "link")


def test_what_is_somebody_elses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_private_folder(tmp_path / "a")
    write_private_file(folder / "file", b"one")
    # As another user sees it; becoming one needs to be root.
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to user"):
        make_private_folder(folder)
    with pytest.raises(PermissionError, match="belongs to user"):
        read_private_file(folder / "file")


def test_only_a_regular_file_of_ours_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_private_folder(tmp_path / "a")
    good = folder / "good"
    write_private_file(good, b"one")
    (folder / "link").symlink_to(good)
    os.mkfifo(folder / "pipe", 0o600)
    (folder / "folder").mkdir(mode=0o700)
    write_private_file(folder / "open", b"one")
    (folder / "open").chmod(0o604)
    for name in ("link", "pipe", "folder", "open"):
        with pytest.raises(PermissionError):
            read_private_file(folder / name)
    with pytest.raises(FileNotFoundError):
        read_private_file(folder / "nothing")
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 2)
    with pytest.raises(PermissionError, match="larger"):
        read_private_file(good)


def test_what_could_not_be_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 3)
    folder = make_private_folder(tmp_path / "a")
    write_private_file(folder / "file", b"one")
    with pytest.raises(OSError, match="may have 3 bytes") as caught:
        write_private_file(folder / "file", b"more")
    assert caught.value.errno == errno.EFBIG
    assert [file.name for file in folder.iterdir()] == ["file"]
    assert read_private_file(folder / "file") == b"one"


def test_a_link_in_the_way_of_a_write_is_not_followed(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "a")
    (tmp_path / "precious").write_text("precious")
    (folder / f".file.{os.getpid()}.tmp").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        write_private_file(folder / "file", b"one")
    assert (tmp_path / "precious").read_text() == "precious"
