"""The entries of a cluster, what is kept about them, and which of them are to be looked at."""

from __future__ import annotations

from heapq import heappush
from itertools import islice
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from speccluster_lab.cluster.history import History
from speccluster_lab.cluster.ledger import Ledger
from speccluster_lab.cluster.ownership import Owners
from speccluster_lab.reconcile import ClusterState, EntryState, Policy, next_look
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from speccluster_lab.cluster.alarms import Alarms
    from speccluster_lab.cluster.form import Desired
    from speccluster_lab.cluster.membership import Membership

__all__ = ["Roster"]

_TIMED: Final = frozenset(EntryPhase) - {EntryPhase.PENDING, EntryPhase.RUNNING, EntryPhase.LOST}
_TEXT: Final = {phase: str(phase.value) for phase in EntryPhase}


class Roster:
    """The entries, and the tables that follow every change of one.

    Parameters
    ----------
    desired : mapping of str to Desired
        The entries of the spec by name.
    membership : Membership
        What the scheduler has.
    policy : Policy
        The limits.
    alarms : Alarms
        Set to when an entry changes although nothing happens.
    heir_of : callable
        Returns the name of the entry that the spec wants to have a member, if there is one.
    request_pass : callable
        Called when somebody is to be looked at.

    Attributes
    ----------
    entries : dict of str to EntryState
        All entries by name, holders included.
    made : dict of str to Desired
        What each instance was made of: the spec may have moved on since.
    ledger : Ledger
        Which entries are where.
    owners : Owners
        Which entry a member belongs to.
    history : History
        What has happened.
    dirty : dict
        The names of those that something has happened to, in the order in which it has.
    has_scheduler : bool
        Whether there is a scheduler to start workers for.
    ended : bool
        Whether nothing is to be done any more.
    """

    def __init__(
        self,
        desired: Mapping[str, Desired],
        membership: Membership,
        policy: Policy,
        alarms: Alarms,
        heir_of: Callable[[str], str | None],
        request_pass: Callable[[], None],
    ) -> None:
        self.entries: dict[str, EntryState] = {}
        self.desired = desired
        self.made: dict[str, Desired] = {}
        self.ledger = Ledger()
        self.owners = Owners(self.entries, membership, heir_of, self.touch)
        self.history = History()
        self.dirty: dict[str, None] = {}
        self.policy = policy
        self.has_scheduler = self.ended = False
        self._alarms = alarms
        self._request_pass = request_pass

    def add(self, entry: EntryState) -> EntryState:
        """Add an entry."""
        self.entries[entry.name] = entry
        self.history.note(time(), entry.name, None, _TEXT[entry.phase])
        return entry

    def add_holder(self, entry: EntryState, *, beforehand: bool) -> EntryState:
        """Add an entry that stands in for one which is being replaced.

        Parameters
        ----------
        entry : EntryState
            The one that is replaced.
        beforehand : bool
            Whether it is not taken away yet.
        """
        like = self.desired[entry.name] if beforehand else self.made[entry.name]
        made = like.holder()
        holder = self.add(
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
        self.made[holder.name] = made
        self.owners.own(holder)
        self.note(holder)
        return holder

    def forget(self, entry: EntryState) -> None:
        """Remove an entry."""
        name = entry.name
        self.history.note(time(), name, _TEXT[entry.phase], None)
        del self.entries[name]
        self.owners.disown(entry)
        self.ledger.forget(name)
        self.made.pop(name, None)
        self.dirty.pop(name, None)
        if entry.holds_for is not None and entry.holds_for in self.entries:
            self.dirty[entry.holds_for] = None
        if self.ledger.outdated:
            self._wake_outdated()

    def desired_of(self, name: str) -> Desired:
        """Return what an entry is to be, or, where it is not wanted any more, what it was."""
        return self.desired[name] if name in self.desired else self.made[name]

    def is_described(self, name: str) -> bool:
        """Return whether it is known what an entry is to be, or was."""
        return name in self.desired or name in self.made

    def entry_of(self, member: str) -> EntryState | None:
        """Return the entry that a member belongs to."""
        name = self.owners.get(member)
        return None if name is None else self.entries.get(name)

    # -- which are to be looked at -----------------------------------------------------------

    def touch(self, name: str) -> None:
        """Have an entry looked at, soon."""
        self.dirty[name] = None
        self._request_pass()

    def note(self, entry: EntryState) -> None:
        """Take over what has changed of an entry, into all that is kept about it."""
        name, phase = entry.name, entry.phase
        ledger = self.ledger
        before = ledger.note(entry)
        if phase in _TIMED or entry.attempts:
            due = next_look(entry, self.policy)
            if due is not None:
                heappush(self._alarms.heap, (due, name))
        if before is phase or before is None:
            return
        failure = entry.failure
        reason, message = (None, None) if failure is None else (failure.reason, failure.message)
        self.history.note(time(), name, _TEXT[before], _TEXT[phase], reason, message)
        if ledger.holders:
            for other in (entry.holds_for, HOLDER_PREFIX + name):
                if other in self.entries:
                    self.dirty[other] = None
        if ledger.outdated:
            self._wake_outdated()

    def note_timed(self) -> None:
        """Have all looked at whose time may have changed."""
        for phase in _TIMED:
            for name in self.ledger.by_phase[phase]:
                self.note(self.entries[name])
                self.dirty[name] = None
        self._request_pass()

    def collect(self) -> bool:
        """Add who has waited for room that there is now; return whether anybody is to be seen."""
        ledger, policy = self.ledger, self.policy
        pending = ledger.by_phase[EntryPhase.PENDING]
        starts = policy.max_concurrent_starts - ledger.starting
        if pending and starts > 0 and self.has_scheduler:
            self.dirty.update(dict.fromkeys(islice(pending, starts)))
        return bool(self.dirty)

    def _wake_outdated(self) -> None:
        ledger, policy = self.ledger, self.policy
        room = policy.max_unavailable - len(ledger.rolling) + policy.max_surge - ledger.surging
        if ledger.outdated and room > 0:
            # Those that have a holder already may come first, and take no room.
            most = room + len(ledger.holders)
            self.dirty.update(dict.fromkeys(islice(ledger.outdated, most)))

    def state(self) -> ClusterState:
        """Return what the planner looks at."""
        ledger = self.ledger
        return ClusterState(
            self.entries,
            self.policy,
            ledger.starting,
            len(ledger.rolling),
            ledger.surging,
            self.has_scheduler,
        )
