"""Reaching a cluster: connecting to what runs it, asking how it is, leaving it."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from distributed.utils import LoopRunner, NoOpAwaitable, SyncMethodMixin
from distributed.versions import VersionMismatchWarning

from speccluster_lab.client.finding import find
from speccluster_lab.errors import InvalidInput, NotRunning, SpecClusterError
from speccluster_lab.link.interpreters import this_interpreter

if TYPE_CHECKING:
    from collections.abc import Generator

    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Cluster

__all__ = ["CONNECT_SECONDS", "Reaching"]

CONNECT_SECONDS: Final = 10.0
_MOMENT: Final = 0.25
_GLANCE_SECONDS: Final = 1.0


class Reaching(SyncMethodMixin):
    """The part of a handle that connects to its cluster, asks it, and leaves it.

    Parameters
    ----------
    id, server, token, asynchronous, timeout
        As :class:`speccluster_lab.client.ClusterHandle` takes them.
    """

    def __init__(
        self,
        id: str,
        *,
        server: str | None = None,
        token: str | None = None,
        asynchronous: bool = False,
        timeout: float = CONNECT_SECONDS,
    ) -> None:
        if not isinstance(id, str):
            raise InvalidInput(f"{id!r} is no cluster's id, which is text", field="id")
        self.id = id
        self._server, self._token = server, token
        self._asynchronous = asynchronous
        self._timeout = timeout
        self._loop_runner = LoopRunner(asynchronous=asynchronous)
        self._loop_runner.start()
        self.loop = self._loop_runner.loop
        self._host: ApiClient | None = None
        self._cluster: Cluster | None = None
        self._told = 0.0
        self._closed = False

    async def _start(self) -> Self:
        if self._host is None and not self._closed:
            await self._start_once()
        return self

    async def _start_once(self) -> None:
        self._host = await find(self.id, self._timeout, self._server, self._token)
        await self._greet()

    async def _greet(self) -> None:
        """Ask for the first time."""
        _warn_of_versions(await self._refresh())

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._start().__await__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def close(self, timeout: float | None = None) -> Any:
        """Leave the cluster, which goes on.

        Parameters
        ----------
        timeout : float, optional
            Not used; ``Client`` gives it to what it closes.
        """
        self._closed = True
        if self._host is not None:
            self._host.close()
        if self.asynchronous:
            # On the loop itself, which cannot wait for its own end; Client.shutdown comes here
            # with a handle that is not asynchronous, whose owner still has to close it.
            return NoOpAwaitable()
        self._loop_runner.stop()
        return None

    def sync(self, func: Any, *args: Any, **options: Any) -> Any:
        """Call what is to be awaited as the handle is used: wait for it here, or return it."""
        if self._closed:
            # Its loop may have ended, which would say less.
            self._reach()
        return super().sync(func, *args, **options)

    def refresh(self) -> Any:
        """Ask the host how the cluster is; attributes are those of this answer from then on."""
        return self.sync(self._refresh_quietly)

    async def _refresh_quietly(self) -> None:
        await self._refresh()

    async def _refresh(self) -> Cluster:
        self._cluster = cluster = await self._reach().get()
        self._told = time.monotonic()
        return cluster

    def _reach(self) -> ApiClient:
        if self._closed:
            raise NotRunning(f"this handle of cluster {self.id!r} has been closed")
        if self._host is None:
            raise NotRunning(f"this handle of cluster {self.id!r} has not been awaited")
        return self._host

    def _now(self) -> Cluster:
        self._reach()
        if not self.asynchronous:
            self.sync(self._refresh)
        if self._cluster is None:
            raise NotRunning(f"this handle of cluster {self.id!r} has not been awaited")
        return self._cluster

    def _last_known(self) -> Cluster | None:
        """Return how the cluster is, or was when it is not told at once. Never fails."""
        if self._host is not None and not self._closed and not self.asynchronous:
            # Whoever looks at it may be a debugger that has stopped all other threads.
            with suppress(SpecClusterError, TimeoutError):
                self.sync(self._refresh, callback_timeout=_GLANCE_SECONDS)
        return self._cluster

    def _just_now(self) -> Cluster:
        """Return the last answer where it is of this moment, for what is asked many times."""
        if self._cluster is not None and time.monotonic() - self._told < _MOMENT:
            self._reach()
            return self._cluster
        return self._now()


def _warn_of_versions(cluster: Cluster) -> None:
    """Say before anything fails in an odd way that the two sides differ."""
    here = this_interpreter()
    theirs = {} if cluster.environment is None else cluster.environment.versions
    differ = [
        f"{name} {version} there and {here.versions[name]} here"
        for name, version in theirs.items()
        if here.versions.get(name, version) != version
    ]
    if differ:
        warnings.warn(
            f"cluster {cluster.id!r} runs with other versions: {', '.join(differ)}",
            VersionMismatchWarning,
            stacklevel=2,
        )
