"""What a host takes up: each limit that it is told, where it bites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from api_answers import refused

from speccluster_lab.host.store import DESIRED_FILE
from speccluster_lab.link.files import MAX_FILE_BYTES
from speccluster_lab.spec import openapi
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


def test_a_change_that_is_too_large_to_be_read_again_is_not_made(hosts: Hosts) -> None:
    # As large as a request may have it, and each entry is a copy.
    large = {
        "cls": "distributed.Worker",
        "options": {"nthreads": 1, "resources": {"x" * 500_000: 1}},
    }
    small = {"cls": "distributed.Worker", "options": {"nthreads": 1}}
    limits = Limits(body_bytes=1024 * 1024)
    host = hosts.start(spec={"worker": large}, max_workers=64, limits=limits)
    before = host.until_running()
    for change, field in (({"entries": 40}, "entries"), ({"workers": 50}, "workers")):
        answer = host.request("POST", "/scale", change)
        refused(answer, 422, "invalid_input", field)
        assert str(MAX_FILE_BYTES) in answer.body["message"]
        refused(
            host.request("POST", "/plan", {"scale": change}), 422, "invalid_input", f"scale.{field}"
        )
    after = host.get()
    assert (after.generation, after.spec, after.workers) == (before.generation, before.spec, [])
    assert not (host.folder / DESIRED_FILE).exists()
    # It goes on as if that had not been asked for: the next one is made, stored and read again.
    body = {"worker": small, "workers": {"mine": small}}
    headers = {"If-Match": f'"{after.generation}"'}
    assert host.request("PUT", "/spec", body, headers=headers).status == 202
    assert host.request("POST", "/scale", {"entries": 2}).status == 202
    wanted = host.until_running().spec
    assert len(wanted.workers) == 2
    assert host.request("POST", "/restart", {}).status == 202
    host.reconnected()
    assert host.until_running().spec == wanted


LESS_ROOM = """
import sys
from pathlib import Path
from speccluster_lab.host import life
from speccluster_lab.link import files
files.MAX_FILE_BYTES = 60_000
sys.exit(life.run_host(Path(sys.argv[1])))
"""


def test_adaptive_scaling_ends_only_where_what_it_has_made_can_be_stored(hosts: Hosts) -> None:
    # What it makes is not stored while it is on.
    options = {"nthreads": 1, "resources": {"x" * 40_000: 1}}
    spec = {"worker": {"cls": "distributed.Worker", "options": options}}
    host = hosts.start(spec=spec, script=LESS_ROOM)
    host.until_running()
    assert host.request("PUT", "/adaptive", {"minimum": 1, "maximum": 1}).status == 202
    adapting = host.until(lambda cluster: len(cluster.spec.workers) == 1)
    refused(host.request("DELETE", "/adaptive"), 422, "invalid_input")
    # Which is no surprise to who reads what it answers.
    described = openapi.document()["paths"]["/clusters/{id}/adaptive"]["delete"]
    assert "422" in described["responses"]
    assert host.get().adaptive == adapting.adaptive is not None
    # There is room for the form alone.
    assert host.request("POST", "/scale", {"entries": 0}).status == 202
    assert host.get().adaptive is None
