"""A cluster as it is shown while there is no host that tells how it is."""

from __future__ import annotations

import datetime
import signal
from typing import TYPE_CHECKING, Final

from speccluster_lab.link.logs import with_last_lines
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    Condition,
    ConditionStatus,
    Counts,
    Entry,
    EntryPhase,
    Member,
    Owner,
    OwnerKind,
    SchedulerStatus,
)
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.names import member_names

if TYPE_CHECKING:
    from speccluster_lab.link.launch import Launch

__all__ = [
    "before_it_is_known",
    "before_it_tells",
    "failed",
    "how_it_ended",
    "not_removed",
    "not_up",
    "unreachable",
]

# Exit statuses above this are those of what was ended by a signal.
_SIGNALLED: Final = 128


def before_it_tells(launch: Launch) -> Cluster:
    """Return a cluster whose first host has not told anything yet."""
    return Cluster(
        id=launch.id,
        display_name=launch.display_name,
        template=launch.template,
        owner=launch.owner,
        phase=ClusterPhase.STARTING,
        generation=1,
        observed_generation=0,
        created=launch.created,
        spec=launch.spec,
        counts=_counts(launch.spec),
        workers=_entries(launch.spec, EntryPhase.PENDING),
    )


def before_it_is_known(id: str, since: datetime.datetime) -> Cluster:
    """Return a cluster of which there is nothing but its id, which is as good as none for long."""
    return Cluster(
        id=id,
        display_name=id,
        template=None,
        owner=Owner(kind=OwnerKind.NOTEBOOK),
        phase=ClusterPhase.STARTING,
        generation=1,
        observed_generation=0,
        created=since,
        spec=ClusterSpec(),
    )


def unreachable(cluster: Cluster, message: str) -> Cluster:
    """Return a cluster whose host is there and does not answer."""
    return cluster.model_copy(
        update={
            "phase": ClusterPhase.UNREACHABLE,
            "conditions": [_condition("Unreachable", "HostNotResponding", message)],
        }
    )


def not_up(cluster: Cluster, reason: str, message: str) -> Cluster:
    """Return a cluster whose host is being started again."""
    return _without_host(
        cluster,
        ClusterPhase.STARTING,
        EntryPhase.PENDING,
        _condition("HostExited", reason, message),
    )


def failed(cluster: Cluster, how: str, log_lines: list[str]) -> Cluster:
    """Return a cluster whose host has ended and is not started again.

    Parameters
    ----------
    cluster : Cluster
        As it was told last.
    how : str
        What the host did, to follow "The cluster's host".
    log_lines : list of str
        The end of its log, as :func:`.last_log_lines` has it.
    """
    message = with_last_lines(f"The cluster's host {how}.", "its", log_lines)
    return _without_host(
        cluster,
        ClusterPhase.FAILED,
        EntryPhase.LOST,
        _condition("HostExited", "HostExited", message),
    )


def not_removed(cluster: Cluster, why: str) -> Cluster:
    """Return a cluster that is to end, and of which something is left that cannot be removed."""
    return _without_host(
        cluster,
        ClusterPhase.STOPPING,
        EntryPhase.LOST,
        _condition(
            "NotRemoved",
            "RemovalFailed",
            f"Something of the cluster is left: {why}. It is tried again.",
        ),
    )


def how_it_ended(status: int | None) -> str:
    """Return in words how a guard has ended.

    Parameters
    ----------
    status : int, optional
        Its exit status, where that is known; negative where a signal has ended it.
    """
    match status:
        case None:
            return "has ended"
        case int() if status < 0:
            return f"has lost its guard, which was ended by {_signal_name(-status)}"
        # A status may be above that of its own accord.
        case int() if status - _SIGNALLED in list(signal.Signals):
            return f"was ended by {_signal_name(status - _SIGNALLED)}"
        case _:
            return f"has ended with status {status}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _without_host(
    cluster: Cluster, phase: ClusterPhase, entries: EntryPhase, condition: Condition
) -> Cluster:
    return cluster.model_copy(
        update={
            "phase": phase,
            "conditions": [condition],
            "scheduler": SchedulerStatus(status="closed"),
            "workers": _entries(cluster.spec, entries),
            "counts": _counts(cluster.spec),
            "unexpected": [],
        }
    )


def _entries(spec: ClusterSpec, phase: EntryPhase) -> list[Entry]:
    return [
        Entry(
            name=name,
            phase=phase,
            cls=entry.cls,
            generation=1,
            members=[Member(name=member) for member in member_names(name, entry.group)],
        )
        for name, entry in spec.workers.items()
    ]


def _counts(spec: ClusterSpec) -> Counts:
    members = sum(len(member_names(name, entry.group)) for name, entry in spec.workers.items())
    return Counts(entries=len(spec.workers), expected=members)


def _condition(type: str, reason: str, message: str) -> Condition:
    return Condition(
        type=type,
        status=ConditionStatus.TRUE,
        reason=reason,
        message=message,
        since=datetime.datetime.now(datetime.UTC),
    )
