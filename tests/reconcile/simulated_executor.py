"""The executor without its I/O, for a planner whose clock is set by hand.

It keeps the entries, wakes those that a change concerns, and leaves each action open until somebody
says how it has ended.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from speccluster_lab.reconcile import (
    UP,
    Action,
    ClusterState,
    EntryState,
    Fingerprint,
    Policy,
    Step,
    next_look,
    plan,
)
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

from .invariants import check_step

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = Policy(
    max_concurrent_starts=2,
    start_timeout=30,
    arrival_timeout=20,
    lost_timeout=10,
    max_unavailable=1,
)
NEW, GONE = "(new)", "(gone)"


class Form(NamedTuple):
    """What a spec says of one entry."""

    version: int
    size: int = 1
    runs_here: bool = True

    def members(self, name: str) -> tuple[str, ...]:
        return member_names(name, [f"-{i}" for i in range(self.size)])


fingerprint = functools.cache(Fingerprint.of)


class ByName:
    """The entries as the planner may see them: one by one, so that no step looks at them all."""

    def __init__(self, entries: dict[str, EntryState]) -> None:
        self.get = entries.get


@dataclass
class Executor:
    """The entries, and what the planner has had done for them."""

    policy: Policy = POLICY
    computing: bool = False
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    now: float = 0.0
    has_scheduler: bool = True
    spec: dict[str, Form] = field(default_factory=dict)
    entries: dict[str, EntryState] = field(default_factory=dict)
    # What holders are to be, and what each instance that exists was made of.
    holders: dict[str, Form] = field(default_factory=dict)
    instances: dict[str, Form] = field(default_factory=dict)
    open: dict[str, Action] = field(default_factory=dict)
    # Starts that go on though they are not waited for any more.
    late: dict[str, None] = field(default_factory=dict)
    # Members and how many results each has.
    results: dict[str, int] = field(default_factory=dict)
    # Instances that will not register (again): retired, closing, or dead.
    silent: set[str] = field(default_factory=set)
    # Members of instances that were given up and go on: nobody else can have their names.
    abandoned: set[str] = field(default_factory=set)
    # Entries whose results may be lost: with their processes, or because somebody said so.
    dead: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    # Instances that somebody wants to be made anew.
    worn: set[str] = field(default_factory=set)
    generation: int = 0
    starting: int = 0
    rolling: int = 0
    surging: int = 0
    pending: dict[str, None] = field(default_factory=dict)
    outdated: dict[str, None] = field(default_factory=dict)
    dirty: dict[str, None] = field(default_factory=dict)

    def phase(self, name: str) -> EntryPhase:
        return self.entries[name].phase

    @property
    def state(self) -> ClusterState:
        return ClusterState(
            ByName(self.entries),  # type: ignore[arg-type]
            self.policy,
            self.starting,
            self.rolling,
            self.surging,
            self.has_scheduler,
        )

    def form(self, name: str) -> Form:
        """Return what an entry is to be, or, where it is not wanted any more, what it was."""
        forms = self.holders if name in self.holders else self.spec
        return forms[name] if name in forms else self.instances.get(name, Form(0))

    def tell(self, entry: EntryState, event: Callable[..., None], *args: Any) -> None:
        """Change an entry, and wake those that may have waited for that."""
        phase, rolling = entry.phase, entry.rolling
        event(entry, *args)
        self.note(entry, phase, rolling)
        if event in {EntryState.want, EntryState.wear_out}:
            self.wake(entry.name)

    def note(self, entry: EntryState, phase: EntryPhase, was_rolling: bool) -> None:
        name = entry.name
        self.dirty[name] = None
        if entry.phase is not phase:
            self.wake(name)
            self.transitions[phase, entry.phase] += 1
            if phase is EntryPhase.STARTING:
                self.starting -= 1
                self.dirty.update(self.pending)
            elif entry.phase is EntryPhase.STARTING:
                self.starting += 1
            keep(self.pending, name, entry.phase is EntryPhase.PENDING)
        keep(self.outdated, name, entry.phase in UP and entry.outdated)
        if entry.rolling is not was_rolling:
            self.rolling += entry.rolling - was_rolling
            self.dirty.update(self.outdated)

    def wake(self, name: str) -> None:
        """Have an entry planned, with its holder or the entry that it holds for."""
        self.dirty[name] = None
        self.dirty[name.removeprefix(HOLDER_PREFIX)] = None
        self.dirty[HOLDER_PREFIX + name] = None

    def add(self, entry: EntryState) -> None:
        self.entries[entry.name] = entry
        self.transitions[NEW, entry.phase] += 1
        self.pending[entry.name] = None
        self.surging += entry.surge
        self.wake(entry.name)

    def settle(self) -> None:
        """Plan and carry out until there is nothing to do."""
        for _ in range(50):
            if not self.dirty:
                return
            names, self.dirty = self.dirty, {}
            for step in plan(self.state, names, self.now):
                self.carry_out(step)
        raise AssertionError("the plan never comes to rest")

    def carry_out(self, step: Step) -> None:
        name = step.name
        entry = self.entries[name]
        check_step(self, entry, step)
        if step.action is not None:
            by_roll_out = step.rolls or (step.action is Action.HOLD and entry.phase in UP)
            self.actions[f"{step.action} to roll" if by_roll_out else step.action] += 1
        self.tell(entry, EntryState.take, step, self.now, self.policy)
        match step.action:
            case None:
                pass
            case Action.START:
                self.instances[name] = form = self.form(name)
                entry.runs_here = form.runs_here
                self.open[name] = Action.START
            case Action.CANCEL:
                self.open[name] = Action.CANCEL
            case Action.RETIRE | Action.CLOSE:
                if self.open.get(name) in {Action.START, Action.CANCEL}:
                    self.late[name] = None
                self.open[name] = step.action
                if step.action is Action.CLOSE:
                    self.silent.add(name)
            case Action.ABANDON:
                if name not in self.dead:
                    self.abandoned.update(entry.members)
                self.closed(name)
            case Action.HOLD:
                self.hold(entry)
            case Action.FORGET:
                self.forget(entry)

    def hold(self, entry: EntryState) -> None:
        name = HOLDER_PREFIX + entry.name
        surge = entry.phase in UP
        form = self.spec[entry.name] if surge else self.instances[entry.name]
        self.holders[name] = form
        self.add(
            EntryState(
                name,
                since=self.now,
                wanted=fingerprint(form),
                members=form.members(name),
                holds_for=entry.name,
                surge=surge,
            )
        )

    def forget(self, entry: EntryState) -> None:
        name = entry.name
        self.transitions[entry.phase, GONE] += 1
        del self.entries[name]
        self.holders.pop(name, None)
        self.pending.pop(name, None)
        self.wake(name)
        if entry.surge:
            self.surging -= 1
        if entry.rolling:
            self.rolling -= 1
        if entry.surge or entry.rolling:
            self.dirty.update(self.outdated)

    def closed(self, name: str) -> None:
        """Note that the instance of an entry is gone, or was given up."""
        entry = self.entries[name]
        for member in entry.members:
            if member not in self.abandoned:
                self.results.pop(member, None)
        form = self.form(name)
        for table in (self.instances, self.open, self.late):
            table.pop(name, None)
        for names in (self.silent, self.dead, self.dropped, self.worn):
            names.discard(name)
        self.tell(entry, EntryState.closed, form.members(name), self.now)

    def next_look(self) -> float:
        """Return when the timer rings."""
        looks = (next_look(entry, self.policy) for entry in self.entries.values())
        return min((look for look in looks if look is not None), default=math.inf)

    def ring(self) -> None:
        """Look at the entries whose time has come."""
        for name, entry in self.entries.items():
            look = next_look(entry, self.policy)
            if look is not None and look <= self.now:
                self.dirty[name] = None
        self.settle()

    def see_all(self) -> None:
        """Compare with the scheduler, in case that an event was lost."""
        for entry in self.entries.values():
            self.tell(entry, EntryState.see, self.present(entry), self.now)
        self.settle()

    def present(self, entry: EntryState) -> list[str]:
        return [member for member in entry.members if member in self.results]


def keep(index: dict[str, None], name: str, belongs: bool) -> None:
    if belongs:
        index[name] = None
    else:
        index.pop(name, None)
