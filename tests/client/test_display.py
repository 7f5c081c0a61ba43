"""How a cluster is shown: readable, bounded, and with every text escaped."""

from __future__ import annotations

import datetime
import re
from html.parser import HTMLParser
from typing import Any

from speccluster_lab.client.display import MAX_ROWS, as_html, as_text, in_short
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    Condition,
    ConditionStatus,
    Counts,
    Entry,
    EntryPhase,
    Member,
    Owner,
    OwnerKind,
)
from speccluster_lab.spec.models import ClusterSpec

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'&</td><script>alert(2)</script>\x1b[2J"


def _cluster(**more: Any) -> Cluster:
    fields: dict[str, Any] = {
        "id": "brave-otter",
        "display_name": "Brave otter",
        "template": "grouped",
        "owner": Owner(kind=OwnerKind.SERVER),
        "phase": ClusterPhase.RUNNING,
        "generation": 1,
        "observed_generation": 1,
        "created": NOW,
        "counts": Counts(
            entries=1, expected=2, registered=1, nthreads=1, memory_limit=2**30, memory_used=2**20
        ),
        "spec": ClusterSpec(),
        "workers": [
            Entry(
                name="0",
                phase=EntryPhase.DEGRADED,
                message="the scheduler has lost 0-1",
                cls="a.B",
                generation=1,
                members=[
                    Member(name="0-0", address="tls://127.0.0.1:1", nthreads=1),
                    Member(name="0-1"),
                ],
            )
        ],
    }
    return Cluster(**{**fields, **more})


class _Reader(HTMLParser):
    """Collects what a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def _condition(text: str, kind: str, status: ConditionStatus) -> Condition:
    return Condition(type=kind, status=status, reason="R", message=text, since=NOW)


def test_it_says_what_is() -> None:
    cluster = _cluster()
    assert in_short(cluster) == "running, 1 entry, 1 of 2 workers, 1 thread, 1.00 MiB of 1.00 GiB"
    for shown in (as_text(cluster), _Reader(as_html(cluster)).text):
        for part in ("Brave otter", "brave-otter", "0-0", "0-1", "not there", "has lost 0-1"):
            assert part in shown


def test_it_says_why() -> None:
    cluster = _cluster(
        conditions=[
            _condition("not yet", "Ready", ConditionStatus.FALSE),
            _condition("a start fails", "Degraded", ConditionStatus.TRUE),
            _condition("no data is at stake", "DataAtStake", ConditionStatus.FALSE),
        ]
    )
    for shown in (as_text(cluster, "a note"), _Reader(as_html(cluster, "a note")).text):
        assert "a note" in shown
        assert "not yet" in shown
        assert "a start fails" in shown
        assert "no data is at stake" not in shown
    ready = _cluster(conditions=[_condition("all there", "Ready", ConditionStatus.TRUE)])
    assert "all there" not in as_text(ready)


def test_lines_of_a_log_are_lines() -> None:
    said = "a start fails. The end of the host's log:\nno licence\n  0 running: 0\x1b[0m"
    cluster = _cluster(conditions=[_condition(said, "Degraded", ConditionStatus.TRUE)])
    lines = as_text(cluster, "a note").splitlines()
    assert lines[1:5] == [
        "  a note",
        "  a start fails. The end of the host's log:",
        "    no licence",
        "      0 running: 0\ufffd[0m",
    ]
    html = as_html(cluster)
    assert html.index("log:</div>") < html.index("no licence</div>")


def test_names_are_text_and_nothing_else() -> None:
    member = Member(name=HOSTILE, address=HOSTILE, status=HOSTILE)
    entry = Entry(
        name=HOSTILE,
        phase=EntryPhase.BACKOFF,
        reason=HOSTILE,
        message=HOSTILE,
        cls=HOSTILE,
        generation=1,
        members=[member, Member(name=HOSTILE)],
    )
    cluster = _cluster(
        display_name=HOSTILE,
        template=HOSTILE,
        owner=Owner(kind=OwnerKind.NOTEBOOK, detail=HOSTILE),
        workers=[entry],
        unexpected=[member],
        conditions=[_condition(HOSTILE, "Degraded", ConditionStatus.TRUE)],
    )
    plain = _Reader(as_html(_cluster(unexpected=[Member(name="x")]), "a note"))
    hostile = _Reader(as_html(cluster, HOSTILE))
    assert set(hostile.tags) == set(plain.tags)
    assert set(hostile.tags) <= {
        *["div", "strong", "code", "table", "thead", "tbody", "tr", "th", "td"]
    }
    assert hostile.attributes == plain.attributes == {"style", "class", "rowspan"}
    assert hostile.open == []
    assert hostile.text.count("<script>alert(2)</script>") >= 8
    # A terminal is not to be commanded either.
    assert "\x1b" not in as_text(cluster, HOSTILE)


def test_colours_are_the_pages() -> None:
    html = as_html(_cluster())
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", html)
    colours = re.findall(r"(?:color|background)[a-z-]*: ([^;\"]+)", html)
    assert set(colours) <= {"inherit", "none"}


def test_a_large_cluster_is_cut() -> None:
    entries = [
        Entry(
            name=str(number),
            phase=EntryPhase.RUNNING,
            cls="a.B",
            generation=1,
            members=[Member(name=f"{number}-{i}") for i in range(3)],
        )
        for number in range(2000)
    ]
    cluster = _cluster(workers=entries)
    html = as_html(cluster)
    assert html.count("<tr>") == MAX_ROWS + 1
    assert f"and {6000 - MAX_ROWS} rows more" in html
    assert len(as_text(cluster).splitlines()) == MAX_ROWS + 2


def test_an_entry_without_members_has_a_row() -> None:
    entry = Entry(name="none", phase=EntryPhase.PENDING, cls="a.B", generation=1, members=[])
    reader = _Reader(as_html(_cluster(workers=[entry])))
    assert "none" in reader.text
    assert reader.tags.count("td") == 6
