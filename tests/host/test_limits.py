"""What a host takes up: each limit that it is told, where it bites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.limits import Limits

if TYPE_CHECKING:
    from running_hosts import Hosts

    from speccluster_lab.spec.api import Event


def starting_at_once(events: list[Event]) -> int:
    """Return how many entries were starting at a time, at most."""
    starting: set[str | None] = set()
    most = 0
    for event in events:
        if event.to is EntryPhase.STARTING:
            starting.add(event.entry)
        elif event.from_ is EntryPhase.STARTING:
            starting.discard(event.entry)
        most = max(most, len(starting))
    return most


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 2), (None, 4)])
def test_no_more_entries_start_at_a_time(hosts: Hosts, limit: int | None, most: int) -> None:
    host = hosts.start(entries=4, limits=Limits(concurrent_starts=limit))
    host.until_running()
    assert starting_at_once(host.ask(lambda client: client.timeline())) == most


def test_a_body_that_is_too_large_is_refused(hosts: Hosts) -> None:
    host = hosts.start(limits=Limits(body_bytes=1024))
    body = {"entries": 1, "memory": "x" * 1024}
    for method, path in (("POST", "/scale"), ("POST", "/plan"), ("PUT", "/adaptive")):
        answer = host.request(method, path, body)
        assert (answer.status, answer.body["code"]) == (413, "body_too_large")
        assert "1024 bytes" in answer.body["message"]
    # One that is just small enough is read, and refused for what it says.
    assert host.request("POST", "/scale", b" " * 1024).status == 400
