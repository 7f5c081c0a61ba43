"""The widget of a cluster that runs in this very process.

Found by its name from :mod:`speccluster_lab.cluster.displayed`. The cluster is asked on its own
loop only. One that runs on the kernel's main loop is as silent as that is while a cell runs.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from distributed.core import Status

from speccluster_lab.client.display import as_html, as_text
from speccluster_lab.client.following import INTERVAL, HostSource
from speccluster_lab.client.widget import ClusterWidget, can_show, live_bundle
from speccluster_lab.spec.api import Plan, Stake

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from speccluster_lab.client.following import Source
    from speccluster_lab.spec.api import Adapt, Cluster, PlanRequest, Scale

__all__ = ["OwnWidget"]

T = TypeVar("T")

_LOOK_SECONDS: Final = 1.0


class OwnWidget:
    """Displays one cluster of this process.

    Parameters
    ----------
    cluster : SpecCluster
        The cluster.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._widget: ClusterWidget | None = None

    def bundle(self) -> dict[str, Any]:
        """Return the widget where somebody can see one, and what is shown without."""
        document: Cluster = self._cluster.sync(self._document) if self._is_apart else self._now()
        bundle = {"text/plain": as_text(document), "text/html": as_html(document)}
        if not can_show():
            return bundle
        if self._widget is None or self._widget.comm is None:
            self._widget = ClusterWidget(self._source(), document.model_dump(mode="json"))
        return bundle | live_bundle(self._widget)

    @property
    def _is_apart(self) -> bool:
        """Whether the cluster has a loop in another thread than the one that displays it."""
        return not self._cluster.asynchronous

    async def _document(self) -> Cluster:
        return self._now()

    def _now(self) -> Cluster:
        cluster = self._cluster
        document: Cluster = cluster.as_shown()
        if cluster.published_as is not None:
            # As the panel knows it.
            return document.model_copy(update={"id": cluster.published_as})
        return document

    def _source(self) -> Source:
        id = self._cluster.published_as
        return _OwnSource(self._cluster) if id is None else HostSource(id)


class _OwnSource:
    """A cluster of this process, and the calls that are made of it on its own loop."""

    def __init__(self, cluster: Any) -> None:
        self.name = str(cluster.name)
        self._cluster = cluster
        self._loop: asyncio.AbstractEventLoop = cluster.loop.asyncio_loop

    def calls(self) -> _OwnSource:
        """Return what takes the calls."""
        return self

    async def documents(self) -> AsyncGenerator[Mapping[str, Any]]:
        """Yield the cluster's document after each change, until the cluster has closed."""
        telling = _Telling(self._cluster, asyncio.get_running_loop())
        try:
            self._loop.call_soon_threadsafe(telling.begin)
            while self._cluster.status not in (Status.closed, Status.failed):
                with suppress(TimeoutError):
                    await asyncio.wait_for(telling.changed.wait(), _LOOK_SECONDS)
                if telling.changed.is_set():
                    telling.changed.clear()
                    yield telling.newest
        finally:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(telling.end)

    async def _there(self, call: Callable[[Any], Awaitable[T]]) -> T:
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(_made(call, self._cluster), self._loop)
        )

    async def scale(self, scale: Scale) -> None:
        """Set the size of the cluster."""

        async def call(cluster: Any) -> None:
            cluster.set_entries(cluster.entries_for(scale))

        await self._there(call)

    async def plan(self, request: PlanRequest) -> Plan:
        """Return what a change would do."""
        found = await self._there(lambda cluster: cluster.preview(scale=request.scale))
        return Plan(
            start=list(found.start),
            replace=list(found.replace),
            retire=list(found.retire),
            at_stake=Stake(keys=found.stake.keys, nbytes=found.stake.nbytes),
            stuck=found.stuck,
        )

    async def adapt(self, adapt: Adapt) -> None:
        """Have adaptive scaling keep to a range."""

        async def call(cluster: Any) -> None:
            cluster.adapt(**adapt.model_dump(exclude_none=True))

        await self._there(call)

    async def end_adaptive(self) -> None:
        """End adaptive scaling."""

        async def call(cluster: Any) -> None:
            cluster.end_adaptive()

        await self._there(call)

    async def retry(self, entry: str) -> None:
        """Try an entry again now."""

        async def call(cluster: Any) -> None:
            cluster.retry(entry)

        await self._there(call)

    async def restart_entry(self, entry: str) -> None:
        """Have an entry made anew."""

        async def call(cluster: Any) -> None:
            cluster.restart_entry(entry)

        await self._there(call)


async def _made(call: Callable[[Any], Awaitable[T]], cluster: Any) -> T:
    return await call(cluster)


class _Telling:
    """Carries a cluster's document from its loop to another, at most four times a second."""

    def __init__(self, cluster: Any, to: asyncio.AbstractEventLoop) -> None:
        self.changed = asyncio.Event()
        self.newest: Mapping[str, Any] = {}
        self._cluster = cluster
        self._to = to
        self._due: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def begin(self) -> None:
        """Tell from now on; on the cluster's loop, as the rest."""
        self._unsubscribe = self._cluster.subscribe(self._plan)
        self._report()

    def end(self) -> None:
        """Tell no more."""
        if self._due is not None:
            self._due.cancel()
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _plan(self) -> None:
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(INTERVAL, self._report)

    def _report(self) -> None:
        self._due = None
        document = self._cluster.as_shown().model_dump(mode="json")
        with suppress(RuntimeError):
            self._to.call_soon_threadsafe(self._take, document)

    def _take(self, document: Mapping[str, Any]) -> None:
        self.newest = document
        self.changed.set()
