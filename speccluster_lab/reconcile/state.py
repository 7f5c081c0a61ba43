"""The state of one entry, the limits it is kept to, and the events that change it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from speccluster_lab.spec.api import EntryPhase

if TYPE_CHECKING:
    from speccluster_lab.reconcile.fingerprint import Fingerprint

__all__ = ["EntryState", "Failure", "Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits that the reconciler keeps to. Times are in seconds.

    Parameters
    ----------
    max_concurrent_starts : int
        Entries that may be starting at once.
    start_timeout : float
        How long awaiting a worker may take.
    arrival_timeout : float or None
        How long the members of a started entry may take to register; ``None`` is for ever, as
        for jobs in a queue.
    lost_timeout : float
        How long members may be gone before their entry is replaced.
    retire_timeout : float
        How long one attempt to move an entry's data may take.
    retire_interval : float
        Between two attempts.
    close_timeout : float
        How long closing one worker may take.
    cancel_grace : float
        How long a start that is not wanted any more may take to end before it is cut off.
    max_unavailable : int
        Entries that a roll-out may take away at once.
    backoff_first, backoff_factor, backoff_cap, backoff_jitter : float
        The wait after the first failure, its growth, its limit, and its spread (``0.25`` is
        ±25 %).
    healthy_after : float
        An entry that has run this long has its failures forgotten.
    degraded_after : int
        Failures in a row after which the cluster says that it is degraded.
    """

    max_concurrent_starts: int = 8
    start_timeout: float = 120.0
    arrival_timeout: float | None = 120.0
    lost_timeout: float = 15.0
    retire_timeout: float = 60.0
    retire_interval: float = 5.0
    close_timeout: float = 20.0
    cancel_grace: float = 5.0
    max_unavailable: int = 1
    backoff_first: float = 1.0
    backoff_factor: float = 2.0
    backoff_cap: float = 60.0
    backoff_jitter: float = 0.25
    healthy_after: float = 60.0
    degraded_after: int = 5

    def backoff(self, name: str, attempts: int) -> float:
        """Return the wait before start number ``attempts + 1``.

        The spread is a function of the name and the number, so that the planner stays
        deterministic while entries that failed together do not come back together.
        """
        raw = self.backoff_first * self.backoff_factor ** min(attempts - 1, 32)
        spread = zlib.crc32(f"{name}/{attempts}".encode()) / 0xFFFFFFFF * 2 - 1
        return min(raw, self.backoff_cap) * (1 + self.backoff_jitter * spread)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an entry is not as it should be: one word for a program, a sentence for a person."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class EntryState:
    """One entry as it stands.

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
    present : frozenset of str
        Those of them that the scheduler has.
    busy : bool
        Whether the executor is carrying an action out for it.
    retired : bool
        Whether its data has moved.
    attempts : int
        Failures in a row.
    retry_at : float or None
        When the next start or the next attempt to retire is due.
    absent_since : float or None
        When a member was first found to be gone.
    failure : Failure or None
        What went wrong last.
    rolling : bool
        Whether a roll-out has taken it away and it is not back yet.
    holds_for : str or None
        For a holder: the entry whose data it keeps.
    """

    name: str
    phase: EntryPhase = EntryPhase.PENDING
    since: float = 0.0
    wanted: Fingerprint | None = None
    made_of: Fingerprint | None = None
    members: tuple[str, ...] = ()
    present: frozenset[str] = frozenset()
    busy: bool = False
    retired: bool = False
    attempts: int = 0
    retry_at: float | None = None
    absent_since: float | None = None
    failure: Failure | None = None
    rolling: bool = False
    holds_for: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every expected member is there."""
        return len(self.present) == len(self.members) > 0

    @property
    def missing(self) -> tuple[str, ...]:
        """The members that are not there."""
        return tuple(name for name in self.members if name not in self.present)

    @property
    def active(self) -> bool:
        """Whether something is being done for it, or is about to be."""
        return self.busy or self.phase is EntryPhase.PENDING

    @property
    def settled(self) -> bool:
        """Whether it is as the spec wants it."""
        return self.phase is EntryPhase.RUNNING and self.wanted == self.made_of and self.complete

    def enter(self, phase: EntryPhase, now: float) -> EntryState:
        """Return this entry in another phase."""
        return self if phase is self.phase else replace(self, phase=phase, since=now)

    def want(self, wanted: Fingerprint | None, members: tuple[str, ...]) -> EntryState:
        """Return this entry after the spec has changed; a change ends a backoff.

        The members are those of the instance for as long as there is one.
        """
        if wanted == self.wanted:
            return self
        expected = self.members if self.made_of is not None else members
        ends_backoff = self.phase in {EntryPhase.BACKOFF, EntryPhase.CLOSING}
        retry_at = None if ends_backoff else self.retry_at
        return replace(
            self, wanted=wanted, members=expected, retry_at=retry_at, attempts=0, failure=None
        )

    def see(self, present: frozenset[str], now: float) -> EntryState:
        """Return this entry after the scheduler's workers have been looked at."""
        seen = replace(self, present=present)
        since = now if self.absent_since is None else self.absent_since
        absent_since = None if seen.complete else since
        if present == self.present and absent_since == self.absent_since:
            return self
        return replace(seen, absent_since=absent_since)

    def started(self, now: float) -> EntryState:
        """Return this entry after its start has ended well."""
        return replace(self.enter(EntryPhase.WAITING, now), busy=False)

    def failed(self, failure: Failure, now: float, policy: Policy) -> EntryState:
        """Return this entry after a start that failed; what there is of it is to be closed."""
        attempts = self.attempts + 1
        return replace(
            self.enter(EntryPhase.CLOSING, now),
            busy=False,
            attempts=attempts,
            retry_at=now + policy.backoff(self.name, attempts),
            failure=failure,
        )

    def retirement(self, stuck: Failure | None, now: float, policy: Policy) -> EntryState:
        """Return this entry after an attempt to move its data; ``stuck`` says why it failed."""
        if stuck is None:
            return replace(self, busy=False, retired=True, retry_at=None, failure=None)
        return replace(self, busy=False, retry_at=now + policy.retire_interval, failure=stuck)

    def closed(self, members: tuple[str, ...], now: float) -> EntryState:
        """Return this entry after its instance has been closed.

        Parameters
        ----------
        members : tuple of str
            What it is expected to have from now on.
        """
        phase = EntryPhase.PENDING if self.retry_at is None else EntryPhase.BACKOFF
        return replace(
            self.enter(phase, now),
            busy=False,
            retired=False,
            made_of=None,
            members=members,
            present=frozenset(),
            absent_since=None,
        )
