"""How a cluster is shown where it is displayed: as text, and as HTML.

Names and messages may be any text, so all of them are escaped. The HTML has no script, and takes
its colours from the page, light or dark.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from speccluster_lab.client.plain import many, plain
from speccluster_lab.spec.api import ConditionStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from speccluster_lab.spec.api import Cluster, Entry, Member

__all__ = [
    "MAX_ROWS",
    "TITLES",
    "as_html",
    "as_rows",
    "as_table",
    "as_text",
    "in_short",
    "member_cells",
    "remarks",
]

MAX_ROWS: Final = 100
TITLES: Final = ("Entry", "Phase", "Worker", "Status", "Threads", "Memory")

_CELL: Final = (
    "text-align: left; vertical-align: top; padding: 2px 12px 2px 0; background: none; "
    "border-top: 1px solid rgba(128, 128, 128, 0.4)"
)


def in_short(cluster: Cluster) -> str:
    """Return a cluster in a few words."""
    counts = cluster.counts
    return (
        f"{cluster.phase.value}, {many(counts.entries, 'entry', 'entries')}, "
        f"{counts.registered} of {many(counts.expected, 'worker', 'workers')}, "
        f"{many(counts.nthreads, 'thread', 'threads')}, "
        f"{_memory(counts.memory_used, counts.memory_limit)}"
    )


def as_text(cluster: Cluster, note: str | None = None) -> str:
    """Return a cluster as lines of text, one for each entry.

    Parameters
    ----------
    cluster : Cluster
        As the host told it.
    note : str, optional
        Why this may not be how it is now.
    """
    lines = [f"{plain(cluster.display_name)} ({cluster.id}): {in_short(cluster)}"]
    lines += [f"  {plain(text)}" for text in remarks(cluster, note)]
    for entry in cluster.workers[:MAX_ROWS]:
        members = ", ".join(plain(_member_in_short(member)) for member in entry.members)
        lines.append(f"  {plain(entry.name)} {entry.phase.value}: {members}")
        if entry.message:
            lines.append(f"    {plain(entry.message)}")
    more = len(cluster.workers) - MAX_ROWS
    if more > 0:
        lines.append(f"  and {many(more, 'entry', 'entries')} more")
    if cluster.unexpected:
        names = ", ".join(plain(member.name) for member in cluster.unexpected[:MAX_ROWS])
        lines.append(f"  unexpected: {names}")
    return "\n".join(lines)


def as_html(cluster: Cluster, note: str | None = None) -> str:
    """Return a cluster as an HTML table of its entries and their members.

    Parameters
    ----------
    cluster : Cluster
        As the host told it.
    note : str, optional
        Why this may not be how it is now.
    """
    rows: list[str] = []
    for entry in cluster.workers:
        rows += _entry_rows(entry)
    for member in cluster.unexpected:
        rows.append(_row(map(_cell, ["", "unexpected", *member_cells(member)])))
    notes = "".join(f"<div>{escape(text)}</div>" for text in remarks(cluster, note))
    return (
        '<div class="speccluster-lab" style="color: inherit">'
        f"<div><strong>{escape(cluster.display_name)}</strong> "
        f"<code>{escape(cluster.id)}</code></div>"
        f"<div>{escape(in_short(cluster))}</div>{notes}"
        f"{_table(TITLES, rows)}</div>"
    )


def as_table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return cells as an HTML table, of which no more is shown than has room on a page.

    Parameters
    ----------
    titles : iterable of str
        Of the columns.
    rows : iterable of iterable of str
        The cells, which may be any text.
    """
    table = _table(titles, [_row(map(_cell, row)) for row in rows])
    return f'<div class="speccluster-lab" style="color: inherit">{table}</div>'


def as_rows(cluster: Cluster) -> Iterator[list[str]]:
    """Yield a row of cells for each member; an entry is named in the first of its own.

    Parameters
    ----------
    cluster : Cluster
        As the host told it.

    Yields
    ------
    list of str
        What stands under :data:`TITLES`, as it is: any text.
    """
    for entry in cluster.workers:
        ours = [entry.name, entry.phase.value]
        for member in entry.members:
            yield [*ours, *member_cells(member)]
            ours = ["", ""]
        if not entry.members:
            yield [*ours, *[""] * (len(TITLES) - len(ours))]
    for member in cluster.unexpected:
        yield ["", "unexpected", *member_cells(member)]


def remarks(cluster: Cluster, note: str | None = None) -> list[str]:
    """Return what a person should know beside the numbers, line by line.

    Parameters
    ----------
    cluster : Cluster
        As the host told it.
    note : str, optional
        What comes first.
    """
    worth_saying = (
        condition.message
        for condition in cluster.conditions
        if (condition.status is ConditionStatus.TRUE) is not (condition.type == "Ready")
    )
    texts = [*([note] if note else []), *worth_saying]
    # One may end with lines of a log: indented, so that they pass for nothing else.
    return [line for text in texts for line in text.replace("\n", "\n  ").split("\n")]


def _entry_rows(entry: Entry) -> list[str]:
    phase = entry.phase.value if not entry.message else f"{entry.phase.value}: {entry.message}"
    span = f'rowspan="{max(1, len(entry.members))}"'
    ours = [_cell(entry.name, span=span), _cell(phase, span=span)]
    if not entry.members:
        return [_row([*ours, *(_cell("") for _ in range(4))])]
    first, *others = [[*map(_cell, member_cells(one))] for one in entry.members]
    return [_row([*ours, *first]), *map(_row, others)]


def member_cells(member: Member) -> list[str]:
    """Return what stands in the columns of a member: name, status, threads and memory."""
    there = member.address is not None
    return [
        member.name,
        member.status or ("running" if there else "not there"),
        "" if member.nthreads is None else str(member.nthreads),
        _memory(member.memory_used, member.memory_limit) if there else "",
    ]


def _member_in_short(member: Member) -> str:
    return member.name if member.address is not None else f"({member.name} is not there)"


def _table(titles: Iterable[str], rows: list[str]) -> str:
    hidden = len(rows) - MAX_ROWS
    more = f"<div>and {many(hidden, 'row', 'rows')} more</div>" if hidden > 0 else ""
    head = "".join(f'<th style="{_CELL}; border-top: none">{title}</th>' for title in titles)
    return (
        '<table style="color: inherit; background: none; border-collapse: collapse; margin: 4px 0">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows[:MAX_ROWS])}</tbody></table>{more}"
    )


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _cell(text: str, *, span: str = "") -> str:
    return f'<td {span} style="{_CELL}">{escape(text)}</td>'


def _memory(used: int | None, limit: int | None) -> str:
    # Takes a moment to be imported, which a shell would wait for that lists something else.
    from dask.utils import format_bytes

    return f"{format_bytes(used or 0)}{f' of {format_bytes(limit)}' if limit else ''}"
