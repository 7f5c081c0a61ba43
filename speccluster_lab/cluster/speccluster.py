"""``SpecCluster``: the stock class's interface over our reconciler."""

from __future__ import annotations

import asyncio
import logging
import math
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, cast

import dask
import distributed
from dask.utils import parse_bytes, parse_timedelta
from distributed.core import Status
from distributed.deploy.cluster import Cluster as StockCluster
from distributed.utils import NoOpAwaitable

from speccluster_lab.cluster.classes import Given, check_spec, make, resolve, with_given
from speccluster_lab.cluster.documents import as_document, copy_of, kept
from speccluster_lab.cluster.executor import Desired, Executor, close_worker
from speccluster_lab.cluster.membership import Membership
from speccluster_lab.cluster.retirement import retire
from speccluster_lab.cluster.sizes import entries_for, members_of, resources_of
from speccluster_lab.cluster.status import StatusReport
from speccluster_lab.errors import InvalidInput
from speccluster_lab.reconcile import EntryState, Failure, Fingerprint, Policy
from speccluster_lab.spec.api import (
    ClusterPhase,
    Condition,
    Counts,
    Entry,
    EntryPhase,
    Member,
    Scale,
    SchedulerStatus,
)
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Generator, Hashable, Mapping

    from tornado.ioloop import IOLoop

__all__ = ["SpecCluster"]

logger = logging.getLogger(__name__)

# Every loss of an event is made good after one period at most (threats.md, promise 2).
PERIOD = 2.0


class SpecCluster(distributed.SpecCluster):
    """A :class:`distributed.SpecCluster` that keeps what its spec says.

    ``worker_spec`` is the desired state. It may be edited in place; ``await cluster``,
    ``_correct_state()`` or the next period aligns the workers to it: an entry that was edited is
    replaced, one that was removed is retired before it is closed, one that fails is tried again
    without disturbing the others.

    Parameters
    ----------
    workers, scheduler, worker, asynchronous, loop, security, silence_logs, name, \
shutdown_on_close, scheduler_sync_interval, shutdown_scheduler
        As in :class:`distributed.SpecCluster`.
    policy : Policy, optional
        The limits that the reconciler keeps to.
    given : Given, optional
        Options that the scheduler and every worker get if their class takes them and the spec
        does not say otherwise.

    Notes
    -----
    As with the stock class, ``await cluster`` returns when every start has ended, and raises
    what the first one that failed raised. The entry is tried again all the same.
    """

    def __init__(
        self,
        workers: Mapping[Hashable, dict[str, Any]] | None = None,
        scheduler: dict[str, Any] | None = None,
        worker: dict[str, Any] | None = None,
        asynchronous: bool = False,
        loop: Any = None,
        security: Any = None,
        silence_logs: Any = False,
        name: str | None = None,
        shutdown_on_close: bool = True,
        scheduler_sync_interval: Any = 1,
        shutdown_scheduler: bool = True,
        *,
        policy: Policy | None = None,
        given: Given | None = None,
    ) -> None:
        lost = parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout"))
        self._policy = policy or Policy(lost_timeout=lost)
        self._given = given or Given()
        self._scheduler_document = scheduler
        self._membership = Membership()
        self._executor = Executor(self, self._membership, self._policy, self._changed)
        self._report = StatusReport()
        self._subscribers: list[Callable[[], None]] = []
        self._observer: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._wanted: dict[str, Desired] = {}
        self._picture: tuple[dict[str, Fingerprint], Fingerprint] | None = None
        self.generation = 0
        self.observed_generation = 0
        super().__init__(
            workers=workers,
            scheduler=scheduler,
            worker=worker,
            asynchronous=asynchronous,
            loop=loop,
            security=security,
            silence_logs=silence_logs,
            name=name,
            shutdown_on_close=shutdown_on_close,
            scheduler_sync_interval=scheduler_sync_interval,
            shutdown_scheduler=shutdown_scheduler,
        )
        if asynchronous:
            self._align()

    @classmethod
    def from_document(cls, spec: ClusterSpec, **options: Any) -> Self:
        """Return a cluster of the desired state that a document describes.

        Parameters
        ----------
        spec : ClusterSpec
            The document; its classes are imported when they are first needed.
        **options
            Other arguments of the class.
        """
        document = spec.model_dump()
        return cls(
            scheduler=document["scheduler"],
            worker=document["worker"],
            workers=document["workers"],
            **options,
        )

    # -- life --------------------------------------------------------------------------------

    async def _start(self) -> None:
        if self.status == Status.created and self._scheduler_document is not None:
            document = self._scheduler_document
            cls = resolve(document["cls"], place="scheduler.cls")
            options = with_given(cls, document.get("options") or {}, self._given.scheduler)
            self.scheduler_spec = {**document, "cls": cls, "options": options}
        await super()._start()
        if self.status != Status.running or self._observer is not None:
            return
        self._membership.replace(self.scheduler_info["workers"])
        self._observer = asyncio.create_task(self._observe(), name="observer")
        self._align()

    async def _observe(self) -> None:
        """Re-read the whole truth every period, so that no lost event matters for longer."""
        while self.status == Status.running:
            await asyncio.sleep(PERIOD)
            try:
                workers = await self._read_workers()
            except (OSError, TimeoutError) as error:
                logger.warning("the scheduler does not answer: %r", error)
                continue
            self._membership.replace(workers)
            try:
                self._align()
            except InvalidInput as error:
                logger.warning("the spec is left as it was: %s", error)
            self._executor.see_all()

    async def _read_workers(self) -> Mapping[str, Mapping[str, Any]]:
        if isinstance(self.scheduler, distributed.Scheduler):
            identity = self.scheduler.identity()
        else:
            async with asyncio.timeout(PERIOD):
                identity = await self._scheduler_rpc.identity(n_workers=-1)
        return cast("Mapping[str, Mapping[str, Any]]", identity["workers"])

    @property
    def _scheduler_rpc(self) -> Any:
        return self.scheduler_comm

    async def _close(self) -> None:
        if self.status == Status.closed:
            return
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close_once())
        # One who stops waiting must not stop the closing.
        await asyncio.shield(self._closing)

    async def _close_once(self) -> None:
        # Stock's _start waits in this state; it has nothing yet that could be left behind.
        failed = self.status == Status.failed
        started = self.status == Status.running or failed
        self.status = Status.closing
        self._changed()
        if self._adaptive is not None:
            self._adaptive.stop()
        if self._observer is not None:
            self._observer.cancel()
        await self._executor.end()
        if started and self.scheduler_comm is not None:
            if self.shutdown_scheduler:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(self._policy.close_timeout):
                        await self.scheduler_comm.terminate()
            await self.scheduler_comm.close_rpc()
        if self.scheduler is not None and self.shutdown_scheduler:
            await close_worker(self.scheduler, self._policy.close_timeout)
        # Private to the stock class, whose _close we stand in for.
        vars(self)["_SpecCluster__exit_stack"].__exit__(None, None, None)
        await StockCluster._close(self)
        self._changed()

    async def __aenter__(self) -> Self:
        try:
            await self
        except BaseException:
            await self._close()
            raise
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        async def ready() -> Self:
            if self.status == Status.created:
                await self._start()
            await self._correct_state()
            return self

        return ready().__await__()

    # -- the desired state -------------------------------------------------------------------

    def _align(self) -> None:
        """Notice what has been changed in ``worker_spec``, and set about it."""
        # One copy is atomic; the owner may edit the dict in another thread meanwhile.
        wanted = {
            str(key): Desired(key, entry, Fingerprint.of(entry))
            for key, entry in dict(self.worker_spec).items()
        }
        if len(wanted) < len(self.worker_spec):
            raise InvalidInput("two entries of worker_spec have the same name as text")
        picture = ({k: one.fingerprint for k, one in wanted.items()}, Fingerprint.of(self.new_spec))
        if picture != self._picture:
            self._picture = picture
            self._wanted = wanted
            self.generation += 1
        if self._observer is not None and self._executor.generation != self.generation:
            self._executor.want(wanted, self.generation)
        self._changed()

    def _correct_state(self) -> Awaitable[None]:
        """Align the workers to the spec.

        Returns
        -------
        awaitable
            Done when every start, retirement and closing has ended. It raises what the first
            start that failed meanwhile raised. Cancelling it cancels nothing else.
        """
        return asyncio.ensure_future(self._settle())

    async def _settle(self) -> None:
        if self.status in (Status.closing, Status.closed):
            return
        self._align()
        failures = await self._executor.idle()
        if failures:
            raise failures[0]

    def _align_soon(self) -> None:
        if self.status == Status.running:
            self._align()

    def new_worker_spec(self) -> dict[Hashable, dict[str, Any]]:
        """Return name and spec of the next entry: a copy of the worker form.

        Raises
        ------
        InvalidInput
            The cluster has no worker form.
        """
        if not self.new_spec:
            raise InvalidInput("the cluster has no worker form to make entries from")
        name = self._new_worker_name(self._i)
        # A document's entry "0" is the entry 0.
        while name in self.worker_spec or str(name) in self.worker_spec:
            self._i += 1
            name = self._new_worker_name(self._i)
        return {name: copy_of(self.new_spec)}

    def scale(self, n: int = 0, memory: Any = None, cores: int | None = None) -> Any:
        """Set the number of entries.

        Entries that have not started go first, then the newest; what they hold is moved first.

        Parameters
        ----------
        n : int
            Entries.
        memory : str or int, optional
            Bytes, or text such as ``"6 GB"``; at least as many entries as have it.
        cores : int, optional
            Threads; at least as many entries as have them.
        """
        if memory is not None:
            n = max(n, math.ceil(parse_bytes(memory) / self._memory_per_worker()))
        if cores is not None:
            n = max(n, math.ceil(cores / self._threads_per_worker()))
        self._resize(n)
        cast("IOLoop", self.loop).add_callback(self._align_soon)
        return NoOpAwaitable() if self.asynchronous else None

    scale_up = scale

    def _resize(self, n: int) -> None:
        surplus = len(self.worker_spec) - n
        if surplus > 0:
            newest_first = list(reversed(self.worker_spec))
            # Read from the owner's thread: list() copies in one go.
            states = list(self._executor.entries.values())
            progress = {entry.name: _progress(entry) for entry in states}
            newest_first.sort(key=lambda name: progress.get(str(name), 0))
            for name in newest_first[:surplus]:
                del self.worker_spec[name]
        if self.status not in (Status.closing, Status.closed):
            while len(self.worker_spec) < n:
                self.worker_spec.update(self.new_worker_spec())

    async def scale_down(self, workers: Collection[Hashable]) -> None:
        """Remove entries, given by their names or by all of their members."""
        named = {str(name) for name in workers}
        for key, entry in list(self.worker_spec.items()):
            members = member_names(key, entry.get("group"))
            if str(key) in named or named.issuperset(members):
                del self.worker_spec[key]
        await self

    # -- for documents -----------------------------------------------------------------------

    def document(self) -> ClusterSpec:
        """Return the desired state as a document."""
        scheduler = self._scheduler_document or {"cls": distributed.Scheduler}
        return ClusterSpec.model_validate(
            {
                "scheduler": as_document(scheduler),
                "worker": as_document(self.new_spec) if self.new_spec else None,
                "workers": {name: as_document(one.entry) for name, one in self._wanted.items()},
            }
        )

    def check(self, spec: ClusterSpec) -> None:
        """Refuse a desired state that this cluster cannot have.

        Raises
        ------
        InvalidClass, GroupMismatch, InvalidInput
            With ``field`` naming the place.
        """
        check_spec(spec)
        if spec.scheduler != self.document().scheduler:
            raise InvalidInput(
                "the scheduler of a running cluster cannot be changed", field="scheduler"
            )

    def apply(self, spec: ClusterSpec) -> None:
        """Replace the desired state; nothing changes when it is refused.

        Parameters
        ----------
        spec : ClusterSpec
            The new one.

        Raises
        ------
        InvalidClass, GroupMismatch, InvalidInput
            As :meth:`check`.
        """
        self.check(spec)
        keys = {str(key): key for key in self.worker_spec}
        document = spec.model_dump()
        entries = {
            keys.get(name, name): kept(self.worker_spec.get(keys.get(name)), entry)
            for name, entry in document["workers"].items()
        }
        self.new_spec = kept(self.new_spec, document["worker"])
        self.worker_spec.clear()
        self.worker_spec.update(entries)
        self._align()

    def set_entries(self, n: int) -> None:
        """Set the number of entries at once; to be called on the cluster's loop."""
        self._resize(n)
        self._align()

    def entries_for(self, scale: Scale) -> int:
        """Return how many entries have the size that is asked for.

        Raises
        ------
        InvalidInput
            There is no worker form, or it does not say how large one is.
        """
        sizes = {"cores": self._threads_per_worker, "memory": self._memory_per_worker}
        wanted, field = entries_for(scale, self.new_spec, sizes)
        if wanted > len(self.worker_spec) and not self.new_spec:
            raise InvalidInput("the cluster has no worker form to make entries from", field=field)
        return wanted

    def _threads_per_worker(self) -> int:
        """Return the threads of one entry of the worker form."""
        resources = resources_of(self.new_spec)
        return super()._threads_per_worker() if resources is None else resources[0]

    def _memory_per_worker(self) -> int:
        """Return the bytes of memory of one entry of the worker form."""
        resources = resources_of(self.new_spec)
        return super()._memory_per_worker() if resources is None else resources[1]

    def members_after(self, entries: int) -> int:
        """Return how many members ``entries`` entries would have."""
        there = [len(one.members) for one in self._wanted.values()]
        return sum(there[:entries]) + max(0, entries - len(there)) * members_of(self.new_spec)

    # -- what is -----------------------------------------------------------------------------

    def _update_worker_status(self, op: str, msg: Any) -> None:
        # Not the stock class's: it closes what it believes to be lost.
        match op:
            case "add":
                workers = dict(msg["workers"])
                StockCluster._update_worker_status(self, op, msg)
                for address, info in workers.items():
                    self._executor.see(self._membership.add(address, info))
            case "remove":
                # The first reading may already lack a worker that an event says has gone.
                self.scheduler_info["workers"].pop(msg, None)
                name = self._membership.remove(msg)
                if name is not None:
                    self._executor.see(name)
        self._changed()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called, on the cluster's loop, after every change worth showing.

        Returns
        -------
        callable
            Ends it.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def _changed(self) -> None:
        if self._executor.settled and self._observer is not None:
            self.observed_generation = self.generation
        for callback in list(self._subscribers):
            callback()

    @property
    def phase(self) -> ClusterPhase:
        """Where the cluster is."""
        return self._report.phase(self)

    @property
    def conditions(self) -> list[Condition]:
        """Why it is there."""
        return self._report.conditions(self)

    def entries(self) -> list[Entry]:
        """Return the entries as they stand."""
        return self._report.entries(self)

    def unexpected(self) -> list[Member]:
        """Return the workers that the scheduler has and no entry expects."""
        return self._report.unexpected(self)

    def counts(self) -> Counts:
        """Return the cluster in numbers."""
        return self._report.counts(self)

    def scheduler_status(self) -> SchedulerStatus:
        """Return the scheduler as it stands."""
        return self._report.scheduler(self)

    # -- for the executor --------------------------------------------------------------------

    def make_worker(self, desired: Desired) -> Any:
        """Return a new instance of an entry, not started."""
        scheduler: Any = self.scheduler
        address = getattr(scheduler, "contact_address", None) or scheduler.address
        instance = make(desired.entry, desired.key, address, self._given.worker)
        with suppress(TypeError):
            self._created.add(instance)
        return instance

    def worker_started(self, desired: Desired, instance: Any) -> None:
        """Note that an instance is up."""
        if str(desired.key).startswith(HOLDER_PREFIX):
            return
        with suppress(AttributeError):
            instance._cluster = weakref.ref(self)
        self.workers[desired.key] = instance

    def worker_closed(self, desired: Desired) -> None:
        """Note that an instance is gone."""
        self.workers.pop(desired.key, None)

    async def retire(self, addresses: list[str]) -> Failure | None:
        """Move the data of some workers elsewhere, then let the scheduler forget them."""
        if self.status != Status.running:
            return None
        return await retire(self.scheduler_comm, addresses)


def _progress(entry: EntryState) -> int:
    """Return how far an entry has come; the least far are missed least."""
    if entry.present:
        return 3
    return {EntryPhase.WAITING: 2, EntryPhase.STARTING: 1}.get(entry.phase, 0)
