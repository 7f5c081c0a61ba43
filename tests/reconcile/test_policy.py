"""The limits: which are refused, and how long a backoff takes."""

from __future__ import annotations

import pytest

from speccluster_lab.errors import InvalidInput
from speccluster_lab.reconcile import Policy

BOTH = "max_unavailable, max_surge"


@pytest.mark.parametrize(
    ("limits", "field", "message"),
    [
        ({"max_concurrent_starts": 0}, "max_concurrent_starts", "^must be 1 or more$"),
        ({"max_unavailable": -1, "max_surge": 2}, BOTH, "^must be 0 or more$"),
        ({"max_unavailable": 2, "max_surge": -1}, BOTH, "^must be 0 or more$"),
        ({"max_unavailable": 0}, BOTH, "^one of them must be 1 or more$"),
    ],
)
def test_limits_that_would_let_nothing_happen_are_refused(
    limits: dict[str, int], field: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        Policy(**limits)  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize(
    "limits",
    [
        {"max_concurrent_starts": 1},
        {"max_unavailable": 0, "max_surge": 1},
        {"max_unavailable": 1, "max_surge": 0},
    ],
)
def test_the_least_that_lets_something_happen_is_taken(limits: dict[str, int]) -> None:
    policy = Policy(**limits)  # type: ignore[arg-type]
    assert {name: getattr(policy, name) for name in limits} == limits


def test_without_a_word_the_limits_are_those_that_are_promised() -> None:
    policy = Policy()
    assert (policy.max_unavailable, policy.max_surge) == (1, 0)
    assert (policy.healthy_after, policy.degraded_after) == (60, 5)
    assert policy.arrival(runs_here=True) == 120
    assert policy.arrival(runs_here=False) is None


@pytest.mark.parametrize(
    ("attempts", "middle"), [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60), (9, 60), (9_999, 60)]
)
def test_the_backoff_doubles_up_to_a_minute_and_is_spread_by_a_quarter(
    attempts: int, middle: float
) -> None:
    waits = [Policy().backoff(f"entry-{n}", attempts) for n in range(2_000)]
    assert 0.75 * middle <= min(waits) < 0.76 * middle
    assert 1.24 * middle < max(waits) <= 1.25 * middle
    assert sum(waits) / len(waits) == pytest.approx(middle, rel=0.02)


def test_the_backoff_is_the_same_everywhere_and_differs_between_entries_and_attempts() -> None:
    policy = Policy(backoff_first=100, backoff_factor=1, backoff_cap=100)
    waits = [policy.backoff(name, attempts) for name in "ab" for attempts in (1, 2)]
    assert waits == [122.96619511860567, 96.21511074276992, 123.40163602456488, 96.650456467562]


def test_a_backoff_may_be_told_in_other_figures() -> None:
    policy = Policy(backoff_first=0.5, backoff_factor=3, backoff_cap=10, backoff_jitter=0)
    waits = [policy.backoff("a", attempts) for attempts in range(1, 6)]
    assert waits == [0.5, 1.5, 4.5, 10, 10]
