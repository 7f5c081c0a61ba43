"""The lines of a log as they may be shown: a bounded number, of plain text, without secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from speccluster_lab.spec.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["MAX_LOG_CHARACTERS", "MAX_LOG_LINES", "LogLines", "log_lines"]

MAX_LOG_LINES: Final = 10_000
MAX_LOG_CHARACTERS: Final = 1 << 20
LINE_CHARACTERS: Final = 4096
_LEAST_OF_SECRET: Final = 8

# Colours and the like: what they are to a terminal, they are not here.
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[@-Z\\-_])")
# No others: who follows a log has to find the same ends in its bytes.
_ENDS: Final = re.compile(r"\r\n|\r|\n")
_INSTEAD: Final = "\ufffd"


class LogLines(NamedTuple):
    """Lines of a log, the newest last, and whether they are all that there is."""

    lines: list[str]
    complete: bool


def log_lines(
    text: str,
    tail: int,
    *,
    known: Collection[str] = (),
    complete: bool = True,
    characters: int = LINE_CHARACTERS,
) -> LogLines:
    """Return the last lines of a log.

    Parameters
    ----------
    text : str
        What a log says, or the end of it; anybody may have written it.
    tail : int
        How many lines at most.
    known : collection of str
        Secrets that it must not tell; see :func:`.redact`.
    complete : bool
        Whether ``text`` begins where the log does. Its first line is left out if not, for it has
        most likely lost its beginning.
    characters : int
        How long a line may be; a longer one is cut.
    """
    if len(text) > MAX_LOG_CHARACTERS:
        text, complete = text[-MAX_LOG_CHARACTERS:], False
    # A text may begin or end within one.
    within = {part for secret in known for part in secret.splitlines()}
    hidden = {*known, *(part for part in within if len(part) >= _LEAST_OF_SECRET)}
    lines = _ENDS.split(redact(_ESCAPES.sub("", text), hidden))
    if not lines[-1]:
        del lines[-1]
    if not complete:
        del lines[:1]
    if len(lines) > tail:
        del lines[:-tail]
        complete = False
    return LogLines([_shown(line, characters) for line in lines], complete)


def _shown(line: str, characters: int) -> str:
    if len(line) > characters:
        line = f"{line[: characters - 1]}\u2026"
    if line.isprintable():
        return line
    return "".join(one if one.isprintable() else _instead_of(one) for one in line)


def _instead_of(character: str) -> str:
    """Return what stands for a character that would move, hide or turn round what follows it."""
    if character == "\t":
        return character
    return " " if character.isspace() else _INSTEAD
