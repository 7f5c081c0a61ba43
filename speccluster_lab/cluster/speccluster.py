"""``SpecCluster``: the stock class's interface over our reconciler."""

from __future__ import annotations

import asyncio
import logging
import math
import weakref
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import dask
import distributed
from dask.utils import parse_bytes, parse_timedelta
from distributed.core import Status
from distributed.deploy.cluster import Cluster as StockCluster
from distributed.utils import NoOpAwaitable

from speccluster_lab.cluster import adaptive
from speccluster_lab.cluster.choice import first_to_go
from speccluster_lab.cluster.classes import (
    Given,
    Recipe,
    check_spec,
    resolve,
    with_given,
)
from speccluster_lab.cluster.closing import close_instance, has_ended
from speccluster_lab.cluster.documents import as_document, kept
from speccluster_lab.cluster.executor import Executor
from speccluster_lab.cluster.form import Desired, Form, members_of_entry
from speccluster_lab.cluster.preview import Preview, preview
from speccluster_lab.cluster.scaling import entries_for, entries_of_size, resized
from speccluster_lab.cluster.sizes import cores_of, members_of, memory_of
from speccluster_lab.cluster.status import StatusReport
from speccluster_lab.cluster.tracked import EntrySpec, WorkerSpecs
from speccluster_lab.cluster.view import NO_LOAD, Load, Stake, View
from speccluster_lab.cluster.wanted import Wanted
from speccluster_lab.cluster.watch import SchedulerWatch
from speccluster_lab.errors import InvalidInput, NotRunning
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Generator, Hashable, Mapping

    from tornado.ioloop import IOLoop

    from speccluster_lab.cluster.history import Transition
    from speccluster_lab.reconcile import Fingerprint
    from speccluster_lab.spec.api import (
        ClusterPhase,
        Condition,
        Counts,
        Entry,
        Member,
        Scale,
        SchedulerStatus,
    )

__all__ = ["SpecCluster"]

logger = logging.getLogger(__name__)

# Every loss of an event is made good after one period at most (threats.md, promise 2).
PERIOD = 2.0
LONGEST = 5.0
MAX_RECIPES = 256


class SpecCluster(distributed.SpecCluster):
    """A :class:`distributed.SpecCluster` that keeps what its spec says.

    ``worker_spec`` is the desired state. It may be edited in place, from any thread; ``await
    cluster``, ``_correct_state()`` or the next period aligns the workers to it: an entry that was
    edited is replaced, one that was removed is retired before it is closed, one that fails or
    dies is started again without disturbing the others.

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
        self._given = given or Given()
        self._scheduler_document = scheduler
        self._wanted = Wanted()
        self._watch = SchedulerWatch(self)
        self._executor = Executor(
            self,
            self._wanted.entries,
            self._watch.membership,
            policy or Policy(lost_timeout=lost),
            self._changed,
        )
        self._report = StatusReport()
        self._subscribers: list[Callable[[], None]] = []
        self._starting: asyncio.Future[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._recipes: dict[Form, Recipe] = {}
        self._refusal: InvalidInput | None = None
        self.generation = 0
        self.observed_generation = 0
        try:
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
        except InvalidInput:
            # Refused before anything has been started.
            if self.status == Status.created:
                self.status = Status.closed
                self._loop_runner.stop()
            raise

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

    @property
    def policy(self) -> Policy:
        """The limits that the reconciler keeps to."""
        return self._executor.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._executor.policy = policy

    # -- life --------------------------------------------------------------------------------

    async def _start(self) -> None:
        if self.status == Status.running:
            return
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start_once())
        # One who stops waiting must not stop the start.
        await asyncio.shield(self._starting)

    async def _start_once(self) -> None:
        if self.status == Status.created and self._scheduler_document is not None:
            document = self._scheduler_document
            cls = resolve(document["cls"], place="scheduler.cls")
            options = with_given(cls, document.get("options") or {}, self._given.scheduler)
            self.scheduler_spec = {**document, "cls": cls, "options": options}
        # A spec that cannot be is refused before anything is started.
        self._align()
        limit = self.policy.scheduler_timeout
        starting = asyncio.ensure_future(super()._start())
        done, _ = await asyncio.wait({starting}, timeout=limit)
        if not done:
            starting.cancel()
            await asyncio.wait({starting}, timeout=self.policy.cancel_grace)
            self.status = Status.failed
            await self._close()
            raise RuntimeError(f"Cluster failed to start: no scheduler within {limit:g} s")
        starting.result()
        if self.status != Status.running:
            return
        await self._watch.begin()
        self._executor.find_scheduler()
        self._align()

    async def _watch_worker_status(self, comm: Any) -> None:
        await super()._watch_worker_status(comm)
        if self.status == Status.running:
            self._watch.look_now()

    async def _close(self) -> None:
        if self.status == Status.closed:
            return
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close_once())
        # One who stops waiting must not stop the closing.
        await asyncio.shield(self._closing)

    async def _close_once(self) -> None:
        started = self.status == Status.running or self.status == Status.failed
        await self._note_loss()
        self.status = Status.closing
        self._changed()
        if self._adaptive is not None:
            self._adaptive.stop()
        self._watch.end()
        await self._executor.end()
        dead = self.scheduler is not None and has_ended(self.scheduler)
        if started and self.scheduler_comm is not None:
            if self.shutdown_scheduler and not dead:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(self.policy.close_timeout):
                        await self.scheduler_comm.terminate()
            await self.scheduler_comm.close_rpc()
        if self.scheduler is not None and self.shutdown_scheduler:
            await close_instance(self.scheduler, self.policy.close_timeout)
        # Private to the stock class, whose _close we stand in for.
        vars(self)["_SpecCluster__exit_stack"].__exit__(None, None, None)
        await StockCluster._close(self)
        self._changed()

    async def _note_loss(self) -> None:
        """Say what closing the whole cluster drops."""
        if self.status != Status.running or self._watch.failure is not None:
            return
        addresses = [
            a for n in self._watch.membership.names() if (a := self._watch.membership.address(n))
        ]
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PERIOD):
                stake = (await self.view().stakes({"": addresses}))[""]
            if stake.keys:
                self._note("DataDropped", f"closing the cluster drops {stake}")

    async def __aenter__(self) -> Self:
        try:
            await self
        except BaseException:
            await self._close()
            raise
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        async def ready() -> Self:
            if self.status == Status.created or self._starting is not None:
                await self._start()
            await self._correct_state()
            return self

        return ready().__await__()

    # -- the desired state -------------------------------------------------------------------

    @property
    def worker_spec(self) -> WorkerSpecs:
        """The desired entries by name; a dict that may be edited in place, from any thread."""
        return self._wanted.specs

    @worker_spec.setter
    def worker_spec(self, entries: Mapping[Hashable, Any]) -> None:
        if entries is not self._wanted.specs:
            self._wanted.replace_specs(entries)

    @property
    def new_spec(self) -> EntrySpec | None:
        """The worker form, of which ``scale`` makes entries."""
        return self._wanted.form

    @new_spec.setter
    def new_spec(self, form: Mapping[str, Any] | None) -> None:
        self._wanted.form = None if form is None else EntrySpec(form).own()

    def _align(self, *, by_adaptive: bool = False) -> None:
        """Take over what has been changed in ``worker_spec``; costs as much as was changed.

        Raises
        ------
        InvalidInput
            Something in it cannot be; then all of it is left as it was, to be looked at again.
        """
        try:
            changes, changed = self._wanted.read(by_adaptive=by_adaptive)
        except InvalidInput as error:
            if str(error) != str(self._refusal):
                logger.warning("the spec is left as it was: %s", error)
            self._refusal = error
            self._changed()
            raise
        self._refusal = None
        if changed and not by_adaptive:
            self.generation += 1
        for name in changes:
            self._executor.want(name, self.generation)
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
        if self._watch.failure is not None:
            raise NotRunning(self._watch.failure.message)
        if failures:
            raise failures[0]

    def _align_soon(self) -> None:
        """Align, where only a condition can tell somebody what is wrong with the spec."""
        if self.status != Status.running:
            return
        with suppress(InvalidInput):
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
        spec = self.worker_spec
        name = self._new_worker_name(self._i)
        # A document's entry "0" is the entry 0.
        while name in spec or str(name) in spec:
            self._i += 1
            name = self._new_worker_name(self._i)
        return {name: EntrySpec.like(self.new_spec.form())}

    def scale(self, n: int = 0, memory: Any = None, cores: int | None = None) -> Any:
        """Set the number of entries; ends adaptive scaling.

        Entries that have not started go first, then those that are idle and hold least; what
        they hold is moved first.

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
            n = max(n, entries_of_size(self, "memory", int(parse_bytes(memory))))
        if cores is not None:
            n = max(n, entries_of_size(self, "cores", cores))
        if not adaptive.is_adapting():
            self.end_adaptive("the cluster was scaled by hand")
        self._resize(n)
        cast("IOLoop", self.loop).add_callback(self._align_soon)
        return NoOpAwaitable() if self.asynchronous else None

    scale_up = scale

    def _resize(self, n: int) -> None:
        spec = self.worker_spec
        surplus = len(spec) - n
        if surplus > 0:
            for key in self.first_to_go(surplus) if n > 0 else list(spec):
                spec.pop(key, None)
        if self.status not in (Status.closing, Status.closed):
            while len(spec) < n:
                spec.update(self.new_worker_spec())

    def first_to_go(self, count: int) -> list[Hashable]:
        """Return the keys of the entries that would go if there were fewer, in that order."""
        form = self._wanted.form_fingerprint()
        return first_to_go(count, self.worker_spec, self._executor, self._load, form)

    def _load(self, member: str) -> Load:
        address = self._watch.membership.address(member)
        return NO_LOAD if address is None else self._watch.view.load(address)

    async def scale_down(self, workers: Collection[Hashable]) -> None:
        """Remove entries, given by their names or by all of their members."""
        self.remove_entries(workers)
        await self

    def set_entries(self, n: int) -> None:
        """Set the number of entries at once; to be called on the cluster's loop.

        Parameters
        ----------
        n : int
            Entries, whatever a subclass's own ``scale`` counts.
        """
        if adaptive.is_adapting():
            self._align()
            self._resize(n)
            self._align(by_adaptive=True)
        else:
            self.end_adaptive("the cluster was scaled by hand")
            self._resize(n)
            self._align()

    def remove_entries(self, names: Collection[Hashable]) -> None:
        """Remove entries at once; to be called on the cluster's loop.

        Parameters
        ----------
        names : collection of hashable
            Names of entries, or of members: an entry goes when all of its members are named.
        """
        self._align()
        for key in self._wanted.named(names):
            self.worker_spec.pop(key, None)
        self._align(by_adaptive=adaptive.is_adapting())

    # -- adaptive ----------------------------------------------------------------------------

    def adapt(
        self,
        Adaptive: type[distributed.Adaptive] = adaptive.Adaptive,
        minimum: float = 0,
        maximum: float = math.inf,
        minimum_cores: int | None = None,
        maximum_cores: int | None = None,
        minimum_memory: str | None = None,
        maximum_memory: str | None = None,
        **kwargs: Any,
    ) -> distributed.Adaptive:
        """Turn adaptive scaling on; it counts workers and decides by whole entries.

        Parameters
        ----------
        Adaptive : type, optional
            What decides; what it does not say itself is decided by entries.
        minimum, maximum : int
            Workers.
        minimum_cores, maximum_cores : int, optional
            Threads.
        minimum_memory, maximum_memory : str, optional
            Bytes, or text such as ``"6 GB"``.
        **kwargs
            As :class:`distributed.Adaptive` takes them.
        """
        members = self.members_per_entry()
        if minimum_cores is not None:
            entries = math.ceil(minimum_cores / self._threads_per_worker())
            minimum = max(minimum or 0, members * entries)
        if minimum_memory is not None:
            entries = math.ceil(parse_bytes(minimum_memory) / self._memory_per_worker())
            minimum = max(minimum or 0, members * entries)
        if maximum_cores is not None:
            maximum = min(maximum, members * (maximum_cores // self._threads_per_worker()))
        if maximum_memory is not None:
            entries = int(parse_bytes(maximum_memory) // self._memory_per_worker())
            maximum = min(maximum, members * entries)
        return super().adapt(
            Adaptive=adaptive.by_entries(Adaptive), minimum=minimum, maximum=maximum, **kwargs
        )

    def end_adaptive(self, why: str = "it was turned off") -> None:
        """End adaptive scaling, if it is on; what it has made stays.

        Parameters
        ----------
        why : str
            For people, in the event that says so.
        """
        ended = self._adaptive
        if ended is None or ended.state not in ("starting", "running"):
            return
        ended.stop(reason=why)
        self._wanted.adapted.clear()
        text = f"adaptive scaling has ended: {why}"
        if self.called_from_running_loop:
            self._note("AdaptiveEnded", text)
        else:
            cast("IOLoop", self.loop).add_callback(self._note, "AdaptiveEnded", text)

    def adaptive_range(self) -> tuple[int, int | None] | None:
        """Return the minimum and the maximum that adaptive scaling keeps to, where it is on."""
        current = self._adaptive
        if current is None or current.state not in ("starting", "running"):
            return None
        maximum = current.maximum
        return int(current.minimum), None if math.isinf(maximum) else int(maximum)

    def made_by_adaptive(self) -> frozenset[str]:
        """Return the names of the entries that adaptive scaling has made, where it is on."""
        return frozenset(self._wanted.adapted)

    def members_by_entry(self) -> dict[Hashable, tuple[str, ...]]:
        """Return the members that each entry of the spec is to have."""
        return {key: members_of_entry(key, entry) for key, entry in dict(self.worker_spec).items()}

    def members_per_entry(self) -> int:
        """Return how many members the next entry will have."""
        return members_of(self.new_spec)

    def owners_of_members(self) -> dict[str, str]:
        """Return the entry of each member."""
        return self._wanted.owners()

    # -- for documents -----------------------------------------------------------------------

    def document(self) -> ClusterSpec:
        """Return the desired state as a document."""
        scheduler = self._scheduler_document or {"cls": distributed.Scheduler}
        desired = self._wanted.entries
        return ClusterSpec.model_validate(
            {
                "scheduler": as_document(scheduler),
                "worker": as_document(self.new_spec) if self.new_spec else None,
                "workers": {name: as_document(one.form.entry) for name, one in desired.items()},
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

        What adaptive scaling has made stays its own while it is on.

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
        self._align()
        document = spec.model_dump()
        current = self.worker_spec
        keys = {str(key): key for key in current}
        for name, key in keys.items():
            if name not in document["workers"] and name not in self._wanted.adapted:
                del current[key]
        for name, entry in document["workers"].items():
            key = keys.get(name, name)
            before = current.get(key)
            after = kept(before, entry)
            if after is not before:
                current[key] = after
        form = kept(self.new_spec, document["worker"])
        if form is not self.new_spec:
            self.new_spec = form
        self._align()

    async def preview(
        self,
        *,
        spec: ClusterSpec | None = None,
        scale: Scale | None = None,
        remove: Collection[Hashable] | None = None,
    ) -> Preview:
        """Return what a change would do, and what data is at stake; nothing is changed.

        Parameters
        ----------
        spec : ClusterSpec, optional
            The desired state that would be applied,
        scale : Scale, optional
            or the size that would be set,
        remove : collection of hashable, optional
            or the names of the entries that would be removed.

        Raises
        ------
        InvalidClass, GroupMismatch, InvalidInput
            The change would be refused, or not exactly one is given.
        NotRunning
            There is no scheduler that could tell what is at stake.
        """
        if sum(one is not None for one in (spec, scale, remove)) != 1:
            raise InvalidInput("give exactly one of spec, scale, remove")
        self._align()
        wanted = {n: one.form.fingerprint for n, one in self._wanted.entries.items()}
        if spec is not None:
            self.check(spec)
            wanted = self._fingerprints_of(spec)
        elif scale is not None:
            wanted = resized(self, wanted, self.entries_for(scale))
        else:
            for name in map(str, remove or ()):
                if wanted.pop(name, None) is None:
                    raise InvalidInput(f"there is no entry {name!r}", field="remove")
        found = preview(self._executor, wanted)
        return replace(found, stake=await self.at_stake(found.leaving))

    def _fingerprints_of(self, spec: ClusterSpec) -> dict[str, Fingerprint]:
        current = {str(key): entry for key, entry in self.worker_spec.items()}
        wanted = {
            name: current[name].form().fingerprint for name in self._wanted.adapted & current.keys()
        }
        for name, entry in spec.model_dump()["workers"].items():
            before = current.get(name)
            same = before is not None and entry == as_document(before)
            form = before.form() if before is not None and same else Form.of(entry)
            wanted[name] = form.fingerprint
        return wanted

    def entries_for(self, scale: Scale) -> int:
        """Return how many entries have the size that is asked for.

        Raises
        ------
        InvalidInput
            There is no worker form, or it does not say how large one is.
        """
        return entries_for(self, scale)

    def _threads_per_worker(self) -> int:
        """Return the threads of one entry of the worker form."""
        size = cores_of(self.new_spec) if self.new_spec else None
        return super()._threads_per_worker() if size is None else size

    def _memory_per_worker(self) -> int:
        """Return the bytes of memory of one entry of the worker form."""
        size = memory_of(self.new_spec) if self.new_spec else None
        return super()._memory_per_worker() if size is None else size

    def members_after(self, entries: int) -> int:
        """Return how many members ``entries`` entries would have."""
        there = [len(one.members) for one in self._wanted.entries.values()]
        return sum(there[:entries]) + max(0, entries - len(there)) * self.members_per_entry()

    # -- what is -----------------------------------------------------------------------------

    def _update_worker_status(self, op: str, msg: Any) -> None:
        # Not the stock class's: it closes what it believes to be lost.
        match op:
            case "add":
                workers = msg["workers"]
                StockCluster._update_worker_status(self, op, msg)
                for address, info in workers.items():
                    name = str(info["name"])
                    self._watch.membership.add(address, name)
                    self._executor.arrive(name)
            case "remove":
                # The first reading may already lack a worker that an event says has gone.
                self.scheduler_info["workers"].pop(msg, None)
                gone = self._watch.membership.remove(msg)
                if gone is not None:
                    self._executor.leave(gone)

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
        if self._executor.settled and self._watch.running and self._watch.failure is None:
            self.observed_generation = self.generation
        for callback in list(self._subscribers):
            try:
                callback()
            except Exception:
                logger.exception("a subscriber failed")

    def _note(self, reason: str, message: str) -> None:
        self._executor.note(reason, message)
        self._changed()

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

    def events(self, since: int = 0) -> list[Transition]:
        """Return what has happened after event number ``since``, oldest first."""
        return self._executor.history.since(since)

    def info(self, member: str) -> Mapping[str, Any]:
        """Return what the scheduler knows of a member, as ``Scheduler.identity`` has it."""
        return self._watch.info(member)

    async def at_stake(self, entries: Collection[Hashable]) -> Stake:
        """Return what only the members of some entries hold.

        That is what would have to move if they were to go, and is lost if they die.

        Parameters
        ----------
        entries : collection of hashable
            Their names.

        Raises
        ------
        NotRunning
            There is no scheduler to ask.
        """
        if self.status != Status.running or self._watch.failure is not None:
            raise NotRunning("the cluster has no scheduler")
        members = [m for name in entries for m in self._executor.members_of(str(name))]
        addresses = [a for one in members if (a := self._watch.membership.address(one)) is not None]
        async with asyncio.timeout(self.policy.retire_timeout):
            return (await self.view().stakes({"": addresses}))[""]

    async def drop_data(self, entry: Hashable) -> Stake:
        """Let an entry that is on its way out go with what it holds; return what is lost.

        Parameters
        ----------
        entry : hashable
            Its name.

        Raises
        ------
        InvalidInput
            There is no such entry, or it is not waiting for room for its data.
        """
        name = str(entry)
        if not self._executor.is_leaving(name):
            raise InvalidInput(f"entry {name!r} is not on its way out", field="entry")
        stake = await self.at_stake([name])
        self._executor.drop_data(name)
        self._note("DataDropped", f"entry {name} goes with {stake}")
        return stake

    def retry(self, entry: Hashable) -> None:
        """Try an entry again now, whatever its backoff says.

        Raises
        ------
        InvalidInput
            There is no such entry.
        """
        if str(entry) not in self._executor.entries:
            raise InvalidInput(f"there is no entry {str(entry)!r}", field="entry")
        self._executor.retry(str(entry))

    # -- for the executor --------------------------------------------------------------------

    def view(self) -> View:
        """Return the scheduler.

        Raises
        ------
        NotRunning
            There is none yet.
        """
        return self._watch.view

    def make_worker(self, desired: Desired) -> Any:
        """Return a new instance of an entry, not started."""
        scheduler: Any = self.scheduler
        address = getattr(scheduler, "contact_address", None) or scheduler.address
        instance = self._recipe(desired.form).make(desired.key, address)
        with suppress(TypeError):
            self._created.add(instance)
        return instance

    def owner_of(self, member: str) -> str | None:
        """Return the entry of the spec that is to have a member."""
        return self._wanted.owner_of(member)

    def runs_here(self, desired: Desired) -> bool:
        """Return whether the members of an entry are processes of this machine."""
        return self._recipe(desired.form).runs_here

    def _recipe(self, form: Form) -> Recipe:
        recipe = self._recipes.get(form)
        if recipe is None:
            if len(self._recipes) >= MAX_RECIPES:
                self._recipes.clear()
            recipe = self._recipes[form] = Recipe.of(form.entry, self._given.worker)
        return recipe

    def worker_started(self, desired: Desired, instance: Any) -> None:
        """Note that an instance is up."""
        if str(desired.key).startswith(HOLDER_PREFIX):
            return
        # A class need not take it, and may refuse it in its own way.
        with suppress(Exception):
            instance._cluster = weakref.ref(self)
        self.workers[desired.key] = instance

    def worker_gone(self, desired: Desired) -> None:
        """Note that an instance is not to be used any more."""
        self.workers.pop(desired.key, None)
