"""The end of a host's log, wherever it is and whatever has become of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running_hosts import CHANGED_GUARD, start_guarded

from speccluster_lab.link import guard, logfile
from speccluster_lab.link.files import open_private_log
from speccluster_lab.link.guard import HOST_LOG, LOG_START, OLDER_LOG
from speccluster_lab.link.launch import reserve
from speccluster_lab.link.logs import host_log, last_lines_in_short, last_log_lines
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.spec.api import LogQuery
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


FAILURE = """\
no licence
2026-01-02 03:04:05,678 - distributed.nanny - ERROR - Failed to start worker
Traceback (most recent call last):
  File "core.py", line 509, in start
    await self.start_unsafe()
          ^^^^^^^^^^^^^^^^^^^
ValueError: it is not there,
  and nobody knows where

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "nanny.py", line 983, in run
RuntimeError: Worker failed to start.
2026-01-02 03:04:05,678 - distributed.worker - INFO - Stopping worker.
2026-01-02 03:04:05,678 INFO distributed.nanny: Closing Nanny
2026-01-02 03:04:05,678 WARNING speccluster_lab.cluster.actions: entry '0': the start failed
"""


def test_what_is_long_in_a_log_and_says_nothing_is_left_out_of_a_message() -> None:
    folder = reserve("one")
    assert last_lines_in_short(folder) == []
    lines = FAILURE.splitlines()
    said = [lines[0], lines[1], *lines[6:8], lines[13], lines[16]]
    write(folder / HOST_LOG, FAILURE.encode())
    assert last_lines_in_short(folder) == said
    write(folder / HOST_LOG, 1000 * FAILURE.encode())
    assert last_lines_in_short(folder) == [*said[-2:], *said, *said, *said]
    write(folder / HOST_LOG, b"password=hunter2\x1b[0m\x07" + b"y" * 1000)
    assert last_lines_in_short(folder) == ["password=***"]


def test_what_was_before_it_became_too_large() -> None:
    folder = reserve("one")
    write(folder / OLDER_LOG, b"one\ntwo\n")
    write(folder / HOST_LOG, b"three\n")
    found = host_log(folder, LogQuery(tail=10))
    assert (found.lines, found.complete, found.source) == (["one", "two", "three"], True, "host")
    found = host_log(folder, LogQuery(tail=2))
    assert (found.lines, found.complete) == (["two", "three"], False)
    assert str(found) == "two\nthree"
    write(folder / OLDER_LOG, b"older\n" * MAX_LOG_CHARACTERS)
    found = host_log(folder, LogQuery(tail=10_000))
    assert len(found.lines) == 10_000
    assert (found.lines[-1], found.complete) == ("three", False)
    # What is moved at this moment is in neither.
    (folder / HOST_LOG).unlink()
    assert host_log(folder, LogQuery(tail=1)).lines == ["older"]


def test_what_is_known_to_be_secret_is_not_told() -> None:
    folder = reserve("one")
    write(folder / HOST_LOG, b"it is canary-1 and\x1b[31m <b>\n")
    assert host_log(folder, LogQuery(tail=5), {"canary-1"}).lines == ["it is *** and <b>"]


def test_a_log_that_is_not_ours_is_not_read() -> None:
    folder = reserve("one")
    secret = folder / "secret"
    write(secret, b"canary\n")
    (folder / HOST_LOG).symlink_to(secret)
    assert host_log(folder, LogQuery(tail=5)).lines == []
    (folder / HOST_LOG).unlink()
    os.mkfifo(folder / HOST_LOG)
    assert host_log(folder, LogQuery(tail=5)).lines == []
    (folder / HOST_LOG).unlink()
    secret.rename(folder / HOST_LOG)
    (folder / HOST_LOG).chmod(0o644)
    assert host_log(folder, LogQuery(tail=5)).lines == []
    (folder / HOST_LOG).chmod(0o600)
    assert host_log(folder, LogQuery(tail=5)).lines == ["canary"]


KEY = [
    "-----BEGIN PRIVATE KEY-----",
    *("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg" + 16 * str(one) for one in range(9)),
    "-----END PRIVATE KEY-----",
]


class Follower:
    """Reads what is new in a log, as often as it is asked."""

    def __init__(self, folder: Path, tail: int = 100, known: frozenset[str] = frozenset()) -> None:
        self._folder = folder
        self._known = known
        self.log = host_log(folder, LogQuery(tail=tail), known)
        self.lines = self._whole()

    def read(self) -> list[str]:
        """Return the whole lines that are new, and keep them."""
        query = LogQuery(after=self.log.cursor)
        self.log = host_log(self._folder, query, self._known)
        found = self._whole()
        self.lines += found
        return found

    def _whole(self) -> list[str]:
        return self.log.lines[:-1] if self.log.unfinished else self.log.lines


def append(folder: Path, text: str) -> None:
    with (folder / HOST_LOG).open("a", newline="") as stream:
        stream.write(text)


def test_what_is_new_in_a_log_is_told_once() -> None:
    folder = reserve("one")
    write(folder / HOST_LOG, b"old\nsame\n")
    follower = Follower(folder, tail=1)
    assert (follower.lines, follower.log.continues) == (["same"], False)
    assert (follower.read(), follower.log.continues) == ([], True)
    append(folder, "same\nsame\n\n")
    assert follower.read() == ["same", "same", ""]
    append(folder, "be")
    assert (follower.read(), follower.log.lines, follower.log.unfinished) == ([], ["be"], True)
    append(folder, "gun\x0bx\rnext\r")
    assert follower.read() == ["begun x"]
    append(folder, "\n")
    assert (follower.read(), follower.log.unfinished) == (["next"], False)
    append(folder, "".join(f"line {number}\n" for number in range(200_000)))
    while follower.read():
        pass
    assert follower.lines[-200_000:] == [f"line {number}" for number in range(200_000)]
    append(folder, "x" * (MAX_LOG_CHARACTERS + 10))
    follower.read()
    append(folder, "\n")
    # A line without an end is not waited for for ever.
    assert {one[0] for one in [*follower.read(), *follower.read()]} == {"x"}


def test_another_log_is_told_from_its_end() -> None:
    folder, other = reserve("one"), reserve("two")
    write(folder / HOST_LOG, b"one\n")
    write(other / HOST_LOG, b"one\ntwo\nthree\n")
    cursor = host_log(folder, LogQuery()).cursor
    for wrong in (cursor, "", "worker:", "host:x", f"{cursor}0", "host:0:0", "host:1:" + "9" * 20):
        log = host_log(other, LogQuery(tail=2, after=wrong))
        assert (log.lines, log.continues) == (["two", "three"], False), wrong


def test_a_secret_is_not_told_in_parts() -> None:
    folder = reserve("one")
    known = "canary-of-the-first-line\ncanary-of-the-second"
    write(folder / HOST_LOG, b"")
    follower = Follower(folder, known=frozenset({known}))
    for line in [*KEY, "after", *known.split("\n"), "the end"]:
        append(folder, f"{line}\n")
        follower.read()
    told = "\n".join(follower.lines)
    assert not [one for one in [*KEY[1:-1], *known.split("\n")] if one in told]
    assert [one for one in follower.lines if one != "***"] == ["after", "the end"]


def test_a_log_is_followed_while_it_is_shortened() -> None:
    folder = reserve("one")
    program = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)"
    until = folder / "until"
    popen = start_guarded(
        folder,
        [sys.executable, "-c", program, str(until)],
        LOG_BYTES=10_000,
        LOOK_SECONDS=0.02,
    )
    written: list[str] = []

    def say(count: int) -> None:
        lines = [f"line {len(written) + one:05d} {'x' * 88}" for one in range(count)]
        written.extend(lines)
        append(folder, "".join(f"{line}\n" for line in lines))

    def was_moved(before: int) -> None:
        deadline = time.monotonic() + 60
        while not (folder / LOG_START).exists() or int((folder / LOG_START).read_text()) <= before:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    try:
        follower, late = Follower(folder), Follower(folder)
        for number in range(4):
            start = int((folder / LOG_START).read_text()) if number else 0
            say(80)
            follower.read()
            # More than the log may have: what of it was not read yet is in the older one.
            say(40)
            was_moved(start)
            say(5)
            assert (len(follower.read()), follower.log.continues) == (45, True)
        assert follower.lines == written
        # What is not kept any more is not passed over in silence.
        assert (late.read()[-5:], late.log.continues) == (written[-5:], False)
        assert not late.log.complete
        assert host_log(folder, LogQuery(tail=10_000)).lines[-100:] == written[-100:]
    finally:
        until.touch()
        assert popen.wait(60) == 0


# Ends the guard at one step of the shortening.
DYING = """
import os, signal
name, part, when = {point!r}
real = getattr(os, name)
def fatal(first, *others):
    is_meant = part in str(first)
    if is_meant and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = real(first, *others)
    if is_meant and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return done
setattr(os, name, fatal)
"""


@pytest.mark.parametrize(
    "point",
    [
        (name, part, when)
        for name, part in (("replace", OLDER_LOG), ("ftruncate", "2"), ("replace", LOG_START))
        for when in ("before", "after")
    ],
    ids=str,
)
def test_nothing_is_lost_when_the_guard_dies_while_it_shortens_the_log(
    point: tuple[str, str, str],
) -> None:
    folder = reserve("one")
    changed = CHANGED_GUARD % repr({"LOG_BYTES": 10_000, "LOOK_SECONDS": 0.02})
    lines = [f"line {number:03d} {'x' * 90}" for number in range(101)]
    with open(open_private_log(folder / HOST_LOG), "ab") as log:
        dying = subprocess.Popen(
            [
                *(sys.executable, "-c", DYING.format(point=point) + changed, guard.__file__),
                *(str(folder), sys.executable, "-c", "import time; time.sleep(60)"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    leader = HostProcess.of(dying.pid)
    try:
        append(folder, "".join(f"{line}\n" for line in lines))
        assert dying.wait(60) == -signal.SIGKILL
    finally:
        leader.end(0)
    told = host_log(folder, LogQuery(tail=10_000)).lines
    # The first ones are more than the log may have; some may be told twice.
    assert [line for line in dict.fromkeys(told) if line in lines[2:]] == lines[2:]

    # The next one goes on.
    until = folder / "until"
    program = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)"
    popen = start_guarded(
        folder,
        [sys.executable, "-c", program, str(until)],
        LOG_BYTES=10_000,
        LOOK_SECONDS=0.02,
    )
    try:
        follower = Follower(folder)
        append(folder, "".join(f"next {line}\n" for line in lines))
        deadline = time.monotonic() + 60
        while (folder / HOST_LOG).stat().st_size > 10_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        append(folder, "the end\n")
        told = host_log(folder, LogQuery(tail=10_000)).lines
        assert told[-51:] == [*(f"next {line}" for line in lines[-50:]), "the end"]
        follower.read()
        assert follower.lines[-1] == "the end"
    finally:
        until.touch()
        assert popen.wait(60) == 0


def test_a_log_that_is_moved_at_this_moment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = reserve("one")
    write(folder / HOST_LOG, b"one\n")
    follower = Follower(folder)
    append(folder, "two\n")
    monkeypatch.setattr(logfile, "_LOCK_SECONDS", 0.0)
    holds = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import fcntl, sys; file = open(sys.argv[1], 'r+'); fcntl.flock(file, fcntl.LOCK_EX);"
            "print(flush=True); sys.stdin.read()",
            str(folder / HOST_LOG),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holds.stdout is not None
    holds.stdout.readline()
    assert (follower.read(), follower.log.continues) == ([], True)
    holds.communicate()
    assert follower.read() == ["two"]
