"""The log of a host, as its file in the cluster's folder has it: whether or not the host lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from speccluster_lab.link.files import read_private_tail
from speccluster_lab.link.guard import HOST_LOG, OLDER_LOG
from speccluster_lab.spec.api import Log, LogSource
from speccluster_lab.spec.logtext import MAX_LOG_CHARACTERS, log_lines

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from speccluster_lab.spec.logtext import LogLines

__all__ = ["host_log", "last_log_lines"]

# In a condition, beside other things that are to be read.
_LAST_LINES: Final = 20
_LAST_BYTES: Final = 16 * 1024
_LAST_CHARACTERS: Final = 500


def host_log(folder: Path, tail: int, known: Collection[str] = ()) -> Log:
    """Return the end of a host's log; nothing where there is no log.

    Parameters
    ----------
    folder : Path
        The cluster's.
    tail : int
        How many lines at most.
    known : collection of str
        Secrets that it must not tell.
    """
    text, complete = _end_of(folder, MAX_LOG_CHARACTERS)
    found = log_lines(text, tail, known=known, complete=complete)
    return Log(source=LogSource.HOST, lines=found.lines, complete=found.complete)


def last_log_lines(folder: Path, n: int = _LAST_LINES) -> list[str]:
    """Return the last lines of a host's log, for a message; none where there is no log.

    Parameters
    ----------
    folder : Path
        The cluster's.
    n : int
        How many lines at most.
    """
    text, complete = _end_of(folder, _LAST_BYTES)
    found: LogLines = log_lines(text, n, complete=complete, characters=_LAST_CHARACTERS)
    return found.lines


def _end_of(folder: Path, size: int) -> tuple[str, bool]:
    """Return so many bytes of the log's end as text, and whether they are all of it."""
    content = b""
    # The older one ends where this one begins.
    for name in (HOST_LOG, OLDER_LOG):
        try:
            before, complete = read_private_tail(folder / name, size - len(content))
        except OSError:
            # It may have been moved, or removed with the cluster.
            continue
        content = before + content
        if not complete:
            return content.decode("utf-8", "replace"), False
    return content.decode("utf-8", "replace"), True
