"""Passing a connection on to an application that lives on another event loop.

The API of a published cluster has a loop of its own, and dask's dashboard has the scheduler's. A
request for it is handed over with all that follows on its connection, which is a websocket, or
nothing.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPMessageDelegate
from tornado.iostream import IOStream, StreamClosedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tornado.httputil import (
        HTTPHeaders,
        HTTPServerRequest,
        RequestStartLine,
        ResponseStartLine,
    )
    from tornado.web import Application

__all__ = ["ElsewhereServed", "PassedOn"]

_PART_BYTES: Final = 1 << 16


class ElsewhereServed:
    """Serves connections that are handed to it; all on the loop of the application.

    Parameters
    ----------
    make : callable
        Gives the application.
    """

    def __init__(self, make: Callable[[], Awaitable[Application]]) -> None:
        self._make = make
        self._server: HTTPServer | None = None
        self._taking: set[asyncio.Task[None]] = set()

    def take(self, connection: socket.socket) -> None:
        """Begin to serve a connection, which is closed in the end."""
        task = asyncio.get_running_loop().create_task(self._take(connection))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _take(self, connection: socket.socket) -> None:
        stream = IOStream(connection)
        try:
            application = await self._make()
            # Another one may have been as early.
            if self._server is None:
                self._server = HTTPServer(application)
        except BaseException:
            stream.close()
            raise
        self._server.handle_stream(stream, ("", 0))

    async def close(self) -> None:
        """Close all connections."""
        for task in self._taking:
            task.cancel()
        if self._server is not None:
            await self._server.close_all_connections()


class PassedOn(HTTPMessageDelegate):
    """Hands a request over, and passes on what comes from either side.

    Parameters
    ----------
    request : HTTPServerRequest
        It has no body.
    hand_over : callable
        Takes one end of a connection to where the application is, and returns whether that could
        be done.
    """

    def __init__(
        self, request: HTTPServerRequest, hand_over: Callable[[socket.socket], bool]
    ) -> None:
        self._request = request
        self._hand_over = hand_over

    async def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """Pass on until one of both sides ends; called by tornado, which is to read no more."""
        connection: Any = self._request.connection
        caller: IOStream = connection.detach()
        ours, theirs = socket.socketpair()
        other = IOStream(ours)
        try:
            if not self._hand_over(theirs):
                theirs.close()
                return
            await other.write(self._head(headers))
            passing = [
                asyncio.ensure_future(_pass(*ends)) for ends in ((caller, other), (other, caller))
            ]
            _, rest = await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for one in rest:
                one.cancel()
            await asyncio.wait(passing)
        except StreamClosedError:
            # Its loop has been closed.
            return
        finally:
            other.close()
            caller.close()

    def _head(self, headers: HTTPHeaders) -> bytes:
        lines = [f"{self._request.method} {self._request.uri} HTTP/1.1"]
        # One request each: those to come are the API's to look at.
        if "Upgrade" not in headers:
            headers["Connection"] = "close"
        lines += [f"{name}: {value}" for name, value in headers.get_all()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _pass(source: IOStream, sink: IOStream) -> None:
    with suppress(StreamClosedError):
        while True:
            await sink.write(await source.read_bytes(_PART_BYTES, partial=True))
