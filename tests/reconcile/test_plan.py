"""What the planner does next, case by case."""

import random
import re

import pytest

from speccluster_lab import reconcile
from speccluster_lab.reconcile import Action, EntryState, Policy
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

from .simulation import GONE, POLICY, World, running


def phase(world: World, name: str = "a") -> EntryPhase:
    return world.entries[name].phase


def test_an_entry_starts_waits_and_runs() -> None:
    world = World()
    world.want("a", 1, 2)
    assert (phase(world), world.open) == (EntryPhase.STARTING, {"a": Action.START})
    world.finish("a", well=True)
    assert phase(world) is EntryPhase.WAITING
    world.register("a")
    assert phase(world) is EntryPhase.RUNNING
    assert world.entries["a"].settled


def test_no_more_starts_at_once_than_allowed_and_in_order() -> None:
    world = World()
    for name in "edcba":
        world.spec[name] = (1, 1)
    world.entries = {name: EntryState(name) for name in "edcba"}
    world.align()
    assert list(world.open) == ["e", "d"]
    world.finish("e", well=True)
    assert list(world.open) == ["d", "c"]


def test_a_failing_entry_backs_off_and_disturbs_no_other() -> None:
    world = World()
    world.want("good", 1, 1)
    world.want("bad", 1, 1)
    waits = []
    world.finish("good", well=True)
    world.register("good")
    for _ in range(9):
        world.finish("bad", well=False)
        assert phase(world, "bad") is EntryPhase.CLOSING
        world.finish("bad", well=True)
        assert phase(world, "bad") is EntryPhase.BACKOFF
        retry_at = world.entries["bad"].retry_at
        assert retry_at is not None
        waits.append(retry_at - world.now)
        world.advance(waits[-1] - 0.01)
        assert phase(world, "bad") is EntryPhase.BACKOFF
        world.advance(0.02)
        assert phase(world, "bad") is EntryPhase.STARTING
    assert phase(world, "good") is EntryPhase.RUNNING
    expected = [min(2.0**n, 60) for n in range(9)]
    assert all(0.75 * e <= w <= 1.25 * e for w, e in zip(waits, expected, strict=True))
    assert len(set(waits[6:])) == 3, "the spread differs from try to try"


def test_an_edit_ends_the_backoff() -> None:
    world = World()
    world.want("a", 1, 1)
    world.finish("a", well=False)
    world.finish("a", well=True)
    assert phase(world) is EntryPhase.BACKOFF
    world.want("a", 2, 1)
    assert phase(world) is EntryPhase.STARTING
    assert world.entries["a"].attempts == 0


def test_failures_are_forgotten_after_a_healthy_minute() -> None:
    world = World()
    world.want("a", 1, 1)
    world.finish("a", well=False)
    world.finish("a", well=True)
    world.advance(2)
    world.finish("a", well=True)
    world.register("a")
    assert world.entries["a"].attempts == 1
    world.advance(POLICY.healthy_after)
    assert world.entries["a"].attempts == 0


def test_a_start_that_hangs_is_cancelled_and_tried_again() -> None:
    world = World()
    world.want("a", 1, 1)
    world.advance(POLICY.start_timeout)
    assert (phase(world), world.open) == (EntryPhase.CLOSING, {"a": Action.CANCEL})
    world.finish("a", well=True)
    assert phase(world) is EntryPhase.BACKOFF
    failure = world.entries["a"].failure
    assert failure is not None
    assert failure.reason == "StartTimeout"


def test_a_start_that_is_not_wanted_any_more_is_cancelled() -> None:
    world = World()
    world.want("a", 1, 1)
    world.drop("a")
    assert world.open == {"a": Action.CANCEL}
    world.finish("a", well=True)
    assert not world.entries


def test_members_that_never_register_are_a_failure() -> None:
    world = World()
    world.want("a", 1, 2)
    world.finish("a", well=True)
    world.advance(POLICY.arrival_timeout or 0)
    assert world.open == {"a": Action.CLOSE}
    failure = world.entries["a"].failure
    assert failure is not None
    assert failure.message == "a-0, a-1 did not register within 20 s"


def test_a_queued_job_may_wait_for_days() -> None:
    world = World(policy=Policy(arrival_timeout=None))
    world.want("a", 1, 1)
    world.finish("a", well=True)
    world.advance(3 * 86_400)
    assert phase(world) is EntryPhase.WAITING


def test_a_member_that_comes_back_is_no_loss() -> None:
    world = running(size=2)
    world.lose("a-1")
    assert phase(world) is EntryPhase.DEGRADED
    world.advance(POLICY.lost_timeout - 1)
    world.register("a")
    assert phase(world) is EntryPhase.RUNNING
    assert world.entries["a"].failure is None


def test_an_entry_whose_members_are_all_gone_is_lost_and_replaced() -> None:
    world = running(size=2)
    world.gone(("a-0", "a-1"))
    world.align()
    assert phase(world) is EntryPhase.DEGRADED
    world.advance(POLICY.lost_timeout)
    assert world.transitions["degraded", "lost"] == 1
    assert world.open == {"a": Action.CLOSE}
    assert world.calm()


def test_a_group_that_stays_incomplete_is_retired_and_replaced_whole() -> None:
    world = running(size=3)
    world.lose("a-1")
    world.advance(POLICY.lost_timeout)
    assert (phase(world), world.open) == (EntryPhase.REPLACING, {"a": Action.RETIRE})
    assert world.calm()


def test_removing_moves_the_data_first() -> None:
    world = running()
    world.drop("a")
    assert (phase(world), world.open) == (EntryPhase.RETIRING, {"a": Action.RETIRE})
    world.finish("a", well=True)
    assert (phase(world), world.open) == (EntryPhase.CLOSING, {"a": Action.CLOSE})
    world.finish("a", well=True)
    assert not world.entries


def test_data_that_has_nowhere_to_go_keeps_its_entry() -> None:
    world = running()
    world.drop("a")
    for _ in range(5):
        world.finish("a", well=False)
        assert phase(world) is EntryPhase.RETIRING
        assert not world.open
        world.advance(POLICY.retire_interval)
        assert world.open == {"a": Action.RETIRE}


def test_one_entry_at_a_time_is_rolled() -> None:
    world = World()
    for name in "abc":
        world.want(name, 1, 1)
    assert world.calm()
    world.spec = {name: (2, 1) for name in "abc"}
    world.align()
    assert world.open == {"a": Action.RETIRE}
    for _ in range(3):
        world.finish("a", well=True)
    assert phase(world) is EntryPhase.WAITING
    assert not world.open, "b waits until a is back"
    world.register("a")
    assert world.open == {"b": Action.RETIRE}
    assert world.calm()


def test_a_roll_out_that_fails_stops_at_the_first() -> None:
    world = World()
    for name in "abc":
        world.want(name, 1, 1)
    assert world.calm()
    world.spec = {name: (2, 1) for name in "abc"}
    world.align()
    for well in (True, True, False, True):
        world.finish("a", well=well)
    world.advance(1_000)
    assert phase(world, "b") is EntryPhase.RUNNING
    assert phase(world, "c") is EntryPhase.RUNNING


def test_the_only_entry_gets_a_holder_for_its_data() -> None:
    world = running(size=2)
    holder = HOLDER_PREFIX + "a"
    world.want("a", 2, 2)
    world.finish("a", well=False)
    assert world.open == {holder: Action.START}
    world.finish(holder, well=True)
    assert not world.open, "the data waits for the holder"
    world.register(holder)
    assert world.open == {"a": Action.RETIRE}
    for _ in range(3):
        world.finish("a", well=True)
    assert phase(world, holder) is EntryPhase.RUNNING
    world.register("a")
    assert phase(world, holder) is EntryPhase.RETIRING
    assert world.calm()
    assert list(world.entries) == ["a"]


def test_an_edit_during_a_roll_out_waits_for_the_data_to_be_back() -> None:
    world = running()
    holder = HOLDER_PREFIX + "a"
    world.want("a", 2, 1)
    world.finish("a", well=False)
    world.finish(holder, well=True)
    world.register(holder)
    for _ in range(3):
        world.finish("a", well=True)
    world.register("a")
    world.want("a", 3, 1)
    assert phase(world) is EntryPhase.RUNNING
    assert world.calm()
    assert not world.violations


def documented_transitions() -> set[tuple[str, str]]:
    doc = reconcile.__doc__ or ""
    _, _, rows = doc.partition("from        to             when\n")
    found = set()
    sources: list[str] = []
    for line in rows.splitlines()[1:]:
        if line.startswith("==="):
            break
        source, target = line[:12].strip(), line[12:27].strip()
        if target:
            sources = []
        sources += re.findall(r"[a-z(]+\)?", source)
        if target:
            row_target = target
        found |= {(one, row_target) for one in sources}
    return {pair for pair in found if pair[0] != "(new)"}


def test_the_table_in_the_documentation_is_what_happens() -> None:
    seen: set[tuple[str, str]] = set()
    for seed in range(400):
        world = walk(random.Random(seed), steps=80)
        assert not world.violations, (seed, world.violations)
        seen |= {(str(a), str(b)) for a, b in world.transitions}
    assert seen == documented_transitions()


@pytest.mark.parametrize("seed", range(150))
def test_whatever_happens_it_ends_as_wanted(seed: int) -> None:
    world = walk(random.Random(seed), steps=120)
    assert world.calm(), world.entries
    assert not world.violations


def walk(choice: random.Random, *, steps: int) -> World:
    """Do anything, in any order."""
    world = World()
    for _ in range(steps):
        match choice.randrange(8):
            case 0:
                world.want(choice.choice("abcd"), choice.randrange(3), choice.randrange(1, 4))
            case 1:
                world.drop(choice.choice("abcd"))
            case 2 | 3 if world.open:
                world.finish(choice.choice(sorted(world.open)), well=choice.random() < 0.7)
            case 4 | 5 if world.entries:
                world.register(choice.choice(sorted(world.entries)))
            case 6 if world.registered:
                world.lose(choice.choice(sorted(world.registered)))
            case _:
                world.advance(choice.choice([0.1, 1, 5, 20]))
    return world


def test_gone_is_no_phase() -> None:
    assert GONE not in {str(phase) for phase in EntryPhase}
