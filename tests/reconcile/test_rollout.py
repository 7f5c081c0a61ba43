"""Entries that the spec wants otherwise: in which order, and where their data stays meanwhile."""

from __future__ import annotations

import pytest

from speccluster_lab.reconcile import Action
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

from .simulated_executor import POLICY, Form
from .simulation import HOLDER, World, running


def several(names: str = "abc", **limits: int) -> World:
    world = running(**limits)
    world.put(dict.fromkeys(names, Form(1)))
    assert world.calm()
    return world


def roll(world: World, version: int = 2) -> None:
    world.put({name: form._replace(version=version) for name, form in world.spec.items()})


def replace_with_holder(world: World) -> None:
    """Bring an entry that is alone to where a holder has its data, and it starts anew."""
    world.want("a", 2, world.spec["a"].size)
    world.finish("a")
    world.finish(HOLDER)
    world.register(HOLDER)
    world.finish("a")
    world.finish("a")
    assert world.open == {"a": Action.START}


def test_one_entry_at_a_time_is_rolled() -> None:
    world = several()
    roll(world)
    assert world.open == {"a": Action.RETIRE}
    for _ in range(3):
        world.finish("a")
    assert world.phase("a") is EntryPhase.WAITING
    assert not world.open, "b waits until a is back"
    world.register("a")
    assert world.open == {"b": Action.RETIRE}
    assert not world.entries["a"].rolling
    assert world.calm()
    assert world.actions["retire to roll"] == 3


def test_one_that_is_to_give_way_goes_whoever_is_away() -> None:
    world = several()
    roll(world)
    assert world.open == {"a": Action.RETIRE}
    giving = world.entries["b"]
    world.tell(giving, lambda entry: None if entry.give_way() else pytest.fail("it does not"))
    world.settle()
    assert world.open == {"a": Action.RETIRE, "b": Action.RETIRE}
    assert world.calm()


def test_one_that_was_to_give_way_and_is_as_it_was_keeps_no_place() -> None:
    world = several()
    roll(world)
    giving = world.entries["b"]
    assert giving.give_way()
    world.want("b", 1)
    assert giving.phase is EntryPhase.RUNNING
    assert not giving.rolling
    assert not giving.give_way(), "it is as it is wanted"


def test_as_many_entries_as_may_be_unavailable_are_rolled_at_once() -> None:
    world = several(max_unavailable=2)
    roll(world)
    assert world.open == {"a": Action.RETIRE, "b": Action.RETIRE}


def test_a_roll_out_that_fails_stops_at_the_first() -> None:
    world = several()
    roll(world)
    for well in (True, True, False, True):
        world.finish("a", well=well)
    world.advance(1_000)
    assert world.phase("b") is EntryPhase.RUNNING
    assert world.phase("c") is EntryPhase.RUNNING
    assert world.entries["a"].rolling


def test_a_roll_out_goes_on_when_the_entry_that_failed_is_removed() -> None:
    world = several()
    roll(world)
    for well in (True, True, False, True):
        world.finish("a", well=well)
    world.drop("a")
    assert world.open == {"b": Action.RETIRE}


def test_an_edit_during_a_roll_out_restarts_it_from_the_newest_spec() -> None:
    world = several()
    roll(world, 2)
    world.finish("a")
    roll(world, 3)
    world.finish("a")
    assert world.open == {"a": Action.START}
    assert world.instances["a"].version == 3
    roll(world, 4)
    assert world.open == {"a": Action.CANCEL}
    world.finish("a")
    world.finish("a")
    world.finish("a")
    assert world.phase("a") is EntryPhase.WAITING
    roll(world, 5)
    assert world.open == {"a": Action.RETIRE}
    assert world.entries["a"].rolling
    assert world.calm()
    assert {form.version for form in world.instances.values()} == {5}


def test_an_edit_that_is_taken_back_replaces_nothing_more() -> None:
    world = several()
    roll(world, 2)
    roll(world, 1)
    assert world.open == {"a": Action.RETIRE}
    assert world.calm()
    assert world.actions["retire to roll"] == 1


def test_an_entry_that_nobody_can_use_yet_is_replaced_at_once() -> None:
    world = several()
    world.want("d")
    world.finish("d")
    assert world.phase("d") is EntryPhase.WAITING
    roll(world)
    assert world.open == {"a": Action.RETIRE, "d": Action.RETIRE}
    assert not world.entries["d"].rolling


def test_an_entry_that_was_taken_away_and_is_not_back_takes_no_more_room() -> None:
    world = several()
    world.want("a", 2, size=2)
    for _ in range(3):
        world.finish("a")
    world.register("a")
    world.want("b", 2)
    for _ in range(3):
        world.finish("b")
    world.register("b", heard=False)
    world.leave("b-0")
    world.see_all()
    assert world.phase("b") is EntryPhase.WAITING
    world.register("b")
    world.leave("b-0")
    assert world.phase("b") is EntryPhase.DEGRADED
    world.want("c", 2)
    assert world.open == {"c": Action.RETIRE}


def test_a_degraded_entry_waits_for_its_turn() -> None:
    world = several()
    roll(world)
    world.leave("b-0")
    assert world.phase("b") is EntryPhase.DEGRADED
    assert world.open == {"a": Action.RETIRE}


def test_an_entry_that_is_lost_while_it_waits_for_its_turn_comes_back_as_the_new_form() -> None:
    world = several()
    roll(world)
    world.die("b")
    world.finish("b")
    assert world.instances["b"].version == 2
    assert world.entries["b"].rolling is False


def test_the_only_entry_gets_a_holder_for_its_data() -> None:
    world = running(size=2, computing=True)
    world.want("a", 2, size=2)
    assert world.open == {"a": Action.RETIRE}
    world.finish("a")
    assert world.open == {HOLDER: Action.START}
    assert world.instances[HOLDER] == Form(1, 2), "of the old form, which is known to start"
    assert world.entries[HOLDER].members == (f"{HOLDER}-0", f"{HOLDER}-1")
    world.finish(HOLDER)
    assert not world.open, "the data waits for the holder"
    world.register(HOLDER, 1)
    assert not world.open
    world.register(HOLDER)
    assert world.open == {"a": Action.RETIRE}
    for _ in range(3):
        world.finish("a")
    assert world.phase(HOLDER) is EntryPhase.RUNNING
    world.register("a", 1)
    assert world.phase(HOLDER) is EntryPhase.RUNNING
    world.register("a")
    assert world.open == {HOLDER: Action.RETIRE}
    assert world.calm()
    assert list(world.entries) == ["a"]
    assert sum(world.results.values()) == 6, "two of each of the three"


def test_a_holder_is_not_asked_again_before_something_has_changed() -> None:
    world = running(computing=True)
    world.want("a", 2)
    world.finish("a")
    world.finish(HOLDER)
    world.register(HOLDER)
    assert world.open == {"a": Action.RETIRE}
    world.advance(1)
    world.finish("a", well=False)
    assert not world.open, "the holder was there already"
    world.advance(POLICY.retire_interval)
    assert world.open == {"a": Action.RETIRE}


def test_room_that_appears_elsewhere_serves_as_well() -> None:
    world = running(computing=True)
    world.want("a", 2)
    world.finish("a")
    world.want("b")
    world.finish("b")
    world.register("b")
    world.advance(POLICY.retire_interval)
    assert world.open == {HOLDER: Action.START, "a": Action.RETIRE}
    world.finish("a")
    assert world.open == {HOLDER: Action.START, "a": Action.CLOSE}
    assert world.calm()
    assert world.entries.keys() == {"a", "b"}


def test_a_holder_that_does_not_start_is_tried_again_like_any_entry() -> None:
    world = running(computing=True)
    world.want("a", 2)
    world.finish("a")
    world.finish(HOLDER, well=False)
    world.finish(HOLDER)
    assert world.phase(HOLDER) is EntryPhase.BACKOFF
    world.advance(2)
    assert world.phase(HOLDER) is EntryPhase.STARTING
    assert world.calm()


def test_a_holder_goes_with_the_entry_that_it_holds_for() -> None:
    world = running(computing=True)
    world.want("a", 2)
    world.finish("a")
    world.drop("a")
    assert world.open == {HOLDER: Action.CANCEL}
    world.finish(HOLDER)
    world.finish(HOLDER)
    assert world.entries.keys() == {"a"}


def test_what_a_holder_has_is_kept_when_its_entry_is_removed_and_comes_again() -> None:
    world = running(computing=True)
    replace_with_holder(world)
    world.drop("a")
    world.finish("a")
    world.finish("a")
    assert world.entries.keys() == {HOLDER}
    world.finish(HOLDER)
    assert world.phase(HOLDER) is EntryPhase.RETIRING
    world.want("a", 3)
    assert world.phase(HOLDER) is EntryPhase.RUNNING, "it holds for it again"
    results = sum(world.results.values())
    assert world.calm()
    assert list(world.entries) == ["a"]
    assert sum(world.results.values()) == results + 1


def test_an_edit_during_a_roll_out_waits_for_the_data_to_be_back() -> None:
    world = running(computing=True)
    replace_with_holder(world)
    world.finish("a")
    world.register("a")
    assert world.open == {HOLDER: Action.RETIRE}
    world.want("a", 3)
    assert world.phase("a") is EntryPhase.RUNNING
    assert world.open == {HOLDER: Action.RETIRE}
    world.finish(HOLDER)
    world.finish(HOLDER)
    assert world.open == {"a": Action.RETIRE}
    assert world.calm()


def test_an_edit_of_what_never_registers_does_not_wait_for_its_holder() -> None:
    world = running(computing=True, arrival_timeout=None)
    replace_with_holder(world)
    world.finish("a")
    world.want("a", 3)
    assert world.open == {"a": Action.RETIRE}


def test_a_holder_takes_the_data_again_when_its_entry_is_lost_meanwhile() -> None:
    world = running(size=2, computing=True)
    replace_with_holder(world)
    world.finish("a")
    world.register("a")
    assert world.open == {HOLDER: Action.RETIRE}
    world.leave("a-0")
    world.advance(POLICY.lost_timeout)
    assert world.open == {HOLDER: Action.RETIRE, "a": Action.RETIRE}
    world.finish(HOLDER)
    assert world.phase(HOLDER) is EntryPhase.RUNNING
    world.finish("a")
    assert world.calm()


# -- with a surge


@pytest.fixture
def surging() -> World:
    """Return a world in which a stand-in comes before anything goes."""
    return several("ab", max_unavailable=0, max_surge=1)


def test_nothing_is_taken_away_before_a_stand_in_runs(surging: World) -> None:
    world = surging
    roll(world)
    assert world.open == {HOLDER: Action.START}
    assert world.instances[HOLDER].version == 2, "it shows whether the new form starts"
    assert world.entries[HOLDER].surge
    assert [world.phase(name) for name in "ab"] == [EntryPhase.RUNNING] * 2
    world.finish(HOLDER)
    assert not world.open
    world.register(HOLDER)
    assert world.open == {"a": Action.RETIRE}
    assert not world.entries["a"].rolling
    for _ in range(3):
        world.finish("a")
    assert not world.open
    world.register("a")
    assert world.open == {HOLDER: Action.RETIRE}
    world.finish(HOLDER)
    assert world.open == {HOLDER: Action.CLOSE}
    world.finish(HOLDER)
    assert world.open == {HOLDER_PREFIX + "b": Action.START}
    assert world.calm()


def test_a_form_that_does_not_start_takes_nothing_away(surging: World) -> None:
    world = surging
    roll(world)
    for _ in range(5):
        world.finish(HOLDER, well=False)
        world.finish(HOLDER)
        assert world.phase(HOLDER) is EntryPhase.BACKOFF
        world.advance(world.next_look() - world.now)
    assert [world.phase(name) for name in "ab"] == [EntryPhase.RUNNING] * 2
    roll(world, 1)
    assert world.open == {HOLDER: Action.CANCEL}
    assert world.calm()
    assert world.actions[Action.RETIRE] == 0


def test_a_stand_in_of_a_form_that_is_not_wanted_any_more_makes_place(surging: World) -> None:
    world = surging
    roll(world, 2)
    world.finish(HOLDER, well=False)
    world.finish(HOLDER)
    assert world.phase(HOLDER) is EntryPhase.BACKOFF
    roll(world, 3)
    assert world.open == {HOLDER: Action.START}
    assert world.instances[HOLDER].version == 3
    assert world.calm()


def test_a_stand_in_stays_while_its_entry_is_away_whatever_is_edited(surging: World) -> None:
    world = surging
    roll(world, 2)
    world.finish(HOLDER)
    world.register(HOLDER)
    assert world.open == {"a": Action.RETIRE}
    roll(world, 3)
    assert world.phase(HOLDER) is EntryPhase.RUNNING
    assert world.calm()
    assert {form.version for form in world.instances.values()} == {3}


def test_a_stand_in_that_dies_comes_again(surging: World) -> None:
    world = surging
    roll(world)
    world.finish(HOLDER)
    world.register(HOLDER)
    world.finish("a")
    world.die(HOLDER)
    world.finish(HOLDER)
    assert world.phase(HOLDER) is EntryPhase.STARTING
    assert world.calm()


def test_an_entry_that_is_lost_before_its_stand_in_runs_comes_back_by_itself(
    surging: World,
) -> None:
    world = surging
    roll(world)
    world.die("a")
    world.finish("a")
    assert world.instances["a"].version == 2
    world.finish("a")
    world.register("a")
    assert world.open == {HOLDER: Action.CANCEL}
    assert world.calm()


def test_both_limits_together_are_used_up_together() -> None:
    world = several("abc", max_unavailable=1, max_surge=1)
    roll(world)
    assert world.open == {"a": Action.RETIRE, HOLDER_PREFIX + "b": Action.START}
    assert world.calm()


def test_an_entry_that_is_to_be_made_anew_is_rolled_although_the_spec_is_the_same() -> None:
    world = several()
    for name in "ab":
        world.wear_out(name)
    assert world.open == {"a": Action.RETIRE}, "one at a time"
    assert not world.entries["a"].settled
    for _ in range(3):
        world.finish("a")
    world.register("a")
    assert world.open == {"b": Action.RETIRE}
    assert world.calm()
    assert world.actions["retire to roll"] == 2
    assert all(entry.settled for entry in world.entries.values())
    assert world.actions[Action.START] == 3 + 2


def test_one_that_is_starting_is_made_anew_as_well() -> None:
    world = running()
    world.want("b")
    assert world.open == {"b": Action.START}
    world.wear_out("b")
    assert world.phase("b") is EntryPhase.CLOSING
    assert world.calm()
    assert world.entries["b"].settled


def test_one_of_which_nothing_is_there_is_tried_again() -> None:
    world = World()
    world.want("a")
    world.finish("a", well=False)
    world.finish("a")
    assert world.phase("a") is EntryPhase.BACKOFF
    world.wear_out("a")
    assert world.open == {"a": Action.START}
    world.finish("a")
    world.register("a")
    assert world.phase("a") is EntryPhase.RUNNING
    assert not world.open
