"""From what a spec names to the values: read when a worker is made, and kept nowhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.references import Source, reference_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from speccluster_lab.spec.references import Reference

__all__ = ["MAX_BYTES", "with_values"]

# A key, a certificate, a token: what is longer is no secret.
MAX_BYTES: Final = 64 * 1024


def with_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with what they refer to in place of the references.

    Parameters
    ----------
    options : mapping
        Of a worker or a scheduler; objects in it are taken as they are.

    Raises
    ------
    InvalidInput
        The variable or the file is not there, or is nothing that could be meant; ``field`` says
        whose value is missing.
    """
    return {name: _value(one, name) for name, one in options.items()}


def _value(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        reference = reference_in(value)
        if reference is not None:
            return _read(reference, place)
        return {name: _value(one, f"{place}.{name}") for name, one in value.items()}
    if isinstance(value, list):
        return [_value(one, f"{place}.{number}") for number, one in enumerate(value)]
    return value


def _read(reference: Reference, place: str) -> str:
    match reference.source:
        case Source.ENVIRONMENT:
            found = os.environ.get(reference.name)
            if found is None:
                raise InvalidInput(
                    f"option {place}: the cluster's process has no environment variable "
                    f"{reference.name!r}",
                    field=place,
                )
            return found
        case Source.FILE:
            try:
                return _text_of(Path(reference.name).expanduser())
            except (OSError, ValueError, RuntimeError) as error:
                # Not what is in it.
                why = error.strerror if isinstance(error, OSError) else str(error)
                raise InvalidInput(
                    f"option {place}: {reference.name!r} cannot be read: {why}", field=place
                ) from None


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
    """Open a file; a pipe would have the whole cluster wait for who writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)
