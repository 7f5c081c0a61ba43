"""What has happened to the entries: bounded in memory, in the order in which it did."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any, Final, NamedTuple

__all__ = ["MAX_TRANSITIONS", "History", "Transition"]

MAX_TRANSITIONS: Final = 10_000


class Transition(NamedTuple):
    """One thing that has happened.

    Parameters
    ----------
    seq : int
        Its number, from 1 on, without a gap.
    at : float
        When, in seconds of the wall clock.
    entry : str or None
        To which entry; ``None`` where it is about the whole cluster.
    before, after : str or None
        The phases between which it went; ``None`` before the first and after the last.
    reason : str or None
        Why, as one word for a program.
    message : str or None
        Why, in words for a person.
    """

    seq: int
    at: float
    entry: str | None
    before: str | None
    after: str | None
    reason: str | None
    message: str | None


class History:
    """The newest transitions of a cluster.

    Parameters
    ----------
    limit : int
        How many are kept.
    """

    def __init__(self, limit: int = MAX_TRANSITIONS) -> None:
        # Plain tuples of what the garbage collector need not look at.
        self._transitions: deque[tuple[Any, ...]] = deque(maxlen=limit)
        self.seq = 0

    def note(
        self,
        at: float,
        entry: str | None,
        before: str | None,
        after: str | None,
        reason: str | None = None,
        message: str | None = None,
    ) -> None:
        """Add what has just happened; see :class:`Transition`."""
        self.seq += 1
        self._transitions.append((self.seq, at, entry, before, after, reason, message))

    def since(self, seq: int = 0) -> list[Transition]:
        """Return what has happened after number ``seq``, oldest first, as far as it is kept."""
        count = min(self.seq - seq, len(self._transitions))
        newest_first = list(islice(reversed(self._transitions), max(0, count)))
        return [Transition(*one) for one in newest_first[::-1]]
