"""The API of a running host: what a change would do, and what has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_answers import refused

from speccluster_lab.client import connect
from speccluster_lab.spec.api import (
    Event,
    EventsQuery,
    PlanRequest,
    Scale,
)

if TYPE_CHECKING:
    from running_hosts import RunningHost

    from speccluster_lab.link.client import HostClient


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"spec": None}, None),
        ({"spec": {}, "scale": {"entries": 1}}, None),
        ({"scale": {"entries": 1}, "remove": []}, None),
        ({"remove": "0"}, "remove"),
        ({"remove": [0]}, "remove.0"),
        ({"remove": ["~holder-0"]}, "remove.0"),
        ({"more": 1}, "more"),
    ],
)
def test_a_plan_for_what_cannot_be(host: RunningHost, body: object, field: str | None) -> None:
    refused(host.request("POST", "/plan", body), 422, "invalid_input", field)


def test_a_plan_changes_nothing(host: RunningHost) -> None:
    before = host.request("GET")
    current = before.body["spec"]
    other = {**current["workers"]["0"], "options": {"nthreads": 1, "memory_limit": "1 GiB"}}

    def plan(**request: Any) -> dict[str, Any]:
        answer = host.request("POST", "/plan", request)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.body
        assert found.pop("at_stake") == {"keys": 0, "nbytes": 0}
        return found

    nothing: dict[str, Any] = {"start": [], "replace": [], "retire": [], "stuck": False}
    assert plan(spec=current) == plan(scale={"entries": 1}) == plan(remove=[]) == nothing
    assert len(plan(scale={"workers": 3})["start"]) == 2
    assert plan(spec={**current, "workers": {"0": other, "b": other}}) | {"stuck": None} == {
        **nothing,
        "replace": ["0"],
        "start": ["b"],
        "stuck": None,
    }
    assert plan(remove=["0"])["retire"] == ["0"]
    answer = host.request("POST", "/plan", {"remove": ["0", "unknown"]})
    refused(answer, 422, "invalid_input", "remove")
    after = host.request("GET")
    assert (after.body["spec"], after.body["generation"]) == (current, before.body["generation"])


def test_a_plan_says_what_data_is_at_stake(host: RunningHost) -> None:
    with connect(host.id) as handle, handle.get_client() as client:
        kept = client.scatter(b"x" * 1_000_000)
        plan = host.ask(lambda c: c.plan(PlanRequest(scale=Scale(entries=0))))
        assert plan.retire == ["0"]
        assert plan.at_stake.keys == 1
        assert 1_000_000 <= plan.at_stake.nbytes < 1_001_000
        assert plan.stuck
        more = host.ask(lambda c: c.plan(PlanRequest(scale=Scale(entries=2))))
        assert (more.at_stake.keys, more.stuck) == (0, False)
        del kept


def test_events(host: RunningHost) -> None:
    answer = host.request("GET", "/events")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    first = answer.body[0]
    assert set(first) == {"seq", "time", "entry", "from", "to", "reason", "message"}
    assert (first["seq"], first["entry"], first["from"], first["to"]) == (1, "0", None, "pending")
    events = [Event.model_validate(one) for one in answer.body]
    assert [one.seq for one in events] == list(range(1, len(events) + 1))
    began = [one.to for one in events if one.entry == "0"][:4]
    assert began == ["pending", "starting", "waiting", "running"]


def test_events_since(host: RunningHost) -> None:
    before = host.ask(lambda client: client.timeline())
    host.ask(lambda client: client.scale(Scale(entries=2)))
    host.until(lambda cluster: cluster.counts.registered == 2)
    host.ask(lambda client: client.scale(Scale(entries=1)))
    host.until(lambda cluster: len(cluster.workers) == 1)

    async def since(client: HostClient) -> list[Event]:
        return await client.timeline(EventsQuery(since=before[-1].seq))

    new = host.ask(since)
    assert [one.seq for one in new] == [before[-1].seq + n for n in range(1, len(new) + 1)]
    (name,) = {one.entry for one in new}
    assert name not in (None, "0")
    assert (new[0].from_, new[-1].to) == (None, None)
    # Each goes on where the one before has ended.
    assert [one.from_ for one in new[1:]] == [one.to for one in new[:-1]]
    limited = host.request("GET", f"/events?since={before[-1].seq}&limit=2&token=x").body
    assert [one["seq"] for one in limited] == [one.seq for one in new[:2]]
    assert host.request("GET", f"/events?since={new[-1].seq}").body == []
    assert host.request("GET", "/events?since=999999999999").body == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=x", "since"),
        ("since=", "since"),
        ("since=-1", "since"),
        ("since=1.5", "since"),
        ("since=1e3", "since"),
        ("since=%ff", "since"),
        ("since=%00", "since"),
        ("since=1&since=x", "since"),
        ("since=" + "9" * 5000, "since"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=all", "limit"),
        ("limit=-5&since=3", "limit"),
    ],
)
def test_a_query_that_cannot_be(host: RunningHost, query: str, field: str) -> None:
    refused(host.request("GET", f"/events?{query}"), 422, "invalid_input", field)
