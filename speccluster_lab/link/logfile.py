"""Where something stands in a host's log, so that it is found again after the log was shortened.

A position counts the bytes of all that was ever written. The guard moves what is in the log to the
older one, and notes how many bytes came before the log's first one from then on.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from speccluster_lab.link.files import opened_private, read_private_file
from speccluster_lab.link.guard import HOST_LOG, LOG_START, OLDER_LOG

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Part", "read_part"]

# The guard holds it while it copies what was written meanwhile, and renames two files.
_LOCK_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a log.

    Parameters
    ----------
    content : bytes
        What it says.
    before : bytes
        The end of what comes before it.
    position : int
        Where it begins, in bytes.
    file : int
        Tells the log from that of another cluster: the number of the file in its file system; 0
        where there is none, or it was being moved.
    is_last : bool
        Whether nothing comes after it.
    """

    content: bytes
    before: bytes
    position: int
    file: int
    is_last: bool


def read_part(
    folder: Path, size: int, position: int | None = None, *, before: int = 0
) -> Part | None:
    """Return the end of a log, or what begins at a position; blocks, for a second at most.

    Parameters
    ----------
    folder : Path
        The cluster's. Where there is no log that is ours, it is as if it were empty.
    size : int
        How many bytes at most.
    position : int, optional
        Where it is to begin.
    before : int
        How many bytes of what comes before it are wanted as well, at most.

    Returns
    -------
    Part or None
        Nothing where there is no such position, or not any more.
    """
    with ExitStack() as stack:
        log = _open(stack, folder / HOST_LOG)
        file = 0
        if log is not None:
            file = os.fstat(log.fileno()).st_ino
            if not _hold(log):
                if position is not None:
                    # Nothing new is known of it at this moment.
                    return Part(b"", b"", position, file, is_last=True)
                # Whose end is not known cannot be followed.
                file = 0
        older = _open(stack, folder / OLDER_LOG)
        # Asked for now: the guard may have ended it before it was held.
        lengths = [0 if one is None else os.fstat(one.fileno()).st_size for one in (older, log)]
        # An older one without a number comes from a guard that has written none.
        start = max(_start_of(folder), lengths[0])
        first, end = start - lengths[0], start + lengths[1]
        begin = max(first, end - size) if position is None else position
        if not first <= begin <= end:
            return None
        ahead = max(first, begin - before)
        content = _read(older, ahead - first, begin + size - ahead)
        at = max(0, ahead - start)
        content += _read(log, at, min(begin + size, end) - ahead - len(content))
    cut = begin - ahead
    is_last = ahead + len(content) >= end
    return Part(content[cut:], content[:cut], begin, file, is_last)


def _open(stack: ExitStack, file: Path) -> BinaryIO | None:
    try:
        return stack.enter_context(opened_private(file))[0]
    except OSError:
        # There is none yet, or it is not ours.
        return None


def _hold(log: BinaryIO) -> bool:
    """Have the guard wait with moving a log as long as it is open; return whether it does."""
    last = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > last:
                return False
            time.sleep(_AGAIN_SECONDS)
        except OSError:
            # Not all network file systems have locks.
            return True
        else:
            return True


def _start_of(folder: Path) -> int:
    try:
        found = read_private_file(folder / LOG_START)
    except OSError:
        return 0
    return int(found) if found.isdigit() else 0


def _read(stream: BinaryIO | None, at: int, size: int) -> bytes:
    if stream is None or size <= 0:
        return b""
    stream.seek(at)
    return stream.read(size)
