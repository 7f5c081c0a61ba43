"""Carrying out what the planner decides: starting, retiring, closing, giving up."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, assert_never

from speccluster_lab.cluster.adoption import Adoption
from speccluster_lab.cluster.instances import CANCELLED, Instances
from speccluster_lab.cluster.presence import Presence
from speccluster_lab.cluster.retirement import Retirement
from speccluster_lab.errors import StartFailed
from speccluster_lab.reconcile import LEAVING, UP, Action, EntryState, Failure, Policy, Step
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX
from speccluster_lab.spec.redaction import redact

if TYPE_CHECKING:
    from speccluster_lab.cluster.form import Desired
    from speccluster_lab.cluster.membership import Membership
    from speccluster_lab.cluster.roster import Roster
    from speccluster_lab.cluster.view import View
    from speccluster_lab.cluster.waiting import Waiting

__all__ = ["Actions", "Workshop"]

logger = logging.getLogger(__name__)

# Asking what the scheduler has, moving it, counting it, and forgetting it may each take a close's
# time.
FORGET_LIMITS: Final = 4.5
MAX_MESSAGE: Final = 2_000


class Workshop(Protocol):
    """What a cluster is needed for."""

    def make_worker(self, desired: Desired) -> Any:
        """Return a new instance, not started."""

    def runs_here(self, desired: Desired) -> bool:
        """Return whether the members of an entry are processes of this machine."""

    def secrets_of(self, desired: Desired) -> frozenset[str]:
        """Return what no text about an entry may tell."""

    def worker_started(self, desired: Desired, instance: Any) -> None:
        """Note that an instance is up."""

    def worker_gone(self, desired: Desired) -> None:
        """Note that an instance is not to be used any more."""

    def view(self) -> View:
        """Return the scheduler."""

    def owner_of(self, member: str) -> str | None:
        """Return the entry of the spec that is to have a member."""


class Actions:
    """Carries out the steps of entries, each by itself, and notes how they end.

    Parameters
    ----------
    workshop : Workshop
        The cluster.
    roster : Roster
        The entries.
    membership : Membership
        What the scheduler has.
    waiting : Waiting
        Who is to hear of failures.

    Attributes
    ----------
    instances : Instances
        What has been made of the entries.
    presence : Presence
        What the scheduler has of them.
    adoption : Adoption
        What it has of them under other names.
    """

    def __init__(
        self, workshop: Workshop, roster: Roster, membership: Membership, waiting: Waiting
    ) -> None:
        self.instances = Instances(self._start_ended, self._close_ended)
        self._workshop = workshop
        self._roster = roster
        self._membership = membership
        self._waiting = waiting
        self.presence = Presence(roster, membership, workshop.view, self.instances.leave_to_itself)
        self.adoption = Adoption(roster, membership, self.instances)
        self._retirement = Retirement(workshop.view, roster.policy, self._retirement_ended)
        self._forgetting: dict[str, list[str]] = {}
        # Those of whose members an event may still be on its way, late or lost.
        self._unsure: set[str] = set()

    def use(self, policy: Policy) -> None:
        """Keep to other limits from now on."""
        self._retirement.policy = policy

    def take(self, step: Step, now: float) -> None:
        """Carry out a step."""
        name = step.name
        entry = self._roster.entries[name]
        if step.action is Action.FORGET:
            self._forget(entry)
            return
        entry.take(step, now, self._roster.policy)
        self._roster.note(entry)
        if entry.phase is EntryPhase.LOST or entry.phase is EntryPhase.CLOSING:
            # By what it was made of: the spec may call it by another key of the same text now.
            self._workshop.worker_gone(self._made_of(name))
        match step.action:
            case None:
                if entry.phase is EntryPhase.RUNNING:
                    self._unsure.discard(name)
                elif entry.phase not in UP:
                    # The next step is due at once.
                    self._roster.dirty[name] = None
            case Action.START:
                self._start(entry)
            case Action.RETIRE:
                self._retire(entry)
            case Action.CLOSE:
                self._close(entry)
            case Action.CANCEL:
                # A nanny whose start is cut off in its first moments leaves its process behind:
                # a start that is not wanted any more has the policy's grace to end by itself.
                if self.presence.look_up(entry):
                    self.presence.ask(name, lambda _: None)
            case Action.ABANDON:
                self._abandon(entry)
            case Action.HOLD:
                self._roster.add_holder(entry, beforehand=entry.phase in UP)
            case _:
                assert_never(step.action)

    def take_back(self, step: Step, error: Exception) -> None:
        """Note that a step could not be carried out: the failure of its entry, and of no other."""
        entry = self._roster.entries.get(step.name)
        if entry is not None:
            self.give_up_moving(step.name)
            failure = self._failure_of(entry, error)
            entry.step_failed(failure, monotonic(), self._roster.policy)
            self._roster.note(entry)
            self._roster.touch(step.name)

    def give_up_moving(self, name: str) -> None:
        """Say nothing more of an attempt to move the data of an entry."""
        self._retirement.forget(name)
        self.presence.ask_no_more(name)

    def doubt(self, name: str) -> None:
        """Note that what events have told of an entry does not go together."""
        self._unsure.add(name)

    async def end(self) -> None:
        """Close every worker, whatever is under way; always ends."""
        await self.instances.end(self._roster.policy, self._retirement.stop())
        for made in self._roster.made.values():
            self._workshop.worker_gone(made)

    # -- starting ----------------------------------------------------------------------------

    def _start(self, entry: EntryState) -> None:
        name = entry.name
        roster = self._roster
        made = roster.made.get(name) if entry.holds_for is not None else roster.desired[name]
        assert made is not None, "a holder is made of something"
        roster.made[name] = made
        self.doubt(name)
        try:
            others = roster.owners.others(entry)
            if others:
                self._pass_turn_on(entry, set(others.values()))
                # The scheduler would refuse it, or it would be taken for what is to be closed.
                member, owner = next(iter(others.items()))
                raise StartFailed(f"entry {owner!r} still has the name {member!r}")
            entry.runs_here = self._workshop.runs_here(made)
            instance = self._workshop.make_worker(made)
            self.instances.start(name, instance)
        except asyncio.CancelledError:
            self._start_failed(entry, StartFailed(CANCELLED))
        # A class that exits is not to end the others.
        except (Exception, SystemExit) as error:
            self._start_failed(entry, error)

    def _pass_turn_on(self, entry: EntryState, owners: set[str]) -> None:
        """Have a roll-out take those away whose names one needs that it has taken away before.

        It is not back until they have given them up, and would keep its place for ever.
        """
        roster = self._roster
        if not entry.rolling and HOLDER_PREFIX + entry.name not in roster.entries:
            return
        for name in owners:
            owner = roster.entries.get(name)
            if owner is not None and owner.give_way():
                roster.note(owner)
                roster.touch(name)

    def fail_start(self, name: str) -> None:
        """Have the start of an entry fail, which goes on although its process has ended."""
        self._start_ended(name, StartFailed("its process has ended"))

    def _start_ended(self, name: str, error: BaseException | None) -> None:
        entry = self._roster.entries.get(name)
        if entry is None or self._roster.ended:
            return
        not_to_stay = error is not None or entry.phase is not EntryPhase.STARTING
        if self.presence.look_up(entry) and not_to_stay:
            # It may have been given work in the moment since it registered.
            self.presence.ask(name, partial(self._after_start, error=error))
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
            self._waiting.take_back(name)
            self._workshop.worker_started(self._roster.made[name], self.instances.get(name))
            entry.started(monotonic())
            if not entry.complete:
                self.adoption.look(entry)
        self._roster.note(entry)
        self._roster.touch(name)

    def _start_failed(self, entry: EntryState, error: BaseException) -> None:
        failure = self._failure_of(entry, error)
        logger.warning("entry %r: the start failed: %s", entry.name, failure.message)
        self._waiting.tell(entry.name, error)
        entry.start_failed(failure, monotonic(), self._roster.policy)
        self._roster.note(entry)
        self._roster.touch(entry.name)

    def _failure_of(self, entry: EntryState, error: BaseException) -> Failure:
        """Return what is told of an error, which may quote any option of what it is about."""
        name = entry.name
        secrets = self._workshop.secrets_of(self._made_of(name))
        # More than is told, so that none is cut in two.
        text = redact(_in_words(error)[: 4 * MAX_MESSAGE], secrets)
        return Failure(type(error).__name__, text[:MAX_MESSAGE])

    def _made_of(self, name: str) -> Desired:
        """Return of what an entry was made, or, where it has not been, of what it is to be."""
        return self._roster.made.get(name) or self._roster.desired_of(name)

    # -- retiring ----------------------------------------------------------------------------

    def _retire(self, entry: EntryState) -> None:
        unsure = entry.name in self._unsure or not entry.complete
        if unsure and self.presence.look_up(entry):
            self.presence.ask(entry.name, self._begin_to_retire)
        else:
            self._begin_to_retire(entry)

    def _begin_to_retire(self, entry: EntryState) -> None:
        if not entry.present and entry.name in self._unsure and self._roster.has_scheduler:
            # What a worker of it under another name holds would be lost.
            self.adoption.look(entry)
        addresses = self.presence.left_behind(entry)
        if addresses:
            self._retirement.begin(entry.name, addresses)
        else:
            entry.retirement_ended(None, monotonic(), self._roster.policy)
            self._roster.touch(entry.name)

    def _retirement_ended(self, name: str, addresses: list[str], stuck: Failure | None) -> None:
        entry = self._roster.entries.get(name)
        if entry is None or self._roster.ended:
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
        entry.retirement_ended(stuck, now, self._roster.policy)
        if stuck is not None:
            self._roster.note(entry)
        self._roster.touch(name)

    # -- closing -----------------------------------------------------------------------------

    def _close(self, entry: EntryState) -> None:
        self.give_up_moving(entry.name)
        self.instances.close(entry.name)

    def _close_ended(self, name: str) -> None:
        entry = self._roster.entries.get(name)
        if entry is None or self._roster.ended:
            return
        if name in self._unsure and self.presence.look_up(entry):
            self.presence.ask(name, self._forget_what_is_left)
        else:
            self._forget_what_is_left(entry)

    def _forget_what_is_left(self, entry: EntryState) -> None:
        name, behind = entry.name, self.presence.left_behind(entry)
        if behind and self._forgetting.get(name) != behind:
            # Its successor of the same name could not register.
            self._forgetting[name] = behind
            forgetting = self.presence.forget(name, behind)
            forgetting.add_done_callback(lambda _: self._forgotten(name, behind))
            return
        self._closed(entry)
        self._roster.touch(name)

    def _forgotten(self, name: str, behind: list[str]) -> None:
        entry = self._roster.entries.get(name)
        if self._forgetting.get(name) is behind and entry is not None and not self._roster.ended:
            self._forget_what_is_left(entry)

    def _abandon(self, entry: EntryState) -> None:
        name = entry.name
        self.instances.give_up(name)
        if name in self._forgetting:
            # The scheduler has had its time as well.
            self.presence.ask_no_more(name)
            self._closed(entry)
            self._roster.touch(name)
            return
        logger.warning("entry %r does not close, and is given up", name)
        self._forgetting[name] = []
        # It may have registered after it was told to close, and hold results.
        self.doubt(name)
        entry.postpone(monotonic() + FORGET_LIMITS * self._roster.policy.close_timeout)
        self._roster.note(entry)
        self._close_ended(name)

    def _closed(self, entry: EntryState) -> None:
        name = entry.name
        self._forgetting.pop(name, None)
        self._unsure.discard(name)
        self.adoption.closed(entry)
        members = self._roster.desired_of(name).members
        if members is entry.members:
            entry.closed(members, monotonic())
        else:
            self._roster.owners.disown(entry)
            entry.closed(members, monotonic())
            self._roster.owners.own(entry)
        self._roster.note(entry)

    def _forget(self, entry: EntryState) -> None:
        self._roster.forget(entry)
        self._waiting.take_back(entry.name)


def _in_words(error: BaseException) -> str:
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(causes) < 3:
        causes.append(f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__)
        cause = cause.__cause__
    return " ← ".join(causes)
