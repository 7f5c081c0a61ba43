"""The executor: feeds what happens to the planner and carries out what it says.

One task per entry that is being worked on, so that nothing slow delays anything else. All of it
runs on the cluster's loop.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from inspect import isawaitable
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from speccluster_lab.reconcile import (
    Action,
    ClusterState,
    EntryState,
    Failure,
    Fingerprint,
    Policy,
    Step,
    plan,
)
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping

    from speccluster_lab.cluster.membership import Membership

__all__ = ["Desired", "Executor", "Workshop"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desired:
    """One entry of the spec, under the key that its owner gave it."""

    key: Hashable
    entry: Mapping[str, Any]
    fingerprint: Fingerprint

    @property
    def members(self) -> tuple[str, ...]:
        """The scheduler names that it is expected to have."""
        return member_names(self.key, self.entry.get("group"))


class Workshop(Protocol):
    """What the executor needs its cluster for."""

    def make_worker(self, desired: Desired) -> Any:
        """Return a new instance, not started."""

    def worker_started(self, desired: Desired, instance: Any) -> None:
        """Note that an instance is up."""

    def worker_closed(self, desired: Desired) -> None:
        """Note that an instance is gone."""

    async def retire(self, addresses: list[str]) -> Failure | None:
        """Move the data of some workers elsewhere, then let the scheduler forget them."""


class Executor:
    """Keeps the entries of one cluster as they are wanted.

    Parameters
    ----------
    workshop : Workshop
        The cluster.
    membership : Membership
        What the scheduler has.
    policy : Policy
        The limits.
    changed : callable
        Called after every change of an entry.
    """

    def __init__(
        self,
        workshop: Workshop,
        membership: Membership,
        policy: Policy,
        changed: Callable[[], None],
    ) -> None:
        self.policy = policy
        self.entries: dict[str, EntryState] = {}
        self.generation = 0
        self.generations: dict[str, int] = {}
        self._workshop = workshop
        self._membership = membership
        self._changed = changed
        self._desired: dict[str, Desired] = {}
        # What each instance was made of: the spec may have moved on since.
        self._made: dict[str, Desired] = {}
        self._instances: dict[str, tuple[Any, asyncio.Future[Any]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._owner_of_member: dict[str, str] = {}
        self._dirty: dict[str, None] = {}
        # Indexes, so that no pass looks at all entries for the few that it is about. Dicts keep
        # the order in which entries came in.
        self._active: dict[str, None] = {}
        self._unsettled: dict[str, None] = {}
        self._starting: dict[str, None] = {}
        self._pending: dict[str, None] = {}
        self._outdated: dict[str, None] = {}
        self._rolling: dict[str, None] = {}
        self._holders: dict[str, None] = {}
        self._due: dict[str, None] = {}
        self._indexes = (
            self._active, self._unsettled, self._starting, self._pending,
            self._outdated, self._rolling, self._holders, self._due,
        )  # fmt: skip
        self._idle = asyncio.Event()
        self._idle.set()
        self._waiting: list[list[BaseException]] = []
        self._unheard: dict[str, BaseException] = {}
        self._pass: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    # -- what is wanted ----------------------------------------------------------------------

    def want(self, desired: Mapping[str, Desired], generation: int) -> None:
        """Take a new desired state over.

        Parameters
        ----------
        desired : mapping of str to Desired
            All entries, by name.
        generation : int
            Its number, noted for the entries that it changes.
        """
        for name in self._desired.keys() - desired.keys():
            if name in self.entries:
                self._put(self.entries[name].want(None, ()))
        for name, one in desired.items():
            before = self.entries.get(name, EntryState(name, since=monotonic()))
            entry = before.want(one.fingerprint, one.members)
            if entry is not before:
                self.generations[name] = generation
                self._put(entry)
        self._desired = dict(desired)
        self.generation = generation
        self._run_pass()

    @property
    def settled(self) -> bool:
        """Whether every entry is as the spec wants it."""
        return not self._unsettled

    def unsettled(self) -> list[EntryState]:
        """Return the entries that are not as the spec wants them."""
        return [self.entries[name] for name in self._unsettled]

    async def idle(self) -> list[BaseException]:
        """Wait until every start, retirement and closing under way has ended.

        Returns
        -------
        list of BaseException
            What starts that failed meanwhile raised, and before where nobody waited then and
            the entry has not recovered since.
        """
        failures = list(self._unheard.values())
        self._unheard.clear()
        self._waiting.append(failures)
        try:
            await self._idle.wait()
        finally:
            # By identity: two empty lists are equal.
            self._waiting = [one for one in self._waiting if one is not failures]
        return failures

    # -- what is -----------------------------------------------------------------------------

    def see(self, member: str) -> None:
        """Look again at the entry of a member that has come or gone."""
        name = self._owner_of_member.get(member)
        if name is not None and name in self.entries:
            self._look(name)
            self._request_pass()

    def see_all(self) -> None:
        """Look again at every entry, and at every deadline."""
        for name in list(self.entries):
            self._look(name)
            self._dirty[name] = None
        self._run_pass()

    def is_expected(self, member: str) -> bool:
        """Return whether an entry expects a worker of this name."""
        return member in self._owner_of_member

    def _look(self, name: str) -> None:
        entry = self.entries[name]
        seen = entry.see(self._membership.present(entry.members), monotonic())
        if seen is not entry:
            self._put(seen)

    # -- passes ------------------------------------------------------------------------------

    def _put(self, entry: EntryState) -> None:
        before = self.entries.get(entry.name)
        name = entry.name
        self.entries[name] = entry
        self._dirty[name] = None
        if before is None or before.members != entry.members:
            for member in before.members if before else ():
                self._owner_of_member.pop(member, None)
            for member in entry.members:
                self._owner_of_member[member] = name
        _keep(self._active, name, entry.active)
        _keep(self._unsettled, name, not entry.settled)
        _keep(self._starting, name, entry.phase is EntryPhase.STARTING)
        _keep(self._pending, name, entry.phase is EntryPhase.PENDING)
        _keep(self._outdated, name, entry.wanted != entry.made_of and not entry.busy)
        _keep(self._rolling, name, entry.rolling)
        _keep(self._holders, name, entry.holds_for is not None)
        _keep(self._due, name, entry.retry_at is not None and not entry.busy)
        if self._active:
            self._idle.clear()

    def _request_pass(self) -> None:
        if self._pass is None and not self._ended:
            self._pass = asyncio.get_running_loop().call_soon(self._run_pass)

    def _run_pass(self) -> None:
        if self._pass is not None:
            self._pass.cancel()
            self._pass = None
        if self._ended:
            return
        now = monotonic()
        # Each round may make room for others: a start that ended, a holder that is there.
        while self._dirty:
            names, self._dirty = self._dirty, {}
            state = ClusterState(self.entries, self.policy, len(self._starting), len(self._rolling))
            for step in plan(state, names, now):
                self._carry_out(step)
        self._set_timer(now)
        if not self._active:
            self._idle.set()
        self._changed()

    def _wake_waiting(self) -> None:
        """Look at entries that wait for another one: for its start slot, or for room to move."""
        for names, most in (
            (self._pending, self.policy.max_concurrent_starts),
            (self._outdated, self.policy.max_unavailable),
            (self._rolling, None),
            (self._holders, None),
        ):
            self._dirty.update(dict.fromkeys(islice(names, most)))

    def _set_timer(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [at for name in self._due if (at := self.entries[name].retry_at) is not None]
        if due:
            delay = max(0.0, min(due) - now) + 0.001
            self._timer = asyncio.get_running_loop().call_later(delay, self._timer_rings)

    def _timer_rings(self) -> None:
        self._dirty.update(self._due)
        self._run_pass()

    def _carry_out(self, step: Step) -> None:
        entry = step.entry
        name = entry.name
        before = self.entries[name]
        if before is not entry:
            if before.phase is not entry.phase:
                logger.info("entry %r: %s -> %s", name, before.phase, entry.phase)
            self._put(entry)
            if entry.phase is EntryPhase.RUNNING and before.phase is not EntryPhase.RUNNING:
                self._wake_waiting()
        match step.action:
            case None:
                pass
            case Action.START:
                self._made[name] = self.desired_of(name)
                self._work(name, self._start)
            case Action.CANCEL:
                self._work(name, self._close, cancel=True)
            case Action.RETIRE:
                self._work(name, self._retire)
            case Action.CLOSE:
                self._work(name, self._close)
            case Action.HOLD:
                self._hold(name)
            case Action.FORGET:
                self._forget(name)
            case _:
                assert_never(step.action)

    def desired_of(self, name: str) -> Desired:
        """Return what an entry is to be, or, where it is not wanted any more, what it was."""
        return self._desired[name] if name in self._desired else self._made[name]

    def _hold(self, name: str) -> None:
        """Make an entry like the one being replaced, to hold its data meanwhile."""
        made = self._made[name]
        holder = HOLDER_PREFIX + name
        self._made[holder] = replace(made, key=holder)
        logger.info("entry %r: %r holds its data meanwhile", name, holder)
        self._put(
            EntryState(
                holder,
                since=monotonic(),
                wanted=made.fingerprint,
                members=self._made[holder].members,
                holds_for=name,
            )
        )

    def _forget(self, name: str) -> None:
        entry = self.entries.pop(name)
        for member in entry.members:
            if self._owner_of_member.get(member) == name:
                del self._owner_of_member[member]
        for table in (self._made, self.generations, self._dirty, self._unheard, *self._indexes):
            table.pop(name, None)
        self._wake_waiting()

    # -- actions -----------------------------------------------------------------------------

    def _work(
        self,
        name: str,
        action: Callable[[str], Awaitable[EntryState]],
        *,
        cancel: bool = False,
    ) -> None:
        before = self._tasks.get(name) if cancel else None

        async def work() -> None:
            if before is not None:
                before.cancel()
                await asyncio.wait({before}, timeout=self.policy.close_timeout)
            entry = await action(name)
            if self._tasks.get(name) is asyncio.current_task():
                del self._tasks[name]
                if not self._ended:
                    self._put(entry)
                    self._look(name)
                    self._wake_waiting()
                    self._request_pass()

        task = asyncio.get_running_loop().create_task(work(), name=f"entry {name}")
        task.add_done_callback(_report)
        self._tasks[name] = task

    async def _start(self, name: str) -> EntryState:
        made = self._made[name]
        try:
            instance = self._workshop.make_worker(made)
            starting = asyncio.ensure_future(instance)
            self._instances[name] = instance, starting
            await asyncio.shield(starting)
        except Exception as error:
            logger.warning("entry %r: the start failed: %r", name, error)
            if not self._waiting:
                self._unheard[name] = error
            for failures in self._waiting:
                failures.append(error)
            failure = Failure(type(error).__name__, _in_words(error))
            return self.entries[name].failed(failure, monotonic(), self.policy)
        self._unheard.pop(name, None)
        self._workshop.worker_started(made, instance)
        return self.entries[name].started(monotonic())

    async def _retire(self, name: str) -> EntryState:
        entry = self.entries[name]
        found = (self._membership.address(member) for member in sorted(entry.present))
        addresses = [address for address in found if address is not None]
        stuck: Failure | None = None
        if addresses:
            try:
                async with asyncio.timeout(self.policy.retire_timeout):
                    stuck = await self._workshop.retire(addresses)
            except TimeoutError:
                stuck = Failure(
                    "RetireTimeout",
                    f"moving its data has taken longer than {self.policy.retire_timeout:g} s",
                )
            except Exception as error:
                logger.warning("entry %r: retiring failed: %r", name, error)
                stuck = Failure("RetireFailed", _in_words(error))
        if stuck is not None:
            logger.warning("entry %r: not retired: %s", name, stuck.message)
        return self.entries[name].retirement(stuck, monotonic(), self.policy)

    async def _close(self, name: str) -> EntryState:
        there = self._instances.pop(name, None)
        if there is not None:
            await _close_instance(*there, self.policy)
        made = self._made.get(name)
        if made is not None:
            self._workshop.worker_closed(made)
        desired = self._desired.get(name, made)
        members = () if desired is None else desired.members
        return self.entries[name].closed(members, monotonic())

    async def end(self) -> None:
        """Stop reconciling and close every worker, whatever is under way; always ends."""
        self._ended = True
        for handle in (self._pass, self._timer):
            if handle is not None:
                handle.cancel()
        tasks = set(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self.policy.close_timeout)
        instances = dict(self._instances)
        self._instances.clear()
        await asyncio.gather(*(_close_instance(*one, self.policy) for one in instances.values()))
        for name in instances:
            self._workshop.worker_closed(self._made[name])
        self._idle.set()


async def _close_instance(instance: Any, starting: asyncio.Future[Any], policy: Policy) -> None:
    # A nanny that is closed in the first moments of its start, or whose start is cancelled, starts
    # its process all the same and leaves it behind; so a start may end before it is undone.
    if not starting.done():
        await asyncio.wait({starting}, timeout=policy.cancel_grace)
    await close_worker(instance, policy.close_timeout)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting}, timeout=policy.close_timeout)
    if starting.done() and not starting.cancelled():
        # What it raised has been told, or is not wanted any more.
        starting.exception()


async def close_worker(instance: Any, limit: float) -> None:
    """Close a worker, waiting for no longer than ``limit`` seconds; a failure is logged."""
    try:
        closing = instance.close()
        if not isawaitable(closing):
            return
        task = asyncio.ensure_future(closing)
        done, _ = await asyncio.wait({task}, timeout=limit)
        if not done:
            task.cancel()
            logger.warning("%r did not close within %g s", instance, limit)
            return
        with suppress(asyncio.CancelledError):
            task.result()
    except Exception as error:
        logger.warning("%r failed to close: %r", instance, error)


def _keep(index: dict[str, None], name: str, belongs: bool) -> None:
    if belongs:
        index[name] = None
    else:
        index.pop(name, None)


def _in_words(error: BaseException) -> str:
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < 3:
        causes.append(f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__)
        cause = cause.__cause__
    return " ← ".join(causes)[:2_000]


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("%s ended with an error", task.get_name(), exc_info=task.exception())
