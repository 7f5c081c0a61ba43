"""When an entry changes although nothing happens: what the executor sets its timer to."""

from __future__ import annotations

import pytest

from speccluster_lab.reconcile import Policy, next_look
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import POLICY
from .simulation import HOLDER, World, running


def look(world: World, name: str = "a") -> float | None:
    world.check()
    at = next_look(world.entries[name], world.policy)
    return None if at is None else at - world.now


def test_an_entry_that_runs_is_not_looked_at() -> None:
    assert look(running()) is None


def test_a_start_is_looked_at_when_it_has_taken_too_long() -> None:
    world = World()
    world.want("a")
    assert look(world) == POLICY.start_timeout
    world.advance(POLICY.start_timeout)
    assert look(world) == POLICY.cancel_grace
    world.advance(POLICY.cancel_grace)
    assert look(world) == POLICY.close_timeout


@pytest.mark.parametrize("runs_here", [True, False])
def test_an_entry_that_waits_is_looked_at_when_its_members_should_be_there(runs_here: bool) -> None:
    world = World()
    world.want("a", runs_here=runs_here)
    world.advance(3)
    world.finish("a")
    assert look(world) == (POLICY.arrival_timeout if runs_here else None)


def test_a_backoff_is_looked_at_when_it_ends() -> None:
    world = World()
    world.want("a")
    world.finish("a", well=False)
    assert look(world) is None or world.open
    world.finish("a")
    assert look(world) == Policy().backoff("a", 1)


def test_an_entry_that_had_failed_is_looked_at_after_a_healthy_minute() -> None:
    world = World()
    world.want("a")
    world.finish("a", well=False)
    world.finish("a")
    world.advance(2)
    world.finish("a")
    world.register("a")
    assert look(world) == POLICY.healthy_after
    world.advance(POLICY.healthy_after)
    assert look(world) is None


def test_a_degraded_entry_is_looked_at_when_the_first_has_been_gone_too_long() -> None:
    world = running(size=3)
    world.leave("a-0")
    world.advance(4)
    world.leave("a-1")
    assert look(world) == POLICY.lost_timeout - 4


def test_an_entry_whose_data_moves_is_not_looked_at_and_one_that_is_stuck_is() -> None:
    world = running(computing=True)
    world.drop("a")
    assert look(world) is None
    world.finish("a")
    assert look(world) == POLICY.retire_interval


def test_an_entry_that_waits_for_a_slot_is_not_looked_at() -> None:
    world = World(policy=Policy(max_concurrent_starts=1))
    world.want("a")
    world.want("b")
    assert world.phase("b") is EntryPhase.PENDING
    assert look(world, "b") is None


def test_a_holder_is_looked_at_like_any_entry() -> None:
    world = running(computing=True)
    world.want("a", 2)
    world.finish("a")
    assert look(world, HOLDER) == POLICY.start_timeout
