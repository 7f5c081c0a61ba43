"""What must never be in a simulated cluster: of a step, and of the whole whenever it is at rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from speccluster_lab.reconcile import LEAVING, UP, Action, EntryState, Step, next_look, plan
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from speccluster_lab.reconcile import ClusterState

    from .simulated_executor import Executor

A_WHILE = 1e6


def check_step(world: Executor, entry: EntryState, step: Step) -> None:
    """Assert that a step may be taken as things are."""
    name, action = entry.name, step.action
    going_on = world.open.get(name)
    match action:
        case Action.START:
            assert world.has_scheduler, f"{name} is started without a scheduler"
            assert name not in world.instances, f"{name} would be there twice"
        case Action.CANCEL:
            assert going_on is Action.START, f"{name}: no start to cancel"
        case Action.RETIRE:
            assert going_on in {None, Action.CANCEL}, f"{name}: retired during {going_on}"
            assert name not in world.dead, f"{name}: nothing is left to retire"
            if entry.phase in UP and step.phase is EntryPhase.REPLACING:
                stand_in = world.entries.get(HOLDER_PREFIX + name)
                missed = entry.phase is not EntryPhase.WAITING and step.failure is None
                allowed = step.rolls or entry.rolling or (stand_in and stand_in.settled)
                assert allowed or not missed, f"{name} was taken away without a stand-in"
        case Action.CLOSE:
            assert going_on is not Action.CLOSE, f"{name} is closed twice"
            if name not in world.dead and name not in world.dropped:
                assert going_on is not Action.RETIRE, f"{name} is closed while data moves"
                there = set(world.present(entry)) - world.abandoned
                lost = sum(world.results[member] for member in there)
                assert not lost, f"{name} was closed with {lost} results"
        case Action.ABANDON:
            assert going_on is Action.CLOSE, f"{name}: nothing to abandon"
        case Action.FORGET:
            assert name not in world.spec, f"{name} was forgotten though the spec has it"
            assert name not in world.instances, f"{name} was forgotten with its instance"
        case Action.HOLD:
            assert HOLDER_PREFIX + name not in world.entries, f"{name} has two holders"
            assert entry.holds_for is None, f"{name} is a holder with a holder"


def check(world: Executor) -> None:
    """Assert what holds whenever everything that is due has been done."""
    entries, policy, state, now = world.entries, world.policy, world.state, world.now
    for name in entries:
        steps = plan(state, (name,), now)
        assert not steps, f"nobody was woken for {steps}"
    phases = [entry.phase for entry in entries.values()]
    assert world.starting == phases.count(EntryPhase.STARTING) <= policy.max_concurrent_starts
    assert sum(e.rolling for e in entries.values()) == world.rolling <= policy.max_unavailable
    assert sum(e.surge for e in entries.values()) == world.surging <= policy.max_surge
    if world.has_scheduler and world.starting < policy.max_concurrent_starts:
        assert EntryPhase.PENDING not in phases, "an entry waits though a start slot is free"
    there = 0
    for entry in entries.values():
        if entry.phase not in LEAVING and entry.phase is not EntryPhase.CLOSING:
            # Those for data that had nowhere to go are beyond the limit.
            there += entry.holds_for is None or entry.surge
            assert is_needed(world, entry), f"{entry.name} is not needed"
        check_look(world, entry, state)
    assert there <= len(world.spec) + policy.max_surge, "more entries than allowed"


def is_needed(world: Executor, entry: EntryState) -> bool:
    """Return whether the spec asks for an entry, or one that it asks for is not back."""
    name = entry.holds_for
    if name is None or name not in world.spec:
        return entry.name in world.spec
    held = world.entries[name]
    if not (held.complete and held.phase in UP):
        return True
    to_be = world.spec[name]
    is_right = to_be == world.instances[name] and name not in world.worn
    return entry.surge and to_be == world.holders[entry.name] and not is_right


def check_look(world: Executor, entry: EntryState, state: ClusterState) -> None:
    look = next_look(entry, world.policy)
    name = (entry.name,)
    if look is None:
        assert entry.phase not in {EntryPhase.STARTING, EntryPhase.CLOSING}, "may take for ever"
        assert not plan(state, name, world.now + A_WHILE), f"{entry} changes by itself"
        return
    assert look > world.now, f"{entry} has been due since {look}"
    assert not plan(state, name, math.nextafter(look, 0)), f"{entry} changes before {look}"
    assert plan(state, name, look), f"{entry} was to change at {look}"
