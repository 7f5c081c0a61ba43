"""Folders and files that nobody but this user can reach.

What is read here says which process to talk to and which code to run, so a file counts only if
it is ours: opened without following a link, and looked at after it was opened.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import stat
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

from speccluster_lab.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "check_storable",
    "make_private_folder",
    "open_private_log",
    "opened_private",
    "read_private_file",
    "remove_unfinished",
    "set_aside",
    "write_private_file",
]

# Of 10,000 entries, each may have 800 bytes where a file holds a spec twice.
MAX_FILE_BYTES = 16 * 1024 * 1024
KEPT_ASIDE = 3

# Of what is there, but is not what a file of ours could be; the disk itself is in order.
_NOT_OURS = {errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO}


def make_private_folder(folder: Path, *, is_a_persons: bool = False, closes: bool = False) -> Path:
    """Make a folder of mode 0700 where there is none, and return it.

    Parameters
    ----------
    folder : Path
        Folders above it are made as well, with the usual mode.
    is_a_persons : bool
        Whether one that is there may let others read and its group write, as those do that
        people make without much ado.
    closes : bool
        Whether one that is there and lets others look, but not write, is closed to them.

    Raises
    ------
    PermissionError
        It is there, but is a link, belongs to somebody else, or lets others in.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if closes:
        _close_to_those_who_look(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{str(folder)!r} is no folder")
    _check_is_ours(found, str(folder), 0o002 if is_a_persons else 0o077)
    return folder


def _close_to_those_who_look(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        # No folder of ours: who looks next says what it is.
        return
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid() and not found.st_mode & 0o022:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def read_private_file(file: Path) -> bytes:
    """Return what a file of ours holds.

    Raises
    ------
    FileNotFoundError
        There is none.
    PermissionError
        It is a link or no regular file, belongs to somebody else, lets others in, or is too
        large to be ours.
    """
    with opened_private(file) as (stream, size):
        if size > MAX_FILE_BYTES:
            raise PermissionError(f"{str(file)!r} is larger than {MAX_FILE_BYTES} bytes")
        return stream.read(MAX_FILE_BYTES)


@contextmanager
def opened_private(file: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file of ours to be read, and tell its size; it may be written to meanwhile.

    Raises
    ------
    FileNotFoundError
        There is none.
    PermissionError
        It is a link or no regular file, belongs to somebody else, or lets others in.
    """
    # O_NONBLOCK: opening a pipe would otherwise wait for its other end.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags)
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        raise PermissionError(f"{str(file)!r} cannot be opened: {error.strerror}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise PermissionError(f"{str(file)!r} is no regular file")
        _check_is_ours(found, str(file))
        with open(descriptor, "rb", closefd=False) as stream:
            yield stream, found.st_size
    finally:
        os.close(descriptor)


def write_private_file(file: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file of mode 0600, wholly or not at all; it is on disk when this returns.

    Parameters
    ----------
    file : Path
        Replaced where it is there. Its folder must be private.
    content : bytes
        What it is to hold.
    durable : bool
        Whether to wait for the disk. Without it a loss of power can leave the file garbled, which
        is for what is made anew in any case.

    Raises
    ------
    OSError
        It cannot be written, or could not be read again: ``EFBIG`` where it is too large for
        that.
    """
    if len(content) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"a file may have {MAX_FILE_BYTES} bytes", str(file))
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(descriptor)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if not durable:
        return
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_storable(content: bytes, *, field: str | None = None) -> None:
    """Refuse what could not be stored because it is too large.

    Parameters
    ----------
    content : bytes
        What the file of a cluster would hold.
    field : str, optional
        The input that an error is to name.

    Raises
    ------
    InvalidInput
        The message says how large it would be, and may be.
    """
    if len(content) > MAX_FILE_BYTES:
        raise InvalidInput(
            f"the spec is too large to be stored: with it, a file of the cluster would have "
            f"{len(content)} bytes, and may have {MAX_FILE_BYTES}; ask for fewer entries, or say "
            "less in each",
            field=field,
        )


def remove_unfinished(file: Path) -> None:
    """Remove what is left of writes of a file that were interrupted; nobody may be writing it."""
    for temporary in file.parent.glob(f".{glob.escape(file.name)}.*.tmp"):
        temporary.unlink(missing_ok=True)


def set_aside(file: Path) -> Path:
    """Rename a file that cannot be used, and return where it is; the newest ones are kept.

    Parameters
    ----------
    file : Path
        Need not be ours, nor a regular file; its folder must be private.
    """
    names = [file.with_name(f"{file.name}.bad-{number}") for number in range(1, KEPT_ASIDE + 1)]
    free = next((name for name in names if not os.path.lexists(name)), None)
    if free is None:
        oldest, free = names[0], names[-1]
        if oldest.is_dir() and not oldest.is_symlink():
            shutil.rmtree(oldest)
        else:
            oldest.unlink()
        for older, newer in pairwise(names):
            newer.replace(older)
    file.replace(free)
    return free


def open_private_log(file: Path) -> int:
    """Return a descriptor that appends to a file of mode 0600; the caller closes it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(file, flags, 0o600)


def _check_is_ours(found: os.stat_result, name: str, refused: int = 0o077) -> None:
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{name!r} belongs to user {found.st_uid}, not to {os.geteuid()}")
    if found.st_mode & refused:
        raise PermissionError(
            f"{name!r} lets other users in (mode {stat.S_IMODE(found.st_mode):04o}); "
            "it must be for its owner only"
        )
