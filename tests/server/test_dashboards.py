"""dask's dashboard through the server: it works for its page, and is no way to anywhere else."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from serving import Api, Wait
from test_routes import Caller, logged_in
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from speccluster_lab.link.connections import Connection
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.spec.api import API_PREFIX

SECRETS = ("secret-cookie", "secret-token", "secret-xsrf")
MARKED = {
    "Cookie": "name=secret-cookie",
    "X-XSRFToken": "secret-xsrf",
}


@pytest.fixture
def call(http_server_client: Any, jp_http_port: int) -> Caller:
    return Caller(http_server_client, jp_http_port)


def _path(id: str, below: str) -> str:
    return f"/a%40b{API_PREFIX}/clusters/{id}/dashboard/{below}"


async def test_a_real_one_is_shown_and_lives(
    api: Api,
    wait_for: Wait,
    call: Caller,
    jp_fetch: Any,
    jp_auth_header: dict[str, str],
    no_tracebacks: Callable[[], None],
) -> None:
    await api("POST", "/clusters", {"template": "threads", "name": "Real"})
    cluster = await wait_for("real", "running")
    assert cluster is not None
    assert cluster["scheduler"]["dashboard"]
    await is_shown("real", call, jp_fetch, jp_auth_header)

    await api("DELETE", "/clusters/real")
    await wait_for("real", None)
    status, _ = await call(_path("real", "status"), "GET", False, jp_auth_header)
    assert status == 404
    no_tracebacks()


async def is_shown(id: str, call: Caller, jp_fetch: Any, jp_auth_header: dict[str, str]) -> None:
    """Check that a cluster's dashboard has all that its page needs, and sends what is new."""

    async def get(below: str) -> tuple[int, Any]:
        return await call(_path(id, below), "GET", False, jp_auth_header)

    status, page = await get("status")
    assert status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    text = page.body.decode()
    assert "<title>Dask" in text
    # What it needs is there, below its own path.
    needed = [part.partition('"')[0] for part in text.split('src="')[1:]]
    assert any(one.startswith("static/js/bokeh") for one in needed)
    for one in needed:
        assert (await get(one))[0] == 200, one
    for below in (
        "info/main/workers.html",
        "individual-plots.json",
        "individual-cpu?theme=dark",
    ):
        assert (await get(below))[0] == 200, below

    token = text.partition('"token":"')[2].partition('"')[0]
    browser = {**await logged_in(jp_fetch), "Origin": f"http://127.0.0.1:{call.port}"}
    url = f"ws://127.0.0.1:{call.port}{_path(id, 'status/ws')}"
    with pytest.raises(HTTPClientError) as caught:
        await websocket_connect(
            HTTPRequest(url, headers={**browser, "Origin": "https://evil.example"}),
            subprotocols=["bokeh", token],
        )
    assert caught.value.code == 403
    stream = await websocket_connect(
        HTTPRequest(url, headers=browser), subprotocols=["bokeh", token]
    )
    assert stream.selected_subprotocol == "bokeh"
    await _content_of("ACK", stream)
    for fragment in ('{"msgid": "1", "msgtype": "PULL-DOC-REQ"}', "{}", "{}"):
        await stream.write_message(fragment)
    # The plots may send what has changed meanwhile before they answer.
    document = await _content_of("PULL-DOC-REPLY", stream)
    assert document["doc"]["title"] == "Dask: Status"
    stream.close()


async def _next(stream: Any) -> Any:
    async with asyncio.timeout(30):
        return await stream.read_message()


async def _content_of(kind: str, stream: Any) -> Any:
    """Return the content of the next of Bokeh's messages of a kind, whatever comes before it.

    A message is sent as its header, its metadata and its content, then what it has of binary data.
    """
    header = None
    while not (isinstance(header, dict) and header.get("msgtype") == kind):
        frame = await _next(stream)
        assert frame is not None, f"closed before {kind}"
        header = json.loads(frame) if isinstance(frame, str) else None
    await _next(stream)
    return json.loads(await _next(stream))


class Echo(RequestHandler):
    """Notes what reaches it, and tries to set a cookie or to lead elsewhere."""

    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []

    async def get(self) -> None:
        self.asked.append((self.request.uri or "", dict(self.request.headers)))
        self.set_cookie("name", "of-the-backend")
        if "info" in self.request.path:
            self.redirect("http://169.254.169.254/latest/meta-data/")
            return
        self.write("hello")


class EchoStream(WebSocketHandler):
    """Says what it hears, and what reached it."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return subprotocols[0] if subprotocols else None

    async def open(self, *args: str, **kwargs: str) -> None:
        await self.write_message(json.dumps(dict(self.request.headers)))

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message, binary=isinstance(message, bytes))


@pytest.fixture
def echo(
    manager: ClusterManager,
    own_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    jp_asyncio_loop: Any,
) -> Iterator[type[Echo]]:
    """Let every cluster have a host that is curious."""
    path = own_folders / "echo"

    async def serve() -> HTTPServer:
        server = HTTPServer(Application([(r".*/ws", EchoStream), (r".*", Echo)]))
        server.add_socket(bind_unix_socket(str(path)))
        return server

    server = jp_asyncio_loop.run_until_complete(serve())

    class Host:
        connection = Connection(
            id="curious", pid=1, start_time=0.0, nonce="n" * 20, socket=str(path), version="0"
        )

        async def ask(self, call: Callable[[Any], Awaitable[Any]]) -> Any:
            return await call(self)

    monkeypatch.setattr(manager, "_find", lambda id: Host())
    Echo.asked.clear()
    yield Echo
    server.stop()
    path.unlink()


async def test_it_sees_nothing_that_a_browser_is_known_by(
    echo: type[Echo], call: Caller, jp_auth_header: dict[str, str]
) -> None:
    referer = f"http://127.0.0.1:{call.port}/?token=secret-token"
    headers = {**jp_auth_header, **MARKED, "Referer": referer}
    below = "status?theme=dark&session=secret-token&v=1%0d%0aX:1"
    status, page = await call(_path("curious", below), "GET", False, headers)
    assert (status, page.body) == (200, b"hello")
    # Jupyter's own of the user may be there.
    assert "of-the-backend" not in str(page.headers.get_list("Set-Cookie"))
    ((uri, seen),) = echo.asked
    assert uri == f"{API_PREFIX}/clusters/curious/dashboard/status?theme=dark"
    ours = jp_auth_header["Authorization"].partition(" ")[2]
    for secret in (*SECRETS, ours):
        assert secret not in json.dumps(seen)
    assert not {"Cookie", "Authorization", "X-Xsrftoken", "Referer", "Origin"} & seen.keys()

    request = HTTPRequest(
        f"ws://127.0.0.1:{call.port}{_path('curious', 'status/ws')}", headers=headers
    )
    stream = await websocket_connect(request, subprotocols=["bokeh", "a-token"])
    seen = json.loads(await _next(stream))
    assert seen["Sec-Websocket-Protocol"] == "bokeh,a-token"
    for secret in (*SECRETS, ours):
        assert secret not in json.dumps(seen)
    for message in ("text", b"\x00bytes"):
        await stream.write_message(message, binary=isinstance(message, bytes))
        assert await _next(stream) == message
    stream.close()


@pytest.mark.parametrize(
    "below",
    [
        "info/main/workers.html",
        "proxy/80/169.254.169.254/latest",
        "http://169.254.169.254/latest/",
        "//169.254.169.254/",
        "file:///etc/passwd",
        "../../../clusters",
        "info/../../../spec",
        "info/%2e%2e/%2e%2e/spec",
        "statics/..%2f..%2fspec",
        "static/%2e%2e%5c..%5cspec",
        "status%0d%0aX-Injected:%201",
        "status/",
        "status@evil.example",
        "ws",
    ],
)
async def test_no_path_leads_elsewhere(
    echo: type[Echo], call: Caller, jp_auth_header: dict[str, str], below: str
) -> None:
    status, answer = await call(_path("curious", below), "GET", False, jp_auth_header)
    assert status == 404
    assert "Location" not in answer.headers
    # A redirect has been answered, and was not followed.
    assert [uri.rpartition("/dashboard/")[2] for uri, _ in echo.asked] in ([], [below])
    assert (len(echo.asked) == 1) == (below == "info/main/workers.html")


async def test_its_own_redirects_stay_below_it(
    echo: type[Echo], call: Caller, jp_auth_header: dict[str, str]
) -> None:
    for below, page in (("", "status"), ("info", "info/main/workers.html")):
        status, answer = await call(_path("curious", below), "GET", False, jp_auth_header)
        assert (status, answer.headers["Location"]) == (302, page)
    assert echo.asked == []


@pytest.mark.parametrize("below", ["proxy/ws", "nothing/ws", "%2e%2e/ws"])
async def test_no_stream_leads_elsewhere(
    echo: type[Echo], call: Caller, jp_auth_header: dict[str, str], below: str
) -> None:
    status, _ = await call(_path("curious", below), "GET", True, jp_auth_header)
    assert status == 404


async def test_a_host_that_has_gone_is_said(
    echo: type[Echo], manager: ClusterManager, call: Caller, jp_auth_header: dict[str, str]
) -> None:
    host: Any = manager._find("curious")
    type(host).connection = host.connection.model_copy(update={"socket": "/nowhere"})
    for below, is_stream in (("status", False), ("status/ws", True)):
        status, _ = await call(_path("curious", below), "GET", is_stream, jp_auth_header)
        assert status == 504
