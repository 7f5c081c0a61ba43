"""The planner: from the state of a cluster to the next steps."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, assert_never

from speccluster_lab.reconcile.failure import HOLDS_ACTOR, NO_ROOM, Failure
from speccluster_lab.reconcile.state import UP
from speccluster_lab.reconcile.step import Action, Step
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from speccluster_lab.reconcile.policy import Policy
    from speccluster_lab.reconcile.state import EntryState

__all__ = ["ClusterState", "next_look", "plan"]


# Where nothing could move, its workers do what they did before.
_GOING_ON: Final = frozenset({NO_ROOM, HOLDS_ACTOR})


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What the planner looks at.

    Parameters
    ----------
    entries : mapping of str to EntryState
        By name, holders included.
    policy : Policy
        The limits.
    starting, rolling, surging : int
        Entries that are starting, entries that a roll-out has taken away, and holders that it has
        made; counted by the executor as they change, so that a plan for one entry does not look
        at all.
    has_scheduler : bool
        Whether there is a scheduler to start workers for.
    """

    entries: Mapping[str, EntryState]
    policy: Policy
    starting: int = 0
    rolling: int = 0
    surging: int = 0
    has_scheduler: bool = True


@dataclass(slots=True)
class _Room:
    """What the limits still allow in this plan."""

    starts: int
    roll_outs: int
    surges: int


def plan(state: ClusterState, names: Iterable[str], now: float) -> list[Step]:
    """Return what is to be done for some entries, in the order in which to do it.

    Nothing is changed: see :meth:`EntryState.take`. Each entry gets one step at most, and may
    have another one after that.

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
    policy = state.policy
    room = _Room(
        starts=policy.max_concurrent_starts - state.starting if state.has_scheduler else 0,
        roll_outs=policy.max_unavailable - state.rolling,
        surges=policy.max_surge - state.surging,
    )
    planned = [entry for name in names if (entry := state.entries.get(name)) is not None]
    # Who has waited longest for a start is first: those that fail again and again would take
    # every place from the others.
    pending = [entry for entry in planned if entry.phase is EntryPhase.PENDING]
    pending.sort(key=attrgetter("since"))
    others = [entry for entry in planned if entry.phase is not EntryPhase.PENDING]
    steps = (_RULES[entry.phase](entry, state, room, now) for entry in (*others, *pending))
    return [step for step in steps if step is not None]


def next_look(entry: EntryState, policy: Policy) -> float | None:
    """Return when an entry changes although nothing happens, if it does.

    Parameters
    ----------
    entry : EntryState
        The entry.
    policy : Policy
        The limits.
    """
    match entry.phase:
        case EntryPhase.BACKOFF:
            return entry.retry_at
        case EntryPhase.STARTING:
            return entry.since + policy.start_timeout
        case EntryPhase.WAITING:
            limit = policy.arrival(runs_here=entry.runs_here)
            return None if limit is None else entry.since + limit
        case EntryPhase.DEGRADED:
            return None if entry.absent_since is None else entry.absent_since + policy.lost_timeout
        case EntryPhase.RETIRING | EntryPhase.REPLACING | EntryPhase.CLOSING:
            return entry.deadline
        case EntryPhase.RUNNING:
            return entry.since + policy.healthy_after if entry.attempts else None
        case EntryPhase.PENDING | EntryPhase.LOST:
            return None
        case _:
            assert_never(entry.phase)


def _is_wanted(entry: EntryState, state: ClusterState) -> bool:
    """Return whether an entry is to be there; a holder is until nobody needs it."""
    if entry.wanted is None:
        return False
    if entry.holds_for is None:
        return True
    held = state.entries.get(entry.holds_for)
    if held is None or held.wanted is None:
        return False
    if held.phase in UP and held.complete:
        # Before a roll-out takes the entry away, its stand-in is what the entry is to be.
        return entry.surge and held.outdated and entry.wanted == held.wanted
    return True


def _way_out(entry: EntryState, state: ClusterState) -> EntryPhase:
    return EntryPhase.REPLACING if _is_wanted(entry, state) else EntryPhase.RETIRING


def _pending(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step | None:
    if not _is_wanted(entry, state):
        return Step(entry.name, entry.phase, Action.FORGET)
    if room.starts <= 0:
        return None
    room.starts -= 1
    return Step(entry.name, EntryPhase.STARTING, Action.START)


def _backoff(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step | None:
    if entry.retry_at is None or now >= entry.retry_at or not _is_wanted(entry, state):
        return Step(entry.name, EntryPhase.PENDING)
    return None


def _starting(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step | None:
    if entry.outdated or not _is_wanted(entry, state):
        return Step(entry.name, EntryPhase.CLOSING, Action.CANCEL)
    limit = state.policy.start_timeout
    if now >= entry.since + limit:
        failure = Failure("StartTimeout", f"the start took longer than {limit:g} s")
        return Step(entry.name, EntryPhase.CLOSING, Action.CANCEL, failure, counts=True)
    return None


def _up(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step | None:
    name = entry.name
    if not _is_wanted(entry, state):
        return Step(name, EntryPhase.RETIRING, Action.RETIRE)
    if entry.outdated:
        step = _roll(entry, state, room)
        if step is not None:
            return step
    if entry.complete:
        return _running(entry, state.policy, now)
    if entry.phase is EntryPhase.WAITING and entry.absent_since is None:
        return _waiting(entry, state.policy, now)
    return _degraded(entry, state.policy, now)


def _running(entry: EntryState, policy: Policy, now: float) -> Step | None:
    forgiven = entry.attempts > 0 and now >= entry.since + policy.healthy_after
    # One that was to give way, and whose edit was taken back, does not keep a place.
    if entry.phase is EntryPhase.RUNNING and not forgiven and not entry.rolling:
        return None
    return Step(entry.name, EntryPhase.RUNNING)


def _waiting(entry: EntryState, policy: Policy, now: float) -> Step | None:
    limit = policy.arrival(runs_here=entry.runs_here)
    if limit is None or now < entry.since + limit:
        return None
    missing = ", ".join(entry.missing)
    failure = Failure("NotRegistered", f"{missing} did not register within {limit:g} s")
    if entry.present:
        # Those that did register may hold results.
        return Step(entry.name, EntryPhase.REPLACING, Action.RETIRE, failure, counts=True)
    return Step(entry.name, EntryPhase.CLOSING, Action.CLOSE, failure, counts=True)


def _degraded(entry: EntryState, policy: Policy, now: float) -> Step | None:
    failure = Failure("MembersGone", f"the scheduler has lost {', '.join(entry.missing)}")
    if entry.absent_since is not None and now >= entry.absent_since + policy.lost_timeout:
        if entry.present:
            return Step(entry.name, EntryPhase.REPLACING, Action.RETIRE, failure)
        return Step(entry.name, EntryPhase.LOST, failure=failure)
    if entry.phase is EntryPhase.DEGRADED and entry.failure == failure:
        return None
    return Step(entry.name, EntryPhase.DEGRADED, failure=failure)


def _roll(entry: EntryState, state: ClusterState, room: _Room) -> Step | None:
    """Return how an entry that the spec wants otherwise is replaced, if it is its turn."""
    name = entry.name
    # An entry that nobody can use yet takes nothing away by being replaced.
    if entry.phase is EntryPhase.WAITING or entry.rolling:
        return Step(name, EntryPhase.REPLACING, Action.RETIRE)
    holder = state.entries.get(HOLDER_PREFIX + name)
    if holder is not None:
        # On its way out it still gives the data of the roll-out before this one back.
        ready = holder.surge and holder.settled
        return Step(name, EntryPhase.REPLACING, Action.RETIRE) if ready else None
    if room.roll_outs > 0:
        room.roll_outs -= 1
        return Step(name, EntryPhase.REPLACING, Action.RETIRE, rolls=True)
    if room.surges > 0:
        room.surges -= 1
        return Step(name, entry.phase, Action.HOLD)
    return None


def _leaving(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step | None:
    if entry.busy:
        return None
    name = entry.name
    phase = _way_out(entry, state)
    wanted = phase is EntryPhase.REPLACING
    if entry.retired or not entry.present:
        return Step(name, EntryPhase.CLOSING, Action.CLOSE)
    if wanted and not entry.outdated and entry.phase is EntryPhase.RETIRING and _kept(entry):
        return Step(name, EntryPhase.RUNNING if entry.complete else EntryPhase.DEGRADED)
    if entry.deadline is None or now >= entry.deadline:
        return Step(name, phase, Action.RETIRE)
    last_attempt = entry.deadline - state.policy.retire_interval
    holder = state.entries.get(HOLDER_PREFIX + name)
    if holder is None and wanted and entry.holds_for is None and _could_move(entry):
        return Step(name, phase, Action.HOLD)
    if holder is not None and holder.settled and holder.since >= last_attempt:
        return Step(name, phase, Action.RETIRE)
    return None if phase is entry.phase else Step(name, phase)


def _kept(entry: EntryState) -> bool:
    """Return whether an entry that was to go can stay: it was up, and is as it was before."""
    was_up = entry.complete or entry.absent_since is not None
    return was_up and entry.failure is not None and entry.failure.reason in _GOING_ON


def _could_move(entry: EntryState) -> bool:
    """Return whether what an entry holds could go to a holder."""
    return entry.failure is None or entry.failure.reason != HOLDS_ACTOR


def _lost(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step | None:
    return Step(entry.name, EntryPhase.CLOSING, Action.CLOSE)


def _closing(entry: EntryState, state: ClusterState, room: _Room, now: float) -> Step | None:
    late = entry.deadline is not None and now >= entry.deadline
    if entry.busy and not late:
        return None
    if entry.closing:
        return Step(entry.name, entry.phase, Action.ABANDON)
    if entry.present:
        # Members that registered before the start ended may hold results.
        return Step(entry.name, _way_out(entry, state), Action.RETIRE)
    return Step(entry.name, entry.phase, Action.CLOSE)


_RULES: Final[
    Mapping[EntryPhase, Callable[[EntryState, ClusterState, _Room, float], Step | None]]
] = {
    EntryPhase.PENDING: _pending,
    EntryPhase.STARTING: _starting,
    EntryPhase.WAITING: _up,
    EntryPhase.RUNNING: _up,
    EntryPhase.DEGRADED: _up,
    EntryPhase.RETIRING: _leaving,
    EntryPhase.REPLACING: _leaving,
    EntryPhase.CLOSING: _closing,
    EntryPhase.BACKOFF: _backoff,
    EntryPhase.LOST: _lost,
}
