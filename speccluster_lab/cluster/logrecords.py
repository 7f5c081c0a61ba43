"""Records of several logs as one text, and where in each of them it ends.

A cursor says of each log when its last record that was told was made, to the fraction of a second
that a computer tells apart: two records of one process never have the same.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from speccluster_lab.spec.logtext import MAX_LOG_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from speccluster_lab.spec.api import LogSource

__all__ = ["LogText", "Logs", "Record", "cursor_of", "log_text", "marks_in"]

# More than processes keep, unless they are told to.
_ALL_RECORDS: Final = 10_000
# Of one record; its worker may have written anything.
_CHARACTERS: Final = 1 << 16
_MARK: Final = re.compile(r"(\w{1,32})=(-?0x[01]\.[0-9a-f]{1,13}p[+-]\d{1,3})")

Record = tuple[float, str, str]
"""When it was made, in seconds of the wall clock, its level, and its text."""

Logs = dict[str, "Sequence[Record]"]
"""By what tells them apart in a cursor, a word; the newest record first."""


@dataclass(frozen=True, slots=True)
class LogText:
    """Who has logged, and what: the oldest first.

    Parameters
    ----------
    source : LogSource
        Who has.
    text : str
        What.
    cursor : str
        Where that ends.
    continues : bool
        Whether it begins where an earlier one has ended.
    """

    source: LogSource
    text: str
    cursor: str
    continues: bool


def marks_in(cursor: str | None, source: LogSource) -> dict[str, float] | None:
    """Return when the last record of each log was made; nothing if the cursor is of another log."""
    kind, _, marks = (cursor or "").partition(":")
    if kind != source.value:
        return None
    found = [_MARK.fullmatch(one) for one in marks.split(",")]
    return {one[1]: float.fromhex(one[2]) for one in found if one is not None}


def cursor_of(source: LogSource, marks: Mapping[str, float]) -> str:
    """Return a cursor; see :func:`marks_in`."""
    return f"{source.value}:{','.join(f'{key}={at.hex()}' for key, at in marks.items())}"


async def log_text(
    source: LogSource,
    ask: Callable[[int], Awaitable[Logs]],
    records: int,
    after: str | None,
    there: frozenset[str] | None = None,
) -> LogText:
    """Return the newest of some logs, or what has come to them since.

    Parameters
    ----------
    source : LogSource
        Whose they are.
    ask : callable
        Returns of each log so many of its newest records; not of those that do not answer.
    records : int
        How many of each are worth asking for.
    after : str or None
        The cursor of an earlier text.
    there : frozenset of str, optional
        The logs that may answer later, also if they do not now; those that answer if not given.
    """
    logs = await ask(records)
    marks = marks_in(after, source)
    if marks is None:
        newest = {key: log[0][0] for key, log in logs.items() if log}
        text = "\n".join(one[2] for one in _in_order(logs))
        return LogText(source, text, cursor_of(source, newest), continues=False)
    if any(_may_have_more(log, marks.get(key), records) for key, log in logs.items()):
        logs = await ask(_ALL_RECORDS)
    marks = {key: at for key, at in marks.items() if key in (logs if there is None else there)}
    fresh = {key: _newer(log, marks.get(key)) for key, log in logs.items()}
    lines: list[str] = []
    room = MAX_LOG_CHARACTERS
    for at, key, text in _in_order(fresh):
        room -= len(text) + 1
        if room < 0:
            # The rest comes the next time.
            break
        lines.append(text)
        marks[key] = at
    return LogText(source, "\n".join(lines), cursor_of(source, marks), continues=True)


def _may_have_more(newest_first: Sequence[Record], mark: float | None, asked: int) -> bool:
    """Return whether there may be records after a mark that are not among the newest ones."""
    return len(newest_first) >= asked and len(_newer(newest_first, mark)) == len(newest_first)


def _newer(newest_first: Sequence[Record], mark: float | None) -> Sequence[Record]:
    """Return the records after the one that was made at a time; all, where that has gone."""
    for number, (at, _, _) in enumerate(newest_first):
        if at == mark:
            return newest_first[:number]
    return newest_first


def _in_order(logs: Logs) -> list[tuple[float, str, str]]:
    """Return when each record was made, of which log it is, and its text: the oldest first.

    Those of one log stay in its order, whatever its clock has done.
    """
    oldest_first = [
        [(at, key, text[:_CHARACTERS]) for at, _, text in reversed(log)]
        for key, log in logs.items()
    ]
    return list(heapq.merge(*oldest_first, key=lambda one: one[0]))
