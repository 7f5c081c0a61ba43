"""What is waited for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from speccluster_lab.client.awaiting import is_settled
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    Condition,
    ConditionStatus,
    Owner,
    OwnerKind,
)
from speccluster_lab.spec.models import ClusterSpec

_NOW = datetime.now(UTC)


def _cluster(phase: ClusterPhase, ready: ConditionStatus) -> Cluster:
    return Cluster(
        id="c",
        display_name="c",
        template=None,
        owner=Owner(kind=OwnerKind.SERVER),
        phase=phase,
        conditions=[Condition(type="Ready", status=ready, reason="R", message="", since=_NOW)],
        generation=2,
        observed_generation=2,
        created=_NOW,
        spec=ClusterSpec(),
    )


def test_it_is_settled_when_it_runs_and_is_ready_at_the_generation() -> None:
    cluster = _cluster(ClusterPhase.RUNNING, ConditionStatus.TRUE)
    assert is_settled(cluster, 2)
    assert not is_settled(cluster, 3)
    assert not is_settled(_cluster(ClusterPhase.RUNNING, ConditionStatus.FALSE), 2)


@pytest.mark.parametrize("phase", [one for one in ClusterPhase if one is not ClusterPhase.RUNNING])
def test_no_other_phase_is_settled_whatever_was_told_last(phase: ClusterPhase) -> None:
    assert not is_settled(_cluster(phase, ConditionStatus.TRUE), 2)
