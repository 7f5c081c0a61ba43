"""Entries that start, fail to, take too long, or are not wanted any more."""

from __future__ import annotations

import pytest

from speccluster_lab.reconcile import (
    Action,
    ClusterState,
    EntryState,
    Failure,
    Fingerprint,
    Policy,
    plan,
)
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import POLICY
from .simulation import BOOM, World, running


def test_an_entry_starts_waits_and_runs() -> None:
    world = World()
    world.want("a", size=2)
    assert (world.phase("a"), world.open) == (EntryPhase.STARTING, {"a": Action.START})
    world.finish("a")
    assert world.phase("a") is EntryPhase.WAITING
    world.register("a", 1)
    assert world.phase("a") is EntryPhase.WAITING
    world.register("a")
    assert world.phase("a") is EntryPhase.RUNNING
    assert world.entries["a"].settled


def test_members_may_register_before_the_start_has_ended() -> None:
    world = World()
    world.want("a")
    world.register("a")
    assert world.phase("a") is EntryPhase.STARTING
    world.finish("a")
    assert world.phase("a") is EntryPhase.RUNNING


def test_no_more_starts_at_once_than_allowed_and_in_order() -> None:
    world = World()
    for name in "edcba":
        world.want(name)
    assert list(world.open) == ["e", "d"]
    world.finish("e")
    assert list(world.open) == ["d", "c"]


def test_who_has_waited_longest_starts_first_whoever_is_looked_at_first() -> None:
    wanted = Fingerprint.of("anything")
    entries = {
        name: EntryState(name, since=since, wanted=wanted, members=(name,))
        for name, since in {"late": 3.0, "early": 1.0, "between": 2.0}.items()
    }
    state = ClusterState(entries, POLICY)
    assert [step.name for step in plan(state, entries, 4.0)] == ["early", "between"]


def test_nothing_starts_without_a_scheduler() -> None:
    world = World()
    world.lose_scheduler()
    world.want("a")
    assert world.phase("a") is EntryPhase.PENDING
    world.restore_scheduler()
    assert world.phase("a") is EntryPhase.STARTING


def test_a_failing_entry_backs_off_and_disturbs_no_other() -> None:
    world = World()
    world.want("good")
    world.want("bad")
    world.finish("good")
    world.register("good")
    waits = []
    for attempt in range(1, 10):
        world.finish("bad", well=False)
        assert world.phase("bad") is EntryPhase.CLOSING
        assert world.entries["bad"].attempts == attempt
        world.finish("bad")
        assert world.phase("bad") is EntryPhase.BACKOFF
        assert world.entries["bad"].failure == BOOM
        retry_at = world.entries["bad"].retry_at
        assert retry_at is not None
        waits.append(retry_at - world.now)
        world.advance(waits[-1] - 0.01)
        assert world.phase("bad") is EntryPhase.BACKOFF
        world.advance(0.02)
        assert world.phase("bad") is EntryPhase.STARTING
    assert world.phase("good") is EntryPhase.RUNNING
    expected = [min(2.0**n, 60) for n in range(9)]
    assert all(0.75 * e <= w <= 1.25 * e for w, e in zip(waits, expected, strict=True))
    assert len(set(waits[6:])) == 3, "the spread differs from try to try"


def test_an_entry_in_backoff_holds_no_start_slot() -> None:
    world = World()
    for name in "abc":
        world.want(name)
    world.finish("a", well=False)
    assert list(world.open) == ["b", "a", "c"]
    assert world.open["c"] is Action.START
    world.finish("a")
    assert world.phase("a") is EntryPhase.BACKOFF
    world.advance(2)
    assert world.phase("a") is EntryPhase.PENDING, "both slots are taken"
    world.finish("b")
    assert world.phase("a") is EntryPhase.STARTING


def test_closing_does_not_take_longer_for_the_wait_that_follows() -> None:
    world = World()
    world.want("a")
    world.finish("a", well=False)
    world.advance(10)
    world.finish("a")
    assert world.phase("a") is EntryPhase.STARTING


@pytest.mark.parametrize("change", ["edit", "retry"])
def test_an_edit_or_a_person_ends_the_backoff(change: str) -> None:
    world = World()
    world.want("a")
    world.finish("a", well=False)
    world.finish("a")
    assert world.phase("a") is EntryPhase.BACKOFF
    if change == "edit":
        world.want("a", 2)
    else:
        world.retry("a")
    assert world.phase("a") is EntryPhase.STARTING
    assert world.entries["a"].attempts == 0
    assert world.entries["a"].retry_at is None


def test_an_entry_in_backoff_that_is_removed_is_forgotten_at_once() -> None:
    world = World()
    world.want("a")
    world.finish("a", well=False)
    world.finish("a")
    world.drop("a")
    assert not world.entries


def test_failures_are_forgotten_after_a_healthy_minute() -> None:
    world = World()
    world.want("a")
    world.finish("a", well=False)
    world.finish("a")
    world.advance(2)
    world.finish("a")
    world.register("a")
    assert world.entries["a"].failure is None
    world.advance(POLICY.healthy_after - 0.1)
    assert world.entries["a"].attempts == 1
    world.advance(0.1)
    assert world.entries["a"].attempts == 0
    assert world.entries["a"].since == 2


def test_a_start_that_hangs_is_cancelled_and_tried_again() -> None:
    world = World()
    world.want("a")
    world.advance(POLICY.start_timeout)
    assert (world.phase("a"), world.open) == (EntryPhase.CLOSING, {"a": Action.CANCEL})
    failure = Failure("StartTimeout", "the start took longer than 30 s")
    assert world.entries["a"].failure == failure
    world.finish("a")
    assert world.open == {"a": Action.CLOSE}
    world.finish("a")
    assert world.phase("a") is EntryPhase.BACKOFF
    assert world.entries["a"].failure == failure
    assert world.entries["a"].attempts == 1


def test_a_start_that_cannot_be_cancelled_is_cut_off() -> None:
    world = World()
    world.want("a")
    world.drop("a")
    world.advance(POLICY.cancel_grace - 0.1)
    assert world.open == {"a": Action.CANCEL}
    world.advance(0.1)
    assert world.open == {"a": Action.CLOSE}
    world.finish_late("a")
    assert world.phase("a") is EntryPhase.CLOSING
    assert world.open == {"a": Action.CLOSE}
    world.finish("a")
    assert not world.entries


@pytest.mark.parametrize("well", [True, False])
def test_a_start_that_is_not_wanted_any_more_counts_for_nothing(well: bool) -> None:
    world = World()
    world.want("a")
    world.drop("a")
    assert world.open == {"a": Action.CANCEL}
    assert world.entries["a"].failure is None
    world.finish("a", well=well)
    assert world.open == {"a": Action.CLOSE}
    assert world.entries["a"].attempts == 0
    world.finish("a")
    assert not world.entries


def test_an_edit_during_the_start_starts_the_new_form() -> None:
    world = World()
    world.want("a", 1)
    world.want("a", 2, size=2)
    assert world.open == {"a": Action.CANCEL}
    assert world.entries["a"].members == ("a-0",)
    world.finish("a")
    world.finish("a")
    assert world.phase("a") is EntryPhase.STARTING
    assert world.instances["a"].version == 2
    assert world.entries["a"].members == ("a-0", "a-1")


@pytest.mark.parametrize(
    ("how", "phase", "reason"),
    [
        ("fails", EntryPhase.REPLACING, "Boom"),
        ("hangs", EntryPhase.REPLACING, "StartTimeout"),
        ("edited", EntryPhase.REPLACING, None),
        ("removed", EntryPhase.RETIRING, None),
        ("removed, hangs", EntryPhase.RETIRING, None),
    ],
)
def test_what_registered_before_a_start_came_to_nothing_is_moved_first(
    how: str, phase: EntryPhase, reason: str | None
) -> None:
    world = running("other", computing=True)
    world.want("a", size=2)
    world.register("a", 1)
    match how:
        case "fails":
            world.finish("a", well=False)
        case "hangs":
            world.advance(POLICY.start_timeout)
        case "edited":
            world.want("a", 2)
        case _:
            world.drop("a")
    if how in {"edited", "removed"}:
        world.finish("a")
    world.advance(POLICY.cancel_grace)
    assert (world.phase("a"), world.open["a"]) == (phase, Action.RETIRE)
    world.finish("a")
    assert world.open["a"] is Action.CLOSE
    assert world.results == {"other-0": 2}
    failure = world.entries["a"].failure
    assert (None if failure is None else failure.reason) == reason, "it says why it is closed"
    assert world.entries["a"].attempts == (reason is not None)


def test_members_that_never_register_are_a_failure() -> None:
    world = World()
    world.want("a", size=2)
    world.finish("a")
    world.advance(19.9)
    assert world.phase("a") is EntryPhase.WAITING
    world.advance(0.1)
    assert world.open == {"a": Action.CLOSE}
    failure = Failure("NotRegistered", "a-0, a-1 did not register within 20 s")
    assert world.entries["a"].failure == failure
    assert world.entries["a"].attempts == 1
    world.finish("a")
    assert world.phase("a") is EntryPhase.BACKOFF


def test_a_group_of_which_some_never_register_is_replaced_whole() -> None:
    world = running("other", computing=True)
    world.want("a", size=2)
    world.finish("a")
    world.register("a", 1)
    world.advance(20)
    assert (world.phase("a"), world.open) == (EntryPhase.REPLACING, {"a": Action.RETIRE})
    failure = Failure("NotRegistered", "a-1 did not register within 20 s")
    assert world.entries["a"].failure == failure
    world.finish("a")
    world.finish("a")
    assert world.phase("a") is EntryPhase.BACKOFF
    assert world.entries["a"].failure == failure
    assert world.entries["a"].attempts == 1


def test_a_queued_job_may_wait_for_days_and_a_local_process_may_not() -> None:
    world = World()
    world.want("here")
    world.want("queued", runs_here=False)
    for name in ("here", "queued"):
        world.finish(name)
    world.advance(3 * 86_400)
    assert world.transitions["waiting", "closing"] == 1
    assert world.phase("queued") is EntryPhase.WAITING


def test_a_queued_job_has_a_deadline_where_the_template_sets_one() -> None:
    world = World(policy=Policy(arrival_timeout_elsewhere=50, arrival_timeout=None))
    world.want("a", runs_here=False)
    world.finish("a")
    world.advance(50)
    assert world.open == {"a": Action.CLOSE}


def test_a_member_that_is_slow_to_come_is_not_one_that_has_gone() -> None:
    world = World(policy=Policy(lost_timeout=5, arrival_timeout=100))
    world.want("a", size=2)
    world.finish("a")
    world.register("a", 1)
    world.advance(99)
    assert world.phase("a") is EntryPhase.WAITING
