"""The client of one host: what it sends, and what it makes of every kind of answer."""

import asyncio
import datetime
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    InvalidInput,
    SpecClusterError,
    StaleGeneration,
)
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import Connection
from speccluster_lab.spec.api import (
    API_PREFIX,
    Adapt,
    Cluster,
    ClusterPhase,
    Credentials,
    EntryPhase,
    Event,
    EventsQuery,
    Generation,
    Log,
    LogQuery,
    LogSource,
    Owner,
    OwnerKind,
    PatchEvent,
    Plan,
    PlanRequest,
    Scale,
    SnapshotEvent,
    Stake,
)
from speccluster_lab.spec.models import ClusterSpec

NONCE = "n" * 43
CLUSTER = Cluster(
    id="one",
    display_name="One",
    template=None,
    owner=Owner(kind=OwnerKind.SERVER),
    phase=ClusterPhase.RUNNING,
    generation=1,
    observed_generation=1,
    created=datetime.datetime.now(datetime.UTC),
    spec=ClusterSpec(),
)
PLAN = Plan(start=[], replace=["a"], retire=["0"], at_stake=Stake(keys=1, nbytes=8), stuck=True)
EARLIER = Generation(generation=6, time=CLUSTER.created, spec=CLUSTER.spec)
LOG = Log(source=LogSource.WORKER, lines=["one", "<b>"], complete=True, cursor="worker:")
EVENT = Event(
    seq=8,
    time=CLUSTER.created,
    entry="0",
    from_=None,
    to=EntryPhase.PENDING,
    reason=None,
    message="why",
)
CREDENTIALS = Credentials(address="tls://127.0.0.1:1", ca="a", certificate="b", key="very-secret")


class Server:
    """What the host is to answer, and what it was asked."""

    def __init__(self, path: Path, timeout: float = 1.0) -> None:
        self.path = path
        self.asked: list[tuple[str, str, bytes, str | None, str | None]] = []
        self.status = 200
        self.body: str = CLUSTER.model_dump_json()
        self.messages: list[str] = []
        self.client = HostClient(
            Connection(id="one", pid=1, start_time=1.0, nonce=NONCE, socket=str(path), version="1"),
            timeout=timeout,
        )


class Any_(RequestHandler):
    def initialize(self, server: Server) -> None:
        self.server = server

    def prepare(self) -> None:
        request = self.request
        headers = request.headers
        self.server.asked.append(
            (
                str(request.method),
                str(request.uri),
                request.body,
                headers.get("X-SpecCluster-Nonce"),
                headers.get("If-Match"),
            )
        )
        self.set_status(self.server.status)
        if self.server.status in (301, 302):
            self.set_header("Location", "http://127.0.0.1:9/")
        self.finish(self.server.body)


class Events(WebSocketHandler):
    def initialize(self, server: Server) -> None:
        self.server = server

    async def open(self) -> None:
        assert self.request.headers["X-SpecCluster-Nonce"] == NONCE
        for message in self.server.messages:
            await self.write_message(message)
        self.close()


@asynccontextmanager
async def serving(own_folders: Path) -> AsyncIterator[Server]:
    server = Server(own_folders / "host")
    arguments = {"server": server}
    app = Application([(f"{API_PREFIX}/events", Events, arguments), (".*", Any_, arguments)])
    http = HTTPServer(app)
    http.add_socket(bind_unix_socket(str(server.path), mode=0o600))
    try:
        yield server
    finally:
        server.client.close()
        http.stop()
        await http.close_all_connections()


async def test_what_is_sent(own_folders: Path) -> None:
    async with serving(own_folders) as server:
        client = server.client
        assert await client.get() == CLUSTER
        await client.scale(Scale(entries=3))
        await client.replace_spec(CLUSTER.spec, if_generation=7)
        await client.stop()
        await client.adapt(Adapt(minimum=2))
        await client.end_adaptive()
        await client.retry("a/b?c #d")
        await client.restart_entry("a/b?c #d")
        server.body = PLAN.model_dump_json()
        assert await client.plan(PlanRequest(remove=["0"])) == PLAN
        server.body = f"[{EVENT.model_dump_json()}]"
        assert await client.timeline() == [EVENT]
        assert await client.timeline(EventsQuery(since=7, limit=3)) == [EVENT]
        server.body = f"[{EARLIER.model_dump_json()}]"
        assert await client.generations() == [EARLIER]
        server.body = LOG.model_dump_json()
        assert await client.log() == LOG
        assert await client.log(LogQuery(member="a b&tail=9", tail=2)) == LOG
        server.body = CREDENTIALS.model_dump_json()
        assert await client.credentials() == CREDENTIALS
        where = f"{API_PREFIX}/clusters/one"
        assert [(method, path) for method, path, *_ in server.asked] == [
            ("GET", where),
            ("POST", f"{where}/scale"),
            ("PUT", f"{where}/spec"),
            ("DELETE", where),
            ("PUT", f"{where}/adaptive"),
            ("DELETE", f"{where}/adaptive"),
            ("POST", f"{where}/entries/a%2Fb%3Fc%20%23d/retry"),
            ("POST", f"{where}/entries/a%2Fb%3Fc%20%23d/restart"),
            ("POST", f"{where}/plan"),
            ("GET", f"{where}/events?since=0&limit=1000"),
            ("GET", f"{where}/events?since=7&limit=3"),
            ("GET", f"{where}/generations"),
            ("GET", f"{where}/logs?tail=500"),
            ("GET", f"{where}/logs?member=a+b%26tail%3D9&tail=2"),
            ("POST", f"{where}/credentials"),
        ]
        assert {nonce for *_, nonce, _ in server.asked} == {NONCE}
        assert json.loads(server.asked[1][2]) == {"entries": 3}
        assert ClusterSpec.model_validate_json(server.asked[2][2]) == CLUSTER.spec
        assert json.loads(server.asked[4][2]) == {"minimum": 2, "maximum": None}
        assert json.loads(server.asked[8][2]) == {"remove": ["0"]}
        assert [match for *_, match in server.asked if match is not None] == ['"7"']
        assert "very-secret" not in repr(CREDENTIALS)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (412, {"code": "stale_generation", "message": "it is 3"}, StaleGeneration, "it is 3"),
        (404, {"code": "cluster_not_found", "message": "no"}, ClusterNotFound, "no"),
        (422, {"code": "invalid_input", "message": "no", "field": "a.b"}, InvalidInput, "no"),
        (418, {"code": "of_a_later_version", "message": "tea"}, SpecClusterError, "tea"),
        (500, {"message": "no code"}, SpecClusterError, "answered 500"),
        (502, "<html>", SpecClusterError, "answered 502"),
        (500, [], SpecClusterError, "answered 500"),
        (302, {}, SpecClusterError, "answered 302"),
        (200, "no JSON", SpecClusterError, "does not understand"),
        (200, {"id": "one"}, SpecClusterError, "does not understand"),
    ],
)
async def test_what_a_host_refuses_is_raised_here(
    own_folders: Path, status: int, body: Any, kind: type[SpecClusterError], message: str
) -> None:
    async with serving(own_folders) as server:
        server.status = status
        server.body = body if isinstance(body, str) else json.dumps(body)
        with pytest.raises(SpecClusterError, match=message) as raised:
            await server.client.get()
        assert type(raised.value) is kind
        if isinstance(body, dict) and "field" in body:
            assert raised.value.field == "a.b"


Calls = Callable[[HostClient], Any]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get(),
        lambda client: client.stop(),
        lambda client: client.credentials(),
        lambda client: client.timeline(),
        lambda client: anext(client.events()),
    ],
)
async def test_a_host_that_does_not_answer_is_given_up_in_time(
    own_folders: Path, call: Calls
) -> None:
    path = own_folders / "host"
    client = Server(path).client
    loop = asyncio.get_running_loop()
    with pytest.raises(HostNotResponding):
        await call(client)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        began = loop.time()
        with pytest.raises(HostNotResponding):
            await call(client)
        assert 0.5 < loop.time() - began < 3
    # Nobody listens any more, but the socket's file is still there.
    began = loop.time()
    with pytest.raises(HostNotResponding):
        await call(client)
    assert loop.time() - began < 0.5
    client.close()


async def test_a_host_that_hangs_up_is_not_responding(own_folders: Path) -> None:
    path = own_folders / "host"

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_unix_server(hang_up, path)
    client = Server(path).client
    async with server:
        with pytest.raises(HostNotResponding):
            await client.get()
        with pytest.raises(HostNotResponding):
            await anext(client.events())
    client.close()


async def test_the_events_end_when_the_host_ends_them(own_folders: Path) -> None:
    async with serving(own_folders) as server:
        sent = [
            SnapshotEvent(seq=0, snapshot=[CLUSTER]),
            PatchEvent.model_validate(
                {
                    "seq": 1,
                    "cluster": "one",
                    "patch": [
                        {"op": "move", "from": "/a", "path": "/b"},
                        {"op": "replace", "path": "/template", "value": None},
                    ],
                }
            ),
        ]
        server.messages = [
            event.model_dump_json(by_alias=True, exclude_unset=True) for event in sent
        ]
        async with aclosing(server.client.events()) as events:
            assert [event async for event in events] == sent
        server.messages = ['{"seq": 1}']
        with pytest.raises(SpecClusterError, match="does not understand"):
            await anext(server.client.events())


async def test_the_events_are_refused_like_everything(own_folders: Path) -> None:
    async with serving(own_folders) as server:
        refusing = Application([(".*", Any_, {"server": server})])
        server.status, server.body = 404, '{"code": "cluster_not_found", "message": "no"}'
        http = HTTPServer(refusing)
        path = own_folders / "other"
        http.add_socket(bind_unix_socket(str(path), mode=0o600))
        with pytest.raises(ClusterNotFound):
            await anext(Server(path).client.events())
        http.stop()


async def test_who_stops_waiting_leaves_no_connection(own_folders: Path) -> None:
    asked, may_open, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(WebSocketHandler):
        async def prepare(self) -> None:
            asked.set()
            await may_open.wait()

        def on_close(self) -> None:
            closed.set()

    http = HTTPServer(Application([(".*", Slow)]))
    path = own_folders / "host"
    http.add_socket(bind_unix_socket(str(path), mode=0o600))
    reading = asyncio.ensure_future(anext(Server(path, timeout=60.0).client.events()))
    async with asyncio.timeout(20):
        await asked.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        # The host answers when nobody waits any more.
        may_open.set()
        await closed.wait()
    http.stop()
