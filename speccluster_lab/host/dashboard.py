"""dask's dashboard without a port: it has no login, so it is served where the API is.

The scheduler makes its HTTP application as ever, and opens nothing for it. The host's socket hands
it the requests below ``…/dashboard/`` of callers that know the host's nonce; pages of browsers
come through a Jupyter server, which knows who asks.

The pages are added when the first one is asked for: bokeh takes as long to import as all else that
a scheduler needs, and as much memory.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import distributed
from distributed.http.routing import RoutingApplication
from tornado.httputil import HTTPMessageDelegate

from speccluster_lab.host.schedulerclass import with_part

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine, ResponseStartLine
    from tornado.web import Application

    from speccluster_lab.cluster import SpecCluster

__all__ = ["HAS_BOKEH", "PROXY", "WhenMade", "dashboard_of", "without_pages", "without_port"]

PROXY: Final = "distributed.http.proxy"
"""The module of those routes that relay to any host and port that a caller names."""

HAS_BOKEH: Final = find_spec("bokeh") is not None
"""Whether there can be pages; without it the scheduler itself has one that says so."""


class _NoServer:
    """What stands for the HTTP server of a scheduler that has none; bokeh asks for its port."""

    port: Final = 0


class _WithoutPort:
    """Makes the HTTP application of a scheduler, and lets somebody else serve it."""

    serves_dashboard: Final = True
    has_pages = False

    def start_http_server(self, routes: Any, *args: Any, **options: Any) -> None:
        """Open no port; called by the scheduler while it is made."""
        # With what would have been opened there, but for what relays to others.
        served = [route for route in routes if route[1].__module__ != PROXY]
        self.http_application = RoutingApplication(served)
        self.http_server = _NoServer()


def without_port(cls: Callable[..., Any]) -> Callable[..., Any]:
    """Return a scheduler class like ``cls`` whose HTTP application has no port.

    Parameters
    ----------
    cls : type
        One whose scheduler is not in this process is returned as it is: it binds its dashboard as
        narrowly as its own options say.
    """
    return with_part(cls, _WithoutPort)


def without_pages(worker: Any) -> None:
    """Have a worker of this process answer nothing at the port that it opens.

    Parameters
    ----------
    worker : object
        It, not started. One that has a process of its own is left as it is: what is configured
        there says whether it has pages.
    """
    if isinstance(worker, distributed.Worker):
        start: Any = worker.start_http_server

        def start_http_server(routes: Any, *args: Any, **options: Any) -> None:
            start([], *args, **options)

        # Not by another class: its owner's is what its owner finds.
        worker.start_http_server = start_http_server  # type: ignore[method-assign]


def dashboard_of(cluster: SpecCluster) -> Callable[[], Awaitable[Application]] | None:
    """Return what gives the HTTP application of a cluster's scheduler, with its pages.

    Nothing where this process is not to serve it.
    """
    scheduler = cluster.scheduler
    if not isinstance(scheduler, distributed.Scheduler):
        return None
    if not isinstance(scheduler, _WithoutPort):
        return _with_port(scheduler)

    async def with_pages() -> Application:
        if HAS_BOKEH and not scheduler.has_pages:
            await asyncio.to_thread(_import_pages)
            _add_pages(scheduler)
        return scheduler.http_application

    return with_pages


def _with_port(scheduler: Any) -> Callable[[], Awaitable[Application]]:
    async def as_it_is() -> Application:
        application: Application = scheduler.http_application
        return application

    return as_it_is


def _import_pages() -> None:
    import distributed.dashboard.scheduler  # noqa: F401


def _add_pages(scheduler: _WithoutPort) -> None:
    from distributed.dashboard.scheduler import connect

    # Another request may have been as early.
    if not scheduler.has_pages:
        scheduler.has_pages = True
        connect(scheduler.http_application, scheduler.http_server, scheduler)


class WhenMade(HTTPMessageDelegate):
    """Has a request answered by an application that may have to be made first.

    Parameters
    ----------
    make : callable
        Gives the application.
    request : HTTPServerRequest
        The request.
    """

    def __init__(
        self, make: Callable[[], Awaitable[Application]], request: HTTPServerRequest
    ) -> None:
        self._make = make
        self._request = request
        self._found: HTTPMessageDelegate | None = None

    async def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """Begin; called by tornado, which reads no further meanwhile."""
        found = (await self._make()).find_handler(self._request)
        self._found = found
        waiting = found.headers_received(start_line, headers)
        if waiting is not None:
            await waiting

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass on a part of the body; called by tornado."""
        return None if self._found is None else self._found.data_received(chunk)

    def finish(self) -> None:
        """Pass on the end; called by tornado."""
        if self._found is not None:
            self._found.finish()

    def on_connection_close(self) -> None:
        """Pass on that nobody waits any more; called by tornado."""
        if self._found is not None:
            self._found.on_connection_close()
