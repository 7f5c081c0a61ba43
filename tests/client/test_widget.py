"""The widget: what goes over the wire, what is in the notebook, and that nothing is left."""

from __future__ import annotations

import datetime
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import comm
import comm.base_comm
import distributed
import ipywidgets
import pytest
from running_hosts import hosts_in

from speccluster_lab import SpecCluster, connect
from speccluster_lab.client import widget as widgets
from speccluster_lab.client.rows import changes, rows_of
from speccluster_lab.client.widget import SHOWN_MIME, ClusterWidget, live_bundle
from speccluster_lab.spec.api import (
    Adaptive,
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

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
    from pathlib import Path

    from running_hosts import RunningHost

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'&</td><script>alert(2)</script>"
SECONDS = 30.0


class Wire(comm.base_comm.BaseComm):
    """A kernel's end of a comm, which keeps what it sends."""

    sent: list[dict[str, Any]]

    def publish_msg(self, msg_type: str, data: Any = None, **more: Any) -> None:
        if not hasattr(self, "sent"):
            self.sent = []
        # As it is sent.
        text = json.dumps(data)
        self.sent.append({"type": msg_type, "data": json.loads(text), "bytes": len(text)})


class Told:
    """A source that tells what a test has it tell."""

    name = "told"

    def __init__(self) -> None:
        self._documents: list[Mapping[str, Any]] = []
        self._changed = threading.Event()
        self.asked: list[Any] = []
        self.is_over = False

    def tell(self, document: Mapping[str, Any]) -> None:
        self._documents.append(document)

    async def documents(self) -> AsyncGenerator[Mapping[str, Any]]:
        import asyncio

        while not self.is_over or self._documents:
            while self._documents:
                yield self._documents.pop(0)
            await asyncio.sleep(0.01)

    def calls(self) -> Any:
        return self

    async def retry(self, entry: str) -> None:
        self.asked.append(("retry", entry))


@pytest.fixture(autouse=True)
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process be a kernel as far as widgets see; no thread of one may be left."""
    monkeypatch.setattr(comm, "create_comm", lambda *args, **options: Wire(*args, **options))
    yield
    ipywidgets.Widget.close_all()
    left = [one for one in threading.enumerate() if one.name.startswith("widget of")]
    for thread in left:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in left)


def a_cluster(members: int = 2, name: str = "Brave otter", **more: Any) -> Cluster:
    entries = [
        Entry(
            name=f"{number}",
            phase=EntryPhase.RUNNING,
            cls="a.B",
            generation=1,
            members=[
                Member(
                    name=f"{number}-0",
                    address=f"tls://127.0.0.1:{number}",
                    status="running",
                    nthreads=1,
                    memory_limit=2**30,
                    memory_used=2**26,
                    cpu=0.02,
                    tasks=0,
                )
            ],
        )
        for number in range(members)
    ]
    fields: dict[str, Any] = {
        "id": "brave-otter",
        "display_name": name,
        "template": "grouped",
        "owner": Owner(kind=OwnerKind.SERVER),
        "phase": ClusterPhase.RUNNING,
        "generation": 1,
        "observed_generation": 1,
        "created": NOW,
        "counts": Counts(entries=members, expected=members, registered=members),
        "spec": ClusterSpec(),
        "workers": entries,
    }
    return Cluster(**{**fields, **more})


def as_json(cluster: Cluster) -> dict[str, Any]:
    document: dict[str, Any] = cluster.model_dump(mode="json")
    return document


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def sent(widget: ClusterWidget) -> list[dict[str, Any]]:
    """Return what has been sent since the widget was opened."""
    return [one for one in widget.comm.sent if one["type"] == "comm_msg"]


def hear(widget: ClusterWidget, content: dict[str, Any]) -> None:
    """Have a page say something to the widget."""
    widget._handle_msg(
        {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    )


# -- what has changed ----------------------------------------------------------------------------


def test_only_what_has_changed_is_told() -> None:
    before = rows_of(as_json(a_cluster(3)))
    document = as_json(a_cluster(3))
    document["workers"][1]["members"][0]["tasks"] = 7
    assert changes(before, rows_of(document)) == {"set": {"m1-0": {"tasks": 7}}}
    assert changes(before, before) == {}
    del document["workers"][1]
    assert changes(before, rows_of(document)) == {"gone": ["e1", "m1-0"]}
    added = changes(before, rows_of(as_json(a_cluster(4))))
    assert added is not None
    assert set(added["set"]) == {"", "e3", "m3-0"}
    assert added["set"]["m3-0"]["name"] == "3-0"
    document = as_json(a_cluster(3))
    document["workers"].reverse()
    assert changes(before, rows_of(document)) is None


def test_what_nobody_would_see_is_no_change() -> None:
    before = as_json(a_cluster())
    after = as_json(a_cluster())
    after["workers"][0]["members"][0] |= {"memory_used": 2**26 + 1000, "cpu": 0.0201}
    after["workers"][0]["members"][0]["last_seen"] = "2026-01-01T00:00:00Z"
    assert changes(rows_of(before), rows_of(after)) == {}


def test_problems_and_the_range_are_rows_too() -> None:
    failing = Condition(
        type="Degraded", status=ConditionStatus.TRUE, reason="R", message="it fails", since=NOW
    )
    ready = failing.model_copy(update={"type": "Ready", "message": "all there"})
    cluster = a_cluster(conditions=[failing, ready], adaptive=Adaptive(minimum=1, maximum=4))
    row = rows_of(as_json(cluster))[""]
    assert row["problems"] == ["it fails"]
    assert row["adaptive"] == [1, 4]


def test_no_address_is_told() -> None:
    cluster = a_cluster(unexpected=[Member(name="stranger", address="tls://127.0.0.1:99")])
    text = json.dumps(rows_of(as_json(cluster)))
    assert "stranger" in text
    assert "tls://" not in text


# -- what goes over the wire ---------------------------------------------------------------------


@pytest.mark.parametrize("is_heard", [True, False])
def test_one_of_a_thousand_members_costs_little(is_heard: bool) -> None:
    source = Told()
    widget = ClusterWidget(source, as_json(a_cluster(1000)))
    if is_heard:
        hear(widget, {"here": 0})
    document = as_json(a_cluster(1000))
    document["workers"][500]["members"][0] |= {"memory_used": 2**29, "cpu": 0.97, "tasks": 12}
    document["counts"]["memory_used"] = 2**35
    source.tell(document)
    until(lambda: sent(widget))
    # The same again is nothing new.
    source.tell(document)
    time.sleep(0.5)
    (message,) = sent(widget)
    assert message["bytes"] <= 200
    said = message["data"]["content" if is_heard else "state"]
    patch = said if is_heard else said["news"]
    assert patch["set"]["m500-0"] == {"used": 512, "cpu": 97, "tasks": 12}


def test_at_most_four_a_second() -> None:
    source = Told()
    widget = ClusterWidget(source, as_json(a_cluster()))
    hear(widget, {"here": 0})
    began = time.monotonic()
    for tasks in range(150):
        document = as_json(a_cluster())
        document["workers"][0]["members"][0]["tasks"] = tasks + 1
        source.tell(document)
        time.sleep(0.01)
    until(lambda: widget._rows["m0-0"]["tasks"] == 150)
    messages = sent(widget)
    assert 2 <= len(messages) <= 4 * (time.monotonic() - began) + 2
    assert messages[-1]["data"]["content"]["set"]["m0-0"]["tasks"] == 150
    numbers = [one["data"]["content"]["n"] for one in messages]
    assert numbers == list(range(1, len(messages) + 1))


def test_a_page_that_loads_late_has_missed_nothing() -> None:
    """Until it says that it is there, what has changed since the state is a part of the state."""
    source = Told()
    widget = ClusterWidget(source, as_json(a_cluster()))
    opened = widget.comm.sent[0]["data"]["state"]["shown"]
    for number in (0, 1):
        document = as_json(a_cluster())
        document["workers"][0]["members"][0]["tasks"] = 5
        document["workers"][1]["members"][0]["tasks"] = number
        source.tell(document)
        until(lambda at=number + 1: widget._seq == at)
    assert widget.news["since"] == opened["n"] == 0
    assert widget.news["set"] == {"m0-0": {"tasks": 5}, "m1-0": {"tasks": 1}}
    # A page that is opened later gets it all.
    state = widget.get_state()
    assert state["shown"]["n"] == 2
    assert state["shown"]["rows"]["m0-0"]["tasks"] == 5
    assert state["news"] == {}


def test_a_gap_is_closed_by_everything() -> None:
    source = Told()
    widget = ClusterWidget(source, as_json(a_cluster()))
    hear(widget, {"here": 0})
    assert sent(widget) == []
    source.tell(as_json(a_cluster(3)))
    until(lambda: widget._seq == 1)
    hear(widget, {"here": 0})
    snapshot = sent(widget)[-1]["data"]["content"]
    assert snapshot["n"] == 1
    assert set(snapshot["rows"]) == {"", "e0", "m0-0", "e1", "m1-0", "e2", "m2-0"}
    assert [size[1:] for size in snapshot["sizes"]] == [[2, 2], [3, 3]]


def test_what_is_asked_by_comm_is_carried_out_and_answered() -> None:
    source = Told()
    widget = ClusterWidget(source, as_json(a_cluster()))
    hear(widget, {"ask": 1, "request": {"do": "retry", "entry": HOSTILE}})
    until(lambda: len(sent(widget)) == 2)
    assert [one["data"]["content"] for one in sent(widget)] == [{"taken": 1}, {"answer": 1}]
    assert source.asked == [("retry", HOSTILE)]
    for wrong in ({"do": "format"}, {"do": "scale", "entries": -1}, {"do": "retry"}):
        hear(widget, {"ask": 2, "request": wrong})
        until(lambda: "answer" in sent(widget)[-1]["data"]["content"])
        assert sent(widget)[-1]["data"]["content"]["error"]
        widget.comm.sent.append({"type": "comm_msg", "data": {"content": {}}})
    hear(widget, {"ask": "1", "request": None})
    hear(widget, {})


def test_the_end_of_the_cluster_is_told_and_ends_the_thread() -> None:
    source = Told()
    widget = ClusterWidget(source, as_json(a_cluster()))
    source.is_over = True
    until(lambda: "over" in widget._rows[""])
    assert "gone" in widget._rows[""]["over"]
    assert widget._follower is not None
    widget._follower._thread.join(SECONDS)
    assert not widget._follower._thread.is_alive()
    hear(widget, {"ask": 1, "request": {"do": "retry", "entry": "0"}})
    assert "not followed" in sent(widget)[-1]["data"]["content"]["error"]
    widget.close()


# -- a handle ------------------------------------------------------------------------------------


def test_a_handle_shows_a_widget_and_what_is_shown_without(shared_host: RunningHost) -> None:
    with connect(shared_host.id) as handle:
        bundle = handle._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html", WIDGET_MIME, SHOWN_MIME}
        assert bundle[WIDGET_MIME]["model_id"] == handle.widget.model_id
        assert "<table" in bundle["text/html"]
        # One for all places where it is shown.
        assert handle._repr_mimebundle_()[WIDGET_MIME] == bundle[WIDGET_MIME]
        secrets = [handle.security.tls_client_key, handle.scheduler_address]
        everything = json.dumps([bundle, handle.widget.get_state()])
        assert not any(secret in everything for secret in secrets)
        widget = handle.widget
    assert "handle has been closed" in widget._rows[""]["over"]
    assert WIDGET_MIME not in handle._repr_mimebundle_()


def test_a_widget_scales_and_shows_what_that_brings(shared_host: RunningHost) -> None:
    with connect(shared_host.id) as handle:
        widget = handle.widget
        hear(widget, {"here": 0})
        until(lambda: widget._follower._source._client is not None)
        hear(widget, {"ask": 1, "request": {"do": "scale", "entries": 2}})
        until(lambda: widget._rows[""]["registered"] == 2)
        assert {"answer": 1} in [one["data"].get("content") for one in sent(widget)]
        hear(widget, {"ask": 2, "request": {"do": "scale", "entries": 1}})
        until(lambda: widget._rows[""]["registered"] == widget._rows[""]["expected"] == 1)
        hear(widget, {"ask": 3, "request": {"do": "scale", "entries": 10_000}})
        answers = lambda: [  # noqa: E731
            content
            for one in sent(widget)
            if (content := one["data"].get("content", {})).get("answer") == 3
        ]
        until(answers)
        assert "64" in answers()[0]["error"] or "8" in answers()[0]["error"]


def test_the_same_handle_outside_a_kernel_shows_no_widget(
    shared_host: RunningHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comm, "create_comm", comm._create_comm)
    with connect(shared_host.id) as handle:
        assert set(handle._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert not any(one.name.startswith("widget of") for one in threading.enumerate())


def test_names_are_text_in_what_is_shown_without_a_widget() -> None:
    widget = ClusterWidget(Told(), as_json(a_cluster(name=HOSTILE)))
    assert widget.get_state()["shown"]["rows"][""]["name"] == HOSTILE
    assert HOSTILE not in json.dumps(live_bundle(widget))


def test_its_module_and_style_are_in_the_package() -> None:
    assert "export default" in str(ClusterWidget._esm)
    assert ".speccluster-widget" in str(ClusterWidget._css)
    assert (widgets._STATIC / "widget.js").is_file()


# -- a cluster of this process -------------------------------------------------------------------


@pytest.mark.parametrize("publish", [False, True])
def test_a_cluster_of_this_process_shows_the_same(publish: bool, tmp_path: Path) -> None:
    worker = {"cls": distributed.Worker, "options": {"nthreads": 1}}
    options = {"dashboard": False, "dashboard_address": ":0"}
    with (
        hosts_in(tmp_path),
        SpecCluster(
            workers={"0": worker},
            worker=worker,
            scheduler={"cls": distributed.Scheduler, "options": options},
            name=HOSTILE,
            publish=publish,
        ) as cluster,
    ):
        bundle = cluster._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html", WIDGET_MIME, SHOWN_MIME}
        assert "1 of 1 worker" in bundle["text/plain"]
        assert "<img" not in bundle["text/html"]
        widget = ipywidgets.widgets.widget._instances[bundle[WIDGET_MIME]["model_id"]]
        hear(widget, {"here": 0})
        if publish:
            assert widget._rows[""]["id"] == cluster.published_as
            until(lambda: widget._follower._source._client is not None)
        cluster.scale(2)
        until(lambda: widget._rows[""]["registered"] == 2)
        hear(widget, {"ask": 1, "request": {"do": "scale", "entries": 1}})
        until(lambda: len(cluster.worker_spec) == 1)
        until(lambda: {"answer": 1} in [one["data"].get("content") for one in sent(widget)])
        assert cluster._repr_mimebundle_()[WIDGET_MIME] == bundle[WIDGET_MIME]
    until(lambda: "over" in widget._rows[""])
    assert set(cluster._repr_mimebundle_()) == {"text/plain", "text/html"}
