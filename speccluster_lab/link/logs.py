"""The log of a host, as its file in the cluster's folder has it: whether or not the host lives."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.link.files import read_private_file
from speccluster_lab.link.launch import DESIRED_FILE, GENERATIONS_FOLDER, LAUNCH_FILE
from speccluster_lab.link.logfile import Part, read_part
from speccluster_lab.spec.api import Log, LogSource
from speccluster_lab.spec.logtext import MAX_LOG_CHARACTERS, MAX_LOG_LINES, log_lines
from speccluster_lab.spec.redaction import ends_within_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from speccluster_lab.spec.api import LogQuery
    from speccluster_lab.spec.logtext import LogLines

__all__ = [
    "host_log",
    "last_lines_in_short",
    "last_log_lines",
    "stored_specs",
    "with_last_lines",
]

# In a condition, beside other things that are to be read.
_LAST_LINES: Final = 20
_LAST_BYTES: Final = 16 * 1024
_LAST_CHARACTERS: Final = 500
# More than a worker under a nanny writes when it cannot be started, with all of its tracebacks.
_FAILURE_BYTES: Final = 64 * 1024
_FRAMES_FOLLOW: Final = "Traceback (most recent call last):"
_BETWEEN: Final = frozenset(
    {
        "",
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    }
)
# As a host writes it, and as the processes of its workers do.
_IN_PASSING: Final = re.compile(r"\S+ \S+ (?:INFO distributed\.|- distributed\.\S+ - INFO - )")

# More than a private key has.
_KEY_BYTES: Final = 16 * 1024
_CURSOR: Final = re.compile(r"host:(\d{1,20}):(\d{1,20})")
_KEY_BEGINS: Final = "-----BEGIN PRIVATE KEY-----\n"
_PART_BYTES: Final = MAX_LOG_CHARACTERS - len(_KEY_BEGINS)


def host_log(folder: Path, query: LogQuery, known: Collection[str] = ()) -> Log:
    """Return the end of a host's log, or what has come since; nothing where there is no log.

    Parameters
    ----------
    folder : Path
        The cluster's.
    query : LogQuery
        How much of it.
    known : collection of str
        Secrets that it must not tell.
    """
    cursor = _CURSOR.fullmatch(query.after or "")
    if cursor is not None:
        file, position = map(int, cursor.groups())
        part = read_part(folder, _PART_BYTES, position, before=_KEY_BYTES)
        if part is not None and part.file == file:
            return _since(part, known)
    part = _end_of(folder, MAX_LOG_CHARACTERS)
    text, complete = _text_of(part)
    found = log_lines(text, query.tail, known=known, complete=complete)
    end = _end_of_lines(part)
    return Log(
        source=LogSource.HOST,
        lines=found.lines,
        complete=found.complete,
        cursor=f"host:{part.file}:{part.position + end}",
        unfinished=end < len(part.content),
    )


def last_log_lines(folder: Path, n: int = _LAST_LINES, *, known: Collection[str] = ()) -> list[str]:
    """Return the last lines of a host's log, for a message; none where there is no log.

    Parameters
    ----------
    folder : Path
        The cluster's.
    n : int
        How many lines at most.
    known : collection of str
        Secrets that they must not tell.
    """
    text, complete = _text_of(_end_of(folder, _LAST_BYTES))
    found: LogLines = log_lines(
        text, n, known=known, complete=complete, characters=_LAST_CHARACTERS
    )
    return found.lines


def last_lines_in_short(folder: Path, *, known: Collection[str] = ()) -> list[str]:
    """Return the last lines of a host's log that may say why something fails, for a message.

    Without the frames of tracebacks and what ``distributed`` says in passing, beside which there
    would be no room for what the process of a worker has printed.

    Parameters
    ----------
    folder : Path
        The cluster's.
    known : collection of str
        Secrets that they must not tell.
    """
    text, complete = _text_of(_end_of(folder, _FAILURE_BYTES))
    found = log_lines(
        text, MAX_LOG_LINES, known=known, complete=complete, characters=_LAST_CHARACTERS
    )
    return _in_short(found.lines)[-_LAST_LINES:]


def _in_short(lines: Sequence[str]) -> list[str]:
    found, within = [], False
    for line in lines:
        if line == _FRAMES_FOLLOW:
            within = True
        elif line not in _BETWEEN and not (within and line.startswith(" ")):
            within = False
            if _IN_PASSING.match(line) is None:
                found.append(line)
    return found


def with_last_lines(message: str, whose: str, lines: Sequence[str]) -> str:
    """Return a message for a person that goes on with the end of a log, where there is one.

    Parameters
    ----------
    message : str
        What has happened, in whole sentences.
    whose : str
        The log's.
    lines : sequence of str
        As :func:`last_log_lines` has them.
    """
    return "\n".join([f"{message} The end of {whose} log:", *lines]) if lines else message


def stored_specs(folder: Path) -> Iterator[Any]:
    """Yield what a cluster was to be in the beginning, is to be now, and was between, as JSON.

    For who looks for what its log must not tell: what is not there or garbled is left out. Waits
    for the disk, and has one at a time, for each of them may be large.

    Parameters
    ----------
    folder : Path
        The cluster's.
    """
    earlier = (folder / GENERATIONS_FOLDER).glob("*.json")
    for file in (folder / LAUNCH_FILE, folder / DESIRED_FILE, *earlier):
        document = None
        with suppress(OSError, ValueError):
            document = json.loads(read_private_file(file))
        if isinstance(document, dict):
            yield document.get("spec")


def _since(part: Part, known: Collection[str]) -> Log:
    end = _end_of_lines(part)
    content = part.content if part.is_last else part.content[:end]
    text = content.decode("utf-8", "replace")
    within_key = ends_within_key(part.before.decode("utf-8", "replace"))
    if within_key:
        # Its beginning has been told already, as what stands for all of it.
        text = _KEY_BEGINS + text
    lines = log_lines(text, len(text) + 1, known=known).lines
    return Log(
        source=LogSource.HOST,
        lines=lines[1:] if within_key else lines,
        complete=False,
        cursor=f"host:{part.file}:{part.position + end}",
        continues=True,
        unfinished=end < len(content),
    )


def _end_of_lines(part: Part) -> int:
    """Return how many bytes of a part are whole lines."""
    content = part.content
    # A carriage return at the very end may be the first half of an end of a line.
    end = max(content.rfind(b"\n"), content.rfind(b"\r", 0, -1)) + 1
    # A line that is longer than a part is told in parts.
    return len(content) if end == 0 and not part.is_last else end


def _end_of(folder: Path, size: int) -> Part:
    return read_part(folder, size) or Part(b"", b"", 0, 0, is_last=True)


def _text_of(part: Part) -> tuple[str, bool]:
    """Return a part as text, and whether nothing comes before it."""
    return part.content.decode("utf-8", "replace"), part.position == 0
