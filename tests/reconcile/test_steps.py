"""One entry, one step: what is decided at once, rather than by what follows."""

from __future__ import annotations

import pytest

from speccluster_lab.reconcile import (
    Action,
    ClusterState,
    EntryState,
    Failure,
    Policy,
    Step,
    next_look,
    plan,
)
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import Form, fingerprint
from .simulation import BOOM, FULL, HOLDER, TIMED_OUT

OLD, NEW = fingerprint(Form(1)), fingerprint(Form(2))
POLICY = Policy(start_timeout=30, arrival_timeout=20, lost_timeout=10, retire_interval=5)
NOW = 100.0
BOTH = ("a-0", "a-1")
GONE = Failure("MembersGone", "the scheduler has lost a-1")
ALL_GONE = Failure("MembersGone", "the scheduler has lost a-0, a-1")
ABSENT = Failure("NotRegistered", "a-0, a-1 did not register within 20 s")
PART_ABSENT = Failure("NotRegistered", "a-1 did not register within 20 s")
LATE = Failure("StartTimeout", "the start took longer than 30 s")

PENDING, STARTING, WAITING = EntryPhase.PENDING, EntryPhase.STARTING, EntryPhase.WAITING
RUNNING, DEGRADED, LOST = EntryPhase.RUNNING, EntryPhase.DEGRADED, EntryPhase.LOST
RETIRING, REPLACING = EntryPhase.RETIRING, EntryPhase.REPLACING
CLOSING, BACKOFF = EntryPhase.CLOSING, EntryPhase.BACKOFF


def entry(phase: EntryPhase, name: str = "a", **rest: object) -> EntryState:
    there = phase not in {PENDING, BACKOFF}
    facts = {
        "since": NOW,
        "wanted": OLD,
        "made_of": OLD if there else None,
        "members": (f"{name}-0", f"{name}-1"),
        **rest,
    }
    return EntryState(name, phase, **facts)  # type: ignore[arg-type]


def steps(one: EntryState, *others: EntryState, **counted: int) -> list[Step]:
    entries = {e.name: e for e in (one, *others)}
    return plan(ClusterState(entries, POLICY, **counted), [one.name], NOW)


@pytest.mark.parametrize(
    ("one", "step"),
    [
        (entry(PENDING), Step("a", STARTING, Action.START)),
        (entry(PENDING, wanted=None), Step("a", PENDING, Action.FORGET)),
        (entry(BACKOFF, retry_at=NOW), Step("a", PENDING)),
        (entry(BACKOFF, retry_at=None), Step("a", PENDING)),
        (entry(BACKOFF, retry_at=NOW + 1, wanted=None), Step("a", PENDING)),
        (entry(STARTING, busy=True, wanted=NEW), Step("a", CLOSING, Action.CANCEL)),
        (entry(STARTING, busy=True, wanted=None), Step("a", CLOSING, Action.CANCEL)),
        (
            entry(STARTING, busy=True, since=NOW - 30),
            Step("a", CLOSING, Action.CANCEL, LATE, counts=True),
        ),
        (entry(WAITING, present=BOTH), Step("a", RUNNING)),
        (entry(WAITING, wanted=None), Step("a", RETIRING, Action.RETIRE)),
        (entry(WAITING, wanted=NEW), Step("a", REPLACING, Action.RETIRE)),
        (
            entry(WAITING, since=NOW - 20),
            Step("a", CLOSING, Action.CLOSE, ABSENT, counts=True),
        ),
        (
            entry(WAITING, since=NOW - 20, present=("a-0",)),
            Step("a", REPLACING, Action.RETIRE, PART_ABSENT, counts=True),
        ),
        (entry(WAITING, present=("a-0",), absent_since=NOW), Step("a", DEGRADED, failure=GONE)),
        (entry(RUNNING, present=("a-0",), absent_since=NOW), Step("a", DEGRADED, failure=GONE)),
        (entry(RUNNING, present=BOTH, wanted=None), Step("a", RETIRING, Action.RETIRE)),
        (
            entry(RUNNING, present=BOTH, wanted=NEW),
            Step("a", REPLACING, Action.RETIRE, rolls=True),
        ),
        (entry(RUNNING, present=BOTH, attempts=1, since=NOW - 60), Step("a", RUNNING)),
        (entry(DEGRADED, present=BOTH, failure=GONE), Step("a", RUNNING)),
        (
            entry(DEGRADED, present=("a-0",), absent_since=NOW, failure=ALL_GONE),
            Step("a", DEGRADED, failure=GONE),
        ),
        (
            entry(DEGRADED, present=("a-0",), absent_since=NOW - 10),
            Step("a", REPLACING, Action.RETIRE, GONE),
        ),
        (entry(DEGRADED, absent_since=NOW - 10), Step("a", LOST, failure=ALL_GONE)),
        (entry(DEGRADED, rolling=True, wanted=NEW), Step("a", REPLACING, Action.RETIRE)),
        (entry(LOST), Step("a", CLOSING, Action.CLOSE)),
        (
            entry(RETIRING, wanted=None, present=BOTH, retired=True),
            Step("a", CLOSING, Action.CLOSE),
        ),
        (entry(RETIRING, wanted=None), Step("a", CLOSING, Action.CLOSE)),
        (entry(RETIRING, wanted=None, present=BOTH), Step("a", RETIRING, Action.RETIRE)),
        (
            entry(RETIRING, wanted=None, present=BOTH, deadline=NOW),
            Step("a", RETIRING, Action.RETIRE),
        ),
        (entry(RETIRING, present=BOTH, deadline=NOW + 1, failure=FULL), Step("a", RUNNING)),
        (entry(RETIRING, present=BOTH, deadline=NOW, failure=FULL), Step("a", RUNNING)),
        (
            entry(RETIRING, present=("a-0",), absent_since=1.0, deadline=NOW + 1, failure=FULL),
            Step("a", DEGRADED),
        ),
        (
            entry(RETIRING, present=("a-0",), deadline=NOW + 1, failure=FULL),
            Step("a", REPLACING, Action.HOLD),
        ),
        (
            entry(RETIRING, present=BOTH, deadline=NOW + 1, failure=TIMED_OUT),
            Step("a", REPLACING, Action.HOLD),
        ),
        (
            entry(RETIRING, present=BOTH, deadline=NOW + 1, failure=FULL, wanted=NEW),
            Step("a", REPLACING, Action.HOLD),
        ),
        (entry(RETIRING, present=BOTH), Step("a", REPLACING, Action.RETIRE)),
        (
            entry(REPLACING, present=BOTH, deadline=NOW + 1, failure=FULL),
            Step("a", REPLACING, Action.HOLD),
        ),
        (
            entry(REPLACING, present=BOTH, deadline=NOW + 1, failure=FULL, wanted=None),
            Step("a", RETIRING),
        ),
        (entry(CLOSING), Step("a", CLOSING, Action.CLOSE)),
        (entry(CLOSING, busy=True, deadline=NOW), Step("a", CLOSING, Action.CLOSE)),
        (entry(CLOSING, present=("a-0",)), Step("a", REPLACING, Action.RETIRE)),
        (entry(CLOSING, present=("a-0",), wanted=None), Step("a", RETIRING, Action.RETIRE)),
        (
            entry(CLOSING, busy=True, closing=True, deadline=NOW),
            Step("a", CLOSING, Action.ABANDON),
        ),
    ],
    ids=lambda value: value.phase,
)
def test_what_is_done(one: EntryState, step: Step) -> None:
    assert steps(one) == [step]


@pytest.mark.parametrize(
    "one",
    [
        entry(BACKOFF, retry_at=NOW + 1),
        entry(STARTING, busy=True, since=NOW - 29),
        entry(STARTING, busy=True, present=BOTH),
        entry(WAITING, since=NOW - 19),
        entry(WAITING, since=NOW - 1_000, runs_here=False),
        entry(RUNNING, present=BOTH),
        entry(RUNNING, present=BOTH, attempts=1, since=NOW - 59),
        entry(RUNNING, present=BOTH, since=NOW - 1_000),
        entry(DEGRADED, present=("a-0",), absent_since=NOW - 9, failure=GONE),
        entry(RETIRING, wanted=None, present=BOTH, busy=True),
        entry(RETIRING, wanted=None, busy=True),
        entry(RETIRING, wanted=None, present=BOTH, deadline=NOW + 1, failure=FULL),
        entry(REPLACING, present=BOTH, busy=True),
        entry(CLOSING, busy=True, deadline=NOW + 1),
        entry(CLOSING, busy=True, closing=True, deadline=NOW + 1),
    ],
    ids=lambda value: value.phase,
)
def test_what_is_waited_for(one: EntryState) -> None:
    assert steps(one) == []


def holder(phase: EntryPhase = RUNNING, **rest: object) -> EntryState:
    there = {f"{HOLDER}-0", f"{HOLDER}-1"} if phase is RUNNING else set()
    return entry(phase, HOLDER, **{"holds_for": "a", "present": there, **rest})


@pytest.mark.parametrize(
    ("held", "its_holder", "step"),
    [
        # Held data moves as soon as the holder is there, and not again until its time has come.
        (
            entry(REPLACING, present=BOTH, deadline=NOW + 1),
            holder(),
            Step("a", REPLACING, Action.RETIRE),
        ),
        (
            entry(REPLACING, present=BOTH, deadline=NOW + 1),
            holder(since=NOW - 4),
            Step("a", REPLACING, Action.RETIRE),
        ),
        (entry(REPLACING, present=BOTH, deadline=NOW + 1), holder(since=NOW - 5), None),
        (entry(REPLACING, present=BOTH, deadline=NOW + 1), holder(STARTING), None),
        # A roll-out waits for the stand-in that it has made, and for none that is on its way out.
        (
            entry(RUNNING, present=BOTH, wanted=NEW),
            holder(surge=True),
            Step("a", REPLACING, Action.RETIRE),
        ),
        (entry(RUNNING, present=BOTH, wanted=NEW), holder(STARTING, surge=True), None),
        (entry(RUNNING, present=BOTH, wanted=NEW), holder(), None),
        (entry(WAITING, wanted=NEW), holder(), Step("a", REPLACING, Action.RETIRE)),
    ],
)
def test_what_is_done_for_an_entry_with_a_holder(
    held: EntryState, its_holder: EntryState, step: Step | None
) -> None:
    assert steps(held, its_holder) == ([] if step is None else [step])


FORGET = Step(HOLDER, PENDING, Action.FORGET)
START = Step(HOLDER, STARTING, Action.START)


@pytest.mark.parametrize(
    ("surge", "held", "step"),
    [
        (False, entry(REPLACING), START),
        (False, entry(PENDING), START),
        (False, entry(WAITING, present=("a-0",)), START),
        (False, entry(WAITING, present=BOTH), FORGET),
        (False, entry(DEGRADED, present=("a-0",)), START),
        (False, entry(RUNNING, present=BOTH), FORGET),
        (False, entry(RUNNING, present=BOTH, wanted=NEW), FORGET),
        (False, entry(REPLACING, wanted=None), FORGET),
        (False, None, FORGET),
        (True, entry(RUNNING, present=BOTH, wanted=NEW), START),
        (True, entry(RUNNING, present=BOTH, wanted=fingerprint(Form(3))), FORGET),
        (True, entry(RUNNING, present=BOTH, wanted=NEW, made_of=NEW), FORGET),
        (True, entry(CLOSING, wanted=fingerprint(Form(3))), START),
    ],
)
def test_a_holder_is_wanted_while_its_entry_is_and_is_not_back(
    surge: bool, held: EntryState | None, step: Step
) -> None:
    one = holder(PENDING, surge=surge, wanted=NEW if surge else OLD)
    assert steps(one, *[held] if held else []) == [step]


def test_nobody_makes_room_for_a_holder() -> None:
    one = holder(REPLACING, present=(f"{HOLDER}-0",), deadline=NOW + 1, failure=BOOM)
    assert steps(one, entry(REPLACING)) == []


def test_an_entry_of_which_nobody_is_known_to_have_gone_is_not_looked_at() -> None:
    assert next_look(entry(DEGRADED), POLICY) is None
