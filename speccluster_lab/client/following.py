"""Following a cluster from a thread of its own, whatever the kernel's main thread does."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import jsonpatch
from pydantic import ValidationError

from speccluster_lab.client.finding import find
from speccluster_lab.errors import ClusterNotFound, NotRunning, SpecClusterError
from speccluster_lab.spec.api import (
    Adapt,
    PatchEvent,
    PatchOperation,
    PlanRequest,
    Scale,
    SnapshotEvent,
)
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Plan

__all__ = ["Answer", "Calls", "Follower", "HostSource", "Source"]

logger = logging.getLogger(__name__)

Answer = dict[str, Any]

INTERVAL: Final = 0.25
RETRY_SECONDS: Final = 1.0
FIND_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0

_UNKNOWN: Final = "the widget asks for what this version does not know"


class Calls(Protocol):
    """What can be asked of a cluster; :class:`speccluster_lab.link.api.ApiClient` tells more."""

    async def scale(self, scale: Scale) -> object:
        """Set the size of the cluster."""

    async def plan(self, request: PlanRequest) -> Plan:
        """Return what a change would do."""

    async def adapt(self, adapt: Adapt) -> object:
        """Have adaptive scaling keep to a range."""

    async def end_adaptive(self) -> object:
        """End adaptive scaling."""

    async def retry(self, entry: str) -> object:
        """Try an entry again now."""

    async def restart_entry(self, entry: str) -> object:
        """Have an entry made anew."""


class Source(Protocol):
    """Where a widget has its cluster from; belongs to the follower's loop."""

    @property
    def name(self) -> str:
        """What the cluster is called, for the names of threads."""

    def documents(self) -> AsyncGenerator[Mapping[str, Any]]:
        """Yield the cluster's document, as JSON, after each change, until the cluster is gone."""

    def calls(self) -> Calls:
        """Return what takes the calls.

        Raises
        ------
        NotRunning
            Nobody can be reached now.
        """


class HostSource:
    """A cluster that is served, by its host or through a Jupyter server.

    Parameters
    ----------
    id : str
        The cluster's.
    server, token : str, optional
        As :func:`speccluster_lab.connect` takes them.
    """

    def __init__(self, id: str, server: str | None = None, token: str | None = None) -> None:
        self.name = id
        self._server, self._token = server, token
        self._client: ApiClient | None = None

    def calls(self) -> Calls:
        """Return the client of the host."""
        if self._client is None:
            raise NotRunning(f"cluster {self.name!r} cannot be reached now")
        return self._client

    async def documents(self) -> AsyncGenerator[Mapping[str, Any]]:
        """Yield the cluster's document after each change, until the cluster is gone."""
        newest: Mapping[str, Any] | None = None
        try:
            while await self._is_found():
                # It can be silent, or be started again.
                with suppress(SpecClusterError):
                    async with aclosing(self._followed()) as documents:
                        async for document in documents:
                            newest = document
                            yield document
                if newest is not None and await _is_there(self._client):
                    yield {**newest, "phase": "unreachable"}
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            if self._client is not None:
                self._client.close()

    async def _followed(self) -> AsyncGenerator[Mapping[str, Any]]:
        """Yield the cluster's document after each change, while it can be reached."""
        assert self._client is not None
        document: dict[str, Any] = {}
        async with aclosing(self._client.events()) as events:
            async for event in events:
                match event:
                    case SnapshotEvent(snapshot=[cluster]):
                        document = cluster.model_dump(mode="json")
                    case PatchEvent(patch=[PatchOperation(op="remove", path="")]):
                        return
                    case PatchEvent():
                        patch = [
                            one.model_dump(by_alias=True, exclude_unset=True) for one in event.patch
                        ]
                        document = jsonpatch.apply_patch(document, patch, in_place=True)
                    case _:
                        return
                yield document

    async def _is_found(self) -> bool:
        """Find the cluster anew; return whether it is still there."""
        before, self._client = self._client, None
        try:
            while True:
                try:
                    self._client = await find(self.name, FIND_SECONDS, self._server, self._token)
                    return True
                except ClusterNotFound:
                    # Its guard may be about to start it again.
                    if not await _is_there(before):
                        return False
                except SpecClusterError as error:
                    logger.debug("Cluster %r is not reached: %s", self.name, error)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            if before is not None:
                before.close()


async def _is_there(client: ApiClient | None) -> bool:
    """Return whether the cluster of a client is there, as far as anybody says."""
    if client is None:
        return False
    try:
        return await client.exists()
    except SpecClusterError:
        # Who would know does not answer.
        return True


class Follower:
    """Has somebody told how a cluster is, at most four times a second, and calls made of it.

    Parameters
    ----------
    source : Source
        Where the cluster is had from.
    tell : callable
        Is given the cluster's document, in the follower's thread; it may not keep it, for it
        changes.
    over : callable
        Is called once the cluster is gone, in that thread.
    """

    def __init__(
        self,
        source: Source,
        tell: Callable[[Mapping[str, Any]], None],
        over: Callable[[], None],
    ) -> None:
        self._source = source
        self._tell, self._over = tell, over
        self._loop = asyncio.new_event_loop()
        self._following: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Task[None]] = set()
        self._is_stopped = False
        self._thread = threading.Thread(
            target=self._run, name=f"widget of {source.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End, and wait until that is done; harmless when it has ended."""
        self._is_stopped = True
        self._on_loop(self._cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join(STOP_SECONDS)

    def ask(self, request: Mapping[str, Any], answer: Callable[[Answer], None]) -> None:
        """Have something asked of the cluster; called from any thread, and waits for nothing.

        Parameters
        ----------
        request : mapping
            ``do`` says what, the rest with what.
        answer : callable
            Is given what came of it: nothing, an ``error``, or what is at ``stake``.
        """

        async def carry_out() -> None:
            answer(await self._answer(request))

        def begin() -> None:
            task = self._loop.create_task(carry_out())
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

        if not self._on_loop(begin):
            answer({"error": "the cluster is not followed any more"})

    def _on_loop(self, call: Callable[[], object]) -> bool:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            # It has been closed.
            return False
        return True

    def _cancel(self) -> None:
        if self._following is not None:
            self._following.cancel()

    # -- in its thread -----------------------------------------------------------------------

    def _run(self) -> None:
        with (
            asyncio.Runner(loop_factory=lambda: self._loop) as runner,
            suppress(asyncio.CancelledError),
        ):
            runner.run(self._main())

    async def _main(self) -> None:
        self._following = asyncio.current_task()
        if self._is_stopped:
            return
        changed = asyncio.Event()
        newest: Mapping[str, Any] = {}

        async def read() -> None:
            nonlocal newest
            async with aclosing(self._source.documents()) as documents:
                async for document in documents:
                    newest = document
                    changed.set()

        reading = asyncio.ensure_future(read())
        try:
            while not reading.done() or changed.is_set():
                waiting = asyncio.ensure_future(changed.wait())
                try:
                    await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiting.cancel()
                if changed.is_set():
                    changed.clear()
                    self._tell(newest)
                    await asyncio.wait({reading}, timeout=INTERVAL)
            await reading
        except Exception:
            logger.exception("Cluster %r is not followed any more", self._source.name)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        self._over()

    async def _answer(self, request: Mapping[str, Any]) -> Answer:
        try:
            return await self._carry_out(request)
        except ValidationError as error:
            return {"error": invalid_input(error).message}
        except SpecClusterError as error:
            return {"error": error.message}
        except Exception:
            logger.exception("What a widget has asked for has failed")
            return {"error": "it has failed; the kernel's log says why"}

    async def _carry_out(self, request: Mapping[str, Any]) -> Answer:
        calls = self._source.calls()
        match request:
            case {"do": "scale", "entries": entries}:
                scale = Scale(entries=entries)
                if request.get("meant") is not True:
                    plan = await calls.plan(PlanRequest(scale=scale))
                    if plan.stuck and plan.at_stake.keys:
                        return {"stake": [plan.at_stake.keys, plan.at_stake.nbytes]}
                await calls.scale(scale)
            case {"do": "adapt", "minimum": minimum, "maximum": maximum}:
                await calls.adapt(Adapt(minimum=minimum, maximum=maximum))
            case {"do": "end_adaptive"}:
                await calls.end_adaptive()
            case {"do": "retry", "entry": str(entry)}:
                await calls.retry(entry)
            case {"do": "restart", "entry": str(entry)}:
                await calls.restart_entry(entry)
            case _:
                return {"error": _UNKNOWN}
        return {}
