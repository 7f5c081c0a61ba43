"""A host's guard, or the host itself: known by more than its id, and brought to its end."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

__all__ = ["HostProcess", "children_of", "descendants_of", "runs"]

logger = logging.getLogger(__name__)

# What says when the machine started is set a little now and then.
_CLOCK_STEP = 2.0
_KILL_SECONDS = 2.0
_ROUNDS = 3
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A host or its guard, with all that it has started.

    The guard leads a process session; a host without one leads its own.

    Parameters
    ----------
    pid : int
        Its process id.
    start_time : float
        When it started, as psutil tells it: seconds since the epoch.
    boot_time : float
        When the machine started, as psutil told it then. The kernel counts a start from there, and
        both are other times once the clock has been set.
    """

    pid: int
    start_time: float
    boot_time: float = field(default_factory=psutil.boot_time)

    @classmethod
    def of(cls, pid: int) -> HostProcess:
        """Return the process ``pid`` as it is now.

        Raises
        ------
        psutil.Error
            There is none, or it is not to be looked at.
        """
        # First: until psutil 7.1 a start is told by what this has told last.
        boot_time = psutil.boot_time()
        return cls(pid, psutil.Process(pid).create_time(), boot_time)

    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        process = self._find()
        return process is not None and runs(process)

    def session(self) -> list[psutil.Process]:
        """Return itself and all that it has started.

        That is what descends from it, and its session: those are found when it has died itself,
        for the kernel gives no new process an id that is still a session's. Empty where the id is
        another process's by now.
        """
        leader = self._find()
        if leader is None and psutil.pid_exists(self.pid):
            return []
        if leader is not None and runs(leader) and _session_of(self.pid) != self.pid:
            # Somebody has started it without a session of its own.
            return [leader]
        found = {process for process in psutil.process_iter() if self._started(process)}
        # What has made a session of its own.
        found.update(descendants_of(leader.pid) if leader is not None else ())
        return [process for process in found if runs(process)]

    def kill(self) -> None:
        """Kill this very process, and nothing that it has started."""
        process = self._find()
        if process is not None:
            with suppress(psutil.Error):
                process.kill()

    def end(self, grace: float) -> bool:
        """End it and all of its session, first by asking; return whether nothing is left.

        Blocks for up to ``grace`` and six seconds: to be called in a thread.

        Parameters
        ----------
        grace : float
            Seconds that it has for closing by itself, or what a dead one has left has for it;
            with 0 nobody is asked or waited for.
        """
        leader = self._find()
        if leader is not None and runs(leader) and grace > 0:
            logger.warning("Asking host process %d to end", self.pid)
            with suppress(psutil.Error):
                leader.terminate()
            _wait([leader], grace)
        elif grace > 0:
            _wait(self.session(), grace)
        # More than once: what is about to be killed can still start another one.
        for _ in range(_ROUNDS):
            left = self.session()
            if not left:
                return True
            for process in left:
                logger.warning("Killing process %d of host %d", process.pid, self.pid)
                with suppress(psutil.Error):
                    process.kill()
            _wait(left, _KILL_SECONDS)
        return not self.session()

    def _find(self) -> psutil.Process | None:
        """Return it while the system knows it, which includes a zombie."""
        psutil.boot_time()
        try:
            process = psutil.Process(self.pid)
            same = abs(self._later(process)) < _CLOCK_STEP
        except psutil.Error:
            # What is not ours to look at is not ours.
            return None
        return process if same else None

    def _later(self, process: psutil.Process) -> float:
        """Return how many seconds a process started after it, whatever became of the clock."""
        # First: what psutil has told of processes before may go by an older one.
        boot_time = psutil.boot_time()
        return (process.create_time() - boot_time) - (self.start_time - self.boot_time)

    def _started(self, process: psutil.Process) -> bool:
        try:
            return (
                _session_of(process.pid) == self.pid
                and self._later(process) > -_CLOCK_STEP
                and runs(process)
            )
        except psutil.Error:
            # It has ended meanwhile, or is not ours to look at.
            return False


def runs(process: psutil.Process) -> bool:
    """Return whether a process has not ended yet, whoever is to collect it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def children_of(pid: int) -> list[psutil.Process]:
    """Return what a process has started, as far as that may be looked at.

    Where others' processes may not (``hidepid`` of ``/proc``), psutil's own way finds nothing.
    """
    return _by_parent().get(pid, [])


def descendants_of(pid: int) -> list[psutil.Process]:
    """Return what a process has started, and what that has; as :func:`children_of`."""
    by_parent, found = _by_parent(), []
    parents = [pid]
    while parents:
        children = by_parent.pop(parents.pop(), [])
        found.extend(children)
        parents.extend(child.pid for child in children)
    return found


def _by_parent() -> dict[int, list[psutil.Process]]:
    found: dict[int, list[psutil.Process]] = {}
    for pid in psutil.pids():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            found.setdefault(process.ppid(), []).append(process)
    return found


def _wait(processes: list[psutil.Process], seconds: float) -> None:
    """Wait until none of these runs any more.

    psutil's own way would take a child's exit status from who started it, and wait for zombies
    that nobody collects.
    """
    deadline = time.monotonic() + seconds
    while any(runs(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
