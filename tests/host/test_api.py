"""The API of a running host: its answers, its refusals, and that a refusal costs nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import jsonpatch
import pytest
from tornado.httpclient import HTTPRequest
from tornado.netutil import Resolver
from tornado.websocket import WebSocketClientConnection, websocket_connect

from speccluster_lab.client import connect
from speccluster_lab.errors import EntryNotFound, InvalidInput, StaleGeneration
from speccluster_lab.link.api import _end_stream
from speccluster_lab.link.client import HostClient
from speccluster_lab.spec.api import (
    API_PREFIX,
    Adapt,
    Adaptive,
    Cluster,
    Credentials,
    Event,
    EventsQuery,
    PlanRequest,
    Scale,
)
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_hosts import Answer, RunningHost


@pytest.fixture
def host(shared_host: RunningHost) -> Iterator[RunningHost]:
    """Check that a test leaves the host as it was, and that the host met nothing unexpected."""
    before = shared_host.get()
    yield shared_host
    after = shared_host.get()
    assert after.spec == before.spec
    assert after.phase == "running"
    assert [member.address for member in after.workers[0].members] == [
        member.address for member in before.workers[0].members
    ]
    # distributed has tracebacks and errors of its own in the log when a worker is retired.
    assert re.findall(r" ERROR (?!distributed\.).*", shared_host.log) == []


def _entry(cls: str = "distributed.Worker", **more: Any) -> dict[str, Any]:
    return {"cls": cls, "options": {"nthreads": 2, "memory_limit": "2 GiB"}, **more}


def _refused(answer: Answer, status: int, code: str, field: str | None = None) -> None:
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body["code"] == code
    assert answer.body["message"]
    assert answer.body.get("field") == field
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text


def test_the_cluster(host: RunningHost) -> None:
    answer = host.request("GET")
    assert answer.status == 200
    cluster = Cluster.model_validate(answer.body)
    assert cluster.id == host.id
    assert cluster.display_name == "Test cluster"
    assert cluster.template == "threads"
    assert cluster.created == host.launch.created
    assert [entry.name for entry in cluster.workers] == ["0"]
    assert cluster.counts.registered == cluster.counts.expected == 1
    assert cluster.scheduler.address is not None
    assert cluster.scheduler.address.startswith("tls://127.0.0.1:")
    assert answer.headers["ETag"] == f'"{cluster.generation}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Server"] is None


def test_a_known_etag_is_no_reason_for_silence(host: RunningHost) -> None:
    etag = host.request("GET").headers["ETag"]
    answer = host.request("GET", headers={"If-None-Match": etag})
    assert answer.status == 200
    assert answer.body["id"] == host.id


@pytest.mark.parametrize("nonce", ["", "wrong", "w" * 43, "\u00e9\u00e8", None])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("PUT", "/spec"),
        ("POST", "/scale"),
        ("POST", "/plan"),
        ("PUT", "/adaptive"),
        ("DELETE", "/adaptive"),
        ("POST", "/entries/0/retry"),
        ("POST", "/entries/0/restart"),
        ("GET", "/events"),
        ("GET", "/generations"),
        ("GET", "/logs"),
        ("POST", "/credentials"),
        ("GET", "/nothing"),
    ],
)
def test_who_means_another_host_finds_nothing(
    host: RunningHost, method: str, path: str, nonce: str | None
) -> None:
    value = host.launch.nonce[:-1] if nonce is None else nonce
    answer = host.request(method, path, headers={"X-SpecCluster-Nonce": value})
    _refused(answer, 404, "cluster_not_found")


@pytest.mark.parametrize("id", ["another", "Test-cluster", "..", "%2e%2e", "test-cluster%0a"])
def test_who_means_another_cluster_finds_nothing(host: RunningHost, id: str) -> None:
    answer = host.request("GET", prefix=f"{API_PREFIX}/clusters/{id}")
    _refused(answer, 404, "cluster_not_found")


@pytest.mark.parametrize(
    ("method", "prefix", "status"),
    [
        ("GET", "/", 404),
        ("GET", f"{API_PREFIX}/clusters", 404),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/", 404),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/spec/more", 404),
        ("PUT", f"{API_PREFIX}/clusters/test-cluster", 405),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/credentials", 405),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/scale", 405),
        ("DELETE", f"{API_PREFIX}/clusters/test-cluster/spec", 405),
        ("GET", f"{API_PREFIX}/clusters/test-cluster/plan", 405),
        ("POST", f"{API_PREFIX}/clusters/test-cluster/events", 405),
        ("POST", f"{API_PREFIX}/clusters/test-cluster/entries//retry", 404),
        ("POST", f"{API_PREFIX}/clusters/test-cluster/entries/a/b/retry", 404),
        ("GET", f"{API_PREFIX}/events", 400),
    ],
)
def test_what_is_not_there(host: RunningHost, method: str, prefix: str, status: int) -> None:
    _refused(host.request(method, prefix=prefix), status, "http_error")


MISFIT = {
    "cls": "speccluster_lab.MultiWorker",
    "options": {"processes": 2},
    "group": ["-0"],
}
NO_OBJECTS = [
    b"",
    b"{",
    b"[]",
    b"3",
    b"null",
    b'"text"',
    b"\xff\xfe",
    b'{"entries": NaN}',
    b'{"entries": 1} x',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", NO_OBJECTS, ids=range(len(NO_OBJECTS)))
def test_a_body_that_is_no_object(host: RunningHost, body: bytes) -> None:
    for method, path in (("POST", "/scale"), ("POST", "/plan"), ("PUT", "/adaptive")):
        _refused(host.request(method, path, body), 400, "malformed_body")
    etag = host.request("GET").headers["ETag"]
    answer = host.request("PUT", "/spec", body, headers={"If-Match": etag})
    _refused(answer, 400, "malformed_body")


WRONG_SIZES: list[tuple[object, str | None]] = [
    ({}, None),
    ({"entries": None}, None),
    ({"entries": 1, "workers": 1}, None),
    ({"entries": -1}, "entries"),
    ({"entries": 1.5}, "entries"),
    ({"entries": True}, "entries"),
    ({"entries": "2"}, "entries"),
    ({"entries": 10**9}, "entries"),
    ({"entries": 9}, "entries"),
    ({"workers": 9}, "workers"),
    ({"cores": 18}, "cores"),
    ({"memory": "18 GiB"}, "memory"),
    ({"unknown": 1}, "unknown"),
]


@pytest.mark.parametrize(("body", "field"), WRONG_SIZES)
def test_a_size_that_cannot_be(host: RunningHost, body: object, field: str | None) -> None:
    _refused(host.request("POST", "/scale", body), 422, "invalid_input", field)
    # The plan for it is refused for the same reason.
    inside = "scale" if field is None else f"scale.{field}"
    _refused(host.request("POST", "/plan", {"scale": body}), 422, "invalid_input", inside)


@pytest.mark.parametrize("memory", ["lots", "-1 GB", "1e999 GB", -1, 2**80, [], {}])
def test_a_memory_that_is_none(host: RunningHost, memory: object) -> None:
    answer = host.request("POST", "/scale", {"memory": memory})
    assert answer.status == 422
    assert answer.body["field"].startswith("memory")


@pytest.mark.parametrize(
    ("spec", "code", "field"),
    [
        ({"workers": {"0": {}}}, "invalid_input", "workers.0.cls"),
        ({"workers": {"0": _entry("no dots")}}, "invalid_input", "workers.0.cls"),
        ({"workers": {"0": _entry("os.system")}}, "class_not_allowed", "workers.0.cls"),
        ({"worker": _entry("subprocess.Popen")}, "class_not_allowed", "worker.cls"),
        ({"scheduler": {"cls": "os.system"}}, "class_not_allowed", "scheduler.cls"),
        ({"workers": {"0": _entry("nowhere.Nothing")}}, "invalid_class", "workers.0.cls"),
        ({"workers": {"0": _entry("os.path.join")}}, "invalid_class", "workers.0.cls"),
        (
            {"workers": {"0": _entry() | {"options": {"x": 1}}}},
            "invalid_input",
            "workers.0.options.x",
        ),
        (
            {"workers": {"0": _entry() | {"options": {"preload": "evil"}}}},
            "class_not_allowed",
            "workers.0.options.preload",
        ),
        (
            {"workers": {"0": _entry() | {"options": {"security": {}}}}},
            "class_not_allowed",
            "workers.0.options.security",
        ),
        (
            {"workers": {"0": _entry() | {"options": {"resources": {"password": "***"}}}}},
            "invalid_input",
            "workers.0.options.resources.password",
        ),
        ({"workers": {str(n): _entry() for n in range(9)}}, "invalid_input", "workers"),
        ({"workers": {"0": _entry(group=["-0", "-0"])}}, "invalid_input", "workers.0"),
        ({"workers": {"a": _entry(group=["b"]), "ab": _entry()}}, "invalid_input", None),
        (
            {"workers": {"0": MISFIT}},
            "group_mismatch",
            "workers.0.group",
        ),
        ({"workers": {"0": _entry()}, "more": 1}, "invalid_input", "more"),
        ({"scheduler": {"options": {"port": 1}}}, "invalid_input", "scheduler"),
        ({"workers": {"new\nline": _entry()}}, "invalid_input", "workers.new\nline"),
    ],
)
def test_a_spec_that_cannot_be(
    host: RunningHost, spec: dict[str, Any], code: str, field: str | None
) -> None:
    before = host.request("GET")
    answer = host.request("PUT", "/spec", spec, headers={"If-Match": before.headers["ETag"]})
    _refused(answer, 422, code, field)
    inside = "spec" if field is None else f"spec.{field}"
    _refused(host.request("POST", "/plan", {"spec": spec}), 422, code, inside)
    assert host.request("GET").headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize(
    "value", ["3", "*", 'W/"1"', '"1", "2"', '"-1"', '""', '"1' + "0" * 400 + '"']
)
def test_a_malformed_condition(host: RunningHost, value: str) -> None:
    answer = host.request("PUT", "/spec", {}, headers={"If-Match": value})
    _refused(answer, 400, "malformed_header", "If-Match")


def test_a_change_needs_a_condition(host: RunningHost) -> None:
    _refused(host.request("PUT", "/spec", {}), 428, "precondition_required", "If-Match")


def test_a_stale_change_is_refused(host: RunningHost) -> None:
    generation = host.get().generation
    answer = host.request("PUT", "/spec", {}, headers={"If-Match": f'"{generation + 1}"'})
    _refused(answer, 412, "stale_generation", "If-Match")
    with pytest.raises(StaleGeneration):
        host.ask(lambda client: client.replace_spec(ClusterSpec(), generation - 1))


def test_a_large_body_is_refused(host: RunningHost) -> None:
    body = json.dumps({"entries": 1, "x": "y" * 256 * 1024}).encode()
    _refused(host.request("POST", "/scale", body), 413, "body_too_large")


def test_scale_and_back(host: RunningHost) -> None:
    before = host.get()
    answer = host.request("POST", "/scale", {"cores": 4})
    assert answer.status == 202
    assert answer.body["generation"] == before.generation + 1
    assert answer.headers["ETag"] == f'"{before.generation + 1}"'
    assert list(answer.body["spec"]["workers"]) == ["0", "1"]
    host.until(lambda cluster: cluster.counts.registered == 2)
    host.ask(lambda client: client.scale(Scale(entries=1)))
    settled = host.until(lambda cluster: [one.name for one in cluster.workers] == ["0"])
    assert settled.counts.registered == 1


# -- what a change would do ----------------------------------------------------------------------


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
    _refused(host.request("POST", "/plan", body), 422, "invalid_input", field)


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
    _refused(answer, 422, "invalid_input", "remove")
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


# -- what has happened ---------------------------------------------------------------------------


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
    _refused(host.request("GET", f"/events?{query}"), 422, "invalid_input", field)


# -- trying again --------------------------------------------------------------------------------


def test_retry(host: RunningHost) -> None:
    """Of an entry that is well nothing becomes."""
    before = host.request("GET")
    answer = host.request("POST", "/entries/0/retry")
    assert answer.status == 202
    assert answer.headers["ETag"] == before.headers["ETag"]


@pytest.mark.parametrize("name", ["1", "00", "%20", "%2e%2e", "a%2Fb", "%3Cimg%3E", "x" * 3000])
def test_retry_of_what_is_not_there(host: RunningHost, name: str) -> None:
    for what in ("retry", "restart"):
        _refused(host.request("POST", f"/entries/{name}/{what}", {}), 404, "entry_not_found")
    with pytest.raises(EntryNotFound):
        host.ask(lambda client: client.retry("a/b?c#d"))


# -- adaptive scaling ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"minimum": -1}, "minimum"),
        ({"minimum": True}, "minimum"),
        ({"minimum": "1"}, "minimum"),
        ({"minimum": 1.5}, "minimum"),
        ({"minimum": None}, "minimum"),
        ({"maximum": -1}, "maximum"),
        ({"maximum": 9}, "maximum"),
        ({"maximum": 10**30}, "maximum"),
        ({"minimum": 3, "maximum": 2}, None),
        ({"minimum": 9}, "minimum"),
        ({"minimum": 9, "maximum": 9}, "maximum"),
        ({"interval": "1 s"}, "interval"),
    ],
)
def test_a_range_that_cannot_be(host: RunningHost, body: object, field: str | None) -> None:
    _refused(host.request("PUT", "/adaptive", body), 422, "invalid_input", field)
    assert host.get().adaptive is None


def test_adaptive_scaling(host: RunningHost) -> None:
    answer = host.request("PUT", "/adaptive", {"minimum": 2, "maximum": 3})
    assert answer.status == 202
    assert answer.body["adaptive"] == {"minimum": 2, "maximum": 3}
    host.until(lambda cluster: cluster.counts.registered == 2)
    answer = host.request("PUT", "/adaptive", {"minimum": 1})
    # As many as the cluster may have.
    assert answer.body["adaptive"] == {"minimum": 1, "maximum": 8}
    assert host.get().adaptive == Adaptive(minimum=1, maximum=8)
    for _ in range(2):
        answer = host.request("DELETE", "/adaptive")
        assert (answer.status, answer.body["adaptive"]) == (202, None)
    # Whatever size it has come to by then.
    host.ask(lambda client: client.scale(Scale(entries=1)))
    host.until(lambda cluster: [one.phase for one in cluster.workers] == ["running"])


def test_scaling_by_hand_ends_adaptive_scaling(host: RunningHost) -> None:
    assert host.ask(lambda client: client.adapt(Adapt(minimum=1, maximum=1))).adaptive
    assert host.ask(lambda client: client.scale(Scale(entries=1))).adaptive is None
    last = host.ask(lambda client: client.timeline())[-1]
    assert (last.entry, last.reason) == (None, "AdaptiveEnded")
    assert host.ask(lambda client: client.end_adaptive()).adaptive is None


def test_errors_come_back_as_they_were_raised(host: RunningHost) -> None:
    with pytest.raises(InvalidInput, match="more than the 8") as caught:
        host.ask(lambda client: client.scale(Scale(entries=9)))
    assert caught.value.field == "entries"


def test_credentials(host: RunningHost) -> None:
    answer = host.request("POST", "/credentials", {})
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    given = Credentials.model_validate(answer.body)
    assert given.address == host.get().scheduler.address
    assert "PRIVATE KEY" in given.key
    assert "PRIVATE KEY" not in repr(given)


# -- the websocket -------------------------------------------------------------------------------


class _ToSocket(Resolver):
    def initialize(self, path: str) -> None:
        self._path = path

    async def resolve(self, host: str, port: int, family: int = 0) -> list[tuple[int, Any]]:
        return [(socket.AF_UNIX, self._path)]


async def _listen(host: RunningHost, **headers: str) -> WebSocketClientConnection:
    request = HTTPRequest(
        f"ws://host{API_PREFIX}/events",
        headers={"X-SpecCluster-Nonce": host.launch.nonce, **headers},
    )
    return await websocket_connect(request, resolver=_ToSocket(host.connection.socket))


async def _message(stream: WebSocketClientConnection) -> Any:
    async with asyncio.timeout(30):
        message = await stream.read_message()
    return None if message is None else json.loads(message)


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"X-SpecCluster-Nonce": "wrong"}, 404, "cluster_not_found"),
        ({"Origin": "http://evil.example"}, 403, "http_error"),
        ({"Origin": "http://host"}, 403, "http_error"),
    ],
)
def test_strangers_hear_nothing(
    host: RunningHost, headers: dict[str, str], status: int, code: str
) -> None:
    path = f"{API_PREFIX}/events"
    _refused(host.request("GET", prefix=path, headers=UPGRADE | headers), status, code)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/scale")])
def test_browsers_are_refused(host: RunningHost, method: str, path: str) -> None:
    answer = host.request(method, path, {}, headers={"Origin": "http://host"})
    _refused(answer, 403, "http_error")


def test_patches_lead_from_the_snapshot_to_the_cluster(host: RunningHost) -> None:
    async def main() -> None:
        client = HostClient(host.connection)
        stream = await _listen(host)
        first = await _message(stream)
        assert first["seq"] == 0
        (known,) = first["snapshot"]
        # Every field is there, whatever its value.
        assert set(known) == set(Cluster.model_fields)
        assert known["adaptive"] is None

        async def hear_until(entries: int, seq: int) -> int:
            nonlocal known
            while known["counts"]["registered"] != entries or len(known["workers"]) != entries:
                message = await _message(stream)
                assert message["seq"] == seq + 1
                assert message["cluster"] == host.id
                known = jsonpatch.JsonPatch(message["patch"]).apply(known)
                seq += 1
            return seq

        await client.scale(Scale(entries=3))
        seq = await hear_until(3, 0)
        await client.scale(Scale(entries=1))
        seq = await hear_until(1, seq)
        # One that has found a gap asks for everything.
        await stream.write_message('{"request": "snapshot"}')
        while "snapshot" not in (message := await _message(stream)):
            assert message["seq"] == seq + 1
            seq += 1
        assert message["seq"] == seq + 1
        assert message["snapshot"][0]["spec"] == known["spec"]
        _end_stream(stream)
        client.close()

    asyncio.run(main())


@pytest.mark.parametrize("message", ["", "[]", '{"request": "everything"}', "{", b"\xff"])
def test_a_message_that_is_no_request(host: RunningHost, message: str | bytes) -> None:
    async def main() -> None:
        stream, other = await _listen(host), await _listen(host)
        await _message(stream)
        await _message(other)
        await stream.write_message(message, binary=isinstance(message, bytes))
        while await _message(stream) is not None:
            pass
        assert stream.close_code == 1008
        # Nobody else has noticed.
        await other.write_message('{"request": "snapshot"}')
        while "snapshot" not in await _message(other):
            pass
        _end_stream(stream)
        _end_stream(other)

    asyncio.run(main())


def test_our_own_client_hears_the_same(host: RunningHost) -> None:
    async def first(client: HostClient) -> Any:
        async with aclosing(client.events()) as events:
            return await anext(events)

    event = host.ask(first)
    assert event.snapshot[0].id == host.id


# -- other users ---------------------------------------------------------------------------------

INTRUDER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
caller = socket.socket(socket.AF_UNIX)
caller.settimeout(30)
try:
    caller.connect(sys.argv[1])
except PermissionError:
    print("not connected"); sys.exit()
try:
    path = b"/speccluster-lab/api/v1/clusters/test-cluster"
    nonce = sys.argv[2].encode()
    lines = [b"GET " + path + b" HTTP/1.1", b"Host: host", b"X-SpecCluster-Nonce: " + nonce]
    caller.sendall(b"\\r\\n".join([*lines, b"", b""]))
    print(caller.recv(100))
except (BrokenPipeError, ConnectionResetError):
    print(b"")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to act as another user")
def test_another_user_gets_no_answer(host: RunningHost) -> None:
    path = host.connection.socket

    def intrude() -> str:
        # The nonce is the right one: nothing but the user is wrong.
        command = [sys.executable, "-I", "-c", INTRUDER, path, host.launch.nonce]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()

    assert intrude() == "not connected"
    folder = os.path.dirname(path)
    closed = {path: 0o600, folder: 0o700, os.path.dirname(folder): 0o700}
    try:
        # As on a file system that does not heed modes.
        for place in closed:
            os.chmod(place, 0o777)
        assert intrude() == "b''"
    finally:
        for place, mode in closed.items():
            os.chmod(place, mode)
    assert "user 65534" in host.log
