"""The HTTP API of one host, as its socket serves it; paths and models are the Jupyter server's."""

from __future__ import annotations

import logging
import os
import re
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from speccluster_lab.host.handlers import (
    AdaptiveHandler,
    ClusterHandler,
    CredentialsHandler,
    EntryRestartHandler,
    EventsHandler,
    GenerationsHandler,
    LogHandler,
    NoDashboardHandler,
    NotFoundHandler,
    PlanHandler,
    RestartHandler,
    RetryHandler,
    ScaleHandler,
    Served,
    SpecHandler,
    TimelineHandler,
    knows_nonce,
)
from speccluster_lab.spec.api import API_PREFIX

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.iostream import IOStream

__all__ = ["SocketServer", "make_app"]

logger = logging.getLogger(__name__)

_DASHBOARD: Final = re.compile(rf"{API_PREFIX}/clusters/(?P<id>[^/]+)/dashboard(?P<path>/.*)")
_PING_SECONDS: Final = 10.0
_BODY_SECONDS: Final = 30.0
# Of what a reader sends.
_MESSAGE_BYTES: Final = 4096


class SocketServer(HTTPServer):
    """Serves a unix socket to its owner, and to root, and to nobody else.

    The modes of the socket and its folder keep others out already; this holds where a file
    system does not heed them.
    """

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Take a connection; called by tornado."""
        uid = _peer_uid(stream.socket)
        if uid is not None and uid not in (os.geteuid(), 0):
            logger.warning("Refused a connection of user %d", uid)
            stream.close()
            return
        super().handle_stream(stream, address)


def _peer_uid(connection: socket.socket) -> int | None:
    """Return who is at the other end, where the platform tells."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, size))
    return int(uid)


class HostApplication(Application):
    """The API, and below it the application of dask's dashboard.

    Parameters
    ----------
    routes : list
        Of the API.
    host : Served
        What answers.
    **settings
        As tornado takes them.
    """

    def __init__(self, routes: list[Any], host: Served, **settings: Any) -> None:
        super().__init__(routes, **settings)
        self._host = host

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Return what answers a request; called by tornado."""
        found = _DASHBOARD.fullmatch(request.path)
        if found is None or found["id"] != self._host.launch.id or not self._may_see(request):
            return super().find_handler(request, **kwargs)
        dashboard = self._host.dashboard()
        if dashboard is None:
            return super().find_handler(request, **kwargs)
        # Whoever looks at it wants the cluster to be there.
        self._host.stream.asked += 1
        request.path = found["path"]
        request.uri = request.path + (f"?{request.query}" if request.query else "")
        return dashboard(request)

    def _may_see(self, request: HTTPServerRequest) -> bool:
        is_read = request.method == "GET" and "Origin" not in request.headers
        return is_read and knows_nonce(request, self._host)


def _log_request(handler: RequestHandler) -> None:
    status = handler.get_status()
    level = logging.DEBUG if status < 500 else logging.ERROR
    took = 1000 * handler.request.request_time()
    request = handler.request
    logger.log(level, "%d %s %r %.1f ms", status, request.method, request.path, took)


def make_app(host: Served) -> SocketServer:
    """Return the server of ``host``, to which a socket is to be added.

    Parameters
    ----------
    host : Served
        What answers.
    """
    arguments = {"host": host}
    cluster = rf"{API_PREFIX}/clusters/(?P<id>[^/]+)"
    app = HostApplication(
        [
            (cluster, ClusterHandler, arguments),
            (rf"{cluster}/spec", SpecHandler, arguments),
            (rf"{cluster}/scale", ScaleHandler, arguments),
            (rf"{cluster}/plan", PlanHandler, arguments),
            (rf"{cluster}/adaptive", AdaptiveHandler, arguments),
            (rf"{cluster}/entries/(?P<name>[^/]+)/retry", RetryHandler, arguments),
            (rf"{cluster}/entries/(?P<name>[^/]+)/restart", EntryRestartHandler, arguments),
            (rf"{cluster}/restart", RestartHandler, arguments),
            (rf"{cluster}/events", TimelineHandler, arguments),
            (rf"{cluster}/generations", GenerationsHandler, arguments),
            (rf"{cluster}/logs", LogHandler, arguments),
            (rf"{cluster}/credentials", CredentialsHandler, arguments),
            (_DASHBOARD.pattern, NoDashboardHandler, arguments),
            (rf"{API_PREFIX}/events", EventsHandler, arguments),
        ],
        host,
        default_handler_class=NotFoundHandler,
        default_handler_args=arguments,
        log_function=_log_request,
        websocket_ping_interval=_PING_SECONDS,
        websocket_max_message_size=_MESSAGE_BYTES,
    )
    # tornado drops the connection at its limit without a word, so ours, which is said in the
    # answer, comes first.
    return SocketServer(
        app, max_body_size=4 * host.launch.limits.body_bytes, body_timeout=_BODY_SECONDS
    )
