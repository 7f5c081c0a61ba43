"""Lists of clusters, events and the like, where they are displayed."""

from __future__ import annotations

import copy
import datetime
import pickle
from typing import Any

import pytest

from speccluster_lab.client.display import MAX_ROWS
from speccluster_lab.client.survey import ClusterSummary
from speccluster_lab.client.tables import MAX_CELL, Clusters, Entries, Events, Generations, Members
from speccluster_lab.spec.api import ClusterPhase, Entry, EntryPhase, Event, Generation, Member
from speccluster_lab.spec.models import ClusterSpec

HOSTILE = "<img src=x onerror=alert(1)> \x1b[31mred\x07\nnext \u202ereversed"
NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)


def event(seq: int = 1, message: str | None = None) -> Event:
    return Event(
        seq=seq,
        time=NOW,
        entry="0",
        from_=EntryPhase.STARTING,
        to=EntryPhase.RUNNING,
        reason=None,
        message=message,
    )


def entry(name: str = "0", message: str | None = None) -> Entry:
    members = [Member(name=f"{name}-0", address="tls://a", nthreads=2), Member(name=f"{name}-1")]
    phase = EntryPhase.DEGRADED
    return Entry(name=name, phase=phase, cls="x.Y", generation=1, members=members, message=message)


def generation() -> Generation:
    worker = {"cls": "x.Y", "options": {"nthreads": 1}}
    spec = ClusterSpec.model_validate({"worker": worker, "workers": {"0": worker, "1": worker}})
    return Generation(generation=3, time=NOW, spec=spec)


def summary(name: str = "My ETL") -> ClusterSummary:
    return ClusterSummary("etl", name, "local", ClusterPhase.RUNNING, 2, 2, 1, 4)


TABLES = [
    (Clusters([summary()]), "etl  My ETL  local     running  2        1 of 2   4"),
    (Events([event()]), f"1   {NOW.astimezone():%Y-%m-%d %H:%M:%S}  0      starting  running"),
    (Generations([generation()]), f"3           {NOW.astimezone():%Y-%m-%d %H:%M:%S}  2"),
    (Entries({"0": entry(message="why")}), "0      degraded  1 of 2   why"),
    (Members({"0-1": Member(name="0-1")}), "0-1     not there"),
]


@pytest.mark.parametrize(("table", "row"), TABLES, ids=lambda one: type(one).__name__)
def test_a_table_has_titles_and_a_row_for_each(table: Any, row: str) -> None:
    titles, *rows = repr(table).splitlines()
    assert titles.split("  ")[0] == type(table).titles[0]
    assert rows == [row]
    html = table._repr_html_()
    assert html.count("<th ") == len(type(table).titles)
    assert html.count("<tr>") == 2
    (one,) = table.values() if isinstance(table, dict) else table
    assert all(f">{cell}</td>" in html for cell in table.cells(one))


@pytest.mark.parametrize("table", [one for one, _ in TABLES], ids=lambda one: type(one).__name__)
def test_it_is_a_list_or_a_dict_as_any_other(table: Any) -> None:
    plain = dict(table) if isinstance(table, dict) else list(table)
    assert table == plain
    for same in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table)):
        assert (same, type(same)) == (table, type(table))
    empty = type(table)()
    assert (repr(empty), empty._repr_html_()) == (repr(type(plain)()), None)


@pytest.mark.parametrize(
    "table",
    [
        Clusters([summary(HOSTILE)]),
        Events([event(message=HOSTILE)]),
        Entries({HOSTILE: entry(HOSTILE, HOSTILE)}),
        Members({HOSTILE: Member(name=HOSTILE, status=HOSTILE, address=HOSTILE)}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_text_of_anybodys_is_text(table: Any) -> None:
    html = table._repr_html_()
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert len(repr(table).splitlines()) == 2
    assert not {"\x1b", "\x07", "\u202e"} & set(html)
    for one in (table, *(table.values() if isinstance(table, dict) else table)):
        assert not {"\x1b", "\x07", "\u202e"} & set(repr(one))


def test_what_is_long_is_shown_in_part() -> None:
    many = [event(seq) for seq in range(1, MAX_ROWS + 4)]
    _, first, *_, last = repr(Events(many)).splitlines()
    assert (first.split()[0], last) == ("4", "and 3 before these")
    assert ">3</td>" not in Events(many)._repr_html_()  # type: ignore[operator]
    found = Entries((str(one), entry(str(one))) for one in range(MAX_ROWS + 1))
    assert repr(found).splitlines()[-1] == "and 1 more"
    html = found._repr_html_()
    assert html is not None
    assert html.endswith("<div>and 1 more</div>")
    assert repr(Events([event(message="x" * 1000)])).endswith(f" {'x' * (MAX_CELL - 1)}…")


def test_one_of_them_is_a_line() -> None:
    time = f"{NOW.astimezone():%Y-%m-%d %H:%M:%S}"
    assert repr(summary()) == "<ClusterSummary 'etl': running, 2 entries, 1 of 2 workers>"
    assert repr(event()) == (
        f"Event(seq=1, time='{time}', entry='0', from_='starting', to='running')"
    )
    assert repr(entry()) == "Entry(name='0', phase='degraded', members='1 of 2')"
    assert repr(generation()) == f"Generation(generation=3, time='{time}', entries=2)"
    assert repr(Member(name="0", nthreads=2)) == "Member(name='0', nthreads=2)"
