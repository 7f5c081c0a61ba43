"""The state of one entry: what it says of itself, and what an event changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from speccluster_lab.reconcile import LEAVING, UP, Action, EntryState, Policy, Step, next_look
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import Form, fingerprint
from .simulation import BOOM, FULL

OLD, NEW = fingerprint(Form(1)), fingerprint(Form(2))
ACTIVE = {EntryPhase.PENDING, EntryPhase.STARTING, EntryPhase.CLOSING, EntryPhase.LOST}


def entry(phase: EntryPhase = EntryPhase.RUNNING, **rest: object) -> EntryState:
    facts = {"wanted": OLD, "made_of": OLD, "members": ("a-0", "a-1"), **rest}
    return EntryState("a", phase, **facts)  # type: ignore[arg-type]


def test_a_new_entry_is_pending_and_nothing_else() -> None:
    new = EntryState("a")
    assert new.phase is EntryPhase.PENDING
    assert not any([new.complete, new.outdated, new.settled, new.busy, new.present])
    assert new.runs_here


def test_it_is_complete_when_all_its_members_are_there_and_it_has_some() -> None:
    assert not entry(present=("a-0",)).complete
    assert entry(present=("a-0", "a-1")).complete
    assert not entry(members=()).complete


def test_it_says_which_members_are_missing_in_their_order() -> None:
    assert entry(members=("b", "a", "c"), present=("a",)).missing == ("b", "c")


def test_it_is_settled_when_it_runs_complete_as_wanted() -> None:
    present = ("a-0", "a-1")
    assert entry(present=present).settled
    assert not entry(present=("a-0",)).settled
    assert not entry(present=present, wanted=NEW).settled
    assert not entry(present=present, wanted=None).settled
    assert not entry(EntryPhase.WAITING, present=present).settled


@pytest.mark.parametrize("phase", EntryPhase)
def test_it_is_active_while_something_is_done_for_it(phase: EntryPhase) -> None:
    assert entry(phase).active is (phase in ACTIVE)
    assert entry(phase, busy=True).active


def test_equal_fingerprints_are_the_same_wish() -> None:
    assert not entry(wanted=fingerprint.__wrapped__(Form(1))).outdated
    assert entry(wanted=NEW).outdated
    assert entry(wanted=None).outdated


def test_a_new_wish_is_noted_with_its_generation_and_ends_a_backoff() -> None:
    one = entry(EntryPhase.BACKOFF, made_of=None, attempts=3, retry_at=9.0, failure=BOOM)
    one.want(NEW, ("a-0",), 7)
    assert (one.wanted, one.members, one.generation) == (NEW, ("a-0",), 7)
    assert (one.attempts, one.retry_at, one.failure) == (0, None, None)


def test_a_wish_that_says_the_same_changes_nothing() -> None:
    one = entry(EntryPhase.BACKOFF, made_of=None, attempts=3, retry_at=9.0, failure=BOOM)
    before = repr(one)
    one.want(fingerprint.__wrapped__(Form(1)), ("b",), 7)
    assert repr(one) == before


def test_the_members_are_those_of_the_instance_until_it_is_closed() -> None:
    one = entry(present=("a-0", "a-1"))
    one.want(NEW, ("a",), 2)
    assert one.members == ("a-0", "a-1")
    one.closed(("a",), 3.0)
    assert (one.members, one.present, one.made_of) == (("a",), (), None)


@pytest.mark.parametrize("phase", LEAVING)
def test_why_its_data_does_not_move_is_still_so_whatever_is_wanted(phase: EntryPhase) -> None:
    one = entry(phase, failure=FULL)
    one.want(NEW, (), 2)
    assert one.failure is FULL


def test_an_event_that_comes_twice_changes_nothing_more() -> None:
    one = entry(present=("a-0", "a-1"))
    one.leave("a-1", 1.0)
    assert (one.absent_since, one.present) == (1.0, ("a-0",))
    one.leave("a-1", 2.0)
    one.see(["a-0"], 3.0)
    assert one.absent_since == 1.0
    assert one.arrive("a-1", 4.0)
    assert not one.arrive("a-1", 5.0)
    assert (one.absent_since, one.present) == (None, ("a-0", "a-1"))


def test_what_was_never_there_has_not_gone() -> None:
    one = entry(EntryPhase.WAITING)
    one.arrive("a-0", 1.0)
    one.leave("a-1", 2.0)
    one.see(["a-0"], 3.0)
    assert one.absent_since is None
    one.see(["a-1"], 4.0)
    assert one.absent_since == 4.0
    one.see(["a-0", "a-1"], 5.0)
    assert one.absent_since is None


def test_it_keeps_its_own_record_of_who_is_there() -> None:
    one = entry()
    seen = {"a-0"}
    one.see(seen, 1.0)
    one.arrive("a-1", 2.0)
    assert seen == {"a-0"}


def test_a_start_that_has_ended_is_waited_for_no_more() -> None:
    one = entry(EntryPhase.STARTING, busy=True)
    one.started(3.0)
    assert (one.phase, one.since, one.busy) == (EntryPhase.WAITING, 3.0, False)
    two = entry(EntryPhase.STARTING, busy=True)
    two.start_failed(BOOM, 3.0, Policy())
    assert (two.phase, two.since, two.busy) == (EntryPhase.CLOSING, 3.0, False)
    three = entry(EntryPhase.CLOSING, busy=True)
    three.start_ended()
    assert three.busy is False


def test_an_entry_that_is_closed_is_as_good_as_new() -> None:
    facts = {"wanted": NEW, "generation": 3, "attempts": 2, "failure": BOOM, "rolling": True}
    one = entry(EntryPhase.CLOSING, busy=True, closing=True, retired=True, deadline=9.0, **facts)
    one.see(["a-0"], 1.0)
    one.closed(("a",), 5.0)
    assert repr(one) == repr(EntryState("a", since=5.0, members=("a",), **facts))
    two = entry(EntryPhase.CLOSING, retry_at=8.0)
    two.closed(("a",), 5.0)
    assert (two.phase, two.since) == (EntryPhase.BACKOFF, 5.0)


def test_a_start_that_ends_when_nobody_waits_for_it_changes_nothing() -> None:
    for phase in set(EntryPhase) - {EntryPhase.STARTING}:
        one = entry(phase, busy=True, closing=True)
        before = repr(one)
        one.started(1.0)
        one.start_failed(BOOM, 1.0, Policy())
        one.start_ended()
        assert repr(one) == before


def test_a_retirement_that_ends_when_nobody_waits_for_it_changes_nothing() -> None:
    for phase in set(EntryPhase) - LEAVING:
        one = entry(phase, busy=True)
        before = repr(one)
        one.retirement_ended(None, 1.0, Policy())
        one.retirement_ended(FULL, 1.0, Policy())
        one.drop_data()
        assert repr(one) == before


def test_a_retirement_that_has_ended_is_waited_for_no_more() -> None:
    moved = entry(EntryPhase.RETIRING, busy=True, failure=FULL)
    moved.retirement_ended(None, 3.0, Policy())
    assert (moved.busy, moved.retired, moved.deadline, moved.failure) == (False, True, None, None)
    stuck = entry(EntryPhase.RETIRING, busy=True)
    stuck.retirement_ended(FULL, 3.0, Policy())
    assert (stuck.busy, stuck.retired, stuck.deadline, stuck.failure) == (False, False, 8.0, FULL)
    dropped = entry(EntryPhase.RETIRING, busy=True)
    dropped.drop_data()
    assert (dropped.busy, dropped.retired) == (False, True)


def test_what_counts_as_a_failure_keeps_its_reason_while_data_moves() -> None:
    one = entry(EntryPhase.REPLACING, busy=True, failure=BOOM, counted=BOOM, retry_at=9.0)
    one.retirement_ended(None, 3.0, Policy())
    assert one.failure is BOOM


def test_data_that_is_to_be_dropped_is_not_kept_by_an_attempt_that_fails_after_that() -> None:
    one = entry(EntryPhase.RETIRING, busy=True)
    one.drop_data()
    one.retirement_ended(FULL, 1.0, Policy())
    assert one.retired


def test_what_is_lost_is_not_there_any_more() -> None:
    for phase in {EntryPhase.STARTING, *UP, *LEAVING}:
        one = entry(phase, present=("a-0",), busy=True)
        one.lose(BOOM, 5.0)
        assert (one.present, one.failure, one.since) == ((), BOOM, 5.0)


def test_a_phase_lasts_since_it_was_entered() -> None:
    one = entry(EntryPhase.DEGRADED, since=1.0)
    one.take(Step("a", EntryPhase.DEGRADED, failure=BOOM), 2.0, Policy())
    assert one.since == 1.0
    one.take(Step("a", EntryPhase.RUNNING), 3.0, Policy())
    assert one.since == 3.0


@pytest.mark.parametrize("healthy_for", [59.0, 60.0])
def test_any_step_after_a_healthy_minute_forgets_the_failures(healthy_for: float) -> None:
    one = entry(attempts=4, since=100.0)
    step = Step("a", EntryPhase.RETIRING, Action.RETIRE)
    one.take(step, 100.0 + healthy_for, Policy())
    assert one.attempts == (0 if healthy_for == 60 else 4)


def test_what_is_up_and_what_is_leaving_are_told_apart() -> None:
    assert {"waiting", "running", "degraded"} == UP
    assert {"retiring", "replacing"} == LEAVING


def test_a_counted_failure_is_the_reason_of_the_backoff_whatever_comes_between() -> None:
    policy = Policy()
    failed = entry(EntryPhase.WAITING, members=("a-0", "a-1"), present=("a-0",))
    step = Step("a", EntryPhase.REPLACING, Action.RETIRE, failure=BOOM, counts=True)
    failed.take(step, 1.0, policy)
    failed.retirement_ended(FULL, 2.0, policy)
    assert failed.failure == FULL, "shown while it is so"
    dropped = replace(failed)
    failed.take(Step("a", EntryPhase.REPLACING, Action.RETIRE), 3.0, policy)
    failed.retirement_ended(None, 4.0, policy)
    assert failed.failure == BOOM
    dropped.drop_data()
    for one in (failed, dropped):
        one.take(Step("a", EntryPhase.CLOSING, Action.CLOSE), 5.0, policy)
        one.closed(("a-0", "a-1"), 6.0)
        assert (one.phase, one.failure) == (EntryPhase.BACKOFF, BOOM)


def test_a_loss_that_counts_is_the_reason_of_the_backoff() -> None:
    policy = Policy()
    one = entry(EntryPhase.RUNNING, attempts=1, counted=BOOM)
    one.lose(FULL, 1.0)
    one.take(Step("a", EntryPhase.CLOSING, Action.CLOSE), 2.0, policy)
    one.closed(("a-0",), 3.0)
    assert (one.phase, one.failure) == (EntryPhase.BACKOFF, FULL)


def test_a_step_that_cannot_be_carried_out_is_a_failure_and_is_tried_again() -> None:
    policy = Policy()
    starting = entry(EntryPhase.PENDING, made_of=None)
    starting.take(Step("a", EntryPhase.STARTING, Action.START), 1.0, policy)
    starting.step_failed(BOOM, 2.0, policy)
    assert (starting.phase, starting.busy, starting.failure) == (EntryPhase.CLOSING, False, BOOM)
    assert (starting.attempts, starting.retry_at) == (1, 2.0 + policy.backoff("a", 1))

    leaving = entry(EntryPhase.RUNNING)
    leaving.take(Step("a", EntryPhase.RETIRING, Action.RETIRE), 1.0, policy)
    leaving.step_failed(BOOM, 2.0, policy)
    assert (leaving.busy, leaving.retired, leaving.failure) == (False, False, BOOM)
    assert next_look(leaving, policy) == 2.0 + policy.retire_interval

    closing = entry(EntryPhase.RUNNING)
    closing.take(Step("a", EntryPhase.CLOSING, Action.CLOSE), 1.0, policy)
    closing.step_failed(BOOM, 2.0, policy)
    assert closing.failure == BOOM
    assert next_look(closing, policy) == 2.0 + policy.backoff("a", 1)
    closing.take(Step("a", EntryPhase.CLOSING, Action.ABANDON), 4.0, policy)
    closing.step_failed(BOOM, 5.0, policy)
    assert next_look(closing, policy) == 5.0 + policy.backoff("a", 2)

    cancelled = entry(EntryPhase.STARTING, busy=True)
    cancelled.take(Step("a", EntryPhase.CLOSING, Action.CANCEL), 1.0, policy)
    cancelled.step_failed(BOOM, 2.0, policy)
    assert (cancelled.busy, cancelled.attempts, cancelled.failure) == (True, 0, BOOM)
    assert next_look(cancelled, policy) == 1.0 + policy.cancel_grace
