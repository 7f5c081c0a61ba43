"""Entries that go, and the data that has to go somewhere first."""

from __future__ import annotations

import pytest

from speccluster_lab.reconcile import HOLDS_ACTOR, NO_ROOM, Action, EntryState, Failure
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import POLICY
from .simulation import FULL, HOLDER, TIMED_OUT, World, running


def stuck(size: int = 1) -> World:
    """Return a world with one entry that is removed, and whose data has nowhere to go."""
    world = running(size=size, computing=True)
    world.drop("a")
    world.finish("a")
    return world


def test_removing_moves_the_data_first() -> None:
    world = running(computing=True)
    world.want("b")
    assert world.calm()
    world.drop("a")
    assert (world.phase("a"), world.open) == (EntryPhase.RETIRING, {"a": Action.RETIRE})
    world.finish("a")
    assert (world.phase("a"), world.open) == (EntryPhase.CLOSING, {"a": Action.CLOSE})
    assert world.results == {"b-0": 2}
    world.finish("a")
    assert world.entries.keys() == {"b"}


@pytest.mark.parametrize("phase", ["waiting", "degraded"])
def test_an_entry_that_is_not_all_there_is_retired_as_well(phase: str) -> None:
    world = running(size=2)
    if phase == "waiting":
        world.want("b", size=2)
        world.finish("b")
        world.register("b", 1)
    else:
        world.leave("a-1")
    name = "b" if phase == "waiting" else "a"
    assert world.phase(name) == phase
    world.drop(name)
    assert world.open == {name: Action.RETIRE}


def test_data_that_has_nowhere_to_go_keeps_its_entry() -> None:
    world = running(computing=True)
    world.drop("a")
    for _ in range(5):
        world.finish("a")
        assert world.phase("a") is EntryPhase.RETIRING
        assert world.entries["a"].failure == FULL
        assert not world.open
        world.advance(POLICY.retire_interval - 0.1)
        assert not world.open
        world.advance(0.1)
        assert world.open == {"a": Action.RETIRE}
        assert world.entries["a"].deadline is None
    world.want("b")
    world.finish("b")
    world.register("b")
    world.finish("a")
    assert world.open == {"a": Action.CLOSE}
    assert world.entries["a"].failure is None


def test_a_retirement_that_never_ends_is_not_begun_twice() -> None:
    world = running(computing=True)
    world.drop("a")
    world.advance(86_400)
    assert world.open == {"a": Action.RETIRE}


def test_a_person_may_have_it_tried_again_now() -> None:
    world = stuck()
    world.retry("a")
    assert world.open == {"a": Action.RETIRE}
    world.retry("a")
    assert world.open == {"a": Action.RETIRE}


@pytest.mark.parametrize("going_on", [True, False])
def test_a_person_may_have_the_data_dropped(going_on: bool) -> None:
    world = stuck()
    if going_on:
        world.advance(POLICY.retire_interval)
    assert bool(world.open) is going_on
    world.drop_data("a")
    assert world.open == {"a": Action.CLOSE}
    world.finish("a")
    assert not world.entries


def test_only_what_is_on_its_way_out_has_its_data_dropped() -> None:
    world = running(computing=True)
    world.drop_data("a")
    assert world.phase("a") is EntryPhase.RUNNING
    world.drop("a")
    assert world.open == {"a": Action.RETIRE}


def test_what_died_meanwhile_has_no_data_left() -> None:
    world = stuck()
    world.leave("a-0")
    assert world.open == {"a": Action.CLOSE}


def test_an_entry_that_is_wanted_again_as_it_is_goes_on() -> None:
    world = stuck()
    since = world.now
    world.want("a")
    assert world.phase("a") is EntryPhase.RUNNING
    assert world.transitions["retiring", "running"] == 1
    assert world.entries["a"].failure is None
    assert world.entries["a"].deadline is None
    assert world.entries["a"].since == since
    world.advance(86_400)
    assert world.phase("a") is EntryPhase.RUNNING
    world.drop("a")
    assert world.open == {"a": Action.RETIRE}


def test_an_entry_that_is_wanted_again_goes_on_with_what_is_left_of_it() -> None:
    world = stuck(size=2)
    world.leave("a-1")
    world.want("a", size=2)
    assert world.phase("a") is EntryPhase.DEGRADED
    assert world.transitions["retiring", "degraded"] == 1
    assert world.entries["a"].failure != FULL
    world.register("a")
    assert world.phase("a") is EntryPhase.RUNNING


def test_an_entry_that_never_was_complete_does_not_go_on() -> None:
    world = World(computing=True)
    world.want("a", size=2)
    world.finish("a")
    world.register("a", 1)
    world.drop("a")
    world.finish("a")
    assert world.entries["a"].failure == FULL
    world.want("a", size=2)
    assert world.phase("a") is EntryPhase.REPLACING
    assert world.open == {HOLDER: Action.START}
    assert world.calm()


def test_an_entry_that_is_wanted_again_while_its_data_moves_is_replaced() -> None:
    world = running(computing=True)
    world.want("b")
    assert world.calm()
    world.drop("a")
    world.want("a")
    assert world.open == {"a": Action.RETIRE}
    world.finish("a")
    world.finish("a")
    assert world.phase("a") is EntryPhase.STARTING


def test_an_entry_whose_data_is_half_moved_does_not_go_on() -> None:
    world = running(computing=True)
    world.drop("a")
    world.finish("a", well=False)
    assert world.entries["a"].failure == TIMED_OUT
    world.want("a")
    assert world.phase("a") is EntryPhase.REPLACING


def test_an_entry_that_is_wanted_otherwise_does_not_go_on() -> None:
    world = stuck()
    world.want("a", 2)
    assert world.phase("a") is EntryPhase.REPLACING
    assert world.open == {HOLDER: Action.START}
    assert world.entries[HOLDER].surge is False
    assert world.calm()


def test_an_entry_that_is_being_replaced_and_then_removed_is_retired() -> None:
    world = running(computing=True)
    world.want("a", 2)
    world.drop("a")
    world.finish("a")
    assert world.phase("a") is EntryPhase.RETIRING
    assert not world.open
    assert world.entries.keys() == {"a"}, "nobody makes room for what is to go"


def test_closing_that_takes_too_long_is_given_up() -> None:
    world = running()
    world.drop("a")
    world.want("a", 2)
    world.finish("a")
    world.advance(POLICY.close_timeout - 0.1)
    assert world.open == {"a": Action.CLOSE}
    world.advance(0.1)
    assert world.actions[Action.ABANDON] == 1
    assert world.open == {"a": Action.START}


def test_a_name_that_is_still_taken_is_tried_again_until_it_is_free() -> None:
    world = running()
    world.drop("a")
    world.want("a", 2)
    world.finish("a")
    world.advance(POLICY.close_timeout)
    world.finish("a")
    world.finish("a")
    assert world.phase("a") is EntryPhase.BACKOFF
    assert world.calm()


def test_the_reason_has_a_name_that_others_may_compare_with() -> None:
    assert FULL.reason == NO_ROOM == "NoRoomForData"


def test_an_actor_gets_no_holder_because_it_cannot_move() -> None:
    world = running(computing=True)
    world.want("a", version=2)
    assert world.open == {"a": Action.RETIRE}
    del world.open["a"]
    entry = world.entries["a"]
    actor = Failure(HOLDS_ACTOR, "holds an actor, which cannot move")
    world.tell(entry, EntryState.retirement_ended, actor, world.now, world.policy)
    world.settle()
    assert HOLDER not in world.entries
    assert (world.phase("a"), entry.failure, world.open) == (EntryPhase.REPLACING, actor, {})
    world.advance(POLICY.retire_interval)
    assert world.open == {"a": Action.RETIRE}


def test_one_that_holds_an_actor_goes_on_when_it_is_wanted_again_as_it_is() -> None:
    world = running(computing=True)
    world.drop("a")
    del world.open["a"]
    entry = world.entries["a"]
    actor = Failure(HOLDS_ACTOR, "holds an actor, which cannot move")
    world.tell(entry, EntryState.retirement_ended, actor, world.now, world.policy)
    assert world.phase("a") is EntryPhase.RETIRING
    world.want("a")
    assert (world.phase("a"), world.open) == (EntryPhase.RUNNING, {})
    assert world.calm()


def test_an_entry_adopts_workers_that_have_other_names() -> None:
    entry = EntryState("a", members=("a-0", "a-1"), absent_since=1.0)
    entry.adopt(["x", "y"], 5.0)
    assert (entry.members, entry.present) == (("x", "y"),) * 2
    assert entry.complete
    assert entry.absent_since is None
    entry.leave("y", 6.0)
    entry.adopt(["z", "x"], 7.0)
    assert (entry.members, entry.present) == (("x", "z"),) * 2
