"""A world for the planner: a spec that changes, workers that fail, a clock that is set by hand.

Does what the executor does, without I/O: entries are kept, actions stay open until somebody says
how they ended.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from speccluster_lab.reconcile import (
    Action,
    ClusterState,
    EntryState,
    Failure,
    Fingerprint,
    Policy,
    plan,
)
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

POLICY = Policy(
    max_concurrent_starts=2,
    start_timeout=30,
    arrival_timeout=20,
    lost_timeout=10,
    max_unavailable=1,
)
GONE = "(gone)"


@dataclass
class World:
    """A cluster whose actions end when, and as, the test says."""

    policy: Policy = POLICY
    now: float = 0.0
    spec: dict[str, tuple[int, int]] = field(default_factory=dict)
    entries: dict[str, EntryState] = field(default_factory=dict)
    registered: dict[str, str] = field(default_factory=dict)
    open: dict[str, Action] = field(default_factory=dict)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def members(self, name: str) -> tuple[str, ...]:
        size = self.spec.get(name.removeprefix(HOLDER_PREFIX), (0, 1))[1]
        return member_names(name, [f"-{i}" for i in range(size)])

    def put(self, entry: EntryState) -> None:
        before = self.entries.get(entry.name)
        if before is not None and before.phase is not entry.phase:
            self.transitions[before.phase, entry.phase] += 1
        self.entries[entry.name] = entry

    def align(self) -> None:
        """Tell every entry what the spec and the scheduler say, then plan until nothing moves."""
        for name in {*self.entries, *self.spec}:
            if name.startswith(HOLDER_PREFIX):
                continue
            before = self.entries.get(name, EntryState(name, since=self.now))
            wanted = Fingerprint.of(self.spec[name]) if name in self.spec else None
            self.put(before.want(wanted, self.members(name)))
        for name in list(self.entries):
            entry = self.entries[name]
            present = frozenset(m for m in entry.members if m in self.registered)
            self.put(entry.see(present, self.now))
        for _ in range(100):
            state = ClusterState(
                dict(self.entries),
                self.policy,
                sum(e.phase is EntryPhase.STARTING for e in self.entries.values()),
                sum(e.rolling for e in self.entries.values()),
            )
            steps = plan(state, list(self.entries), self.now)
            if not steps:
                return
            for step in steps:
                self.put(step.entry)
                self.take(step.entry, step.action)
        self.violations.append("the plan never comes to rest")

    def take(self, entry: EntryState, action: Action | None) -> None:
        name = entry.name
        match action:
            case None:
                return
            case Action.FORGET:
                if name in self.spec:
                    self.violations.append(f"{name} was forgotten though the spec has it")
                self.transitions[entry.phase, GONE] += 1
                del self.entries[name]
                return
            case Action.HOLD:
                holder = HOLDER_PREFIX + name
                if holder in self.entries:
                    self.violations.append(f"{name} has two holders")
                members = tuple(f"{HOLDER_PREFIX}{member}" for member in entry.members)
                self.entries[holder] = EntryState(
                    holder, since=self.now, wanted=entry.made_of, members=members, holds_for=name
                )
                return
            case Action.CLOSE if entry.present and not entry.retired:
                self.violations.append(f"{name} was closed with its data")
            case Action.START:
                self.check_start(entry)
            case Action.RETIRE | Action.CLOSE | Action.CANCEL:
                pass
        if name in self.open and action is not Action.CANCEL:
            self.violations.append(f"{name}: {action} while {self.open[name]} goes on")
        self.open[name] = action

    def check_start(self, entry: EntryState) -> None:
        starting = [e for e in self.entries.values() if e.phase is EntryPhase.STARTING]
        if len(starting) > self.policy.max_concurrent_starts:
            self.violations.append("more starts at once than allowed")
        clash = [member for member in entry.members if member in self.registered]
        if clash:
            self.violations.append(f"{clash} would be registered twice")

    # -- what the world does -------------------------------------------------------------------

    def finish(self, name: str, *, well: bool) -> None:
        """End the action that is open for an entry."""
        action = self.open.pop(name)
        entry = self.entries[name]
        match action:
            case Action.START if well:
                self.put(entry.started(self.now))
            case Action.START:
                failure = Failure("Boom", "it went boom")
                self.put(entry.failed(failure, self.now, self.policy))
            case Action.RETIRE:
                stuck = None if well else Failure("NoRoomForData", "no room")
                if well:
                    self.gone(entry.members)
                self.put(entry.retirement(stuck, self.now, self.policy))
            case Action.CLOSE | Action.CANCEL:
                self.gone(entry.members)
                members = entry.members if name.startswith(HOLDER_PREFIX) else self.members(name)
                self.put(entry.closed(members, self.now))
            case _:
                raise AssertionError(action)
        self.align()

    def gone(self, members: tuple[str, ...]) -> None:
        for member in members:
            self.registered.pop(member, None)

    def register(self, name: str) -> None:
        """Have every member of an entry that is up register."""
        entry = self.entries[name]
        if entry.phase in {EntryPhase.WAITING, EntryPhase.RUNNING, EntryPhase.DEGRADED}:
            self.registered.update(dict.fromkeys(entry.members, name))
        self.align()

    def lose(self, member: str) -> None:
        """Have a member disappear."""
        self.registered.pop(member, None)
        self.align()

    def want(self, name: str, version: int, size: int) -> None:
        self.spec[name] = (version, size)
        self.align()

    def drop(self, name: str) -> None:
        self.spec.pop(name, None)
        self.align()

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.align()

    def calm(self) -> bool:
        """Let everything go well from now on; return whether the spec is then what runs."""
        for _ in range(400):
            for name in list(self.open):
                if name in self.open:
                    self.finish(name, well=True)
            for name in list(self.entries):
                if name in self.entries:
                    self.register(name)
            if self.settled:
                return True
            self.advance(5)
        return False

    @property
    def settled(self) -> bool:
        return self.entries.keys() == self.spec.keys() and all(
            entry.settled for entry in self.entries.values()
        )


def running(name: str = "a", size: int = 1, **changes: object) -> World:
    """Return a world in which one entry runs."""
    world = World(policy=replace(POLICY, **changes))  # type: ignore[arg-type]
    world.want(name, 1, size)
    assert world.calm()
    return world
