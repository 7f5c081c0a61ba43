"""From what a spec names to the values: read when a worker is made, and kept nowhere.

And when a log is told that may quote them.

A file may lie where reading it takes for ever, on a network file system whose server has gone. So
none is read on a loop, be it a cluster's or a server's, and nobody waits for one longer than some
seconds.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.redaction import secrets_in
from speccluster_lab.spec.references import Source, reference_in
from speccluster_lab.threads import SharedThreads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from speccluster_lab.spec.references import Reference

__all__ = [
    "MAX_BYTES",
    "Mentioned",
    "mentioned_in",
    "names_files",
    "read_files",
    "secret_values",
    "secrets_for_log",
    "with_values",
]

# A key, a certificate, a token: what is longer is no secret.
MAX_BYTES: Final = 64 * 1024
READ_SECONDS = 5.0
# Less than a server waits for a log.
LOG_READ_SECONDS: Final = 2.0
# So many threads of one reader of a log may be left with files that are never read.
LOG_FILES: Final = 8
# So many values are kept from being told, those that were used last.
MOST_REFERRED: Final = 1000

_reading = SharedThreads("read", lambda name: _text_of(Path(name).expanduser()))
_referred: dict[str, None] = {}
_lock = threading.Lock()


def names_files(options: Mapping[str, Any]) -> bool:
    """Return whether there is a file in options that is to be read."""
    return any(True for _ in _files_in(options, ""))


async def read_files(options: Mapping[str, Any]) -> dict[str, str]:
    """Return what the files hold that options name, by the names that they have there.

    Each is read in a thread of its own; who comes while one is being read waits for the same
    thread, so that one that never ends is the only one.

    Parameters
    ----------
    options : mapping
        Of a worker or a scheduler; objects in it are taken as they are.

    Raises
    ------
    InvalidInput
        One is not there, is nothing that could be meant, or is not read in time; ``field`` says
        whose value is missing.
    """
    found: dict[str, str] = {}
    for place, name in _files_in(options, ""):
        if name in found:
            continue
        reading = asyncio.wrap_future(_reading.begin(name))
        try:
            await asyncio.wait({reading}, timeout=READ_SECONDS)
            if not reading.done():
                raise ValueError(f"it takes longer than {READ_SECONDS:g} s")
            found[name] = reading.result()
        except (OSError, ValueError, RuntimeError) as error:
            # Not what is in it.
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise InvalidInput(
                f"option {place}: {name!r} cannot be read: {why}", field=place
            ) from None
        finally:
            # Others may wait for the same: it goes on.
            reading.cancel()
    return found


def with_values(
    options: Mapping[str, Any], files: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return options with what they refer to in place of the references.

    Parameters
    ----------
    options : mapping
        Of a worker or a scheduler; objects in it are taken as they are.
    files : mapping of str to str, optional
        What :func:`read_files` has found; not needed where no file is named.

    Raises
    ------
    InvalidInput
        A variable is not there; ``field`` says whose value is missing.
    """
    # What is told as well once another spec is wanted.
    for secret in secrets_in(options):
        _note(secret)
    return {name: _value(one, name, files or {}) for name, one in options.items()}


def secret_values(options: Any) -> frozenset[str]:
    """Return what no text about a worker or a scheduler may tell (`threats.md`, row 8).

    Parameters
    ----------
    options : JSON values
        Of it, as a spec has them; what stands under the name of a secret is one. So is whatever
        this process has read for a reference, or made a worker or a scheduler with before.
    """
    return secrets_in(options) | _referred_to()


@dataclass(frozen=True, slots=True)
class Mentioned:
    """What specs say of secrets.

    Parameters
    ----------
    secrets : frozenset of str
        Those that are there as they are,
    references : frozenset of Reference
        and what the others are called by.
    """

    secrets: frozenset[str] = frozenset()
    references: frozenset[Reference] = frozenset()


def mentioned_in(specs: Iterable[Any]) -> Mentioned:
    """Return what specs say of secrets; not for an event loop, as a spec can be long.

    Parameters
    ----------
    specs : iterable of JSON values
        Gone through one after the other; none of them is kept.
    """
    secrets: set[str] = set()
    references: set[Reference] = set()
    for spec in specs:
        secrets |= secrets_in(spec)
        references.update(_references(spec))
    return Mentioned(frozenset(secrets), frozenset(references))


async def secrets_for_log(options: Any, others: Mentioned | None = None) -> frozenset[str]:
    """Return what a log must not tell that other processes have written.

    As :func:`secret_values`, and what the references stand for now. A value that cannot be had any
    more, or not in time, is not hidden: a variable that this process has otherwise than the one
    that has read it, a file that was changed or removed since.

    Parameters
    ----------
    options : JSON values
        As a spec has them, or a whole one; null if there are only others.
    others : Mentioned, optional
        What other specs say that those processes may have had.
    """
    own, others = await asyncio.to_thread(mentioned_in, [options]), others or Mentioned()
    named = own.references | others.references
    found = [os.environ.get(one.name, "") for one in named if one.source is Source.ENVIRONMENT]
    few = asyncio.Semaphore(LOG_FILES)

    async def read(name: str) -> str:
        async with few:
            return await asyncio.wrap_future(_reading.begin(name))

    files = sorted(one.name for one in named if one.source is Source.FILE)
    readings = [asyncio.create_task(read(name)) for name in files]
    try:
        if readings:
            done, _ = await asyncio.wait(readings, timeout=LOG_READ_SECONDS)
            found += [one.result() for one in done if one.exception() is None]
    finally:
        # Others may wait for the same files: those go on.
        for reading in readings:
            reading.cancel()
    return own.secrets | others.secrets | _referred_to() | secrets_in({"secret": found})


def _referred_to() -> frozenset[str]:
    """Return the secrets that this process has used."""
    with _lock:
        referred = list(_referred)
    return secrets_in({"secret": referred})


def _references(value: Any) -> Iterator[Reference]:
    """Yield the references in JSON values; what is wrong is none."""
    if isinstance(value, dict):
        try:
            reference = reference_in(value)
        except InvalidInput:
            reference = None
        if reference is not None:
            yield reference
        else:
            for one in value.values():
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _note(value: str) -> str:
    with _lock:
        _referred.pop(value, None)
        _referred[value] = None
        if len(_referred) > MOST_REFERRED:
            del _referred[next(iter(_referred))]
    return value


def _value(value: Any, place: str, files: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        reference = reference_in(value)
        if reference is not None:
            return _value_of(reference, place, files)
        return {name: _value(one, f"{place}.{name}", files) for name, one in value.items()}
    if isinstance(value, list) or type(value) is tuple:
        values = [_value(one, f"{place}.{number}", files) for number, one in enumerate(value)]
        return values if isinstance(value, list) else tuple(values)
    return value


def _value_of(reference: Reference, place: str, files: Mapping[str, str]) -> str:
    match reference.source:
        case Source.ENVIRONMENT:
            found = os.environ.get(reference.name)
            if found is None:
                raise InvalidInput(
                    f"option {place}: the cluster's process has no environment variable "
                    f"{reference.name!r}",
                    field=place,
                )
            return _note(found)
        case Source.FILE:
            return _note(files[reference.name])


def _files_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield where files are named in options, and by which names."""
    if isinstance(value, dict):
        reference = reference_in(value)
        if reference is not None:
            if reference.source is Source.FILE:
                yield place, reference.name
            return
        for name, one in value.items():
            yield from _files_in(one, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list) or type(value) is tuple:
        for number, one in enumerate(value):
            yield from _files_in(one, f"{place}.{number}")


def _text_of(path: Path) -> str:
    """Return the text of a file without the end of its last line.

    Raises
    ------
    OSError, ValueError
        There is none, or no text.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a pipe would have its reader wait for who writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)
