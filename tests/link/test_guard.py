"""The guard, with small programs in the host's place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from running_hosts import start_guarded

from speccluster_lab.link import guard
from speccluster_lab.link.guard import AGAIN, GUARD_FILE, HOST_LOG, NO_USE, OLDER_LOG, STOPPED_FILE
from speccluster_lab.link.launch import find_guard, is_stopped, mark_stopped, reserve, start_host
from speccluster_lab.server.absence import how_it_ended

SECONDS = 30.0

# Says each of its starts, and takes stop signals as a host does: once it can heed them.
HOST = """
import os, signal, subprocess, sys, time
folder = sys.argv[1]
def note(text):
    with open(folder + "/notes", "a") as file:
        file.write(f"{text}\\n")
if os.path.exists(folder + "/stopped"):
    with open(folder + "/../tidied", "a") as file:
        file.write("tidied\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, lambda *_: (note("stopped"), os._exit(0)))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
"""
WAITS = HOST + 'note(f"started {os.getpid()}")\ntime.sleep(600)'

# Do not heed SIGTERM: a child in the middle of work, one in a session of its own, and one whose
# parent has gone.
BURDENED = (
    HOST
    + """
deaf = "import signal, sys; signal.signal(15, signal.SIG_IGN); print(flush=True)\\nwhile 1: pass"
def start(code, **options):
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, **options)
    child.stdout.readline()
start(deaf)
start(deaf, start_new_session=True)
start(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {deaf!r}])")
note(f"started {os.getpid()}")
time.sleep(600)
"""
)

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def folder() -> Path:
    return reserve("one")


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start a guard of a host that is a program; its constants can be others."""
    started: list[subprocess.Popen[bytes]] = []

    def run(program: str, **changes: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", program, str(folder)]
        started.append(start_guarded(folder, command, **changes))
        return started[-1]

    yield run
    for one in started:
        one.kill()
        one.wait()


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def notes(folder: Path) -> list[str]:
    try:
        return (folder / "notes").read_text().splitlines()
    except FileNotFoundError:
        return []


def host_of(folder: Path, starts: int = 1) -> psutil.Process:
    """Return the host, once it has been started so many times."""
    until(lambda: len(notes(folder)) >= starts)
    return psutil.Process(int(notes(folder)[-1].split()[1]))


def times_tidied(folder: Path) -> int:
    """Return how often a host was started only to tidy up."""
    file = folder.parent / "tidied"
    return len(file.read_text().splitlines()) if file.exists() else 0


def log(folder: Path) -> str:
    return (folder / HOST_LOG).read_text()


def children(popen: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(popen.pid).children(recursive=True)


def test_a_stop_is_passed_on_and_nothing_is_left(start: Start, folder: Path) -> None:
    popen = start(WAITS)
    host = host_of(folder)
    popen.terminate()
    assert popen.wait(SECONDS) == 0
    assert not host.is_running()
    assert not folder.exists()
    assert times_tidied(folder) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_before_the_host_can_heed_it_is_not_lost(
    start: Start, folder: Path, number: signal.Signals
) -> None:
    slow = f"import time; time.sleep(0.3)\n{WAITS}"
    popen = start(slow)
    until(lambda: children(popen))
    popen.send_signal(number)
    assert popen.wait(SECONDS) == 0
    assert not folder.exists()


def test_the_host_ends_and_all_that_it_has_started_ends(start: Start, folder: Path) -> None:
    """By all means: busy, deaf, in another session, or not known to the host any more."""
    popen = start(BURDENED)
    host = host_of(folder)
    family = [one for one in children(popen) if one.pid != host.pid]
    assert len(family) == 3
    mark_stopped(folder)
    began = time.monotonic()
    host.kill()
    assert popen.wait(SECONDS) == 0
    assert guard.GRACE <= time.monotonic() - began < guard.GRACE + 2
    assert not any(one.is_running() for one in family)
    assert not folder.exists()


def test_what_heeds_sigterm_has_time_for_it(start: Start, folder: Path) -> None:
    child = HOST + (
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), note('tidied'), os._exit(0)))\n"
        "print(flush=True)\ntime.sleep(600)"
    )
    program = HOST + (
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}, folder], "
        "stdout=subprocess.PIPE)\nchild.stdout.readline()\n"
        'note(f"started {os.getpid()}")\ntime.sleep(600)'
    )
    popen = start(program)
    host_of(folder).kill()
    until(lambda: len(notes(folder)) >= 3)
    assert notes(folder)[1] == "tidied"
    assert notes(folder)[2].startswith("started")
    popen.terminate()
    assert popen.wait(SECONDS) == 0


def test_a_host_that_dies_is_started_again_some_times(start: Start, folder: Path) -> None:
    popen = start(WAITS, PAUSES=(0.0, 0.05))
    pids = set()
    for starts in range(1, 7):
        host = host_of(folder, starts)
        pids.add(host.pid)
        host.kill()
    assert len(pids) == 6
    assert popen.wait(SECONDS) == 128 + signal.SIGKILL
    assert len(notes(folder)) == 6
    assert "was ended by SIGKILL; it is started again (5 of 5)" in log(folder)
    assert log(folder).splitlines()[-1].endswith("once too often for starting it again")
    assert folder.exists()


def test_it_waits_longer_from_one_time_to_the_next(start: Start, folder: Path) -> None:
    began = time.monotonic()
    popen = start("import os; os._exit(3)", PAUSES=(0.0, 0.1, 0.2, 0.3, 0.4))
    assert popen.wait(SECONDS) == 3
    assert time.monotonic() - began > 1.0


def test_deaths_of_long_ago_do_not_count(start: Start, folder: Path) -> None:
    popen = start(WAITS, PAUSES=(0.0,), WITHIN=0.0)
    for starts in range(1, 9):
        host_of(folder, starts).kill()
    host_of(folder, 9)
    popen.terminate()
    assert popen.wait(SECONDS) == 0


@pytest.mark.parametrize("pause", [0.0, 600.0])
def test_a_stop_between_two_hosts_counts(start: Start, folder: Path, pause: float) -> None:
    popen = start(WAITS, PAUSES=(pause,))
    host_of(folder).kill()
    until(lambda: "started again" in log(folder))
    popen.terminate()
    assert popen.wait(SECONDS) == 0
    assert not folder.exists()
    assert times_tidied(folder) == (1 if pause else 0)


def test_one_that_is_to_end_is_not_started_again(start: Start, folder: Path) -> None:
    popen = start(WAITS)
    host = host_of(folder)
    assert not is_stopped(folder)
    mark_stopped(folder)
    assert is_stopped(folder)
    host.kill()
    assert popen.wait(SECONDS) == 0
    assert not folder.exists()
    assert times_tidied(folder) == 1


def test_one_that_is_to_end_is_started_to_tidy_up_only(start: Start, folder: Path) -> None:
    (folder / STOPPED_FILE).touch()
    assert start(WAITS).wait(SECONDS) == 0
    assert not folder.exists()
    assert times_tidied(folder) == 1


def test_one_that_cannot_tidy_up_does_not_try_for_ever(start: Start, folder: Path) -> None:
    (folder / STOPPED_FILE).touch()
    assert start("import os; os._exit(3)").wait(SECONDS) == 0
    assert not folder.exists()


def test_exit_statuses_that_say_what_is_next(start: Start, folder: Path) -> None:
    program = (
        HOST
        + f"""
note(f"started {{os.getpid()}}")
starts = len(open(folder + "/notes").readlines())
os._exit({AGAIN} if starts < 9 else {NO_USE})
"""
    )
    assert start(program).wait(SECONDS) == NO_USE
    assert len(notes(folder)) == 9
    assert "no use in starting it again" in log(folder)
    assert folder.exists()


def test_a_command_that_is_not_there_is_said_so(folder: Path) -> None:
    popen = start_host(folder, command=[str(folder / "nothing")])
    assert popen.wait(SECONDS) == NO_USE
    assert "The host cannot be run" in log(folder)


def test_the_host_hears_of_the_end_of_its_guard(start: Start, folder: Path) -> None:
    popen = start(WAITS)
    host = host_of(folder)
    began = time.monotonic()
    popen.kill()
    popen.wait()
    until(lambda: "stopped" in notes(folder))
    assert time.monotonic() - began < 1
    until(lambda: not host.is_running() or host.status() == psutil.STATUS_ZOMBIE)


def test_there_is_one_guard_and_it_is_found(start: Start, folder: Path) -> None:
    assert find_guard(folder) is None
    first = start(WAITS)
    host_of(folder)
    found = find_guard(folder)
    assert found is not None
    assert found.pid == first.pid
    second = start(WAITS)
    assert second.wait(SECONDS) == NO_USE
    assert "Another guard looks after this cluster" in log(folder)
    assert find_guard(folder) == found
    # Somebody else's process by now.
    (folder / GUARD_FILE).write_text(str(os.getpid()))
    assert find_guard(folder) is None
    for garbled in ("", "x", "-1", "99999999999"):
        (folder / GUARD_FILE).write_text(garbled)
        assert find_guard(folder) is None
    first.terminate()
    assert first.wait(SECONDS) == 0


def test_a_folder_that_cannot_be_used_is_said_so(folder: Path) -> None:
    (folder / GUARD_FILE).mkdir()
    popen = start_host(folder, command=["/bin/true"])
    assert popen.wait(SECONDS) == NO_USE
    assert "folder cannot be used" in log(folder)


def test_the_log_is_bounded(start: Start, folder: Path) -> None:
    program = HOST + (
        'for number in range(100_000): print("line", number, flush=number % 1000 == 0)\n'
        'sys.stdout.flush(); note(f"started {os.getpid()}")\n'
        "until = folder + '/more'\n"
        "while not os.path.exists(until): time.sleep(0.01)\n"
        'print("the end", flush=True)\ntime.sleep(600)'
    )
    popen = start(program, LOG_BYTES=100_000, LOOK_SECONDS=0.05)
    host_of(folder)
    older = folder / OLDER_LOG
    until(lambda: older.exists() and (folder / HOST_LOG).stat().st_size <= 100_000)
    # And what was written while it was copied.
    assert older.stat().st_size <= 200_000
    assert older.stat().st_mode & 0o777 == 0o600
    (folder / "more").touch()
    until(lambda: log(folder).endswith("the end\n"))
    # Who has the file open goes on where it ends now.
    assert "\0" not in log(folder)
    assert "line 99999\n" in older.read_text() + log(folder)
    popen.terminate()
    assert popen.wait(SECONDS) == 0


def test_a_log_that_is_another_file_is_left_alone(start: Start, folder: Path) -> None:
    program = HOST + (
        "os.rename(folder + '/host.log', folder + '/moved')\n"
        "open(folder + '/host.log', 'w').write('x' * 10)\n"
        'print("y" * 1000, flush=True); note(f"started {os.getpid()}")\ntime.sleep(600)'
    )
    popen = start(program, LOG_BYTES=100, LOOK_SECONDS=0.02)
    host_of(folder)
    time.sleep(0.2)
    assert (folder / HOST_LOG).read_text() == "x" * 10
    assert (folder / "moved").stat().st_size == 1001
    popen.terminate()
    assert popen.wait(SECONDS) == 0


def test_where_there_is_no_subreaper_it_is_the_group_that_ends(start: Start, folder: Path) -> None:
    """As on other platforms than Linux: what has made a session of its own escapes."""
    popen = start(BURDENED, _PR_SET_CHILD_SUBREAPER=-1)
    host = host_of(folder)
    family = [one for one in children(popen) if one.pid != host.pid]
    away = [one for one in family if os.getsid(one.pid) == one.pid]
    orphan = [one for one in psutil.process_iter() if _is_of_group(one, host.pid)]
    mark_stopped(folder)
    host.kill()
    assert popen.wait(SECONDS) == 0
    assert not any(one.is_running() for one in {*family, *orphan} - set(away))
    (one,) = away
    assert one.is_running()
    one.kill()
    one.wait(SECONDS)


def _is_of_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group
    except OSError:
        return False


# Leaves somebody who does not heed SIGTERM, and has gone.
LEAVES = """
import signal, subprocess, sys
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
child.stdout.readline()
with open(sys.argv[1] + "/../left", "w") as file:
    file.write(str(child.pid))
"""
# As root's own are to others.
MAY_NOT = """
import os, sys
def kill(pid, number):
    raise PermissionError(1, "Operation not permitted")
os.kill = kill
namespace = {"__name__": "guard"}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), namespace)
namespace["GRACE"] = 0.3
sys.exit(namespace["main"](sys.argv[2:]))
"""


def test_what_it_may_not_end_does_not_hold_it_for_ever(folder: Path) -> None:
    command = [sys.executable, "-c", MAY_NOT, guard.__file__, str(folder)]
    with open(folder.parent / "log", "wb") as file:
        popen = subprocess.Popen(
            [*command, sys.executable, "-c", LEAVES, str(folder)],
            stderr=file,
            start_new_session=True,
        )
    try:
        assert popen.wait(SECONDS) == 0
        assert (
            "guard: Processes that the host had left cannot be ended"
            in (folder.parent / "log").read_text()
        )
    finally:
        popen.kill()
        popen.wait()
        psutil.Process(int((folder.parent / "left").read_text())).kill()


@pytest.mark.parametrize("status", [129, 163, 255])
def test_a_status_above_that_of_a_signal_is_one_as_well(
    start: Start, folder: Path, status: int
) -> None:
    assert start(f"{HOST}\nos._exit({status})", PAUSES=(0.0,)).wait(SECONDS) == status
    how = "was ended by SIGHUP" if status == 129 else f"has ended with status {status}"
    assert f"The host {how}; it is started again (5 of 5)" in log(folder)
    assert how_it_ended(status) == how


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert how_it_ended(-signal.SIGKILL).endswith("ended by SIGKILL")
    assert how_it_ended(-(signal.SIGRTMIN + 1)).endswith(f"ended by signal {signal.SIGRTMIN + 1}")


# There is no room for one more process, the first time.
NO_ROOM = """
import os, sys
fork, tried = os.fork, []
def fork_later():
    tried.append(None)
    if len(tried) == 1:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()
os.fork = fork_later
namespace = {"__name__": "guard"}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), namespace)
namespace["PAUSES"] = (0.0,)
sys.exit(namespace["main"](sys.argv[2:]))
"""


def test_a_host_for_which_there_is_no_room_is_tried_again(folder: Path) -> None:
    command = [sys.executable, "-c", NO_ROOM, guard.__file__, str(folder)]
    popen = subprocess.Popen(
        [*command, sys.executable, "-c", WAITS, str(folder)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    host_of(folder)
    popen.terminate()
    assert popen.stderr is not None
    with popen.stderr:
        assert b"The host cannot be started: [Errno 11]" in popen.stderr.read()
    assert popen.wait(SECONDS) == 0


def test_it_is_small_and_needs_nothing_that_is_installed(start: Start, folder: Path) -> None:
    popen = start(WAITS)
    host_of(folder)
    process = psutil.Process(popen.pid)
    assert process.memory_info().rss < 16 * 2**20
    assert process.num_threads() == 1
    mapped = {Path(one.path).name for one in process.memory_maps()}
    assert not any("psutil" in name or "pydantic" in name for name in mapped)
    popen.terminate()
    assert popen.wait(SECONDS) == 0
