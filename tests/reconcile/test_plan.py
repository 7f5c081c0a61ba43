"""What holds for every plan, whatever it says."""

from __future__ import annotations

import copy

import pytest

from speccluster_lab.reconcile import Action, ClusterState, EntryState, Policy, Step, plan
from speccluster_lab.spec.api import EntryPhase

from .simulated_executor import Form, fingerprint
from .simulation import World, running

OLD, NEW = fingerprint(Form(1)), fingerprint(Form(2))


def entry(name: str, phase: EntryPhase = EntryPhase.PENDING, **rest: object) -> EntryState:
    facts = {"wanted": OLD, "members": (name,), **rest}
    if phase is EntryPhase.RUNNING:
        facts = {"made_of": OLD, "present": (name,), **facts}
    return EntryState(name, phase, **facts)  # type: ignore[arg-type]


def state(*entries: EntryState, policy: Policy | None = None, **counted: int) -> ClusterState:
    return ClusterState({e.name: e for e in entries}, policy or Policy(), **counted)


def test_a_plan_changes_nothing() -> None:
    cluster = state(entry("a"), entry("b", EntryPhase.RUNNING, wanted=NEW), entry("c", wanted=None))
    before = copy.deepcopy(cluster.entries)
    steps = plan(cluster, "abc", 1.0)
    assert [step.action for step in steps] == [Action.RETIRE, Action.START, Action.FORGET]
    assert [repr(one) for one in cluster.entries.values()] == [repr(b) for b in before.values()]


def test_only_the_entries_asked_for_are_planned_and_in_that_order() -> None:
    cluster = state(*map(entry, "abc"))
    assert [step.name for step in plan(cluster, ["c", "gone", "a"], 0.0)] == ["c", "a"]


def test_an_entry_that_is_as_wanted_has_nothing_to_do() -> None:
    world = running(size=2)
    assert plan(world.state, ["a"], world.now) == []


@pytest.mark.parametrize(
    ("counted", "policy", "first"),
    [
        ({}, Policy(max_concurrent_starts=2), [Action.START] * 2),
        ({"starting": 1}, Policy(max_concurrent_starts=2), [Action.START]),
        ({"starting": 2}, Policy(max_concurrent_starts=2), []),
        ({"has_scheduler": False}, Policy(max_concurrent_starts=2), []),
    ],
)
def test_a_plan_counts_the_starts_that_it_gives_away(
    counted: dict[str, int], policy: Policy, first: list[Action]
) -> None:
    steps = plan(state(*map(entry, "abc"), policy=policy, **counted), "abc", 0.0)
    assert [step.action for step in steps] == first


@pytest.mark.parametrize(
    ("counted", "unavailable", "surge", "actions"),
    [
        ({}, 2, 1, [Action.RETIRE, Action.RETIRE, Action.HOLD]),
        ({"rolling": 1}, 2, 1, [Action.RETIRE, Action.HOLD]),
        ({"rolling": 2}, 2, 1, [Action.HOLD]),
        ({"rolling": 2, "surging": 1}, 2, 2, [Action.HOLD]),
        ({"surging": 2}, 0, 2, []),
        ({}, 0, 2, [Action.HOLD, Action.HOLD]),
    ],
)
def test_a_plan_counts_the_roll_outs_that_it_gives_away(
    counted: dict[str, int], unavailable: int, surge: int, actions: list[Action]
) -> None:
    policy = Policy(max_unavailable=unavailable, max_surge=surge)
    outdated = [entry(name, EntryPhase.RUNNING, wanted=NEW) for name in "abcde"]
    steps = plan(state(*outdated, policy=policy, **counted), "abcde", 0.0)
    assert [step.action for step in steps] == actions
    assert [step.rolls for step in steps] == [step.action is Action.RETIRE for step in steps]


def test_an_entry_that_cannot_have_a_slot_does_not_keep_others_from_what_they_need() -> None:
    gone = entry("b", wanted=None)
    steps = plan(state(entry("a"), gone, starting=64), "ab", 0.0)
    assert steps == [Step("b", EntryPhase.PENDING, Action.FORGET)]


def test_a_world_that_nothing_happens_to_stays_as_it_is() -> None:
    world = World()
    for name in "abc":
        world.want(name)
    assert world.calm()
    seen = dict(world.transitions)
    world.advance(86_400)
    world.check()
    assert world.transitions == seen
