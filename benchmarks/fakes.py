"""Workers in memory, and the schedulers that they register with.

A worker here is one object and costs next to nothing, so that what is measured is the cluster
class. Everything between a scheduler and a cluster is the real thing: a server on a TCP socket,
its calls, and its stream of workers that come and go.
"""

from __future__ import annotations

import asyncio
import itertools
from time import time
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary

import distributed
from distributed.batched import BatchedSend
from distributed.comm.core import Comm, CommClosedError
from distributed.core import Server, Status
from distributed.scheduler import WorkerState

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Hashable, Iterable

    from dask.typing import Key

__all__ = ["FakeScheduler", "FakeWorker", "RealScheduler", "Register"]

MEMORY_LIMIT = 4 << 30
# What the real scheduler reads of a worker's report.
METRICS = {
    "bandwidth": {"total": 1e8, "workers": {}, "types": {}},
    "digests_total_since_heartbeat": {},
    "memory": 100 << 20,
    "spilled_bytes": {"memory": 0, "disk": 0},
}
# It insists on port numbers.
PORTS = range(10_000, 60_000)

_by_address: WeakValueDictionary[str, Register] = WeakValueDictionary()


class Register(Protocol):
    """What a worker here, and a benchmark, need of a scheduler."""

    workers: Any
    gate: asyncio.Event
    release: asyncio.Event
    closings: int

    @property
    def address(self) -> str:
        """Where it listens."""

    def new_address(self) -> str:
        """Return an address that no other worker has."""

    async def enlist(self, worker: FakeWorker) -> None:
        """Take a worker on; done when the scheduler has it."""

    def dismiss(self, worker: FakeWorker) -> None:
        """Let go of a worker that has closed; unknown ones are none of its business."""

    def lose(self, addresses: Iterable[str]) -> None:
        """Lose the connections to some workers, all at once."""


class FakeWorker:
    """A worker that is an entry in its scheduler's books, and nothing else.

    Parameters
    ----------
    scheduler : str
        The address of a scheduler of this module.
    name : hashable, optional
        The name that it registers under.
    delay : float
        Seconds that its start takes.
    hangs : bool
        Whether its start does not end before the scheduler's ``release`` is set.
    **options
        Kept, to be looked at.
    """

    def __init__(
        self,
        scheduler: str,
        name: Any = None,
        *,
        delay: float = 0.0,
        hangs: bool = False,
        **options: Any,
    ) -> None:
        self.name = name
        self.options = options
        self.status = Status.created
        self._delay = delay
        self._hangs = hangs
        self._scheduler = _by_address[scheduler]
        self.worker_address = self._scheduler.new_address()
        # As in distributed.deploy.spec.ProcessInterface: the stock class awaits more than once.
        self._lock = asyncio.Lock()

    def __await__(self) -> Generator[Any, None, FakeWorker]:
        return self._start().__await__()

    async def _start(self) -> FakeWorker:
        async with self._lock:
            if self.status is Status.created:
                self.status = Status.starting
                if self._hangs:
                    await self._scheduler.release.wait()
                if not self._scheduler.gate.is_set():
                    await self._scheduler.gate.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                # It may have been closed meanwhile.
                if self.status is Status.starting:
                    await self._scheduler.enlist(self)
                    self.status = Status.running
        return self

    async def close(self) -> None:
        """Close it; the scheduler loses it too if it has not retired it before."""
        if self.status is not Status.closed:
            self.status = Status.closed
            self._scheduler.closings += 1
            self._scheduler.dismiss(self)


class FakeScheduler(distributed.Scheduler):
    """A scheduler that knows its workers and answers what a cluster asks; it runs no tasks.

    It is a ``distributed.Scheduler``, as the one that a cluster runs in its own process is: who
    reads and calls such a one without a message does so here.
    """

    def __init__(self) -> None:
        self.workers: dict[str, WorkerState] = {}
        self.aliases: dict[Hashable, str] = {}
        self.stream_comms = {}
        self.tasks = {}
        self.clients = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.release = asyncio.Event()
        self.closings = 0
        self._watchers: list[BatchedSend] = []
        self._metadata: dict[tuple[Key, ...], Any] = {}
        self._serial = itertools.count()
        self._started = time()
        # Not the real one's: there is nothing here of what it sets up.
        Server.__init__(
            self,
            {
                "adaptive_target": self.adaptive_target,
                "get_logs": self.get_logs,
                "get_metadata": self.get_metadata,
                "has_what": self.get_has_what,
                "nbytes": self.get_nbytes,
                "retire_workers": self.retire_workers,
                "set_metadata": self.set_metadata,
                "subscribe_worker_status": self.subscribe_worker_status,
                "terminate": self.close,
                "unregister": self.remove_worker,
                "who_has": self.get_who_has,
                "worker_logs": self.get_worker_logs,
                "workers_to_close": self.workers_to_close,
            },
            needs_workdir=False,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.workers)} workers>"

    async def start_unsafe(self) -> FakeScheduler:
        """Listen."""
        await Server.start_unsafe(self)
        await self.listen("tcp://127.0.0.1:0")  # type: ignore[no-untyped-call]
        _by_address[self.address] = self
        return self

    async def close(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the stock signature
        reason: str = "",
    ) -> None:
        """Stop listening; once is enough."""
        if self.status in (Status.closing, Status.closed):
            return
        self.status = Status.closing
        for watcher in self._watchers:
            watcher.abort()
        await Server.close(self, timeout, reason)
        self.status = Status.closed

    # -- the workers' side -------------------------------------------------------------------

    def new_address(self) -> str:
        """Return an address that no other worker has."""
        return f"tcp://127.0.0.1:{PORTS[next(self._serial) % len(PORTS)]}"

    async def enlist(self, worker: FakeWorker) -> None:
        """Take a worker on."""
        address = worker.worker_address
        if address in self.workers:
            raise ValueError(f"the scheduler has a worker at {address} already")
        state = WorkerState(
            address=address,
            status=Status.running,
            pid=0,
            name=worker.name,
            nthreads=1,
            memory_limit=MEMORY_LIMIT,
            local_directory="/scratch/dask-scratch-space/worker-0123abcd",
            nanny="tcp://127.0.0.1:9999",
            server_id=str(worker.name),
            services={"dashboard": 8787},
        )
        self.workers[address] = state
        self.aliases[worker.name] = address
        self._tell("add", {"workers": {address: state.identity()}})

    def dismiss(self, worker: FakeWorker) -> None:
        """Let go of a worker that has closed."""
        self.lose([worker.worker_address])

    def lose(self, addresses: Iterable[str]) -> None:
        """Lose the connections to some workers."""
        for address in addresses:
            state = self.workers.pop(address, None)
            if state is not None:
                if self.aliases.get(state.name) == address:
                    del self.aliases[state.name]
                self._tell("remove", address)

    def _tell(self, op: str, message: Any) -> None:
        for watcher in self._watchers:
            watcher.send([op, message])

    # -- the cluster's side: as distributed.Scheduler has it ---------------------------------

    def subscribe_worker_status(self, comm: Comm) -> dict[str, Any]:
        """Tell the caller of every worker that comes or goes from now on."""
        watcher = BatchedSend(interval="5ms")
        watcher.start(comm)
        self._watchers.append(watcher)
        return self.identity()

    def identity(self, n_workers: int = -1) -> dict[str, Any]:
        """Return what there is."""
        count = len(self.workers) if n_workers == -1 else n_workers
        workers = itertools.islice(self.workers.items(), count)
        return {
            "type": type(self).__name__,
            "id": self.id,
            "address": self.address,
            "services": {},
            "started": self._started,
            "n_workers": len(self.workers),
            "total_threads": len(self.workers),
            "total_memory": len(self.workers) * MEMORY_LIMIT,
            "workers": {address: state.identity() for address, state in workers},
        }

    async def retire_workers(  # type: ignore[override]  # behind the real one's decorator
        self,
        workers: Collection[str] | None = None,
        *,
        names: Collection[Any] | None = None,
        close_workers: bool = False,
        remove: bool = True,
        stimulus_id: str | None = None,
    ) -> dict[str, Any]:
        """Let workers go; they hold nothing, so there is nothing to move."""
        if workers is not None:
            # The real one knows addresses only, and overlooks what is none.
            leaving = [address for address in workers if address in self.workers]
        else:
            wanted = {str(name) for name in names or ()}
            leaving = [one for one, state in self.workers.items() if str(state.name) in wanted]
        retired = {}
        for address in leaving:
            state = self.workers[address]
            state.status = Status.closing_gracefully
            retired[address] = state.identity()
        if remove:
            self.lose(leaving)
        return retired

    async def remove_worker(  # type: ignore[override]  # behind the real one's decorator
        self, address: str, *, stimulus_id: str, expected: bool = False, **kwargs: Any
    ) -> str:
        """Forget a worker."""
        self.lose([address])
        return "OK"

    def get_has_what(self, workers: Iterable[str] | None = None) -> dict[str, list[Key]]:
        """Return the keys of some workers: none."""
        return {address: [] for address in (self.workers if workers is None else workers)}

    def get_who_has(self, keys: Iterable[Key] | None = None) -> dict[Key, list[str]]:
        """Return the workers of some keys: none."""
        return {key: [] for key in keys or ()}

    def get_nbytes(self, keys: Iterable[Key] | None = None, summary: bool = True) -> dict[Key, int]:
        """Return the sizes of some keys: there are none."""
        return {}

    def get_metadata(self, keys: list[Key], default: Any = None) -> Any:
        """Return what was set under these keys."""
        return self._metadata.get(tuple(keys), default)

    def set_metadata(self, keys: list[Key], value: Any = None) -> None:
        """Keep something under some keys."""
        self._metadata[tuple(keys)] = value

    def adaptive_target(self, target_duration: float | None = None) -> int:
        """Return how many workers the tasks need: none."""
        return 0

    def workers_to_close(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return the workers that the tasks do not need; nobody here asks."""
        return []

    def get_logs(
        self, start: float = 0, n: int | None = None, timestamps: bool = False
    ) -> list[tuple[str, str]]:
        """Return the scheduler's log: nothing."""
        return []

    async def get_worker_logs(
        self, n: int | None = None, workers: Collection[str] | None = None, nanny: bool = False
    ) -> dict[str, Any]:
        """Return the workers' logs: nothing."""
        return {}


class RealScheduler(distributed.Scheduler):
    """``distributed.Scheduler`` for workers that are no more than one end of a connection."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.release = asyncio.Event()
        self.closings = 0
        self._serial = itertools.count()
        self._streams: dict[str, _Stream] = {}
        self._serving: set[asyncio.Task[None]] = set()
        super().__init__(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0")

    async def start_unsafe(self) -> RealScheduler:
        """Listen."""
        await super().start_unsafe()
        _by_address[self.address] = self
        return self

    def new_address(self) -> str:
        """Return an address that no other worker has."""
        return f"tcp://127.0.0.1:{PORTS[next(self._serial) % len(PORTS)]}"

    async def enlist(self, worker: FakeWorker) -> None:
        """Register a worker over a connection that is none."""
        address = worker.worker_address
        stream = self._streams[address] = _Stream(self.address, address)
        serving = asyncio.ensure_future(
            self.add_worker(
                stream,
                address=address,
                status="running",
                server_id=f"Worker-{address}",
                nthreads=1,
                name=worker.name,
                resolve_address=False,
                now=time(),
                resources={},
                memory_limit=MEMORY_LIMIT,
                metrics=METRICS,
                services={},
                local_directory="",
                versions={},
                nanny="",
                extra={},
                stimulus_id=f"enlist-{address}",
            )
        )
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        # It ends only when the worker has gone, or if something is wrong.
        await asyncio.wait({serving, stream.first_answer}, return_when=asyncio.FIRST_COMPLETED)
        if not stream.first_answer.done():
            serving.result()
        answer = stream.first_answer.result()
        if answer["status"] != "OK":
            raise RuntimeError(f"the scheduler refuses {address}: {answer}")

    def dismiss(self, worker: FakeWorker) -> None:
        """Let go of a worker that has closed."""
        self.lose([worker.worker_address])

    def lose(self, addresses: Iterable[str]) -> None:
        """Lose the connections to some workers."""
        for address in addresses:
            stream = self._streams.pop(address, None)
            if stream is not None:
                stream.abort()


class _Stream(Comm):
    """The scheduler's end of a connection to a worker that never says anything."""

    def __init__(self, here: str, there: str) -> None:
        super().__init__()
        self._here = here
        self._there = there
        self._gone = asyncio.Event()
        self.first_answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def read(self, deserializers: Any = None) -> Any:
        await self._gone.wait()
        raise CommClosedError("the worker has gone")

    async def write(self, msg: Any, serializers: Any = None, on_error: Any = None) -> int:
        if not self.first_answer.done():
            self.first_answer.set_result(msg)
        return 0

    async def close(self) -> None:
        self._gone.set()

    def abort(self) -> None:
        self._gone.set()

    def closed(self) -> bool:
        return self._gone.is_set()

    @property
    def local_address(self) -> str:
        return self._here

    @property
    def peer_address(self) -> str:
        return self._there
