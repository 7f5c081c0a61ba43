"""The planner: from the state of a cluster to the next actions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

from speccluster_lab.reconcile.state import EntryState, Failure, Policy
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Action", "ClusterState", "Step", "plan"]


class Action(StrEnum):
    """What the executor can do for an entry."""

    START = "start"
    CANCEL = "cancel"
    RETIRE = "retire"
    CLOSE = "close"
    HOLD = "hold"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Step:
    """An entry's new state, and what is to be done for it."""

    entry: EntryState
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What the planner looks at.

    Parameters
    ----------
    entries : mapping of str to EntryState
        By name, holders included.
    policy : Policy
        The limits.
    starting, rolling : int
        Entries that are starting, and entries that a roll-out has taken away; counted by the
        executor as they change, so that a plan for one entry does not look at all.
    """

    entries: Mapping[str, EntryState]
    policy: Policy
    starting: int = 0
    rolling: int = 0


_UP: Final = frozenset({EntryPhase.WAITING, EntryPhase.RUNNING, EntryPhase.DEGRADED})


@dataclass(slots=True)
class _Room:
    """What the limits still allow in this plan."""

    starts: int
    roll_outs: int


def plan(state: ClusterState, names: Iterable[str], now: float) -> list[Step]:
    """Return what is to be done for some entries, in the order in which to do it.

    Parameters
    ----------
    state : ClusterState
        The cluster.
    names : iterable of str
        Entries that may have something to do; every other one is left alone.
    now : float
        Seconds of a monotonic clock.

    Returns
    -------
    list of Step
        One for each entry that changes.
    """
    room = _Room(
        starts=state.policy.max_concurrent_starts - state.starting,
        roll_outs=state.policy.max_unavailable - state.rolling,
    )
    steps = []
    for name in names:
        before = state.entries.get(name)
        if before is None:
            continue
        step = _next(before, state, room, now)
        if step.action is not None or step.entry is not before:
            steps.append(step)
    return steps


def _next(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step:
    if entry.holds_for is not None and entry.wanted is not None:
        held = state.entries.get(entry.holds_for)
        if held is None or (held.complete and held.phase in _UP):
            entry = replace(entry, wanted=None)
    match entry.phase:
        case EntryPhase.PENDING:
            return _pending(entry, room, now)
        case EntryPhase.BACKOFF:
            return _backoff(entry, now)
        case EntryPhase.STARTING:
            return _starting(entry, state.policy, now)
        case EntryPhase.WAITING | EntryPhase.RUNNING | EntryPhase.DEGRADED:
            return _up(entry, state, room, now)
        case EntryPhase.RETIRING | EntryPhase.REPLACING:
            return _leaving(entry, state, now)
        case EntryPhase.LOST:
            return Step(_busy(entry, EntryPhase.CLOSING, now), Action.CLOSE)
        case EntryPhase.CLOSING:
            return Step(entry) if entry.busy else Step(replace(entry, busy=True), Action.CLOSE)
        case _:
            assert_never(entry.phase)


def _busy(entry: EntryState, phase: EntryPhase, now: float) -> EntryState:
    return replace(entry.enter(phase, now), busy=True)


def _pending(entry: EntryState, room: _Room, now: float) -> Step:
    if entry.wanted is None:
        return Step(entry, Action.FORGET)
    if room.starts <= 0:
        return Step(entry)
    room.starts -= 1
    started = replace(_busy(entry, EntryPhase.STARTING, now), made_of=entry.wanted, retry_at=None)
    return Step(started, Action.START)


def _backoff(entry: EntryState, now: float) -> Step:
    due = entry.wanted is None or entry.retry_at is None or now >= entry.retry_at
    return Step(entry.enter(EntryPhase.PENDING, now) if due else entry)


def _starting(entry: EntryState, policy: Policy, now: float) -> Step:
    if entry.wanted != entry.made_of:
        return Step(entry.enter(EntryPhase.CLOSING, now), Action.CANCEL)
    if now - entry.since >= policy.start_timeout:
        failure = Failure("StartTimeout", f"the start took longer than {policy.start_timeout:g} s")
        # Still busy: what is being started is cancelled and closed in one go.
        return Step(replace(entry.failed(failure, now, policy), busy=True), Action.CANCEL)
    return Step(entry)


def _up(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step:
    policy = state.policy
    if entry.wanted is None:
        return Step(_busy(entry, EntryPhase.RETIRING, now), Action.RETIRE)
    if entry.wanted != entry.made_of and _may_roll(entry, state, room):
        leaving = replace(_busy(entry, EntryPhase.REPLACING, now), rolling=True)
        return Step(leaving, Action.RETIRE)
    if entry.complete:
        if now - entry.since >= policy.healthy_after and entry.phase is EntryPhase.RUNNING:
            entry = replace(entry, attempts=0) if entry.attempts else entry
        if entry.failure is not None or entry.rolling:
            entry = replace(entry, failure=None, rolling=False)
        return Step(entry.enter(EntryPhase.RUNNING, now))
    missing = ", ".join(entry.missing)
    if entry.phase is EntryPhase.WAITING:
        deadline = policy.arrival_timeout
        if deadline is None or now - entry.since < deadline:
            return Step(entry)
        failure = Failure("NotRegistered", f"{missing} did not register within {deadline:g} s")
        failed = replace(entry.failed(failure, now, policy), busy=True)
        if not entry.present:
            return Step(failed, Action.CLOSE)
        # Those that did register may hold results.
        return Step(failed.enter(EntryPhase.REPLACING, now), Action.RETIRE)
    gone_for = now - (now if entry.absent_since is None else entry.absent_since)
    if gone_for < policy.lost_timeout:
        failure = Failure("MembersGone", f"the scheduler has lost {missing}")
        if entry.failure != failure:
            entry = replace(entry, failure=failure)
        return Step(entry.enter(EntryPhase.DEGRADED, now))
    if entry.present:
        return Step(_busy(entry, EntryPhase.REPLACING, now), Action.RETIRE)
    return Step(entry.enter(EntryPhase.LOST, now))


def _may_roll(entry: EntryState, state: ClusterState, room: _Room) -> bool:
    if HOLDER_PREFIX + entry.name in state.entries:
        # Its data is still on the way back from the roll-out before this one.
        return False
    # An entry that nobody can use yet takes nothing away by being replaced.
    if entry.phase is EntryPhase.WAITING or entry.rolling:
        return True
    room.roll_outs -= 1
    return room.roll_outs >= 0


def _leaving(entry: EntryState, state: ClusterState, now: float) -> Step:
    if entry.busy:
        return Step(entry)
    if entry.wanted is None:
        entry = entry.enter(EntryPhase.RETIRING, now)
    elif entry.phase is EntryPhase.RETIRING:
        entry = entry.enter(EntryPhase.REPLACING, now)
    if entry.retired or not entry.present:
        return Step(_busy(replace(entry, retry_at=None), EntryPhase.CLOSING, now), Action.CLOSE)
    if entry.retry_at is None:
        return Step(replace(entry, busy=True), Action.RETIRE)
    last_attempt = entry.retry_at - state.policy.retire_interval
    holder = state.entries.get(HOLDER_PREFIX + entry.name)
    if holder is None and entry.phase is EntryPhase.REPLACING and entry.holds_for is None:
        return Step(entry, Action.HOLD)
    helped = holder is not None and holder.settled and holder.since >= last_attempt
    if helped or now >= entry.retry_at:
        return Step(replace(entry, busy=True), Action.RETIRE)
    return Step(entry)
