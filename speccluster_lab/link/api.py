"""The calls of one cluster's API, and what comes back; which way they go is a subclass's.

The host and the Jupyter server serve the same paths, so there is one set of calls for both.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlencode

from pydantic import TypeAdapter, ValidationError
from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, WebSocketError, websocket_connect

from speccluster_lab.errors import HostNotResponding, SpecClusterError
from speccluster_lab.spec.api import (
    Cluster,
    Credentials,
    CredentialsRequest,
    Event,
    EventsQuery,
    Generation,
    Log,
    LogQuery,
    PatchEvent,
    Plan,
    SnapshotEvent,
)
from speccluster_lab.spec.models import WHEN_FIRST_USED

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from tornado.netutil import Resolver

    from speccluster_lab.spec.api import Adapt, PlanRequest, Scale
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["ApiClient"]

T = TypeVar("T")

_ANSWER_BYTES: Final = 64 * 1024 * 1024
_PING_SECONDS: Final = 1.0
_LEAVE_SECONDS: Final = 0.5
# A busy host can be silent for three seconds; after five people want to know.
_SILENCE_SECONDS: Final = 4.5
_CLUSTER: Final = TypeAdapter(Cluster)
_CREDENTIALS: Final = TypeAdapter(Credentials)
_EVENTS: Final = TypeAdapter(list[Event], config=WHEN_FIRST_USED)
_GENERATIONS: Final = TypeAdapter(list[Generation], config=WHEN_FIRST_USED)
_LOG: Final = TypeAdapter(Log)
_PLAN: Final = TypeAdapter(Plan)
_MESSAGES: Final[TypeAdapter[SnapshotEvent | PatchEvent]] = TypeAdapter(
    SnapshotEvent | PatchEvent, config=WHEN_FIRST_USED
)


class ApiClient(ABC):
    """Talks about one cluster; belongs to the event loop on which it is first used.

    Parameters
    ----------
    id : str
        The cluster's.
    base : str
        The URL before the paths of the API, without a slash at its end.
    headers : mapping of str to str
        Of every request: who asks.
    timeout : float
        Seconds that a call may take, from start to end.
    resolver : tornado.netutil.Resolver, optional
        What finds the host of that URL.

    Notes
    -----
    Every call raises :class:`HostNotResponding` when nobody is there or answers in time, and what
    is refused as the class of :mod:`speccluster_lab.errors` that was raised at the other end.
    """

    def __init__(
        self,
        id: str,
        base: str,
        headers: Mapping[str, str],
        timeout: float,
        resolver: Resolver | None = None,
    ) -> None:
        self.id = id
        self.timeout = timeout
        self._base = base
        self._headers = headers
        self._resolver = resolver
        self._http: SimpleAsyncHTTPClient | None = None
        self._cluster = f"/clusters/{id}"

    @property
    @abstractmethod
    def way(self) -> str:
        """How the cluster is reached, for people; holds no secret."""

    @abstractmethod
    async def exists(self) -> bool:
        """Return whether the cluster is still there, answering or not."""

    @abstractmethod
    def events(self) -> AsyncGenerator[SnapshotEvent | PatchEvent]:
        """Yield a snapshot, and then changes in order, for as long as the cluster is there.

        Raises
        ------
        HostNotResponding
            Nobody can be reached, or has answered for some seconds, five at most.
        """

    async def get(self) -> Cluster:
        """Return the cluster as it is."""
        return await self._call(_CLUSTER, "GET", self._cluster)

    async def scale(self, scale: Scale) -> Cluster:
        """Set the size of the cluster."""
        body = scale.model_dump_json(exclude_none=True)
        return await self._call(_CLUSTER, "POST", f"{self._cluster}/scale", body)

    async def replace_spec(self, spec: ClusterSpec, if_generation: int) -> Cluster:
        """Replace the desired state.

        Parameters
        ----------
        spec : ClusterSpec
            The new one.
        if_generation : int
            The generation that the caller has seen.

        Raises
        ------
        StaleGeneration
            The desired state has changed since.
        """
        return await self._call(
            _CLUSTER,
            "PUT",
            f"{self._cluster}/spec",
            spec.model_dump_json(),
            {"If-Match": f'"{if_generation}"'},
        )

    async def plan(self, request: PlanRequest) -> Plan:
        """Return what a change would do; it is not made."""
        body = request.model_dump_json(exclude_none=True)
        return await self._call(_PLAN, "POST", f"{self._cluster}/plan", body)

    async def adapt(self, adapt: Adapt) -> Cluster:
        """Have adaptive scaling keep to a range."""
        body = adapt.model_dump_json()
        return await self._call(_CLUSTER, "PUT", f"{self._cluster}/adaptive", body)

    async def end_adaptive(self) -> Cluster:
        """End adaptive scaling; the cluster keeps its size.

        Raises
        ------
        InvalidInput
            With the entries that it has made, the spec is too large to be stored.
        """
        return await self._call(_CLUSTER, "DELETE", f"{self._cluster}/adaptive")

    async def retry(self, entry: str) -> Cluster:
        """Try an entry again now, whatever its backoff says.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        """
        return await self._call(_CLUSTER, "POST", self._of_entry(entry, "retry"), "{}")

    async def restart_entry(self, entry: str) -> Cluster:
        """Have an entry made anew although its spec says the same; its data moves first.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        """
        return await self._call(_CLUSTER, "POST", self._of_entry(entry, "restart"), "{}")

    def _of_entry(self, entry: str, what: str) -> str:
        return f"{self._cluster}/entries/{quote(entry, safe='')}/{what}"

    async def restart(self) -> Cluster:
        """Begin to close the cluster, whose guard then starts it again as it is wanted."""
        return await self._call(_CLUSTER, "POST", f"{self._cluster}/restart", "{}")

    async def timeline(self, query: EventsQuery | None = None) -> list[Event]:
        """Return what has happened, oldest first, as far as it is kept.

        Parameters
        ----------
        query : EventsQuery, optional
            After which number, and how many at most.
        """
        asked = query or EventsQuery()
        path = f"{self._cluster}/events?since={asked.since}&limit={asked.limit}"
        return await self._call(_EVENTS, "GET", path)

    async def generations(self) -> list[Generation]:
        """Return the desired states that the cluster had before, newest first."""
        return await self._call(_GENERATIONS, "GET", f"{self._cluster}/generations")

    async def log(self, query: LogQuery | None = None) -> Log:
        """Return the end of a log.

        Parameters
        ----------
        query : LogQuery, optional
            Whose, and how much of it; the host's own if not given.

        Raises
        ------
        MemberNotFound
            No worker of this name is there, nor an entry of which there is anything to tell.
        """
        asked = (query or LogQuery()).model_dump(exclude_none=True)
        return await self._call(_LOG, "GET", f"{self._cluster}/logs?{urlencode(asked)}")

    async def stop(self) -> Cluster:
        """Begin to stop the cluster; the host ends when that is done."""
        return await self._call(_CLUSTER, "DELETE", self._cluster)

    async def credentials(self, request: CredentialsRequest | None = None) -> Credentials:
        """Return a client's certificate."""
        body = (request or CredentialsRequest()).model_dump_json(exclude_none=True)
        return await self._call(_CREDENTIALS, "POST", f"{self._cluster}/credentials", body)

    async def _messages(self) -> AsyncGenerator[SnapshotEvent | PatchEvent]:
        """Yield what comes over the stream of events until the other end closes it."""
        # A host that hangs is connected to all the same: the system does that.
        patience = min(self.timeout, _SILENCE_SECONDS)
        request = HTTPRequest(
            f"ws{self._base.removeprefix('http')}/events",
            headers=dict(self._headers),
            connect_timeout=patience,
            request_timeout=patience,
        )
        connecting = asyncio.ensure_future(
            websocket_connect(
                request,
                max_message_size=_ANSWER_BYTES,
                resolver=self._resolver,
            )
        )
        try:
            stream = await asyncio.shield(connecting)
        except HTTPError as error:
            raise self._refusal(error.response) from None
        except (OSError, StreamClosedError, WebSocketError) as error:
            raise self._not_responding(error) from None
        except asyncio.CancelledError:
            # A loop that ends now would leave it open.
            await asyncio.wait({connecting}, timeout=_LEAVE_SECONDS)
            connecting.add_done_callback(_close_stream)
            await asyncio.sleep(0)
            raise
        try:
            while (message := await self._next(stream)) is not None:
                try:
                    yield _MESSAGES.validate_json(message)
                except ValidationError as error:
                    raise self._garbled(error) from None
        finally:
            _end_stream(stream)

    async def _next(self, stream: WebSocketClientConnection) -> str | bytes | None:
        """Return the next message, or nothing once the stream has ended.

        A host that says nothing is asked whether it is there: tornado would do so too, but have
        it five seconds more for its farewell.
        """
        loop = asyncio.get_running_loop()
        last = loop.time()

        def heard(data: bytes) -> None:
            nonlocal last
            last = loop.time()

        stream.on_pong = heard  # type: ignore[method-assign]
        reading = asyncio.ensure_future(stream.read_message())
        while (left := last + _SILENCE_SECONDS - loop.time()) > 0:
            if (await asyncio.wait({reading}, timeout=min(_PING_SECONDS, left)))[0]:
                return reading.result()
            with suppress(WebSocketError):
                stream.ping()
        raise self._not_responding(None)

    def close(self) -> None:
        """Give up what the calls hold; the cluster goes on."""
        if self._http is not None:
            self._http.close()
            self._http = None

    async def _call(
        self,
        answer: TypeAdapter[T],
        method: str,
        path: str,
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> T:
        if self._http is None:
            # Not shared with anybody: the resolver may know one host only.
            self._http = SimpleAsyncHTTPClient(
                force_instance=True,
                resolver=self._resolver,
                max_body_size=_ANSWER_BYTES,
                max_buffer_size=_ANSWER_BYTES,
            )
        request = HTTPRequest(
            f"{self._base}{path}",
            method=method,
            headers={
                **self._headers,
                "Content-Type": "application/json",
                **(headers or {}),
            },
            body=body,
            connect_timeout=self.timeout,
            request_timeout=self.timeout,
            follow_redirects=False,
        )
        try:
            response = await self._http.fetch(request, raise_error=False)
        except (OSError, StreamClosedError, HTTPError) as error:
            raise self._not_responding(error) from None
        if response.code >= 300:
            raise self._refusal(response)
        try:
            return answer.validate_json(response.body)
        except ValidationError as error:
            raise self._garbled(error) from None

    def _refusal(self, response: HTTPResponse | None) -> SpecClusterError:
        if response is None or response.code == 599:
            return self._not_responding(None if response is None else response.error)
        try:
            body = json.loads(response.body)
        except ValueError:
            body = None
        if isinstance(body, dict) and "code" in body:
            return SpecClusterError.from_dict(body)
        return SpecClusterError(f"{self.way} answered {response.code} {response.reason}")

    def _not_responding(self, error: BaseException | None) -> HostNotResponding:
        why = f": {error}" if error is not None and str(error) else ""
        return HostNotResponding(f"cluster {self.id!r} does not answer{why}")

    def _garbled(self, error: ValidationError) -> SpecClusterError:
        return SpecClusterError(
            f"{self.way} answered about cluster {self.id!r} with what this version does not "
            f"understand ({error.error_count()} errors in {error.title})"
        )


def _close_stream(connecting: asyncio.Future[WebSocketClientConnection]) -> None:
    """Close a stream that was opened when nobody waited for it any more."""
    if not connecting.cancelled() and connecting.exception() is None:
        _end_stream(connecting.result())


def _end_stream(stream: WebSocketClientConnection) -> None:
    """Close a stream and its connection at once.

    tornado would keep the connection until the host has answered, which a loop that ends now
    does not see.
    """
    protocol = stream.protocol
    stream.close()
    if protocol is not None and protocol.stream is not None:
        protocol.stream.close()
