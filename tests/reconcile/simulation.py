"""A world for the planner: a spec that changes, workers that fail, a clock that is set by hand.

The first part of :class:`World` is the executor without its I/O: it keeps the entries, wakes those
that a change concerns, and leaves each action open until somebody says how it has ended. The second
says what must never be: of a step, and of the whole whenever it is at rest. The third is what
happens to a cluster.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from speccluster_lab.reconcile import (
    LEAVING,
    NO_ROOM,
    UP,
    Action,
    ClusterState,
    EntryState,
    Failure,
    Fingerprint,
    Policy,
    Step,
    next_look,
    plan,
)
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

POLICY = Policy(
    max_concurrent_starts=2,
    start_timeout=30,
    arrival_timeout=20,
    lost_timeout=10,
    max_unavailable=1,
)
NEW, GONE = "(new)", "(gone)"
BOOM = Failure("Boom", "it went boom")
DIED = Failure("ProcessEnded", "its process has ended")
TIMED_OUT = Failure("RetireTimeout", "moving its data has taken too long")
FULL = Failure(NO_ROOM, "its results have no other worker to go to")
A_WHILE = 1e6
HOLDER = HOLDER_PREFIX + "a"


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
class World:
    """A cluster whose actions end when, and as, the test says.

    Workers compute as soon as they register when ``computing``. Results live on registered
    members and die with them; a retirement moves them to one that is not being retired itself.
    """

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

    # -- the executor --------------------------------------------------------------------------

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
        self.check_step(entry, step)
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

    # -- what must never be ----------------------------------------------------------------------

    def check_step(self, entry: EntryState, step: Step) -> None:
        name, action = entry.name, step.action
        going_on = self.open.get(name)
        match action:
            case Action.START:
                assert self.has_scheduler, f"{name} is started without a scheduler"
                assert name not in self.instances, f"{name} would be there twice"
            case Action.CANCEL:
                assert going_on is Action.START, f"{name}: no start to cancel"
            case Action.RETIRE:
                assert going_on in {None, Action.CANCEL}, f"{name}: retired during {going_on}"
                assert name not in self.dead, f"{name}: nothing is left to retire"
                if entry.phase in UP and step.phase is EntryPhase.REPLACING:
                    stand_in = self.entries.get(HOLDER_PREFIX + name)
                    missed = entry.phase is not EntryPhase.WAITING and step.failure is None
                    allowed = step.rolls or entry.rolling or (stand_in and stand_in.settled)
                    assert allowed or not missed, f"{name} was taken away without a stand-in"
            case Action.CLOSE:
                assert going_on is not Action.CLOSE, f"{name} is closed twice"
                if name not in self.dead and name not in self.dropped:
                    assert going_on is not Action.RETIRE, f"{name} is closed while data moves"
                    there = set(self.present(entry)) - self.abandoned
                    lost = sum(self.results[member] for member in there)
                    assert not lost, f"{name} was closed with {lost} results"
            case Action.ABANDON:
                assert going_on is Action.CLOSE, f"{name}: nothing to abandon"
            case Action.FORGET:
                assert name not in self.spec, f"{name} was forgotten though the spec has it"
                assert name not in self.instances, f"{name} was forgotten with its instance"
            case Action.HOLD:
                assert HOLDER_PREFIX + name not in self.entries, f"{name} has two holders"
                assert entry.holds_for is None, f"{name} is a holder with a holder"

    def check(self) -> None:
        """Assert what holds whenever everything that is due has been done."""
        entries, policy, state, now = self.entries, self.policy, self.state, self.now
        for name in entries:
            steps = plan(state, (name,), now)
            assert not steps, f"nobody was woken for {steps}"
        phases = [entry.phase for entry in entries.values()]
        assert self.starting == phases.count(EntryPhase.STARTING) <= policy.max_concurrent_starts
        assert sum(e.rolling for e in entries.values()) == self.rolling <= policy.max_unavailable
        assert sum(e.surge for e in entries.values()) == self.surging <= policy.max_surge
        if self.has_scheduler and self.starting < policy.max_concurrent_starts:
            assert EntryPhase.PENDING not in phases, "an entry waits though a start slot is free"
        there = 0
        for entry in entries.values():
            if entry.phase not in LEAVING and entry.phase is not EntryPhase.CLOSING:
                # Those for data that had nowhere to go are beyond the limit.
                there += entry.holds_for is None or entry.surge
                assert self.is_needed(entry), f"{entry.name} is not needed"
            self.check_look(entry, state)
        assert there <= len(self.spec) + policy.max_surge, "more entries than allowed"

    def is_needed(self, entry: EntryState) -> bool:
        """Return whether the spec asks for an entry, or one that it asks for is not back."""
        name = entry.holds_for
        if name is None or name not in self.spec:
            return entry.name in self.spec
        held = self.entries[name]
        if not (held.complete and held.phase in UP):
            return True
        to_be = self.spec[name]
        is_right = to_be == self.instances[name] and name not in self.worn
        return entry.surge and to_be == self.holders[entry.name] and not is_right

    def check_look(self, entry: EntryState, state: ClusterState) -> None:
        look = next_look(entry, self.policy)
        name = (entry.name,)
        if look is None:
            assert entry.phase not in {EntryPhase.STARTING, EntryPhase.CLOSING}, "may take for ever"
            assert not plan(state, name, self.now + A_WHILE), f"{entry} changes by itself"
            return
        assert look > self.now, f"{entry} has been due since {look}"
        assert not plan(state, name, math.nextafter(look, 0)), f"{entry} changes before {look}"
        assert plan(state, name, look), f"{entry} was to change at {look}"

    # -- what happens ----------------------------------------------------------------------------

    def put(self, spec: dict[str, Form]) -> None:
        """Change the spec as a whole."""
        self.generation += 1
        before, self.spec = self.spec, spec
        for name in {**before, **spec}:
            if name not in self.entries:
                self.add(EntryState(name, since=self.now))
            form = spec.get(name)
            wanted, members = (
                (None, ()) if form is None else (fingerprint(form), form.members(name))
            )
            entry = self.entries[name]
            self.tell(entry, EntryState.want, wanted, members, self.generation)
        self.settle()

    def want(self, name: str, version: int = 1, size: int = 1, runs_here: bool = True) -> None:
        self.put({**self.spec, name: Form(version, size, runs_here)})

    def drop(self, name: str) -> None:
        self.put({other: form for other, form in self.spec.items() if other != name})

    def finish(self, name: str, *, well: bool = True) -> None:
        """End the action that is open for an entry; data that has no room stays in any case."""
        action = self.open[name]
        entry = self.entries[name]
        if action is Action.CLOSE:
            self.closed(name)
        elif action is Action.RETIRE:
            del self.open[name]
            stuck = self.move_data(entry) if well else TIMED_OUT
            self.tell(entry, EntryState.retirement_ended, stuck, self.now, self.policy)
        else:
            self.end_start(entry, well=well)
        self.settle()

    def finish_late(self, name: str, *, well: bool = True) -> None:
        """End a start that nobody waits for any more."""
        self.end_start(self.entries[name], well=well)
        self.settle()

    def end_start(self, entry: EntryState, *, well: bool) -> None:
        if entry.name in self.late:
            del self.late[entry.name]
        else:
            del self.open[entry.name]
        # A name that is still taken is refused.
        if well and self.abandoned.isdisjoint(entry.members):
            self.tell(entry, EntryState.started, self.now)
        else:
            self.silent.add(entry.name)
            self.tell(entry, EntryState.start_failed, BOOM, self.now, self.policy)

    def move_data(self, entry: EntryState) -> Failure | None:
        there = [member for member in entry.members if member in self.results]
        results = sum(self.results[member] for member in there)
        if results:
            taker = next(
                (m for e in self.entries.values() if e is not entry for m in self.takers(e)), None
            )
            if taker is None:
                return FULL
            self.results[taker] += results
        self.silent.add(entry.name)
        self.abandoned.difference_update(there)
        self.take_away(entry, there)
        return None

    def takers(self, entry: EntryState) -> Iterable[str]:
        """Return the members of an entry that can take results.

        The scheduler asks no more than whether a worker is there and is not being retired; an
        attempt to retire it that found no room leaves it as it was.
        """
        stuck = entry.phase in LEAVING and not entry.busy and entry.failure == FULL
        starts = self.open.get(entry.name) in {Action.START, Action.CANCEL}
        if stuck or starts or entry.phase in UP:
            return (m for m in entry.members if m in entry.present and m in self.results)
        return ()

    def take_away(self, entry: EntryState, members: Iterable[str], *, heard: bool = True) -> None:
        for member in members:
            del self.results[member]
            if heard:
                self.tell(entry, EntryState.leave, member, self.now)

    def absent(self) -> dict[str, str]:
        """Return members that might register, with their entry."""
        return {
            member: name
            for name, form in self.instances.items()
            if name not in self.silent
            for member in form.members(name)
            if member not in self.results and member not in self.abandoned
        }

    def register(self, name: str, most: int | None = None, *, heard: bool = True) -> None:
        """Have members of an entry register.

        One whose event is lost holds nothing: such a loss may cost a period, but no more.
        """
        entry = self.entries[name]
        there = [member for member, owner in self.absent().items() if owner == name]
        for member in there[:most]:
            self.results[member] = int(self.computing and heard)
            if heard:
                self.tell(entry, EntryState.arrive, member, self.now)
        self.settle()

    def compute(self) -> None:
        """Have every member that is known to be there hold one more result."""
        for entry in self.entries.values():
            for member in self.results.keys() & entry.present:
                self.results[member] += 1

    def leave(self, member: str, *, heard: bool = True) -> None:
        """Have a member disappear with what it holds."""
        self.results.pop(member)
        self.abandoned.discard(member)
        for entry in self.entries.values():
            if heard and member in entry.members:
                self.tell(entry, EntryState.leave, member, self.now)
        self.settle()

    def end_abandoned(self, member: str) -> None:
        """Have a worker that was given up end after all."""
        if member in self.results:
            self.leave(member)
        self.abandoned.discard(member)

    def die(self, name: str, *, heard: bool = True) -> None:
        """Have the processes of an entry end; who sees that may hear of it before the scheduler."""
        self.lose(self.entries[name], DIED, heard=heard)
        self.settle()

    def lose(self, entry: EntryState, failure: Failure, *, heard: bool = True) -> None:
        name = entry.name
        self.take_away(entry, self.present(entry), heard=heard)
        if name in self.instances:
            self.silent.add(name)
            self.dead.add(name)
        if self.open.get(name) is Action.RETIRE:
            del self.open[name]
        self.tell(entry, EntryState.lose, failure, self.now)

    def lose_scheduler(self) -> None:
        self.has_scheduler = False
        # What was given up does not know the next scheduler, and its results were of this one.
        for member in self.abandoned:
            self.results.pop(member, None)
        self.abandoned.clear()
        for entry in self.entries.values():
            self.lose(entry, Failure("SchedulerLost", "the scheduler has died"))
        self.settle()

    def restore_scheduler(self) -> None:
        self.has_scheduler = True
        self.dirty.update(self.pending)
        self.settle()

    def retry(self, name: str) -> None:
        self.tell(self.entries[name], EntryState.retry)
        self.settle()

    def wear_out(self, name: str) -> None:
        entry = self.entries[name]
        if entry.phase in UP or entry.phase is EntryPhase.STARTING:
            self.worn.add(name)
        self.tell(entry, EntryState.wear_out)
        self.settle()

    def drop_data(self, name: str) -> None:
        entry = self.entries[name]
        if entry.phase in LEAVING:
            self.dropped.add(name)
            if self.open.get(name) is Action.RETIRE:
                del self.open[name]
        self.tell(entry, EntryState.drop_data)
        self.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that is due meanwhile."""
        until = self.now + seconds
        while (look := self.next_look()) <= until:
            assert look > self.now, "the timer rings for nothing"
            self.now = look
            self.ring()
        self.now = until
        self.see_all()

    def go_well(self, most: int | None = None) -> None:
        """Have everything that is open end well, and up to ``most`` members of each register."""
        if not self.has_scheduler:
            self.restore_scheduler()
        for member in list(self.abandoned):
            self.end_abandoned(member)
        for name in list(self.late):
            if name in self.late:
                self.finish_late(name)
        for name in list(self.open):
            if name in self.open:
                self.finish(name)
        for name in list(self.entries):
            if name in self.entries:
                self.register(name, most)

    def calm(self, within: float = 300.0) -> bool:
        """Let everything go well from now on; return whether the spec is then what runs."""
        until = self.now + within
        while self.now <= until:
            for _ in range(8):
                self.go_well()
                if self.settled:
                    return True
            self.advance(max(0.0, min(self.next_look() - self.now, 5.0)))
        return False

    @property
    def settled(self) -> bool:
        """Whether the spec is what runs; what nobody can take the data of may be left."""
        if not all(name in self.entries and self.entries[name].settled for name in self.spec):
            return False
        left = [entry for name, entry in self.entries.items() if name not in self.spec]
        return all(entry.failure == FULL for entry in left) if not self.spec else not left


def keep(index: dict[str, None], name: str, belongs: bool) -> None:
    if belongs:
        index[name] = None
    else:
        index.pop(name, None)


def running(name: str = "a", size: int = 1, *, computing: bool = False, **limits: Any) -> World:
    """Return a world in which one entry runs."""
    world = World(policy=replace(POLICY, **limits), computing=computing)
    world.want(name, 1, size)
    assert world.calm()
    return world
