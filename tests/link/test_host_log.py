"""The end of a host's log, wherever it is and whatever has become of it."""

import os

from speccluster_lab.link.guard import HOST_LOG, OLDER_LOG
from speccluster_lab.link.launch import reserve
from speccluster_lab.link.logs import host_log, last_log_lines
from speccluster_lab.spec.logtext import MAX_LOG_CHARACTERS


def write(path: os.PathLike[str], content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, content)
    os.close(descriptor)


def test_the_end_of_a_log_for_a_message() -> None:
    folder = reserve("one")
    assert last_log_lines(folder) == []
    log = folder / HOST_LOG
    write(log, b"")
    assert last_log_lines(folder) == []
    write(log, b"".join(b"line %d\n" % number for number in range(100)))
    assert last_log_lines(folder, 3) == ["line 97", "line 98", "line 99"]
    assert len(last_log_lines(folder)) == 20
    write(log, b"x" * 1_000_000 + b"\n\xff\xfe end")
    assert last_log_lines(folder) == ["�� end"]
    write(log, b"y" * 10_000)
    assert last_log_lines(folder) == ["y" * 499 + "…"]
    write(log, b"password=hunter2\n")
    assert last_log_lines(folder) == ["password=***"]


def test_what_was_before_it_became_too_large() -> None:
    folder = reserve("one")
    write(folder / OLDER_LOG, b"one\ntwo\n")
    write(folder / HOST_LOG, b"three\n")
    found = host_log(folder, 10)
    assert (found.lines, found.complete, found.source) == (["one", "two", "three"], True, "host")
    found = host_log(folder, 2)
    assert (found.lines, found.complete) == (["two", "three"], False)
    assert str(found) == "two\nthree"
    write(folder / OLDER_LOG, b"older\n" * MAX_LOG_CHARACTERS)
    found = host_log(folder, 10_000)
    assert len(found.lines) == 10_000
    assert (found.lines[-1], found.complete) == ("three", False)
    # What is moved at this moment is in neither.
    (folder / HOST_LOG).unlink()
    assert host_log(folder, 1).lines == ["older"]


def test_what_is_known_to_be_secret_is_not_told() -> None:
    folder = reserve("one")
    write(folder / HOST_LOG, b"it is canary-1 and\x1b[31m <b>\n")
    assert host_log(folder, 5, {"canary-1"}).lines == ["it is *** and <b>"]


def test_a_log_that_is_not_ours_is_not_read() -> None:
    folder = reserve("one")
    secret = folder / "secret"
    write(secret, b"canary\n")
    (folder / HOST_LOG).symlink_to(secret)
    assert host_log(folder, 5).lines == []
    (folder / HOST_LOG).unlink()
    os.mkfifo(folder / HOST_LOG)
    assert host_log(folder, 5).lines == []
    (folder / HOST_LOG).unlink()
    secret.rename(folder / HOST_LOG)
    (folder / HOST_LOG).chmod(0o644)
    assert host_log(folder, 5).lines == []
    (folder / HOST_LOG).chmod(0o600)
    assert host_log(folder, 5).lines == ["canary"]
