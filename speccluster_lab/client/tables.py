"""What is listed of clusters where it is displayed: a table, as text and as HTML.

They are lists and dicts as any others. Of those that are long a part is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from speccluster_lab.client.display import MAX_ROWS, as_table, member_cells
from speccluster_lab.client.plain import plain
from speccluster_lab.client.survey import ClusterSummary
from speccluster_lab.spec.api import Entry, Event, Generation, Member

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Clusters", "Entries", "Events", "Generations", "Members"]

MAX_CELL: Final = 100

T = TypeVar("T")


class Table:
    """A collection that is displayed as a table."""

    titles: ClassVar[Sequence[str]]
    newest_last: ClassVar[bool] = False

    def items_shown(self) -> Collection[Any]:
        """Return what has a row each."""
        raise NotImplementedError

    @staticmethod
    def cells(one: Any) -> list[str]:
        """Return what stands under the titles, which may be any text."""
        raise NotImplementedError

    def __repr__(self) -> str:
        rows, hidden = self._rows()
        if not rows:
            return super().__repr__()
        lines = [list(self.titles), *([*map(_short, row)] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([*shown, *([hidden] if hidden else [])])

    def _repr_html_(self) -> str | None:
        rows, hidden = self._rows()
        if not rows:
            return None
        return as_table(self.titles, rows) + (f"<div>{hidden}</div>" if hidden else "")

    def _rows(self) -> tuple[list[list[str]], str]:
        """Return the cells of as many rows as are shown, and a word on those that are not."""
        found = list(self.items_shown())
        hidden = len(found) - MAX_ROWS
        shown, what = found, ""
        if hidden > 0 and self.newest_last:
            shown, what = found[hidden:], f"and {hidden} before these"
        elif hidden > 0:
            shown, what = found[:MAX_ROWS], f"and {hidden} more"
        return [[plain(cell) for cell in self.cells(one)] for one in shown], what


class _Listed(Table, list[T]):
    def items_shown(self) -> Collection[T]:
        return self


class _Named(Table, dict[str, T]):
    def items_shown(self) -> Collection[T]:
        return self.values()


class Clusters(_Listed[ClusterSummary]):
    """The clusters of a user."""

    titles = ("ID", "Name", "Template", "Phase", "Entries", "Workers", "Threads")

    @staticmethod
    def cells(one: ClusterSummary) -> list[str]:
        """Return what stands under the titles."""
        return [
            one.id,
            one.display_name,
            one.template or "",
            one.phase.value,
            str(one.entries),
            f"{one.registered} of {one.expected}",
            str(one.nthreads),
        ]


class Events(_Listed[Event]):
    """What has happened to a cluster, oldest first."""

    titles = ("No", "Time", "Entry", "From", "To", "Reason", "Message")
    newest_last = True

    @staticmethod
    def cells(one: Event) -> list[str]:
        """Return what stands under the titles."""
        return [
            str(one.seq),
            f"{one.time.astimezone():%Y-%m-%d %H:%M:%S}",
            one.entry or "",
            "" if one.from_ is None else one.from_.value,
            "" if one.to is None else one.to.value,
            one.reason or "",
            one.message or "",
        ]


class Generations(_Listed[Generation]):
    """The desired states that a cluster had before, newest first."""

    titles = ("Generation", "Since", "Entries")

    @staticmethod
    def cells(one: Generation) -> list[str]:
        """Return what stands under the titles."""
        since = f"{one.time.astimezone():%Y-%m-%d %H:%M:%S}"
        return [str(one.generation), since, str(len(one.spec.workers))]


class Entries(_Named[Entry]):
    """The entries of a cluster, by name."""

    titles = ("Entry", "Phase", "Workers", "Message")

    @staticmethod
    def cells(one: Entry) -> list[str]:
        """Return what stands under the titles."""
        return [one.name, one.phase.value, one.there, one.message or ""]


class Members(_Named[Member]):
    """The workers of a cluster, by name."""

    titles = ("Worker", "Status", "Threads", "Memory", "Address")

    @staticmethod
    def cells(one: Member) -> list[str]:
        """Return what stands under the titles."""
        return [*member_cells(one), one.address or ""]


def _short(text: str) -> str:
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"
