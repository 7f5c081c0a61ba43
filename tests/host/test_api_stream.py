"""The API of a running host: its websocket, and who gets no answer at all."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import jsonpatch
import pytest
from api_answers import refused
from tornado.httpclient import HTTPRequest
from tornado.netutil import Resolver
from tornado.websocket import WebSocketClientConnection, websocket_connect

from speccluster_lab.link.api import _end_stream
from speccluster_lab.link.client import HostClient
from speccluster_lab.spec.api import (
    API_PREFIX,
    Cluster,
    Scale,
)

if TYPE_CHECKING:
    from running_hosts import RunningHost


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
    refused(host.request("GET", prefix=path, headers=UPGRADE | headers), status, code)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/scale")])
def test_browsers_arerefused(host: RunningHost, method: str, path: str) -> None:
    answer = host.request(method, path, {}, headers={"Origin": "http://host"})
    refused(answer, 403, "http_error")


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
