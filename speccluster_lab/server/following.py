"""Following what runs one cluster through its stream of events, and passing calls on to it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from speccluster_lab.errors import HostNotResponding, NotRunning, SpecClusterError
from speccluster_lab.link.client import HostClient
from speccluster_lab.server.absence import unreachable
from speccluster_lab.server.shown import Shown
from speccluster_lab.spec.api import Cluster, ClusterPhase

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable

    from speccluster_lab.link.connections import Connection
    from speccluster_lab.spec.api import Patch

__all__ = ["Follower", "Listener"]

T = TypeVar("T")

_NEXT_BREATH: Final = 0.05
_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 2.0
_STEADY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what becomes of the clusters that are followed.

    Parameters
    ----------
    publish : callable
        Takes a cluster's id and each change.
    forget : callable
        Takes the id when the cluster has gone.
    log : logging.Logger
        Jupyter's.
    """

    publish: Callable[[str, Patch], None]
    forget: Callable[[str], object]
    log: logging.Logger


class Follower(ABC):
    """Follows one cluster, and keeps what has been told of it last.

    Parameters
    ----------
    cluster : Cluster
        What is known before anything is told.
    call_seconds : float
        For the answer to a call.
    listener : Listener
        Who is told of it.
    """

    is_own = False
    """Whether this server has started it, and so stops it when it ends."""

    is_left_over = False
    """Whether it has ended, and is known only because something of it cannot be removed."""

    def __init__(self, cluster: Cluster, call_seconds: float, listener: Listener) -> None:
        self.id = cluster.id
        self._call_seconds = call_seconds
        self._forget = listener.forget
        self._log = listener.log
        self._shown = Shown(cluster, listener.publish)
        self._client: HostClient | None = None
        self._connected = asyncio.Event()
        self._over = asyncio.Event()
        self._wake = asyncio.Event()
        self._has_answered = False
        self._following: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def pushed(self) -> Cluster:
        """The cluster as the published changes have made it."""
        return self._shown.pushed

    @property
    def newest(self) -> Cluster:
        """The cluster as told last, be it by a change or by the answer to a call."""
        return self._shown.newest

    @property
    def answers(self) -> bool:
        """Whether there is a host to be asked that has not fallen silent."""
        return self._client is not None and self.pushed.phase is not ClusterPhase.UNREACHABLE

    @property
    def has_failed(self) -> bool:
        """Whether nobody starts the host again by itself."""
        return self._over.is_set()

    def start(self) -> None:
        """Begin to follow."""
        self._shown.begin()
        self._following = asyncio.create_task(self._follow(), name=f"follow {self.id}")

    async def write(self, call: Callable[[HostClient], Awaitable[Cluster]]) -> Cluster:
        """Pass a change on to the host, and return the cluster as the host then sees it.

        Raises
        ------
        NotRunning
            The host has ended, or the cluster is being stopped.
        HostNotResponding
            It does not answer in time.
        """
        self._refuse_when_stopping()
        return self._shown.answer(await self.ask(call))

    async def ask(self, call: Callable[[HostClient], Awaitable[T]]) -> T:
        """Return what the host answers to a question.

        Raises
        ------
        NotRunning
            The host has ended.
        HostNotResponding
            It does not answer in time.
        """
        return await call(await self._reach())

    @abstractmethod
    async def restart(self) -> Cluster:
        """Have a host that runs closed and started again, and return the cluster."""

    @abstractmethod
    async def stop(self) -> None:
        """Begin to stop the cluster."""

    @abstractmethod
    async def close(self, *, kill: bool) -> None:
        """Let go of the cluster, within a bounded time."""

    @abstractmethod
    async def _follow(self) -> None:
        """Follow the cluster to its end."""

    def _refuse_when_stopping(self) -> None:
        if self._ending is not None:
            raise NotRunning(f"cluster {self.id!r} is being stopped")

    async def _reach(self) -> HostClient:
        assert self._following is not None
        events = [asyncio.ensure_future(one.wait()) for one in (self._connected, self._over)]
        await asyncio.wait(
            {*events, self._following},
            timeout=self._call_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        for one in events:
            one.cancel()
        if self._client is not None:
            return self._client
        if self._over.is_set() or self._following.done():
            raise NotRunning(f"the host of cluster {self.id!r} has ended")
        raise HostNotResponding(f"cluster {self.id!r} does not answer yet")

    async def _follow_host(self, connection: Connection) -> None:
        """Follow a host until it has died, however often its stream breaks off."""
        client = self._client = HostClient(connection, timeout=self._call_seconds)
        self._connected.set()
        try:
            await self._read_until_gone(client)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._connected.clear()
        if self._client is not None:
            self._client.close()
            self._client = None

    def _is_there(self, connection: Connection) -> bool:
        """Return whether what this leads to still runs the cluster."""
        return connection.is_alive()

    async def _read_until_gone(self, client: HostClient) -> None:
        loop = asyncio.get_running_loop()
        pause, failures = _FIRST_RETRY, 0
        while True:
            since = loop.time()
            is_silent = False
            try:
                async with aclosing(client.events()) as events:
                    async for event in events:
                        self._shown.take(event)
                        self._has_answered, failures = True, 0
                message = "the host has closed the stream of its events"
            except HostNotResponding as error:
                message, is_silent = error.message, True
            except SpecClusterError as error:
                message = error.message
            while self._shown.said_goodbye and self._is_there(client.connection):
                await self._pause(_NEXT_BREATH)
            if not self._is_there(client.connection):
                return
            failures += 1
            if is_silent or failures > 1:
                # Once can be a hiccup.
                self._show_unreachable(message)
            if loop.time() - since > _STEADY_SECONDS:
                pause = _FIRST_RETRY
            await self._pause(pause)
            pause = min(pause * 2, _LAST_RETRY)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when there is something new to be done."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _show_unreachable(self, message: str) -> None:
        if self._ending is not None or self.pushed.phase is ClusterPhase.UNREACHABLE:
            return
        self._log.warning("Cluster %r cannot be reached: %r", self.id, message)
        self._shown.replace(unreachable(self.pushed, message))
