"""The executor: feeds what happens to the planner and carries out what it says.

Each entry is worked on by itself, so that nothing slow delays anything else. All of it runs on
the cluster's loop, in passes over the entries that something has happened to.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import islice
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final, Protocol, assert_never

from speccluster_lab.cluster.closing import has_ended, told_by
from speccluster_lab.cluster.history import History
from speccluster_lab.cluster.instances import Instances
from speccluster_lab.cluster.ledger import Ledger
from speccluster_lab.cluster.retirement import Retirement
from speccluster_lab.reconcile import (
    LEAVING,
    UP,
    Action,
    ClusterState,
    EntryState,
    Failure,
    Policy,
    Step,
    next_look,
    plan,
)
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from speccluster_lab.cluster.form import Desired
    from speccluster_lab.cluster.membership import Membership
    from speccluster_lab.cluster.view import View

__all__ = ["Executor", "Workshop"]

logger = logging.getLogger(__name__)

# Entries of one pass: between two of them the loop is free for whatever else waits.
PASS_LENGTH: Final = 250
_TIMED: Final = frozenset(EntryPhase) - {EntryPhase.PENDING, EntryPhase.RUNNING, EntryPhase.LOST}
_ACTIVE: Final = (EntryPhase.PENDING, EntryPhase.STARTING, EntryPhase.CLOSING, EntryPhase.LOST)
_TEXT: Final = {phase: str(phase.value) for phase in EntryPhase}


class Workshop(Protocol):
    """What the executor needs its cluster for."""

    def make_worker(self, desired: Desired) -> Any:
        """Return a new instance, not started."""

    def runs_here(self, desired: Desired) -> bool:
        """Return whether the members of an entry are processes of this machine."""

    def worker_started(self, desired: Desired, instance: Any) -> None:
        """Note that an instance is up."""

    def worker_gone(self, desired: Desired) -> None:
        """Note that an instance is not to be used any more."""

    def view(self) -> View:
        """Return the scheduler."""

    def owner_of(self, member: str) -> str | None:
        """Return the entry of the spec that is to have a member."""


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody who waits until nothing is under way for some entries."""

    failures: list[BaseException]
    names: set[str] | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Executor:
    """Keeps the entries of one cluster as they are wanted.

    Parameters
    ----------
    workshop : Workshop
        The cluster.
    desired : mapping of str to Desired
        The entries of the spec by name, as they are from one call of :meth:`want` to the next.
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
        desired: Mapping[str, Desired],
        membership: Membership,
        policy: Policy,
        changed: Callable[[], None],
    ) -> None:
        self.entries: dict[str, EntryState] = {}
        self.desired = desired
        self.history = History()
        self.ledger = Ledger()
        self.has_scheduler = False
        self._policy = policy
        self._workshop = workshop
        self._membership = membership
        self._changed = changed
        self._retirement = Retirement(workshop.view, policy, self._retirement_ended)
        # What each instance was made of: the spec may have moved on since.
        self._made: dict[str, Desired] = {}
        self._instances = Instances(self._start_ended, self._close_ended)
        self._forgetting: dict[str, list[str]] = {}
        # Those of whose members an event may still be on its way, or lost.
        self._unsure: set[str] = set()
        self._asking: dict[str, object] = {}
        self._owners: dict[str, str] = {}
        self._dirty: dict[str, None] = {}
        self._alarms: list[tuple[float, str]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._pass: asyncio.Handle | None = None
        self._waiting: list[_Waiter] = []
        self._unheard: dict[str, BaseException] = {}
        self._begun = self._ended = False

    @property
    def policy(self) -> Policy:
        """The limits; a new one counts from the next pass on."""
        return self._policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._policy = self._retirement.policy = policy
        for phase in _TIMED:
            for name in self.ledger.by_phase[phase]:
                self._note(self.entries[name])
                self._dirty[name] = None
        self.request_pass()

    # -- what is wanted ----------------------------------------------------------------------

    def want(self, name: str, generation: int) -> None:
        """Take over what the spec says of one entry.

        Parameters
        ----------
        name : str
            The entry.
        generation : int
            Of the spec.
        """
        entry, desired = self.entries.get(name), self.desired.get(name)
        if desired is None:
            if entry is None:
                return
            if entry.made_of is None:
                self._disown(entry)
            entry.want(None, (), generation)
        else:
            if entry is None:
                entry = self._add(EntryState(name, since=monotonic()))
                entry.want(desired.form.fingerprint, desired.members, generation)
            else:
                self._disown(entry)
                entry.want(desired.form.fingerprint, desired.members, generation)
            self._own(entry)
        holder = HOLDER_PREFIX + name
        if self.ledger.holders and holder in self.entries:
            self._dirty[holder] = None
        # A new one waits in the ledger for its turn.
        if entry.phase is not EntryPhase.PENDING or desired is None:
            self._dirty[name] = None
        self._note(entry)
        self.request_pass()

    def retry(self, name: str) -> None:
        """Try an entry again now."""
        self.entries[name].retry()
        self._touch(name)

    def drop_data(self, name: str) -> None:
        """Let an entry go with what it holds."""
        self._retirement.forget(name)
        self._asking.pop(name, None)
        self.entries[name].drop_data()
        self._touch(name)

    @property
    def settled(self) -> bool:
        """Whether every entry is as the spec wants it."""
        return self.ledger.settled

    def unsettled(self) -> list[EntryState]:
        """Return the entries that are not as the spec wants them."""
        return [self.entries[name] for name in self.ledger.unsettled()]

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
        waiter = _Waiter(failures)
        self._waiting.append(waiter)
        try:
            # What starts now, and fails at once, is this one's to hear of.
            self.run_pass()
            waiter.names = set(filter(self._is_active, self._under_way()))
            if waiter.names and not self._ended:
                await waiter.done.wait()
        finally:
            self._waiting = [one for one in self._waiting if one is not waiter]
        return failures

    def _under_way(self) -> list[str]:
        by_phase = self.ledger.by_phase
        names = [name for phase in (*_ACTIVE, *LEAVING) for name in by_phase[phase]]
        return [*names, *self._dirty]

    def _is_active(self, name: str) -> bool:
        """Return whether something is being done for an entry, or is about to be."""
        entry = self.entries.get(name)
        if entry is None:
            return False
        if entry.phase is EntryPhase.PENDING:
            # Without a scheduler it may wait for ever.
            return self.has_scheduler or entry.wanted is None
        if entry.active or name in self._dirty:
            return True
        # What a holder is made for goes on with the holder.
        holder = self.entries.get(HOLDER_PREFIX + name) if self.ledger.holders else None
        return entry.phase in LEAVING and holder is not None and holder.active

    def _release(self, names: list[str]) -> None:
        """Let those go who waited for nothing but these entries."""
        for waiter in self._waiting:
            if waiter.names is None:
                continue
            for name in names:
                if name in waiter.names and not self._is_active(name):
                    waiter.names.discard(name)
            if not waiter.names:
                waiter.done.set()

    # -- what is -----------------------------------------------------------------------------

    def arrive(self, member: str) -> None:
        """Note that the scheduler has a member."""
        entry = self._entry_of(member)
        if entry is not None:
            entry.arrive(member, monotonic())
            if entry.phase in UP:
                self._touch(entry.name)

    def leave(self, member: str) -> None:
        """Note that the scheduler does not have a member any more."""
        entry = self._entry_of(member)
        if entry is not None:
            entry.leave(member, monotonic())
            if entry.phase in UP or entry.phase in LEAVING:
                self._look_whether_ended(entry)
                self._touch(entry.name)

    def look_again(self, members: Iterable[str]) -> None:
        """See that nothing is otherwise than what is known says, whatever was missed.

        Parameters
        ----------
        members : iterable of str
            What the last reading showed that no event had told.
        """
        names = {name for one in members if (name := self._owners.get(one)) is not None}
        now = monotonic()
        by_phase = self.ledger.by_phase
        for name in names.union(by_phase[EntryPhase.WAITING], by_phase[EntryPhase.DEGRADED]):
            entry = self.entries.get(name)
            if entry is None:
                continue
            present = self._membership.present(entry.members)
            if present != entry.present and entry.made_of is not None:
                entry.see(present, now)
                self._dirty[name] = None
            self._look_whether_ended(entry)
        self.request_pass()

    def note(self, reason: str, message: str) -> None:
        """Note what has happened to the cluster as a whole."""
        self.history.note(time(), None, None, None, reason, message)

    def members_of(self, name: str) -> tuple[str, ...]:
        """Return the members of an entry; none where there is no such entry."""
        entry = self.entries.get(name)
        return () if entry is None else entry.members

    def is_leaving(self, name: str) -> bool:
        """Return whether an entry is on its way out."""
        entry = self.entries.get(name)
        return entry is not None and entry.phase in LEAVING

    def is_present(self, member: str) -> bool:
        """Return whether the scheduler has a member."""
        return self._membership.address(member) is not None

    def is_expected(self, member: str) -> bool:
        """Return whether an entry expects a worker of this name."""
        return member in self._owners

    def lose_scheduler(self, failure: Failure) -> None:
        """Note that the scheduler has died, and with it whatever it knew."""
        self.has_scheduler = False
        now = monotonic()
        for entry in self.entries.values():
            self._retirement.forget(entry.name)
            self._asking.pop(entry.name, None)
            entry.lose(failure, now)
            entry.see((), now)
            self._dirty[entry.name] = None
        self.request_pass()

    def find_scheduler(self) -> None:
        """Note that there is a scheduler; with the first one the work begins."""
        self.has_scheduler = self._begun = True
        self.request_pass()

    def desired_of(self, name: str) -> Desired:
        """Return what an entry is to be, or, where it is not wanted any more, what it was."""
        return self.desired[name] if name in self.desired else self._made[name]

    def is_described(self, name: str) -> bool:
        """Return whether it is known what an entry is to be, or was."""
        return name in self.desired or name in self._made

    def _entry_of(self, member: str) -> EntryState | None:
        name = self._owners.get(member)
        return None if name is None else self.entries.get(name)

    def _look_whether_ended(self, entry: EntryState) -> None:
        if entry.phase in UP and not entry.present:
            instance = self._instances.get(entry.name)
            if instance is not None and has_ended(instance):
                entry.lose(Failure("Ended", "its process has ended"), monotonic())
                self._dirty[entry.name] = None

    # -- passes ------------------------------------------------------------------------------

    def _add(self, entry: EntryState) -> EntryState:
        self.entries[entry.name] = entry
        self.history.note(time(), entry.name, None, _TEXT[entry.phase])
        return entry

    def _own(self, entry: EntryState) -> None:
        for member in entry.members:
            # One that is on its way out keeps its names until it is gone.
            if self._owners.get(member) not in self.entries:
                self._owners[member] = entry.name

    def _disown(self, entry: EntryState) -> None:
        for member in entry.members:
            if self._owners.get(member) == entry.name:
                del self._owners[member]
                self._hand_on(member, entry)

    def _hand_on(self, member: str, owner: EntryState) -> None:
        """Give a name that is free now to the entry that is to have it."""
        heir = self.entries.get(self._workshop.owner_of(member) or "")
        if heir is not None and heir is not owner and member in heir.members:
            self._owners[member] = heir.name
            heir.see(self._membership.present(heir.members), monotonic())
            self._touch(heir.name)

    def _touch(self, name: str) -> None:
        self._dirty[name] = None
        self.request_pass()

    def request_pass(self) -> None:
        """Have the planner look at what has changed, soon."""
        if self._pass is None and self._begun and not self._ended:
            self._pass = asyncio.get_running_loop().call_soon(self.run_pass)

    def run_pass(self) -> None:
        """Have the planner look at what has changed, and carry out what it says."""
        if self._pass is not None:
            self._pass.cancel()
            self._pass = None
        if self._ended or not self._begun:
            return
        now, left = monotonic(), PASS_LENGTH
        seen: list[str] = []
        self._ring(now)
        while left > 0 and self._collect():
            names = list(islice(self._dirty, left))
            left -= len(names)
            for name in names:
                del self._dirty[name]
            for step in plan(self._state(), names, now):
                try:
                    self._take(step, now)
                except Exception:
                    # Nobody would run the next pass for the others.
                    logger.exception("entry %r: %s failed", step.name, step.action)
            seen += names
        if self._collect():
            self.request_pass()
        else:
            self._set_alarm(now)
        if self._waiting:
            self._release(seen)
        self._changed()

    def _state(self) -> ClusterState:
        ledger = self.ledger
        return ClusterState(
            self.entries,
            self._policy,
            ledger.starting,
            len(ledger.rolling),
            ledger.surging,
            self.has_scheduler,
        )

    def _collect(self) -> bool:
        """Add who has waited for room that there is now; return whether anybody is to be seen."""
        ledger, policy = self.ledger, self._policy
        pending = ledger.by_phase[EntryPhase.PENDING]
        starts = policy.max_concurrent_starts - ledger.starting
        if pending and starts > 0 and self.has_scheduler:
            self._dirty.update(dict.fromkeys(islice(pending, starts)))
        return bool(self._dirty)

    def _wake_outdated(self) -> None:
        ledger, policy = self.ledger, self._policy
        room = policy.max_unavailable - len(ledger.rolling) + policy.max_surge - ledger.surging
        if ledger.outdated and room > 0:
            # Those that have a holder already may come first, and take no room.
            most = room + len(ledger.holders)
            self._dirty.update(dict.fromkeys(islice(ledger.outdated, most)))

    def _note(self, entry: EntryState) -> None:
        """Take over what has changed of an entry, into all that is kept about it."""
        name, phase = entry.name, entry.phase
        ledger = self.ledger
        before = ledger.note(entry)
        if phase in _TIMED or entry.attempts:
            due = next_look(entry, self._policy)
            if due is not None:
                heappush(self._alarms, (due, name))
        if before is phase or before is None:
            return
        failure = entry.failure
        went = _TEXT[before], _TEXT[phase]
        if failure is None:
            self.history.note(time(), name, *went)
        else:
            self.history.note(time(), name, *went, failure.reason, failure.message)
        if ledger.holders:
            for other in (entry.holds_for, HOLDER_PREFIX + name):
                if other in self.entries:
                    self._dirty[other] = None
        if ledger.outdated:
            self._wake_outdated()

    def _set_alarm(self, now: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._alarms and not self._ended:
            delay = max(0.0, self._alarms[0][0] - now) + 0.001
            self._alarm = asyncio.get_running_loop().call_later(delay, self.run_pass)

    def _ring(self, now: float) -> None:
        """Have those looked at whose time has come; an alarm may be of the past, and is ignored."""
        alarms = self._alarms
        while alarms and alarms[0][0] <= now:
            _, name = heappop(alarms)
            entry = self.entries.get(name)
            if entry is None:
                continue
            due = next_look(entry, self._policy)
            if due is not None and due <= now:
                if self._has_to_ask(entry, now):
                    continue
                self._dirty[name] = None

    def _has_to_ask(self, entry: EntryState, now: float) -> bool:
        """Look what a start that never ends has registered: it is not to be closed unseen.

        Returns
        -------
        bool
            Whether another process has to say it first, which is waited for.
        """
        if entry.phase is not EntryPhase.CLOSING or entry.closing or not self._look_up(entry):
            return False
        limit = entry.since + self._policy.cancel_grace + self._policy.close_timeout
        if now >= limit:
            return False
        entry.postpone(limit)
        self._note(entry)
        self._ask(entry.name, self._asked_late)
        return True

    def _asked_late(self, entry: EntryState) -> None:
        if entry.phase is EntryPhase.CLOSING and not entry.closing:
            entry.postpone(monotonic())
            self._touch(entry.name)

    def _take(self, step: Step, now: float) -> None:
        name = step.name
        entry = self.entries[name]
        entry.take(step, now, self._policy)
        self._note(entry)
        if entry.phase is EntryPhase.LOST or entry.phase is EntryPhase.CLOSING:
            self._workshop.worker_gone(self.desired_of(name))
        match step.action:
            case None:
                if entry.phase is EntryPhase.RUNNING:
                    self._unsure.discard(name)
                elif entry.phase not in UP:
                    # The next step is due at once.
                    self._dirty[name] = None
            case Action.CANCEL:
                # A nanny whose start is cut off in its first moments leaves its process behind:
                # a start that is not wanted any more has the policy's grace to end by itself.
                if self._look_up(entry):
                    self._ask(name, lambda _: None)
            case Action.START:
                self._start(entry)
            case Action.RETIRE:
                self._retire(entry)
            case Action.CLOSE:
                self._close(entry)
            case Action.ABANDON:
                self._abandon(entry)
            case Action.HOLD:
                self._hold(entry)
            case Action.FORGET:
                self._forget(entry)
            case _:
                assert_never(step.action)

    # -- actions -----------------------------------------------------------------------------

    def _start(self, entry: EntryState) -> None:
        name = entry.name
        made = self._made.get(name) if entry.holds_for is not None else self.desired[name]
        assert made is not None, "a holder is made of something"
        self._made[name] = made
        self._unsure.add(name)
        try:
            entry.runs_here = self._workshop.runs_here(made)
            instance = self._workshop.make_worker(made)
            self._instances.start(name, instance)
        except Exception as error:
            self._start_failed(entry, error)

    def _start_ended(self, name: str, error: BaseException | None) -> None:
        entry = self.entries.get(name)
        if entry is None or self._ended:
            return
        not_to_stay = error is not None or entry.phase is not EntryPhase.STARTING
        if self._look_up(entry) and not_to_stay:
            # It may have been given work in the moment since it registered.
            self._ask(name, partial(self._after_start, error=error))
        else:
            self._after_start(entry, error)

    def _after_start(self, entry: EntryState, error: BaseException | None) -> None:
        name = entry.name
        if entry.phase is not EntryPhase.STARTING:
            entry.start_ended()
        elif error is not None:
            self._start_failed(entry, error)
            return
        else:
            self._unheard.pop(name, None)
            self._workshop.worker_started(self._made[name], self._instances.get(name))
            entry.started(monotonic())
        self._note(entry)
        self._touch(name)

    def _start_failed(self, entry: EntryState, error: BaseException) -> None:
        logger.warning("entry %r: the start failed: %r", entry.name, error)
        if not self._waiting:
            self._unheard[entry.name] = error
        for waiter in self._waiting:
            waiter.failures.append(error)
        failure = Failure(type(error).__name__, _in_words(error))
        entry.start_failed(failure, monotonic(), self._policy)
        self._note(entry)
        self._touch(entry.name)

    def _look_up(self, entry: EntryState) -> bool:
        """Note which members a scheduler of this process has; return whether one has to be asked.

        What its events have told may not be all: one of them may be lost, or on its way.
        """
        if not self.has_scheduler:
            return False
        known = self._workshop.view().look_up(entry.members)
        if known is not None:
            self._learn(entry, known)
        return known is None

    def _learn(self, entry: EntryState, known: Mapping[str, str]) -> None:
        for member, address in known.items():
            if self._membership.address(member) != address:
                self._membership.add(address, member)
                entry.arrive(member, monotonic())

    def _ask(self, name: str, then: Callable[[EntryState], None]) -> None:
        """Ask the scheduler which members of an entry it has, and go on then."""
        token = self._asking[name] = object()

        async def ask() -> None:
            known: Mapping[str, str] = {}
            try:
                async with asyncio.timeout(self._policy.close_timeout):
                    known = await self._workshop.view().find(self.entries[name].members)
            except (OSError, TimeoutError) as error:
                logger.warning("the scheduler does not say what entry %r has: %r", name, error)
            if self._asking.get(name) is token and not self._ended:
                del self._asking[name]
                self._learn(self.entries[name], known)
                then(self.entries[name])

        self._instances.leave_to_itself(asyncio.ensure_future(ask()))

    def _retire(self, entry: EntryState) -> None:
        unsure = entry.name in self._unsure or not entry.complete
        if unsure and self._look_up(entry):
            self._ask(entry.name, self._begin_to_retire)
        else:
            self._begin_to_retire(entry)

    def _begin_to_retire(self, entry: EntryState) -> None:
        if not entry.present:
            self._adopt(entry)
        addresses = self._left_behind(entry)
        if addresses:
            self._retirement.begin(entry.name, addresses)
        else:
            entry.retirement_ended(None, monotonic(), self._policy)
            self._touch(entry.name)

    def _retirement_ended(self, name: str, addresses: list[str], stuck: Failure | None) -> None:
        entry = self.entries.get(name)
        if entry is None or self._ended:
            return
        now = monotonic()
        if stuck is not None:
            logger.warning("entry %r: not retired: %s", name, stuck.message)
        else:
            for address in addresses:
                # The scheduler has forgotten it; the event that says so may be on its way.
                member = self._membership.remove(address)
                if member is not None:
                    entry.leave(member, now)
            if entry.present and entry.phase in LEAVING:
                # One that came meanwhile has not been asked for.
                self._retire(entry)
                return
        entry.retirement_ended(stuck, now, self._policy)
        if stuck is not None:
            self._note(entry)
        self._touch(name)

    def _close(self, entry: EntryState) -> None:
        self._retirement.forget(entry.name)
        self._asking.pop(entry.name, None)
        self._instances.close(entry.name)

    def _close_ended(self, name: str) -> None:
        entry = self.entries.get(name)
        if entry is None or self._ended:
            return
        if name in self._unsure and self._look_up(entry):
            self._ask(name, self._forget_what_is_left)
        else:
            self._forget_what_is_left(entry)

    def _forget_what_is_left(self, entry: EntryState) -> None:
        name, behind = entry.name, self._left_behind(entry)
        if behind and self._forgetting.get(name) != behind:
            # Its successor of the same name could not register.
            self._forgetting[name] = behind
            forgetting = asyncio.ensure_future(self._forget_workers(behind))
            self._instances.leave_to_itself(forgetting)
            forgetting.add_done_callback(lambda _: self._forgotten(name, behind))
            return
        self._closed(entry)
        self._touch(name)

    def _forgotten(self, name: str, behind: list[str]) -> None:
        entry = self.entries.get(name)
        if self._forgetting.get(name) is behind and entry is not None and not self._ended:
            self._forget_what_is_left(entry)

    def _left_behind(self, entry: EntryState) -> list[str]:
        """Return the addresses of its members that the scheduler believes to be there."""
        if not self.has_scheduler:
            return []
        found = map(self._membership.address, entry.members)
        return [address for address in found if address is not None]

    def _adopt(self, entry: EntryState) -> None:
        """Take on, before an entry goes, workers of it that registered under other names.

        Or what they hold would be lost. A class may name its workers as it likes: then it may
        say where its worker is, and dask-jobqueue numbers those of a job even where the spec has
        no group.
        """
        name = entry.name
        if not self.has_scheduler or name not in self._unsure:
            return
        address = told_by(self._instances.get(name), "worker_address")
        told = self._membership.name_at(address) if isinstance(address, str) else None
        found = {told} if told is not None else self._numbered(name)
        strays = sorted(one for one in found if one not in self._owners)
        if strays:
            self._disown(entry)
            entry.adopt(strays, monotonic())
            self._own(entry)

    def _numbered(self, name: str) -> set[str]:
        if self.desired_of(name).form.group is not None:
            return set()
        number = re.compile(rf"{re.escape(name)}-\d+")
        return {one for one in self._membership.names() if number.fullmatch(one)}

    def _abandon(self, entry: EntryState) -> None:
        logger.warning("entry %r does not close, and is given up", entry.name)
        self._instances.give_up(entry.name)
        self._asking.pop(entry.name, None)
        self._look_up(entry)
        behind = self._left_behind(entry)
        if behind:
            forgetting = asyncio.ensure_future(self._forget_workers(behind))
            self._instances.leave_to_itself(forgetting)
        self._closed(entry)
        self._touch(entry.name)

    async def _forget_workers(self, addresses: list[str]) -> None:
        view = self._workshop.view()
        try:
            async with asyncio.timeout(self._policy.close_timeout):
                for address in addresses:
                    await view.forget(address)
        except (OSError, TimeoutError) as error:
            logger.warning("the scheduler keeps %s: %r", addresses, error)

    def _closed(self, entry: EntryState) -> None:
        name = entry.name
        self._forgetting.pop(name, None)
        self._unsure.discard(name)
        members = self.desired_of(name).members
        if members is entry.members:
            entry.closed(members, monotonic())
        else:
            self._disown(entry)
            entry.closed(members, monotonic())
            self._own(entry)
        self._note(entry)

    def _hold(self, entry: EntryState) -> None:
        """Make an entry that stands in for one which is being replaced, or is about to be."""
        beforehand = entry.phase in UP
        like = self.desired[entry.name] if beforehand else self._made[entry.name]
        made = like.holder()
        holder = self._add(
            EntryState(
                str(made.key),
                since=monotonic(),
                # What it stands for: it may have to be made a little otherwise.
                wanted=entry.wanted if beforehand else entry.made_of,
                members=made.members,
                generation=entry.generation,
                holds_for=entry.name,
                surge=beforehand,
            )
        )
        self._made[holder.name] = made
        self._own(holder)
        self._note(holder)

    def _forget(self, entry: EntryState) -> None:
        name = entry.name
        self.history.note(time(), name, _TEXT[entry.phase], None)
        del self.entries[name]
        self._disown(entry)
        self.ledger.forget(name)
        self._made.pop(name, None)
        self._dirty.pop(name, None)
        if self._unheard:
            self._unheard.pop(name, None)
        if entry.holds_for is not None and entry.holds_for in self.entries:
            self._dirty[entry.holds_for] = None
        if self.ledger.outdated:
            self._wake_outdated()

    async def end(self) -> None:
        """Stop reconciling and close every worker, whatever is under way; always ends."""
        self._ended = True
        for handle in (self._pass, self._alarm):
            if handle is not None:
                handle.cancel()
        await self._instances.end(self._policy, self._retirement.stop())
        for made in self._made.values():
            self._workshop.worker_gone(made)
        for waiter in self._waiting:
            waiter.done.set()


def _in_words(error: BaseException) -> str:
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < 3:
        causes.append(f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__)
        cause = cause.__cause__
    return " ← ".join(causes)[:2_000]
