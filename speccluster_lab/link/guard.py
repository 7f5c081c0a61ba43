"""The guard of one host: nothing that the host has started outlives it, and it does not stay dead.

A program of its own, the parent of the host; run by its path, so that it needs nothing but the
standard library and stays small: it is there as long as its cluster::

    python guard.py <folder of the cluster> <command that runs the host>...

On Linux it is a *subreaper*: whatever has lost its parent, however deep below the host and in
whatever session, becomes its child. When the host has ended, in whatever way, the guard asks what
is left to end, kills it after three seconds, and is not content before it has no child any more.
The host in turn is sent SIGTERM by the kernel when its guard dies.

Other platforms have no such thing. There the guard ends the host's process group, which what has
made a session of its own escapes, and the host looks now and then whether its guard is there.

A host that dies is started again, :data:`RESTARTS` times in :data:`WITHIN` seconds; then the guard
gives up, and a person has to act. One that ends with status 0 is not: what is left of it is ended,
and the folder is removed last, so that a folder that has gone says that nothing is left. Where the
end is wanted (a signal to the guard, or the file :data:`STOPPED_FILE`) and the host dies before it
has come about, it is started a last time, only to tidy up.

One thread only: the signal of a parent's death is about the thread that has forked.

It may be started before there is a cluster, with a host that imports meanwhile what it will need::

    python guard.py --spare <command that runs a host, without the folder>...

Both then wait for the cluster's folder and its log, which come over the socket that is their
standard input, and end where that is closed. The guard takes the folder over, passes both on,
answers, and becomes what it would be otherwise: the same program anew, in the same process, with
the host as the child that it already is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import stat
import sys
import time

GUARD_FILE = "guard.pid"
"""In the cluster's folder: the process id of the guard."""

STOPPED_FILE = "stopped"
"""In the cluster's folder once its end is wanted: a host that dies then is not started again."""

HOST_LOG = "host.log"
"""In the cluster's folder: what the guard, the host and its workers write."""

SPARE = "--spare"
"""In place of the folder: there is no cluster yet."""

TAKEN = b"1"
"""What a spare guard answers when it has got a cluster."""

OLDER_LOG = "host.older.log"
"""What the log was before it became too large."""

LOG_START = "host.log.start"
"""In the cluster's folder: how many bytes had been written before the log's first one, once it was
shortened, as a number in decimal. The older log ends there."""

NO_USE = os.EX_CONFIG
"""Exit status of a host that would end in the same way if it were started again."""

AGAIN = os.EX_TEMPFAIL
"""Exit status of a host that is to be started again, and has not failed."""

RESTARTS = 5
WITHIN = 600.0
# Before the first restart, the second, ...: what is wrong for some seconds is no reason to give up.
PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0)
GRACE = 3.0
LOG_BYTES = 4_000_000
LOOK_SECONDS = 5.0

_STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_WAKES = {*_STOPS, signal.SIGCHLD, signal.SIGALRM}
PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CHUNK = 1 << 16
_SETTLED = 0.05
_PATH_BYTES = 4096
_RUNNING = "--running"


class Guard:
    """Runs a host until it has ended for good.

    Parameters
    ----------
    folder : str
        The cluster's.
    command : list of str
        What runs the host.
    running : int
        The process id of a host that is a child already; 0 where there is none.
    """

    def __init__(self, folder: str, command: list[str], running: int = 0) -> None:
        self._folder = folder
        self._command = command
        self._host = running
        self._is_running = running != 0
        self._status: int | None = None
        self._asked = False
        self._reaps = prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def run(self) -> int:
        """Return the exit status: 0 where the end was wanted, or else how the host has ended.

        That is its own exit status, or 128 and the number of the signal that has ended it.
        """
        # Waited for, never handled: nothing is interrupted by them, and none is lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, _WAKES)
        for number in (signal.SIGCHLD, signal.SIGALRM):
            # Where a signal is ignored, some platforms do not keep it for who waits.
            signal.signal(number, lambda *_: None)
        deaths: list[float] = []
        while True:
            is_last = self._stop_is_wanted()
            status = self._run_host()
            self._end_what_is_left()
            if status == 0 or is_last:
                return 0
            if self._stop_is_wanted():
                # Once more, to remove what leads to it: we do not know where that is.
                self._mark_stopped()
                continue
            how = _how_it_ended(status)
            if status == NO_USE:
                _say(f"The host {how}: there is no use in starting it again")
                return status
            if status == AGAIN:
                _say("The host is started again, as it was asked to")
                continue
            now = time.monotonic()
            deaths = [*(when for when in deaths if when > now - WITHIN), now]
            if len(deaths) > RESTARTS:
                _say(f"The host {how}; that was once too often for starting it again")
                return status
            _say(f"The host {how}; it is started again ({len(deaths)} of {RESTARTS})")
            self._wait(now + PAUSES[min(len(deaths), len(PAUSES)) - 1], wait_for_stop=True)
            if self._asked:
                self._mark_stopped()

    def _stop_is_wanted(self) -> bool:
        return self._asked or os.path.lexists(os.path.join(self._folder, STOPPED_FILE))

    def _mark_stopped(self) -> None:
        with contextlib.suppress(OSError):
            path = os.path.join(self._folder, STOPPED_FILE)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))

    def _run_host(self) -> int:
        """Run the host to its end, and return how it has ended."""
        self._status = None
        if not self._is_running:
            try:
                self._host = _fork_host(self._command)
            except OSError as error:
                # Of processes, or of memory, there may be enough in a while.
                _say(f"The host cannot be started: {error}")
                self._status = 1
                return 1
        self._is_running = False
        while self._status is None:
            self._wait(time.monotonic() + LOOK_SECONDS)
            self._keep_log_short()
        return self._status

    def _wait(self, until: float, *, wait_for_stop: bool = False) -> None:
        """Wait until something has happened, and take it in.

        Parameters
        ----------
        until : float
            A time of the monotonic clock; no longer than that.
        wait_for_stop : bool
            Whether only a stop counts.
        """
        while (left := until - time.monotonic()) > 0:
            # Not so little that it counts as none.
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))
            number = signal.sigwait(_WAKES)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._reap()
            if number in _STOPS:
                self._asked = True
                if self._host and self._status is None:
                    _signal(self._host, signal.SIGTERM)
                return
            if number == signal.SIGCHLD and not wait_for_stop:
                return

    def _reap(self) -> bool:
        """Take the exit status of all that have ended; return whether no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self._host:
                code = os.waitstatus_to_exitcode(status)
                self._status = code if code >= 0 else 128 - code

    def _end_what_is_left(self) -> None:
        """End all that the host has left, whatever it takes."""
        deadline = time.monotonic() + GRACE
        asked: set[int] = set()
        killed: set[int] = set()
        while not self._nothing_is_left():
            left = self._left()
            late = time.monotonic() >= deadline
            reached = {
                pid
                for pid in (left if late else left - asked)
                if _signal(pid, signal.SIGKILL if late else signal.SIGTERM)
            }
            asked |= left
            killed |= reached if late else set()
            if late and not reached:
                # As those of sudo, or what may not even be seen.
                _say("Processes that the host had left cannot be ended")
                break
            # Whose parent ends elsewhere becomes a child of ours, and nobody says so.
            self._wait(time.monotonic() + _SETTLED)
        if killed:
            _say(f"{len(killed)} processes that the host had left did not end, and were killed")

    def _nothing_is_left(self) -> bool:
        no_child = self._reap()
        if self._reaps or not self._host:
            return no_child
        try:
            os.killpg(self._host, 0)
        except OSError:
            return True
        return False

    def _left(self) -> set[int]:
        """Return whom to signal: our children, or the host's group as a negative number."""
        return _children() if self._reaps else {-self._host}

    def _keep_log_short(self) -> None:
        """Move the log's content to the older one when there is too much of it.

        The file stays the same one, for all that write to it keep it open. What is written
        between the last look at it and its end is lost: some microseconds.
        """
        try:
            if os.fstat(2).st_size > LOG_BYTES:
                self._move_log()
        except OSError as error:
            _say(f"The log cannot be shortened: {error}")

    def _move_log(self) -> None:
        log, older, start = (
            os.path.join(self._folder, name) for name in (HOST_LOG, OLDER_LOG, LOG_START)
        )
        # To be written as well: some network file systems lock no other.
        source = os.open(log, os.O_RDWR | os.O_NOFOLLOW)
        try:
            found = os.fstat(source)
            if not stat.S_ISREG(found.st_mode) or not os.path.samestat(found, os.fstat(2)):
                return
            left_out = max(0, found.st_size - LOG_BYTES)
            os.lseek(source, left_out, os.SEEK_SET)
            target = _write_anew(f"{older}.tmp")
            try:
                copied = _copy(source, target)
                try:
                    # Who reads the log sees all of it as it was, or as it will be.
                    fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    # It is read at this moment: the next time.
                    return
                except OSError:
                    # Not all network file systems have locks.
                    pass
                os.replace(f"{older}.tmp", older)
                copied += _copy(source, target)
                os.ftruncate(2, 0)
            finally:
                os.close(target)
            before = _number_in(start) + left_out + copied
            number = _write_anew(f"{start}.tmp")
            os.write(number, str(before).encode())
            os.close(number)
            os.replace(f"{start}.tmp", start)
        finally:
            os.close(source)


def _write_anew(path: str) -> int:
    """Return a descriptor that writes a file of mode 0600 from its beginning."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)


def _copy(source: int, target: int) -> int:
    """Copy what is left to be read, no more than a log has; return how many bytes there were."""
    copied = 0
    while copied < LOG_BYTES and (chunk := os.read(source, min(_CHUNK, LOG_BYTES - copied))):
        copied += len(chunk)
        while chunk:
            chunk = chunk[os.write(target, chunk) :]
    return copied


def _number_in(path: str) -> int:
    """Return the number that a file holds; 0 where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return 0
    try:
        found = os.read(descriptor, _CHUNK)
    finally:
        os.close(descriptor)
    return int(found) if found.isdigit() else 0


def _fork_host(command: list[str], stdin: int | None = None) -> int:
    """Start a host, and return its process id.

    Parameters
    ----------
    command : list of str
        What runs it.
    stdin : int, optional
        A descriptor for its standard input; that of this process if not given.
    """
    guard = os.getpid()
    host = os.fork()
    if host != 0:
        return host
    try:
        # For platforms where what it has started can be found by its group only.
        os.setpgid(0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != guard:
            os._exit(1)
        if stdin is not None:
            os.dup2(stdin, 0)
        # A stop stays blocked until the host can heed it.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAKES - _STOPS)
        os.execv(command[0], command)
    except OSError as error:
        _say(f"The host cannot be run: {error}")
    finally:
        os._exit(NO_USE)


def prctl(option: int, value: int) -> bool:
    """Set an attribute of this process that only Linux has; return whether it is set."""
    if sys.platform != "linux":
        return False
    import ctypes

    return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)


def _children() -> set[int]:
    """Return the children of this process."""
    this = str(os.getpid()).encode()
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # After the name, which may be any text in parentheses.
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[1:2] == [this]:
                found.add(int(name))
    return found


def _signal(pid: int, number: int) -> bool:
    """Send a signal, and return whether that is allowed."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        return False
    return True


def _how_it_ended(status: int) -> str:
    # A status may be above that of its own accord.
    if status > 128:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(status - 128).name}"
    return f"has ended with status {status}"


def _say(text: str) -> None:
    now = time.time()
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    line = f"{at},{int(now * 1000) % 1000:03d} WARNING guard: {text}\n"
    # A full disk is no reason to leave the host alone.
    with contextlib.suppress(OSError):
        os.write(2, line.encode("utf-8", "replace"))


def _remove(folder: str) -> None:
    """Remove the cluster's folder."""
    import shutil

    # Some network file systems cannot remove the folder of a file that is open.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    shutil.rmtree(folder, ignore_errors=True)


def _take_over(folder: str) -> int | None:
    """Say in the folder that this process is its guard, if no other one is.

    Returns
    -------
    int or None
        A descriptor that is to stay open; nothing where another guard is there.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(os.path.join(folder, GUARD_FILE), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        # Not all network file systems have locks. The host's socket is a lock as well.
        pass
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _wait_for_a_cluster(command: list[str]) -> int:
    """Have a host wait with this process for a cluster, and become its guard.

    Returns
    -------
    int
        The exit status where none has come.
    """
    import socket

    asked = socket.socket(fileno=os.dup(0))
    to_host, of_host = socket.socketpair()
    host = _fork_host([*command, SPARE], of_host.fileno())
    of_host.close()
    path, descriptors, _, _ = socket.recv_fds(asked, _PATH_BYTES, 1)
    if not path or not descriptors or os.waitpid(host, os.WNOHANG)[0]:
        # The host hears of it by the end of its own socket.
        return 0
    # From here on a stop is one of the cluster, and waits until it can be heeded.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    folder = os.fsdecode(path)
    for descriptor in (1, 2):
        os.dup2(descriptors[0], descriptor)
    held = _take_over(folder)
    if held is None:
        _say("Another guard looks after this cluster")
        return NO_USE
    # Who does not wait for it any more has somebody else run the cluster.
    asked.sendall(TAKEN)
    socket.send_fds(to_host, [path], descriptors)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.set_inheritable(held, True)
    this = [sys.executable, "-I", "-S", __file__]
    os.execv(this[0], [*this, _RUNNING, str(host), str(held), folder, *command, folder])


def main(arguments: list[str]) -> int:
    """Guard one host until it has ended for good, and return the exit status.

    Parameters
    ----------
    arguments : list of str
        The cluster's folder, and the command that runs the host.
    """
    if arguments[0] == SPARE:
        return _wait_for_a_cluster(arguments[1:])
    running, held = 0, None
    if arguments[0] == _RUNNING:
        running, held = int(arguments[1]), int(arguments[2])
        os.set_inheritable(held, False)
        arguments = arguments[3:]
    folder, *command = arguments
    try:
        held = _take_over(folder) if held is None else held
    except OSError as error:
        _say(f"The cluster's folder cannot be used: {error}")
        return NO_USE
    if held is None:
        _say("Another guard looks after this cluster")
        return NO_USE
    status = Guard(folder, command, running).run()
    if status == 0:
        os.close(held)
        _remove(folder)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
