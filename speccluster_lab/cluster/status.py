"""The cluster as the API shows it: phase, conditions, entries, members, counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed.core import Status

from speccluster_lab.cluster.classes import class_path
from speccluster_lab.spec.api import (
    ClusterPhase,
    Condition,
    ConditionStatus,
    Counts,
    Entry,
    EntryPhase,
    Member,
    SchedulerStatus,
)

if TYPE_CHECKING:
    from speccluster_lab.cluster.speccluster import SpecCluster
    from speccluster_lab.reconcile import EntryState

__all__ = ["StatusReport"]

_TROUBLED = frozenset({EntryPhase.DEGRADED, EntryPhase.BACKOFF, EntryPhase.LOST})


class StatusReport:
    """Describes a cluster; remembers since when each condition has been as it is."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[ConditionStatus, str, datetime]] = {}
        self._was_ready = False

    def phase(self, cluster: SpecCluster) -> ClusterPhase:
        """Return where the cluster is."""
        match cluster.status:
            case Status.failed:
                return ClusterPhase.FAILED
            case Status.closing | Status.closed:
                return ClusterPhase.STOPPING
            case Status.running:
                pass
            case _:
                return ClusterPhase.STARTING
        self._was_ready |= cluster._executor.settled
        if any(_is_troubled(entry) for entry in cluster._executor.unsettled()):
            return ClusterPhase.DEGRADED
        return ClusterPhase.RUNNING if self._was_ready else ClusterPhase.STARTING

    def conditions(self, cluster: SpecCluster) -> list[Condition]:
        """Return why the cluster is where it is."""
        return [self._ready(cluster), *self._degraded(cluster), *self._data_at_stake(cluster)]

    def _condition(self, kind: str, status: ConditionStatus, reason: str, text: str) -> Condition:
        before = self._since.get(kind)
        if before is None or before[:2] != (status, reason):
            before = self._since[kind] = (status, reason, datetime.now(UTC))
        return Condition(type=kind, status=status, reason=reason, message=text, since=before[2])

    def _ready(self, cluster: SpecCluster) -> Condition:
        counts = cluster.counts()
        have = f"{counts.registered} of {counts.expected} workers have registered"
        if cluster.status is not Status.running:
            return self._condition("Ready", ConditionStatus.FALSE, "SchedulerNotRunning", have)
        if cluster._executor.settled:
            return self._condition("Ready", ConditionStatus.TRUE, "AllMembersRegistered", have)
        return self._condition("Ready", ConditionStatus.FALSE, "Reconciling", have)

    def _degraded(self, cluster: SpecCluster) -> list[Condition]:
        limit = cluster._policy.degraded_after
        failing = [e for e in cluster._executor.unsettled() if e.attempts >= limit]
        if not failing:
            self._since.pop("Degraded", None)
            return []
        worst = max(failing, key=lambda entry: entry.attempts)
        why = worst.failure.message if worst.failure else "no reason known"
        others = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        text = f"{worst.name}{others}: start failed {worst.attempts} times: {why}"
        return [self._condition("Degraded", ConditionStatus.TRUE, "StartsFail", text)]

    def _data_at_stake(self, cluster: SpecCluster) -> list[Condition]:
        stuck = [
            entry
            for entry in cluster._executor.unsettled()
            if entry.phase is EntryPhase.RETIRING and entry.failure is not None
        ]
        if not stuck:
            self._since.pop("DataAtStake", None)
            return []
        text = "; ".join(f"{one.name}: {one.failure.message}" for one in stuck[:3] if one.failure)
        return [self._condition("DataAtStake", ConditionStatus.TRUE, "RetirementWaits", text)]

    def entries(self, cluster: SpecCluster) -> list[Entry]:
        """Return the entries, in the order of the spec; those on their way out come last."""
        states = cluster._executor.entries
        order = [name for name in cluster._wanted if name in states]
        order += [name for name in states if name not in cluster._wanted]
        if not states:
            return [self._not_begun(cluster, name) for name in cluster._wanted]
        return [self._entry(cluster, states[name]) for name in order]

    def _not_begun(self, cluster: SpecCluster, name: str) -> Entry:
        wanted = cluster._wanted[name]
        return Entry(
            name=name,
            phase=EntryPhase.PENDING,
            cls=class_path(wanted.entry["cls"]),
            generation=cluster.generation,
            members=[Member(name=member) for member in wanted.members],
        )

    def _entry(self, cluster: SpecCluster, entry: EntryState) -> Entry:
        desired = cluster._executor.desired_of(entry.name)
        reason = entry.failure.reason if entry.failure else None
        message = entry.failure.message if entry.failure else None
        if entry.holds_for is not None and reason is None:
            reason, message = "HoldsData", f"holds the data of {entry.holds_for} meanwhile"
        return Entry(
            name=entry.name,
            phase=entry.phase,
            reason=reason,
            message=message,
            cls=class_path(desired.entry["cls"]),
            generation=cluster._executor.generations.get(entry.name, cluster.generation),
            attempts=entry.attempts,
            next_retry=_wall_clock(entry.retry_at),
            members=[cluster._membership.member(name) for name in entry.members],
        )

    def unexpected(self, cluster: SpecCluster) -> list[Member]:
        """Return the workers that the scheduler has and no entry expects."""
        names = (n for n in cluster._membership.names() if not cluster._executor.is_expected(n))
        return [cluster._membership.member(name) for name in names]

    def counts(self, cluster: SpecCluster) -> Counts:
        """Return the cluster in numbers."""
        expected = [name for one in cluster._wanted.values() for name in one.members]
        found = [cluster._membership.member(name) for name in expected]
        there = [member for member in found if member.address is not None]
        return Counts(
            entries=len(cluster._wanted),
            expected=len(expected),
            registered=len(there),
            nthreads=sum(member.nthreads or 0 for member in there),
            memory_limit=sum(member.memory_limit or 0 for member in there),
            memory_used=sum(member.memory_used or 0 for member in there),
        )

    def scheduler(self, cluster: SpecCluster) -> SchedulerStatus:
        """Return the scheduler as it stands."""
        scheduler = cluster.scheduler
        status = getattr(scheduler, "status", None)
        return SchedulerStatus(
            address=_address_of(scheduler),
            dashboard="dashboard" in (getattr(scheduler, "services", None) or {}),
            status="created" if status is None else getattr(status, "name", str(status)),
        )


def _address_of(scheduler: Any) -> str | None:
    try:
        address: str | None = scheduler.address
    except (AttributeError, ValueError):
        # distributed's servers raise it until they listen.
        return None
    return address


def _is_troubled(entry: EntryState) -> bool:
    return entry.wanted is not None and (entry.phase in _TROUBLED or entry.attempts > 0)


def _wall_clock(at: float | None) -> datetime | None:
    if at is None:
        return None
    return (datetime.now(UTC) + timedelta(seconds=at - monotonic())).replace(microsecond=0)
