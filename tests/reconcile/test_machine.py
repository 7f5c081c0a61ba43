"""Whatever happens, in any order: what must never be never is, and it ends as wanted."""

from __future__ import annotations

import os
import sys
from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from speccluster_lab.reconcile import Action, Policy, next_look
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import GONE, NEW, Form
from .simulation import FULL, World
from .table import documented_transitions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

# `quick` is for the mutation check, which asks hundreds of times.
QUICK = os.environ.get("RECONCILE_MACHINE") == "quick"
# Some end early, so that it takes more than 2,000 of 50 steps to come to 100,000.
EXAMPLES = 60 if QUICK else 2_700
STEPS_EACH = 50
STEPS_AT_LEAST = 100_000
ENTERED_AT_LEAST = 100

POLICIES = [
    Policy(
        max_concurrent_starts=starts,
        start_timeout=30.1,
        arrival_timeout=here,
        arrival_timeout_elsewhere=elsewhere,
        lost_timeout=10.3,
        max_unavailable=unavailable,
        max_surge=surge,
    )
    for starts, here, elsewhere in product((1, 2, 3), (20.7, None), (None, 45.9))
    for unavailable, surge in product((0, 1, 2), repeat=2)
    if unavailable or surge
]
FORMS = [
    Form(version, size, runs_here)
    for version, size, runs_here in product((1, 2), (1, 2, 2, 3), (True, False))
]
SEEN: Counter[tuple[str, str]] = Counter()
ACTIONS: Counter[str] = Counter()

# One number decides all that a rule leaves open: each draw costs as much as the rule itself.
numbers = st.integers(0, 719)


def one(among: Collection[Any], number: int) -> Any:
    """Return one of some things, and what is left of the number for the next choice."""
    rest, index = divmod(number, len(among))
    return list(among)[index], rest


def when(condition: Callable[[World], object]) -> Callable[[Any], Any]:
    return precondition(lambda machine: condition(machine.world))


def stuck(world: World) -> list[str]:
    """Return the entries that nobody wants, but that hold what nobody can take."""
    return [
        name
        for name, entry in world.entries.items()
        if entry.failure == FULL and entry.wanted is None
    ]


def looks(world: World) -> list[float]:
    """Return when entries change although nothing happens."""
    at = (next_look(entry, world.policy) for entry in world.entries.values())
    return [look for look in at if look is not None]


class Anything(RuleBasedStateMachine):
    """Everything that can happen to a cluster."""

    world: World

    @initialize(policy=st.sampled_from(POLICIES), number=numbers)
    def begin(self, policy: Policy, number: int) -> None:
        form, number = one(FORMS, number)
        size, number = one(range(4), number)
        self.removed: dict[str, Form] = {}
        ACTIONS["examples"] += 1
        self.world = World(policy, bool(number % 2), SEEN, ACTIONS)
        self.world.put(dict.fromkeys("abc"[:size], form))

    # -- the spec

    @rule(form=st.sampled_from(FORMS), number=numbers)
    def want(self, form: Form, number: int) -> None:
        name, number = one("abc", number)
        if name in self.removed and number % 2:
            form = self.removed.pop(name)
        elif name in self.world.spec and number % 2:
            before = self.world.spec[name]
            form = before._replace(version=before.version + 1)
        self.world.want(name, *form)

    @rule(number=numbers)
    @when(lambda world: world.spec)
    def remove(self, number: int) -> None:
        name, _ = one(self.world.spec, number)
        self.removed[name] = self.world.spec[name]
        self.world.drop(name)

    @rule(form=st.sampled_from(FORMS), number=numbers)
    def want_others(self, form: Form, number: int) -> None:
        self.world.put({name: form for at, name in enumerate("abcd") if number >> at & 1})

    @rule(number=numbers)
    @when(lambda world: world.results)
    def remove_all_with_their_data(self, number: int) -> None:
        self.world.compute()
        self.removed.update(self.world.spec)
        self.world.put({})
        going_on = [name for name, action in self.world.open.items() if action is Action.RETIRE]
        for name in going_on[number % 2 :]:
            self.world.finish(name)

    @rule(number=numbers)
    @when(stuck)
    def bring_back_what_is_stuck(self, number: int) -> None:
        name, number = one(stuck(self.world), number)
        there = self.world.present(self.world.entries[name])
        if number % 4 and len(there) > 1:
            self.world.leave(there[0])
        self.removed.pop(name, None)
        self.world.want(name, *self.world.instances[name])

    # -- the workers

    @rule(number=numbers)
    @when(lambda world: world.open)
    def action_ends(self, number: int) -> None:
        name, number = one(self.world.open, number)
        self.world.finish(name, well=number % 4 > 0)

    @rule(most=st.sampled_from((None, 2, 1, 0)))
    def actions_go_well(self, most: int | None) -> None:
        self.world.go_well(most)

    @rule()
    @when(lambda world: Action.CLOSE in world.open.values())
    def closings_end(self) -> None:
        for name, action in list(self.world.open.items()):
            if action is Action.CLOSE:
                self.world.finish(name)

    @rule(number=numbers)
    @when(lambda world: world.late)
    def late_start_ends(self, number: int) -> None:
        name, number = one(self.world.late, number)
        self.world.finish_late(name, well=number % 2 > 0)

    @rule(number=numbers)
    @when(World.absent)
    def register(self, number: int) -> None:
        name, number = one(dict.fromkeys(self.world.absent().values()), number)
        self.world.register(name, (None, None, 1)[number % 3], heard=number % 7 > 0)
        if number % 4 == 0:
            self.world.leave(list(self.world.results)[-1])

    @rule(number=numbers)
    @when(lambda world: world.results)
    def leave(self, number: int) -> None:
        world = self.world
        # Among those that came last, or it would seldom be before the others are there.
        member, number = one(list(world.results)[-3:], number)
        together = member.rpartition("-")[0] if number % 3 == 0 else member
        for one_of_them in [m for m in world.results if m.startswith(together)]:
            world.leave(one_of_them, heard=number % 7 > 0)
        if number % 4 == 0 and looks(world):
            # Long enough that it is missed.
            world.advance(max(looks(world)) - world.now)

    @rule(number=numbers)
    @when(lambda world: world.entries)
    def now_and_then(self, number: int) -> None:
        """Do what would hide everything else if it happened as often."""
        world = self.world
        name, number = one(world.entries, number)
        if not world.has_scheduler:
            world.restore_scheduler()
        elif number % 8 == 0:
            world.lose_scheduler()
        elif number % 8 in {1, 2}:
            world.die(name, heard=number % 8 == 1)
        elif number % 8 == 3:
            world.wear_out(name) if number % 16 == 3 and name in world.spec else world.retry(name)
        elif number % 8 == 4:
            world.drop_data(name)
        elif number % 8 == 5:
            for member in list(world.abandoned):
                world.end_abandoned(member)
        else:
            world.compute()

    # -- time

    @rule(seconds=st.sampled_from((0.1, 1.0, 5.0, 70.0)))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(number=numbers)
    @when(looks)
    def wait_for_one(self, number: int) -> None:
        look, _ = one(looks(self.world), number)
        self.world.advance(look - self.world.now)

    # -- what must be

    @invariant()
    def is_as_it_must_be(self) -> None:
        self.world.check()
        ACTIONS["checks"] += 1

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            return
        assert self.world.calm(), f"does not end as wanted: {self.world.entries}"
        self.world.check()
        for name in list(self.world.entries):
            self.world.drop_data(name)
        assert self.world.calm()
        assert self.world.entries.keys() == self.world.spec.keys()


@pytest.mark.timeout(600)
def test_whatever_happens_it_ends_as_wanted_and_as_documented() -> None:
    SEEN.clear()
    ACTIONS.clear()
    run_state_machine_as_test(
        Anything,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS_EACH,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )
    documented = documented_transitions()
    assert SEEN.keys() <= documented
    if not QUICK:
        actions = {*Action, "retire to roll", "hold to roll"}
        times = {one: SEEN[one] for one in documented} | {one: ACTIONS[one] for one in actions}
        rare = {one: count for one, count in times.items() if count < ENTERED_AT_LEAST}
        assert ACTIONS["checks"] - ACTIONS["examples"] >= STEPS_AT_LEAST
        assert ACTIONS["examples"] >= 2_000
        assert not rare, "happens too seldom to say that it was tried"


def test_every_phase_is_in_the_table_as_one_to_come_from_and_one_to_go_to() -> None:
    sources, targets = map(set, zip(*documented_transitions(), strict=True))
    assert sources == {NEW, *EntryPhase}
    assert targets == {GONE, *EntryPhase}
