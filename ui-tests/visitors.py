"""Workers that come to the scheduler of a cluster and go again, and that nobody has asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from distributed import Worker

from speccluster_lab import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from labserver import LabServer

__all__ = ["Visitors"]

T = TypeVar("T")

_SECONDS: Final = 30.0


class Visitors:
    """What comes to a cluster's scheduler, and goes, living in one of its workers.

    Parameters
    ----------
    server : LabServer
        The server that has the cluster.
    id : str
        The cluster.
    """

    def __init__(self, server: LabServer, id: str) -> None:
        self._server = server
        self._id = id
        # In a thread of its own: Playwright's loop is in this one.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Visitors:
        self._thread.start()
        self._run(self._connect())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    def come(self, name: str) -> float:
        """Have a worker register, and return when the scheduler noted it, in Unix seconds."""
        return self._run(self._come(name))

    def go(self, name: str) -> float:
        """Have a worker leave, and return when the scheduler noted it, in Unix seconds."""
        return self._run(self._go(name))

    async def _connect(self) -> None:
        url, token = self._server.url, self._server.token
        self._cluster: Any = await connect(self._id, server=url, token=token, asynchronous=True)
        self._client: Any = await self._cluster.get_client()
        # The certificate here is one of a client: they live where there is one of a worker.
        self._host, *_ = (await self._client.scheduler.identity(n_workers=-1))["workers"]

    async def _disconnect(self) -> None:
        await self._client.close()
        await self._cluster.close()

    async def _come(self, name: str) -> float:
        # Within: it is sent as it is, for the cluster does not know this module.
        async def come(name: str, dask_worker: Worker) -> str:
            visitor = await Worker(
                dask_worker.scheduler.address,
                name=name,
                nthreads=1,
                security=dask_worker.security,
                local_directory=dask_worker.local_directory,
            )
            dask_worker.visitors = {name: visitor}
            return str(visitor.address)

        address = await self._at_worker(come, name)
        return await self._when(address, "add-worker")

    async def _go(self, name: str) -> float:
        async def go(name: str, dask_worker: Worker) -> str:
            visitor = dask_worker.visitors.pop(name)
            await visitor.close()
            return str(visitor.address_safe)

        address = await self._at_worker(go, name)
        return await self._when(address, "remove-worker")

    async def _at_worker(self, work: Callable[..., Coroutine[Any, Any, str]], name: str) -> str:
        found = await self._client.run(work, name, workers=[self._host])
        return str(found[self._host])

    async def _when(self, address: str, action: str) -> float:
        events = await self._client.get_events(address)
        return next(float(moment) for moment, event in events if event["action"] == action)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)
