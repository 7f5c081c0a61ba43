"""What the state machine has found, in as few steps as show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .machine_rules import Anything
from .misbehaving import Behaviour, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def machine() -> Iterator[Anything]:
    """Return a machine with an empty cluster, whose end is checked as every other's."""
    machine = Anything()
    try:
        machine.begin(room=(2, 1, 0), first=[], calm=False, remote=False)
        yield machine
    finally:
        machine.teardown()


def test_what_a_worker_holds_that_no_event_told_of_is_moved(machine: Anything) -> None:
    """It registers, gets data, and its entry is removed, all within one period."""
    machine.add_a_good_one()
    machine.miss(events=1)
    machine.add_a_good_one()
    assert {str(one.name) for one in machine.cluster.scheduler.workers.values()} == {"r", "s"}

    async def scatter() -> None:
        states = machine.cluster.scheduler.workers.values()
        (address,) = [one.address for one in states if one.name == "s"]
        machine.results |= await machine.client.scatter({"key": "key"}, workers=[address])

    machine.do(scatter())
    del machine.spec["s"]
    machine.align()
    machine.wait(5.0)
    machine.check()
    assert machine.do(machine.client.gather(machine.results)) == {"key": "key"}


def test_a_start_that_goes_on_while_its_entry_is_closed_leaves_no_worker(
    machine: Anything,
) -> None:
    machine.add_or_edit(name="a", behaviour=Behaviour.HANGS_IN_CLOSE, size=0, start=2.5)
    machine.settle()
    machine.remove_all()
    machine.wait(10.0)
    assert machine.cluster.entries() == []
    assert machine.cluster.unexpected() == []
    assert not machine.cluster.scheduler.workers


def test_a_start_that_is_not_wanted_any_more_counts_until_it_has_ended(machine: Anything) -> None:
    for number in range(4):
        machine.remove_all()
        for name in "ab":
            machine.spec[f"{name}{number}"] = entry_of(Behaviour.HANGS_IN_START)
        machine.align()
        machine.wait(0.2)
    assert sum(one.starting for one in machine.world.entries) <= 2
    machine.check()


def test_a_new_dict_of_entries_forgets_no_change_of_the_one_before(machine: Anything) -> None:
    machine.spec["a"] = entry_of()
    machine.align()
    machine.wait(1.0)
    del machine.spec["a"]
    machine.cluster.worker_spec = {}
    machine.align()
    machine.wait(1.0)
    assert machine.cluster.entries() == []
    assert not machine.cluster.scheduler.workers


def test_no_task_is_blamed_for_a_worker_that_comes_as_its_entry_goes(machine: Anything) -> None:
    """The scheduler has it already; the event that says so is still on its way."""
    machine.add_a_good_one()
    machine.remove_all()
    machine.add_or_edit(name="a", behaviour=Behaviour.GOOD, size=0, start=0.0)
    machine.settle()
    machine.remove(number=1)
    machine.settle()
    machine.submit(number=0, seconds=0.0)
    machine.wait(5.0)
    machine.check()


def test_what_a_start_that_hangs_has_registered_is_asked_of_another_process() -> None:
    """Its event is lost, and only the scheduler knows that it has data."""
    machine = Anything()
    try:
        first = [(Behaviour.GOOD, 0)] * 3 + [(Behaviour.HANGS_AFTER_REGISTERING, 0)]
        machine.begin(room=(4, 2, 0), first=first, calm=True, remote=True)
        machine.miss(events=4)
        machine.remove_all()
        machine.add_a_good_one()
        machine.scatter(number=1)
        machine.check()
    finally:
        machine.teardown()


def test_the_others_of_a_group_that_lost_one_unseen_get_no_work_any_more() -> None:
    """The scheduler cannot free the one that it does not have, and frees the others."""
    machine = Anything()
    try:
        first = [(Behaviour.HANGS_IN_CLOSE, 2)]
        machine.begin(room=(2, 0, 1), first=first, calm=True, remote=False)
        machine.wait(0.2)
        machine.miss(events=1)
        machine.kill(number=552)
        machine.edit_all(number=289)
        machine.submit(number=229, seconds=3.0)
        machine.wait(6.0)
        machine.check()
    finally:
        machine.teardown()


@pytest.mark.parametrize("remote", [False, True])
def test_one_that_is_asked_again_at_once_and_stays_goes_on(remote: bool) -> None:
    """The scheduler gives it the status back that it had when it was asked."""
    machine = Anything()
    try:
        machine.begin(room=(1, 1, 0), first=[], calm=True, remote=remote)
        machine.submit(number=1, seconds=0.0)
        machine.calm()
        machine.remove(number=1)
        for _ in range(20):
            machine.settle(2)
            machine.ask(number=0)
        machine.submit(number=1, seconds=0.0)
    finally:
        machine.teardown()
