"""What answers the requests to one host, path by path, and who may ask."""

from __future__ import annotations

import asyncio
import hmac
import http
import json
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter
from tornado import iostream
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from speccluster_lab.errors import (
    BodyTooLarge,
    ClusterNotFound,
    InvalidInput,
    SpecClusterError,
)
from speccluster_lab.link.connections import NONCE_HEADER
from speccluster_lab.link.feed import as_message
from speccluster_lab.spec.api import (
    Adapt,
    Cluster,
    CredentialsRequest,
    Event,
    EventsQuery,
    Generation,
    Log,
    LogQuery,
    PlanRequest,
    Scale,
)
from speccluster_lab.spec.models import WHEN_FIRST_USED, ClusterSpec
from speccluster_lab.spec.validation import parse_body, parse_if_match, parse_query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest

    from speccluster_lab.host.control import Control
    from speccluster_lab.host.stream import Stream
    from speccluster_lab.link.feed import Reader
    from speccluster_lab.link.launch import Launch

__all__ = [
    "AdaptiveHandler",
    "ClusterHandler",
    "CredentialsHandler",
    "EntryRestartHandler",
    "EventsHandler",
    "GenerationsHandler",
    "LogHandler",
    "NoDashboardHandler",
    "NotFoundHandler",
    "PlanHandler",
    "RestartHandler",
    "RetryHandler",
    "ScaleHandler",
    "Served",
    "SpecHandler",
    "TimelineHandler",
    "knows_nonce",
]

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

_EVENTS: Final = TypeAdapter(list[Event], config=WHEN_FIRST_USED)
_GENERATIONS: Final = TypeAdapter(list[Generation], config=WHEN_FIRST_USED)


class Served(Protocol):
    """Who owns a cluster, and answers for it; all on the loop of the API."""

    @property
    def launch(self) -> Launch:
        """What was to be run."""

    @property
    def stream(self) -> Stream:
        """The changes of its document."""

    @property
    def sending(self) -> set[asyncio.Task[None]]:
        """Those that send them; each adds and removes itself."""

    def document(self) -> Cluster:
        """Return the cluster as it is."""

    def dashboard(self) -> Callable[[HTTPServerRequest], HTTPMessageDelegate] | None:
        """Return what takes the requests to dask's dashboard, where this process has it."""

    async def ask(self, call: Callable[[Control], Awaitable[T]]) -> T:
        """Return what a call of the cluster gives, once the cluster can be asked."""

    async def events(self, query: EventsQuery) -> list[Event]:
        """Return what has happened, oldest first."""

    async def generations(self) -> list[Generation]:
        """Return the earlier desired states, newest first."""

    async def log(self, query: LogQuery) -> Log:
        """Return the end of a log."""

    async def stop(self) -> None:
        """Begin to stop the cluster; harmless when that has begun already."""

    async def restart(self) -> None:
        """Begin to close the cluster and to start it again; harmless when an end has begun."""


def knows_nonce(request: HTTPServerRequest, host: Served) -> bool:
    """Return whether a request means this host, and not one that was here before."""
    given = request.headers.get(NONCE_HEADER, "")
    # As bytes: compare_digest takes no text beyond ASCII.
    return hmac.compare_digest(given.encode("utf-8", "replace"), host.launch.nonce.encode())


class Handler(RequestHandler):
    """Base of all handlers: knows its caller by the nonce, and says errors in one way."""

    host: Served

    def initialize(self, host: Served) -> None:
        """Take what the application was made for; called by tornado."""
        self.host = host

    def prepare(self) -> None:
        """Refuse browsers, and who means another host or cluster; called before each verb."""
        if "Origin" in self.request.headers:
            raise HTTPError(403)
        meant = knows_nonce(self.request, self.host)
        id = self.path_kwargs.get("id", self.host.launch.id)
        if not meant or id != self.host.launch.id:
            raise ClusterNotFound(f"there is no cluster {id!r} here")
        self.host.stream.asked += 1
        limit = self.host.launch.limits.body_bytes
        if len(self.request.body) > limit:
            raise BodyTooLarge(f"a body may have {limit} bytes")

    def parsed(self, model: type[M]) -> M:
        """Return the request's body as ``model``."""
        return parse_body(model, self.request.body)

    def set_default_headers(self) -> None:
        """Keep answers out of caches, and tornado's version out of answers."""
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> str | None:
        """Return nothing: our ETags are generations, and do not stand for the content."""
        return None

    def check_etag_header(self) -> bool:
        """Return that the caller does not have the content: see :meth:`compute_etag`."""
        return False

    async def change(self, call: Callable[[Control], Awaitable[None]]) -> None:
        """Have the cluster changed, and send it as it is then."""
        await self.host.ask(call)
        await self.answer(self.host.document(), 202)

    async def answer(self, body: BaseModel, status: int = 200) -> None:
        """Send ``body`` and end the request."""
        self.set_status(status)
        if isinstance(body, Cluster):
            self.set_header("ETag", f'"{body.generation}"')
        await self.finish(body.model_dump_json())

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Send an error; called by tornado for whatever a verb raises."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if not isinstance(error, SpecClusterError):
            error = _unexpected(status_code)
        else:
            self.set_status(error.status)
        self.finish(json.dumps(error.to_dict()))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log a refusal as one line, and what nobody expected with its traceback."""
        if isinstance(value, SpecClusterError):
            method, path = self.request.method, self.request.path
            logger.info("Refused %s %r: %s: %r", method, path, value.code, value.message)
        else:
            super().log_exception(typ, value, tb)


class _HttpError(SpecClusterError):
    """An error of HTTP itself, such as an unknown path or a verb that a path does not have."""

    code = "http_error"


def _unexpected(status: int) -> SpecClusterError:
    if status >= 500:
        return SpecClusterError("the cluster's host failed to answer; its log says more")
    return _HttpError(http.HTTPStatus(status).phrase)


class NotFoundHandler(Handler):
    """Whatever has no path of its own."""

    def prepare(self) -> None:
        """Refuse; who does not know the nonce cannot tell this from an unknown cluster."""
        super().prepare()
        raise HTTPError(404)


class ClusterHandler(Handler):
    """The cluster."""

    async def get(self, id: str) -> None:
        """Send the cluster as it is."""
        await self.answer(self.host.document())

    async def delete(self, id: str) -> None:
        """Begin to stop the cluster; it is no error when that has begun already."""
        await self.host.stop()
        await self.answer(self.host.document(), 202)


class SpecHandler(Handler):
    """The desired state."""

    async def put(self, id: str) -> None:
        """Replace it."""
        generation = parse_if_match(self.request.headers.get("If-Match"))
        spec = self.parsed(ClusterSpec)
        await self.change(lambda control: control.replace_spec(spec, generation))


class ScaleHandler(Handler):
    """The size."""

    async def post(self, id: str) -> None:
        """Set it."""
        scale = self.parsed(Scale)
        await self.change(lambda control: control.scale(scale))


class PlanHandler(Handler):
    """What a change would do."""

    async def post(self, id: str) -> None:
        """Send it, and change nothing."""
        request = self.parsed(PlanRequest)
        await self.answer(await self.host.ask(lambda control: control.plan(request)))


class AdaptiveHandler(Handler):
    """Adaptive scaling."""

    async def put(self, id: str) -> None:
        """Have it keep to a range."""
        adapt = self.parsed(Adapt)
        await self.change(lambda control: control.adapt(adapt))

    async def delete(self, id: str) -> None:
        """End it; it is no error when it is off already."""
        await self.change(lambda control: control.end_adaptive())


class RetryHandler(Handler):
    """The next attempt to start an entry."""

    async def post(self, id: str, name: str) -> None:
        """Make it now."""
        await self.change(lambda control: control.retry(name))


class EntryRestartHandler(Handler):
    """The replacement of an entry by one that is made anew."""

    async def post(self, id: str, name: str) -> None:
        """Begin it."""
        await self.change(lambda control: control.restart_entry(name))


class RestartHandler(Handler):
    """The cluster's next start."""

    async def post(self, id: str) -> None:
        """Close the cluster and let it be started again; no error when an end has begun."""
        await self.host.restart()
        await self.answer(self.host.document(), 202)


class TimelineHandler(Handler):
    """What has happened."""

    async def get(self, id: str) -> None:
        """List it."""
        query = parse_query(EventsQuery, self.request.query_arguments)
        await self.finish(_EVENTS.dump_json(await self.host.events(query)))


class GenerationsHandler(Handler):
    """What was wanted before."""

    async def get(self, id: str) -> None:
        """List it."""
        await self.finish(_GENERATIONS.dump_json(await self.host.generations()))


class LogHandler(Handler):
    """What a process of the cluster has written."""

    async def get(self, id: str) -> None:
        """Send the end of it."""
        query = parse_query(LogQuery, self.request.query_arguments)
        await self.answer(await self.host.log(query))


class CredentialsHandler(Handler):
    """A client's certificate: on the host's socket only, which is its owner's only."""

    async def post(self, id: str) -> None:
        """Send it."""
        request = self.parsed(CredentialsRequest)
        await self.answer(await self.host.ask(lambda control: control.credentials(request)))


class NoDashboardHandler(Handler):
    """Dask's dashboard, where it is not served or for a request that it is not for."""

    async def get(self, id: str, path: str) -> None:
        """Refuse."""
        raise HTTPError(404)


class EventsHandler(Handler, WebSocketHandler):
    """The websocket: one snapshot, then patches, and a snapshot whenever the caller asks."""

    _reader: Reader | None = None
    _sending: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Refuse what is no websocket; tornado would say so in plain text."""
        super().prepare()
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise HTTPError(400)

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to send; called by tornado."""
        self.set_nodelay(True)
        self._reader = self.host.stream.feed.open()
        self._sending = asyncio.create_task(self._send(self._reader))
        self.host.sending.add(self._sending)
        self._sending.add_done_callback(self.host.sending.discard)

    async def _send(self, reader: Reader) -> None:
        try:
            async for event in reader:
                await self.write_message(as_message(event))
            self.close(1001, "the cluster has gone")
        except (WebSocketClosedError, iostream.StreamClosedError):
            logger.debug("A reader of the events has gone")
        finally:
            self.host.stream.feed.forget(reader)

    def on_message(self, message: str | bytes) -> None:
        """Take a request for a snapshot; called by tornado."""
        if self._reader is None:
            return
        try:
            self._reader.take(message)
        except InvalidInput as error:
            logger.info("Refused a message: %s", error.code)
            self.close(1008, "only a request for a snapshot is understood here")

    def on_close(self) -> None:
        """Stop sending; called by tornado."""
        if self._reader is not None:
            self.host.stream.feed.forget(self._reader)
