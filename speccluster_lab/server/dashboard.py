"""dask's dashboard of a cluster, by the cluster's id, for those who may see the cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from speccluster_lab.server.handlers import ApiErrors, SpecClusterHandler
from speccluster_lab.spec.api import API_PREFIX

if TYPE_CHECKING:
    from tornado.websocket import WebSocketClientConnection

__all__ = ["DASHBOARD_ROUTES"]

_MESSAGE_BYTES: Final = 1024 * 1024
# The redirects of the dashboard itself, none of which is followed or passed on.
_LEADS_TO: Final = {"": "status", "info": "info/main/workers.html"}
# What bokeh's pages need: they have scripts of their own, and make functions of text for what they
# show at the pointer. They load nothing from elsewhere, and nobody else shows them.
_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)


class DashboardHandler(SpecClusterHandler):
    """A page of the dashboard, or what it is made of."""

    @web.authenticated
    @authorized
    async def get(self, id: str, path: str) -> None:
        """Send it."""
        below = _below(self.request.path)
        if below in _LEADS_TO:
            self.redirect(_LEADS_TO[below])
            return
        query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        page = await self.manager.dashboard_page(id, below, query)
        # Tornado's ETag of it saves sending what a browser has already.
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", _POLICY)
        await self.finish(page.body, set_content_type=page.content_type)


class DashboardStreamHandler(ApiErrors, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """The websocket of a page of the dashboard."""

    _stream: WebSocketClientConnection | None = None
    _passing: asyncio.Task[None] | None = None

    @property
    def max_message_size(self) -> int:
        """Bytes that a message from the page may have; asked by tornado."""
        return _MESSAGE_BYTES

    @ws_authenticated
    @authorized
    async def get(self, id: str, path: str) -> None:
        """Check the caller, find the other end, and only then change the protocol."""
        if not self.check_origin():
            raise web.HTTPError(403, "this page may not read the dashboards of this server")
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise web.HTTPError(400, "this path is a websocket")
        named = self.request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = [one.strip() for one in named.split(",") if one.strip()]
        self._stream = await self.manager.dashboard_stream(id, _below(self.request.path), protocols)
        await super().get()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Return the protocol that the other end has chosen; asked by tornado."""
        return None if self._stream is None else self._stream.selected_subprotocol

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to pass on what the dashboard sends; called by tornado."""
        super().open(*args, **kwargs)
        if self._stream is not None:
            self._passing = asyncio.create_task(self._pass_on(self._stream))

    async def _pass_on(self, stream: WebSocketClientConnection) -> None:
        try:
            while (message := await stream.read_message()) is not None:
                await self.write_message(message, binary=isinstance(message, bytes))
        except (WebSocketClosedError, StreamClosedError):
            self.log.debug("A page of a dashboard has gone")
        finally:
            stream.close()
            self.close()

    async def on_message(self, message: str | bytes) -> None:
        """Pass on what the page sends; called by tornado, which reads no further meanwhile."""
        if self._stream is not None:
            try:
                await self._stream.write_message(message, binary=isinstance(message, bytes))
            except (WebSocketClosedError, StreamClosedError):
                self.close()

    def on_connection_close(self) -> None:
        """Let go of the other end, also where the protocol was never changed; called by tornado."""
        self._let_go()
        super().on_connection_close()

    def on_close(self) -> None:
        """Let go of the other end; called by tornado."""
        self._let_go()
        super().on_close()

    def _let_go(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def get_compression_options(self) -> dict[str, Any] | None:
        """Return Jupyter's setting; asked by tornado."""
        options: dict[str, Any] | None = self.settings.get("websocket_compression_options")
        return options


def _below(path: str) -> str:
    """Return what a request's path says below the dashboard's own, as it came."""
    return path.partition(API_PREFIX)[2].partition("/dashboard/")[2]


_DASHBOARD: Final = rf"{API_PREFIX}/clusters/([^/]+)/dashboard"

DASHBOARD_ROUTES: Final[list[tuple[str, type[JupyterHandler]]]] = [
    (rf"{_DASHBOARD}/([^/]+/ws)", DashboardStreamHandler),
    (rf"{_DASHBOARD}/(.*)", DashboardHandler),
]
"""Paths below Jupyter's base URL."""
