"""Members that go, and entries that die."""

from __future__ import annotations

import pytest

from speccluster_lab.reconcile import Action, Failure, Policy
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import POLICY
from .simulation import BOOM, DIED, World, running


def test_a_member_that_comes_back_is_no_loss() -> None:
    world = running(size=2)
    world.leave("a-1")
    assert world.phase("a") is EntryPhase.DEGRADED
    failure = Failure("MembersGone", "the scheduler has lost a-1")
    assert world.entries["a"].failure == failure
    world.advance(POLICY.lost_timeout - 0.1)
    assert world.phase("a") is EntryPhase.DEGRADED
    world.register("a")
    assert world.phase("a") is EntryPhase.RUNNING
    assert world.entries["a"].failure is None
    world.advance(1)
    world.leave("a-1")
    world.advance(POLICY.lost_timeout - 0.1)
    assert world.phase("a") is EntryPhase.DEGRADED, "the clock started anew"


def test_the_reason_names_all_that_are_gone() -> None:
    world = running(size=3)
    world.leave("a-2")
    world.leave("a-0")
    failure = world.entries["a"].failure
    assert failure is not None
    assert failure.message == "the scheduler has lost a-0, a-2"


def test_an_entry_whose_members_are_all_gone_is_lost_and_replaced() -> None:
    world = running(size=2)
    world.leave("a-0")
    world.leave("a-1")
    assert world.phase("a") is EntryPhase.DEGRADED
    world.advance(POLICY.lost_timeout)
    assert world.transitions["degraded", "lost"] == 1
    assert world.open == {"a": Action.CLOSE}
    failure = Failure("MembersGone", "the scheduler has lost a-0, a-1")
    assert world.entries["a"].failure == failure
    assert world.calm()


def test_a_group_that_stays_incomplete_is_retired_and_replaced_whole() -> None:
    world = running(size=3)
    world.leave("a-1")
    world.advance(POLICY.lost_timeout)
    assert (world.phase("a"), world.open) == (EntryPhase.REPLACING, {"a": Action.RETIRE})
    failure = world.entries["a"].failure
    assert failure is not None
    assert failure.reason == "MembersGone"
    assert world.entries["a"].attempts == 0
    assert world.calm()


def test_a_member_that_comes_does_not_make_up_for_another_that_stays_away() -> None:
    world = running(size=2)
    world.leave("a-0")
    world.advance(6)
    world.leave("a-1")
    world.register("a", 1)
    world.advance(4)
    assert world.phase("a") is EntryPhase.REPLACING


def test_a_loss_before_all_were_there_is_a_loss_as_well() -> None:
    world = World()
    world.want("a", size=3)
    world.finish("a")
    world.register("a", 2)
    world.advance(15)
    world.leave("a-0")
    assert world.phase("a") is EntryPhase.DEGRADED
    world.advance(POLICY.lost_timeout - 0.1)
    assert world.phase("a") is EntryPhase.DEGRADED
    world.advance(0.1)
    assert world.phase("a") is EntryPhase.REPLACING


def test_a_loss_during_the_start_is_told_when_the_start_has_ended() -> None:
    world = World()
    world.want("a")
    world.register("a")
    world.leave("a-0")
    assert world.phase("a") is EntryPhase.STARTING
    world.finish("a")
    assert world.phase("a") is EntryPhase.DEGRADED


def test_a_lost_event_costs_one_period() -> None:
    world = World()
    world.want("a")
    world.finish("a")
    world.register("a", heard=False)
    assert world.phase("a") is EntryPhase.WAITING
    world.see_all()
    assert world.phase("a") is EntryPhase.RUNNING
    world.leave("a-0", heard=False)
    assert world.phase("a") is EntryPhase.RUNNING
    world.see_all()
    assert world.phase("a") is EntryPhase.DEGRADED


def test_a_process_that_has_ended_is_a_loss_at_once() -> None:
    world = running()
    world.die("a")
    assert world.open == {"a": Action.CLOSE}
    assert world.entries["a"].failure == DIED
    world.finish("a")
    assert world.phase("a") is EntryPhase.STARTING


def die_and_come_back(world: World) -> float:
    """Return how long the entry waited before it was started again."""
    world.die("a")
    world.finish("a")
    since = world.now
    if world.phase("a") is EntryPhase.BACKOFF:
        world.advance(world.next_look() - world.now)
    assert world.phase("a") is EntryPhase.STARTING
    waited = world.now - since
    world.finish("a")
    world.register("a")
    assert world.phase("a") is EntryPhase.RUNNING
    return waited


def test_the_first_loss_costs_no_time_and_further_ones_do() -> None:
    world = running()
    assert die_and_come_back(world) == 0
    world.advance(POLICY.healthy_after - 0.1)
    waits = [die_and_come_back(world) for _ in range(8)]
    assert waits == pytest.approx([POLICY.backoff("a", attempts) for attempts in range(1, 9)])
    assert world.entries["a"].attempts == 9


@pytest.mark.parametrize("how", ["at once", "by and by"])
def test_a_healthy_minute_makes_a_loss_the_first_again(how: str) -> None:
    world = running()
    die_and_come_back(world)
    world.advance(POLICY.healthy_after)
    assert world.entries["a"].attempts == 0
    if how == "at once":
        assert die_and_come_back(world) == 0
    else:
        world.leave("a-0")
        world.advance(POLICY.lost_timeout)
        world.finish("a")
        assert world.phase("a") is EntryPhase.STARTING
    assert world.entries["a"].attempts == 1


def test_a_process_that_ends_during_the_start_is_closed_at_once() -> None:
    world = World()
    world.want("a")
    world.register("a")
    world.die("a")
    assert world.open == {"a": Action.CLOSE}
    assert world.entries["a"].failure == DIED
    world.finish("a")
    assert world.phase("a") is EntryPhase.STARTING


def test_a_process_that_ends_while_its_data_moves_is_not_waited_for() -> None:
    world = running(computing=True)
    world.drop("a")
    world.die("a")
    assert world.open == {"a": Action.CLOSE}
    world.finish("a")
    assert not world.entries


def test_what_is_not_there_cannot_be_lost() -> None:
    world = World(policy=Policy(max_concurrent_starts=1))
    world.want("closing")
    world.want("starting")
    world.want("later")
    world.finish("closing", well=False)
    world.die("closing")
    world.die("later")
    assert world.phase("closing") is EntryPhase.CLOSING
    assert world.entries["closing"].failure == BOOM
    assert world.phase("later") is EntryPhase.PENDING
    assert world.entries["later"].failure is None
    world.finish("closing")
    world.die("closing")
    assert world.phase("closing") is EntryPhase.BACKOFF
    assert world.entries["closing"].failure == BOOM


def test_everything_is_lost_with_the_scheduler_and_comes_back_with_it() -> None:
    world = running(size=2, computing=True)
    world.want("starting")
    world.want("removed")
    world.finish("removed")
    world.register("removed")
    world.drop("removed")
    world.lose_scheduler()
    assert world.open == dict.fromkeys(["starting", "a", "removed"], Action.CLOSE)
    for name in list(world.open):
        world.finish(name)
    assert {name: entry.phase for name, entry in world.entries.items()} == {
        "a": EntryPhase.PENDING,
        "starting": EntryPhase.PENDING,
    }
    world.restore_scheduler()
    assert world.calm()
