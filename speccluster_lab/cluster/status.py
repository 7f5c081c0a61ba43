"""The cluster as the API shows it: phase, conditions, entries, members, counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from distributed.core import Status

from speccluster_lab.cluster.classes import class_path
from speccluster_lab.reconcile import LEAVING
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
    from collections.abc import Mapping

    from speccluster_lab.cluster.scaled import Scaled
    from speccluster_lab.reconcile import EntryState

__all__ = ["StatusReport"]

# States of a task on a worker in which it takes a thread, or waits for one.
_QUEUED = frozenset({"executing", "long-running", "ready", "constrained", "resumed", "waiting"})
_TROUBLED = frozenset({EntryPhase.DEGRADED, EntryPhase.BACKOFF, EntryPhase.LOST})


class StatusReport:
    """Describes a cluster; remembers since when each condition has been as it is."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[ConditionStatus, str, datetime]] = {}
        self._was_ready = False

    def phase(self, cluster: Scaled) -> ClusterPhase:
        """Return where the cluster is."""
        if cluster._watch.failure is not None and cluster.status is Status.running:
            restarts = cluster.policy.restart_scheduler
            return ClusterPhase.DEGRADED if restarts else ClusterPhase.FAILED
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

    def conditions(self, cluster: Scaled) -> list[Condition]:
        """Return why the cluster is where it is."""
        return [
            self._ready(cluster),
            *self._scheduler_lost(cluster),
            *self._spec_refused(cluster),
            *self._names_differ(cluster),
            *self._degraded(cluster),
            *self._data_at_stake(cluster),
            *self._overshoot(cluster),
        ]

    def _condition(self, kind: str, status: ConditionStatus, reason: str, text: str) -> Condition:
        before = self._since.get(kind)
        if before is None or before[:2] != (status, reason):
            before = self._since[kind] = (status, reason, datetime.now(UTC))
        return Condition(type=kind, status=status, reason=reason, message=text, since=before[2])

    def _ready(self, cluster: Scaled) -> Condition:
        counts = self.counts(cluster)
        have = f"{counts.registered} of {counts.expected} workers have registered"
        if cluster.status is not Status.running:
            return self._condition("Ready", ConditionStatus.FALSE, "SchedulerNotRunning", have)
        if cluster._watch.failure is not None:
            return self._condition("Ready", ConditionStatus.FALSE, "SchedulerLost", have)
        if cluster._executor.settled:
            return self._condition("Ready", ConditionStatus.TRUE, "AllMembersRegistered", have)
        return self._condition("Ready", ConditionStatus.FALSE, "Reconciling", have)

    def _scheduler_lost(self, cluster: Scaled) -> list[Condition]:
        watch = cluster._watch
        found = []
        for kind, failure in (("SchedulerLost", watch.failure), ("SchedulerSilent", watch.silence)):
            if failure is None:
                self._since.pop(kind, None)
            else:
                status, text = ConditionStatus.TRUE, failure.message
                found.append(self._condition(kind, status, failure.reason, text))
        return found

    def _names_differ(self, cluster: Scaled) -> list[Condition]:
        """Say that workers may be those of an entry, which expects them under other names."""
        waiting = [
            entry
            for name in cluster._executor.ledger.by_phase[EntryPhase.WAITING]
            if not (entry := cluster._executor.entries[name]).present
        ]
        strangers = [] if not waiting else self.unexpected(cluster)
        if not strangers:
            self._since.pop("UnexpectedNames", None)
            return []
        text = (
            f"{waiting[0].name} waits for {', '.join(waiting[0].members[:3])}, while "
            f"{strangers[0].name} has registered, which no entry expects: does the entry's class "
            "name its workers otherwise, or lack a group?"
        )
        return [self._condition("UnexpectedNames", ConditionStatus.TRUE, "NamesDiffer", text)]

    def _spec_refused(self, cluster: Scaled) -> list[Condition]:
        refusal = cluster._refusal
        if refusal is None:
            self._since.pop("SpecRefused", None)
            return []
        place = f"{refusal.field}: " if refusal.field else ""
        text = f"worker_spec is left as it was: {place}{refusal.message}"
        return [self._condition("SpecRefused", ConditionStatus.TRUE, "InvalidInput", text)]

    def _overshoot(self, cluster: Scaled) -> list[Condition]:
        """Say where adaptive scaling cannot keep to its maximum with whole entries."""
        limits = cluster.adaptive_range()
        expected = sum(len(one.members) for one in cluster._executor.desired.values())
        if limits is None or limits[1] is None or expected <= limits[1]:
            self._since.pop("AdaptiveOvershoot", None)
            return []
        text = (
            f"{expected} workers, though the maximum is {limits[1]}: the minimum is {limits[0]}, "
            "and an entry comes and goes as a whole"
        )
        return [self._condition("AdaptiveOvershoot", ConditionStatus.TRUE, "WholeEntries", text)]

    def _degraded(self, cluster: Scaled) -> list[Condition]:
        limit = cluster.policy.degraded_after
        failing = [e for e in cluster._executor.unsettled() if e.attempts >= limit]
        if not failing:
            self._since.pop("Degraded", None)
            return []
        worst = max(failing, key=lambda entry: entry.attempts)
        why = worst.failure.message if worst.failure else "no reason known"
        others = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        text = f"{worst.name}{others}: start failed {worst.attempts} times: {why}"
        return [self._condition("Degraded", ConditionStatus.TRUE, "StartsFail", text)]

    def _data_at_stake(self, cluster: Scaled) -> list[Condition]:
        stuck = [
            entry
            for entry in cluster._executor.unsettled()
            if entry.phase in LEAVING and entry.failure is not None
        ]
        if not stuck:
            self._since.pop("DataAtStake", None)
            return []
        text = "; ".join(f"{one.name}: {one.failure.message}" for one in stuck[:3] if one.failure)
        return [self._condition("DataAtStake", ConditionStatus.TRUE, "RetirementWaits", text)]

    def entries(self, cluster: Scaled) -> list[Entry]:
        """Return the entries, in the order of the spec; those on their way out come last."""
        states, desired = cluster._executor.entries, cluster._executor.desired
        order = [name for name in desired if name in states]
        order += [name for name in states if name not in desired]
        described = cluster._executor.is_described
        return [self._entry(cluster, states[name]) for name in order if described(name)]

    def _entry(self, cluster: Scaled, entry: EntryState) -> Entry:
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
            cls=class_path(desired.form.entry["cls"]),
            generation=entry.generation,
            attempts=entry.attempts,
            next_retry=_wall_clock(entry.retry_at),
            members=[_member(cluster, name) for name in entry.members],
        )

    def unexpected(self, cluster: Scaled) -> list[Member]:
        """Return the workers that the scheduler has and no entry expects."""
        names = (
            n for n in cluster._watch.membership.names() if not cluster._executor.is_expected(n)
        )
        return [_member(cluster, name) for name in names]

    def counts(self, cluster: Scaled) -> Counts:
        """Return the cluster in numbers."""
        states = cluster._executor.entries
        expected = [m for name in cluster._executor.desired for m in states[name].members]
        found = [info for name in expected if (info := cluster.info(name))]
        return Counts(
            entries=len(cluster._executor.desired),
            expected=len(expected),
            registered=len(found),
            nthreads=sum(info.get("nthreads") or 0 for info in found),
            memory_limit=sum(info.get("memory_limit") or 0 for info in found),
            memory_used=sum((info.get("metrics") or {}).get("memory") or 0 for info in found),
        )

    def scheduler(self, cluster: Scaled) -> SchedulerStatus:
        """Return the scheduler as it stands."""
        scheduler = cluster.scheduler
        status = getattr(scheduler, "status", None)
        has_port = "dashboard" in (getattr(scheduler, "services", None) or {})
        return SchedulerStatus(
            address=_address_of(scheduler),
            dashboard=has_port or getattr(scheduler, "serves_dashboard", False),
            status="created" if status is None else getattr(status, "name", str(status)),
        )


def _member(cluster: Scaled, name: str) -> Member:
    """Return a worker as the API shows it; one that is not there has only its name."""
    address = cluster._watch.membership.address(name)
    if address is None:
        return Member(name=name)
    info = cluster.info(name)
    metrics: Mapping[str, Any] = info.get("metrics") or {}
    seen = info.get("last_seen")
    counts: Mapping[Any, int] = metrics.get("task_counts") or {}
    return Member(
        name=name,
        address=address,
        status=info.get("status"),
        nthreads=info.get("nthreads"),
        memory_limit=info.get("memory_limit"),
        memory_used=metrics.get("memory"),
        cpu=None if metrics.get("cpu") is None else round(metrics["cpu"] / 100, 2),
        tasks=sum(count for state, count in counts.items() if state in _QUEUED),
        last_seen=None if seen is None else datetime.fromtimestamp(round(seen), UTC),
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
