"""The state of one entry, and the events and steps that change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from speccluster_lab.reconcile.step import Action
from speccluster_lab.spec.api import EntryPhase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from speccluster_lab.reconcile.failure import Failure
    from speccluster_lab.reconcile.fingerprint import Fingerprint
    from speccluster_lab.reconcile.policy import Policy
    from speccluster_lab.reconcile.step import Step

__all__ = ["ACTIVE", "LEAVING", "UP", "EntryState"]

UP: Final = frozenset({EntryPhase.WAITING, EntryPhase.RUNNING, EntryPhase.DEGRADED})
LEAVING: Final = frozenset({EntryPhase.RETIRING, EntryPhase.REPLACING})
# Phases in which something is being done, or is about to be.
ACTIVE: Final = frozenset(
    {EntryPhase.PENDING, EntryPhase.STARTING, EntryPhase.CLOSING, EntryPhase.LOST}
)


@dataclass(slots=True, eq=False)
class EntryState:
    """One entry as it stands.

    It is changed by its methods and by nothing else: events say what has happened, and
    :meth:`take` carries over what the planner has decided. (A new immutable value for each change
    costs more than all else that a large cluster asks for: see ``benchmarks/``.)

    Parameters
    ----------
    name : str
        Its name, as text.
    phase : EntryPhase
        Where it is.
    since : float
        When it came there.
    wanted : Fingerprint or None
        What the spec asks for; ``None`` when it does not have the entry any more.
    made_of : Fingerprint or None
        What the instance that exists was made of.
    members : tuple of str
        Scheduler names that it is expected to have, in the order of its group.
    present : tuple of str
        Those of them that the scheduler has, in the same order.
    generation : int
        Of the spec that changed it last.
    busy : bool
        Whether the executor is carrying an action out for it.
    closing : bool
        In phase ``closing``: whether the instance has been told to.
    deadline : float or None
        When the action that goes on will have taken too long, or the next attempt to retire is
        due.
    retired : bool
        Whether its data has moved.
    attempts : int
        Failures in a row.
    retry_at : float or None
        When the next start is due.
    absent_since : float or None
        When a member that had registered was found to be gone, and not all have been there since.
    runs_here : bool
        Whether its members are processes of this machine, which arrive at once or never; others
        may wait in a queue.
    failure : Failure or None
        What went wrong last.
    counted : Failure or None
        What the failure was that counted last, whatever has gone wrong since.
    worn : bool
        Whether somebody wants what there is of it replaced although the spec says the same.
    rolling : bool
        Whether a roll-out has taken it away, as one of ``max_unavailable``, and it is not back.
    holds_for : str or None
        For a holder: the entry for which it stands in.
    surge : bool
        For a holder: whether it came before that entry was taken away, as one of ``max_surge``.
    """

    name: str
    phase: EntryPhase = EntryPhase.PENDING
    since: float = 0.0
    wanted: Fingerprint | None = None
    made_of: Fingerprint | None = None
    members: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    generation: int = 0
    busy: bool = False
    closing: bool = False
    deadline: float | None = None
    retired: bool = False
    attempts: int = 0
    retry_at: float | None = None
    absent_since: float | None = None
    runs_here: bool = True
    failure: Failure | None = None
    counted: Failure | None = None
    worn: bool = False
    rolling: bool = False
    holds_for: str | None = None
    surge: bool = False

    # -- what can be asked -------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether every expected member is there."""
        return len(self.present) == len(self.members) > 0

    @property
    def missing(self) -> tuple[str, ...]:
        """The members that are not there."""
        return tuple(name for name in self.members if name not in self.present)

    @property
    def outdated(self) -> bool:
        """Whether what there is of it is not what is wanted."""
        return self.worn or (self.wanted is not self.made_of and self.wanted != self.made_of)

    @property
    def active(self) -> bool:
        """Whether something is being done for it, or is about to be."""
        return self.phase in ACTIVE or self.busy

    @property
    def settled(self) -> bool:
        """Whether it is as the spec wants it."""
        return self.phase is EntryPhase.RUNNING and self.complete and not self.outdated

    # -- events ------------------------------------------------------------------------------

    def want(self, wanted: Fingerprint | None, members: tuple[str, ...], generation: int) -> None:
        """Note that the spec has changed; that ends a backoff.

        The members are those of the instance for as long as there is one.
        """
        if wanted == self.wanted:
            return
        self.wanted = wanted
        self.generation = generation
        self.attempts = 0
        self.retry_at = None
        if self.phase not in LEAVING:
            self.failure = None
        if self.made_of is None:
            self.members = members

    def retry(self) -> None:
        """Note that somebody wants it to be tried again now."""
        self.attempts = 0
        self.retry_at = None
        if not self.busy:
            self.deadline = None

    def wear_out(self) -> None:
        """Note that somebody wants it made anew; where nothing is there of it, tried again now."""
        if self.phase in UP or self.phase is EntryPhase.STARTING:
            self.worn = True
        self.retry()

    def give_way(self) -> bool:
        """Note that it is to be replaced now, whoever is away; return whether that is to come."""
        if self.phase not in UP or self.wanted is None or not self.outdated:
            return False
        self.rolling = True
        return True

    def see(self, present: Iterable[str], now: float) -> None:
        """Note which of its members the scheduler has."""
        before = self.present
        self._have(present)
        self._note_absence(now, gone=not set(before).issubset(self.present))

    def arrive(self, member: str, now: float) -> bool:
        """Note that a member has registered; return whether that is news."""
        if member in self.present:
            return False
        self._have((*self.present, member))
        self._note_absence(now, gone=False)
        return True

    def leave(self, member: str, now: float) -> None:
        """Note that a member has gone."""
        gone = member in self.present
        if gone:
            self._have([name for name in self.present if name != member])
        self._note_absence(now, gone=gone)

    def adopt(self, members: Iterable[str], now: float) -> None:
        """Note that what there is of it has registered under other names than was expected."""
        there = [name for name in self.members if name in self.present]
        self.members = tuple(dict.fromkeys([*there, *members]))
        self.present = self.members
        self._note_absence(now, gone=False)

    def _have(self, present: Iterable[str]) -> None:
        there = set(present)
        # The same tuple where all are there: of ten thousand it makes a difference.
        if there.issuperset(self.members):
            self.present = self.members
        else:
            self.present = tuple(name for name in self.members if name in there)

    def _note_absence(self, now: float, *, gone: bool) -> None:
        if self.complete:
            self.absent_since = None
        elif gone and self.absent_since is None:
            self.absent_since = now

    def started(self, now: float) -> None:
        """Note that its start has ended well."""
        if self.phase is EntryPhase.STARTING:
            self.busy = False
            self._enter(EntryPhase.WAITING, now)
        else:
            self.start_ended()

    def start_ended(self) -> None:
        """Note that a start which is not wanted any more has ended, one way or the other."""
        if self.phase is EntryPhase.CLOSING and not self.closing:
            self.busy = False

    def postpone(self, deadline: float) -> None:
        """Note when what is to be closed will have had its time."""
        if self.phase is EntryPhase.CLOSING:
            self.deadline = deadline

    def start_failed(self, failure: Failure, now: float, policy: Policy) -> None:
        """Note that its start has failed; what there is of it is to be closed."""
        if self.phase is EntryPhase.STARTING:
            self.busy = False
            self._count(failure, now, policy)
            self._enter(EntryPhase.CLOSING, now)
        else:
            self.start_ended()

    def retirement_ended(self, stuck: Failure | None, now: float, policy: Policy) -> None:
        """Note that an attempt to move its data has ended; ``stuck`` says why it failed."""
        if self.phase not in LEAVING:
            return
        self.busy = False
        if stuck is None:
            self.retired = True
            self.failure = None if self.retry_at is None else self.counted
        else:
            self.deadline = now + policy.retire_interval
            self.failure = stuck

    def step_failed(self, failure: Failure, now: float, policy: Policy) -> None:
        """Note that what the planner has decided could not be carried out; it is tried again."""
        if self.phase is EntryPhase.STARTING:
            self.start_failed(failure, now, policy)
        elif self.phase in LEAVING:
            self.retirement_ended(failure, now, policy)
        else:
            self.failure = failure
            if self.closing:
                self._count(failure, now, policy)
                self.deadline = self.retry_at

    def drop_data(self) -> None:
        """Note that somebody wants it gone with what it holds, rather than wait for room."""
        if self.phase in LEAVING:
            self.busy = False
            self.retired = True

    def lose(self, failure: Failure, now: float) -> None:
        """Note that what there is of it is lost: its process has ended, or its scheduler has."""
        self.present = ()
        if self.phase is EntryPhase.STARTING:
            self.deadline = now
            self._enter(EntryPhase.CLOSING, now)
        elif self.phase in UP or self.phase in LEAVING:
            self._enter(EntryPhase.LOST, now)
        else:
            return
        self.failure = failure

    def closed(self, members: tuple[str, ...], now: float) -> None:
        """Note that its instance has been closed.

        Parameters
        ----------
        members : tuple of str
            What it is expected to have from now on.
        now : float
            Seconds of a monotonic clock.
        """
        self.busy = self.closing = self.retired = False
        self.deadline = self.made_of = None
        self.members = members
        self.present = ()
        if self.retry_at is None:
            self._enter(EntryPhase.PENDING, now)
        else:
            self.failure = self.counted
            self._enter(EntryPhase.BACKOFF, now)

    # -- steps -------------------------------------------------------------------------------

    def take(self, step: Step, now: float, policy: Policy) -> None:
        """Carry over what the planner has decided."""
        if self.phase is EntryPhase.RUNNING and now >= self.since + policy.healthy_after:
            self.attempts = 0
        if step.phase is EntryPhase.CLOSING and self.phase is EntryPhase.LOST:
            self._count_loss(now, policy)
        if step.counts and step.failure is not None:
            self._count(step.failure, now, policy)
        elif step.failure is not None:
            self.failure = step.failure
        elif step.phase is EntryPhase.RUNNING:
            self.failure = None
            self.rolling = False
        self.rolling |= step.rolls
        if step.phase in UP:
            self.deadline = None
        self._enter(step.phase, now)
        match step.action:
            case None:
                pass
            case Action.START:
                self.busy = True
                self.made_of = self.wanted
                self.worn = False
                self.retry_at = self.absent_since = None
            case Action.RETIRE:
                self.busy = True
                self.deadline = None
            case Action.CLOSE:
                self.busy = self.closing = True
                self.deadline = now + policy.close_timeout
            case Action.CANCEL:
                self.deadline = now + policy.cancel_grace
            case Action.HOLD | Action.FORGET | Action.ABANDON:
                pass
            case _:
                assert_never(step.action)

    def _enter(self, phase: EntryPhase, now: float) -> None:
        if phase is not self.phase:
            self.phase = phase
            self.since = now

    def _count(self, failure: Failure, now: float, policy: Policy) -> None:
        self.attempts += 1
        self.failure = self.counted = failure
        self.retry_at = now + policy.backoff(self.name, self.attempts)

    def _count_loss(self, now: float, policy: Policy) -> None:
        """Have an entry that dies again and again wait as one whose start fails does.

        The first loss costs no time: most are accidents.
        """
        self.attempts += 1
        self.counted = self.failure
        if self.attempts > 1:
            self.retry_at = now + policy.backoff(self.name, self.attempts - 1)
