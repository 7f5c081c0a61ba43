"""The executor: feeds what happens to the planner and carries out what it says.

Each entry is worked on by itself, so that nothing slow delays anything else. All of it runs on
the cluster's loop, in passes over the entries that something has happened to.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from functools import partial
from itertools import islice
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.cluster.actions import Actions
from speccluster_lab.cluster.alarms import Alarms
from speccluster_lab.cluster.closing import has_ended
from speccluster_lab.cluster.roster import Roster
from speccluster_lab.cluster.waiting import Waiting
from speccluster_lab.reconcile import (
    LEAVING,
    UP,
    EntryState,
    Failure,
    Policy,
    next_look,
    plan,
)
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from speccluster_lab.cluster.actions import Workshop
    from speccluster_lab.cluster.form import Desired
    from speccluster_lab.cluster.membership import Membership

__all__ = ["Executor"]

logger = logging.getLogger(__name__)

# Entries of one pass: between two of them the loop is free for whatever else waits.
PASS_LENGTH: Final = 250


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
        self._alarms = Alarms(self.run_pass)
        self._roster = roster = Roster(
            desired, membership, policy, self._alarms, workshop.owner_of, self.request_pass
        )
        self.desired = desired
        self.entries = roster.entries
        self.history = roster.history
        self.ledger = roster.ledger
        self._owners = roster.owners
        self._membership = membership
        self._changed = changed
        self._waiting = Waiting(roster)
        self._actions = Actions(workshop, roster, membership, self._waiting)
        self._pass: asyncio.Handle | None = None
        self._begun = False
        self._context = copy_context()
        # What was found to have ended during its start when it was looked at last.
        self._ended_in_start: dict[str, Any] = {}

    @property
    def policy(self) -> Policy:
        """The limits; a new one counts from the next pass on."""
        return self._roster.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._roster.policy = policy
        self._actions.use(policy)
        self._roster.note_timed()

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
        if entry is not None and entry.made_of is None:
            # What there is of an entry keeps its names until it is gone.
            self._owners.disown(entry)
        if entry is not None and entry.failure is not None:
            # That was of what it is not to be any more.
            self._waiting.take_back(name)
        if desired is None:
            if entry is None:
                return
            entry.want(None, (), generation)
        else:
            if entry is None:
                entry = self._roster.add(EntryState(name, since=monotonic()))
            entry.want(desired.form.fingerprint, desired.members, generation)
            self._owners.own(entry)
        self._wake_holder(name)
        # A new one waits in the ledger for its turn.
        if entry.phase is not EntryPhase.PENDING or desired is None:
            self._roster.dirty[name] = None
        self._roster.note(entry)
        self.request_pass()

    def _wake_holder(self, name: str) -> None:
        holder = HOLDER_PREFIX + name
        if self.ledger.holders and holder in self.entries:
            self._roster.dirty[holder] = None

    def retry(self, name: str) -> None:
        """Try an entry again now."""
        self.entries[name].retry()
        self._roster.touch(name)

    def wear_out(self, name: str) -> None:
        """Have an entry made anew, as a roll-out does it."""
        entry = self.entries[name]
        entry.wear_out()
        self._wake_holder(name)
        # It may have to wait for its turn.
        self._roster.note(entry)
        self._roster.touch(name)

    def drop_data(self, name: str) -> None:
        """Let an entry go with what it holds."""
        self._actions.give_up_moving(name)
        self.entries[name].drop_data()
        self._roster.touch(name)

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
            the entry has neither recovered nor been changed since.
        """
        # Not as part of what waits; a copy, for a context can be entered only once at a time.
        return await self._waiting.idle(partial(self._context.copy().run, self.run_pass))

    # -- what is -----------------------------------------------------------------------------

    def arrive(self, member: str, *, surely: bool = True) -> None:
        """Note that the scheduler has a member.

        Parameters
        ----------
        member : str
            Its name.
        surely : bool
            Whether it is known where; otherwise the scheduler is asked before it matters.
        """
        entry = self._roster.entry_of(member)
        if entry is None:
            entry = self._actions.adoption.arrive(member)
            news = entry is not None
        else:
            if not surely:
                self._actions.doubt(entry.name)
            # None where the start that has ended has looked for itself.
            news = entry.arrive(member, monotonic())
        if news and entry is not None and entry.phase in UP:
            self._roster.touch(entry.name)
        elif entry is None or not entry.complete:
            # Nothing is to be done, but it is told. With the last of a start that start ends.
            self.request_pass()

    def leave(self, member: str) -> None:
        """Note that the scheduler does not have a member any more."""
        entry = self._roster.entry_of(member)
        if entry is not None:
            entry.leave(member, monotonic())
            if entry.phase in UP or entry.phase in LEAVING:
                self._look_whether_ended(entry)
                self._roster.touch(entry.name)
                return
        else:
            self._actions.adoption.leave(member)
        self.request_pass()

    def look_again(self, members: Collection[str]) -> None:
        """See that nothing is otherwise than what is known says, whatever was missed.

        Parameters
        ----------
        members : collection of str
            What the last reading showed that no event had told.
        """
        self._actions.adoption.look_again(members)
        names = {name for one in members if (name := self._owners.get(one)) is not None}
        now = monotonic()
        by_phase = self.ledger.by_phase
        for name in names.union(by_phase[EntryPhase.WAITING], by_phase[EntryPhase.DEGRADED]):
            entry = self.entries.get(name)
            if entry is None:
                continue
            present = self._membership.present(entry.members)
            if present != set(entry.present) and entry.made_of is not None:
                entry.see(present, now)
                self._roster.dirty[name] = None
            self._look_whether_ended(entry)
        self._look_at_starts()
        self.request_pass()

    def _look_at_starts(self) -> None:
        """Have those starts fail whose process has ended.

        Not when it is seen first: a start that fails of its own accord says a moment later why.
        """
        before, self._ended_in_start = self._ended_in_start, {}
        for name in list(self.ledger.by_phase[EntryPhase.STARTING]):
            instance = self._actions.instances.get(name)
            if instance is None or self.entries[name].present or not has_ended(instance):
                continue
            if before.get(name) is instance:
                self._actions.fail_start(name)
            else:
                self._ended_in_start[name] = instance

    def note(self, reason: str, message: str) -> None:
        """Note what has happened to the cluster as a whole."""
        self.history.note(time(), None, None, None, reason, message)

    def members_of(self, name: str) -> tuple[str, ...]:
        """Return the members of an entry; none where there is no such entry."""
        entry = self.entries.get(name)
        return () if entry is None else entry.members

    def entry_of(self, member: str) -> str | None:
        """Return the name of the entry that expects a member."""
        return self._owners.get(member)

    def taken(self) -> dict[str, tuple[str, ...]]:
        """Return the members of the entries whose workers have names of their own."""
        return self._actions.adoption.taken()

    def whose(self, names: Collection[str]) -> set[str]:
        """Return those of these entries all of whose members are among ``names``."""
        return self._actions.adoption.whose(names)

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
        self._roster.has_scheduler = False
        now = monotonic()
        for entry in self.entries.values():
            self._actions.give_up_moving(entry.name)
            entry.lose(failure, now)
            entry.see((), now)
            self._roster.note(entry)
            self._roster.dirty[entry.name] = None
        self.request_pass()

    def find_scheduler(self) -> None:
        """Note that there is a scheduler; with the first one the work begins."""
        self._roster.has_scheduler = self._begun = True
        self._actions.adoption.meet()
        self.request_pass()

    def desired_of(self, name: str) -> Desired:
        """Return what an entry is to be, or, where it is not wanted any more, what it was."""
        return self._roster.desired_of(name)

    def is_described(self, name: str) -> bool:
        """Return whether it is known what an entry is to be, or was."""
        return self._roster.is_described(name)

    def _look_whether_ended(self, entry: EntryState) -> None:
        if entry.phase in UP and not entry.present:
            instance = self._actions.instances.get(entry.name)
            if instance is not None and has_ended(instance):
                entry.lose(Failure("Ended", "its process has ended"), monotonic())
                self._roster.note(entry)
                self._roster.dirty[entry.name] = None

    # -- passes ------------------------------------------------------------------------------

    def request_pass(self) -> None:
        """Have the planner look at what has changed, soon."""
        if self._pass is None and self._begun and not self._roster.ended:
            # Not as part of what has asked for it, which may be a step of adaptive scaling.
            loop = asyncio.get_running_loop()
            self._pass = loop.call_soon(self.run_pass, context=self._context)

    def run_pass(self) -> None:
        """Have the planner look at what has changed, and carry out what it says."""
        if self._pass is not None:
            self._pass.cancel()
            self._pass = None
        if self._roster.ended or not self._begun:
            return
        now, left = monotonic(), PASS_LENGTH
        seen: list[str] = []
        self._ring(now)
        while left > 0 and self._roster.collect():
            names = list(islice(self._roster.dirty, left))
            left -= len(names)
            for name in names:
                del self._roster.dirty[name]
            for step in plan(self._roster.state(), names, now):
                try:
                    self._actions.take(step, now)
                except Exception as error:
                    # Nobody would run the next pass for the others.
                    logger.exception("entry %r: %s failed", step.name, step.action)
                    self._actions.take_back(step, error)
            seen += names
        if self._roster.collect():
            self.request_pass()
        else:
            self._alarms.set(now)
        self._waiting.release(seen)
        self._changed()

    def _ring(self, now: float) -> None:
        """Have those looked at whose time has come; an alarm may be of the past, and is ignored."""
        for name in self._alarms.due(now):
            entry = self.entries.get(name)
            if entry is None:
                continue
            due = next_look(entry, self._roster.policy)
            if due is not None and due <= now:
                if self._has_to_ask(entry, now):
                    continue
                self._roster.dirty[name] = None

    def _has_to_ask(self, entry: EntryState, now: float) -> bool:
        """Look what a start that never ends, or nobody has seen, has registered.

        Returns
        -------
        bool
            Whether another process has to say it first, which is waited for.
        """
        presence, policy = self._actions.presence, self.policy
        if entry.phase is EntryPhase.WAITING and not entry.present:
            asks = presence.look_up(entry)
            if asks:
                presence.ask(entry.name, lambda _: self._roster.touch(entry.name))
            return asks
        if entry.phase is not EntryPhase.CLOSING or entry.closing:
            return False
        if not presence.look_up(entry):
            return False
        limit = entry.since + policy.cancel_grace + policy.close_timeout
        if now >= limit:
            return False
        entry.postpone(limit)
        self._roster.note(entry)
        presence.ask(entry.name, self._asked_late)
        return True

    def _asked_late(self, entry: EntryState) -> None:
        if entry.phase is EntryPhase.CLOSING and not entry.closing:
            entry.postpone(monotonic())
            self._roster.touch(entry.name)

    async def end(self) -> None:
        """Stop reconciling and close every worker, whatever is under way; always ends."""
        self._roster.ended = True
        self._alarms.stop()
        if self._pass is not None:
            self._pass.cancel()
        await self._actions.end()
        self._waiting.release_all()
