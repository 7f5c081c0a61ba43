"""A world for the planner: a spec that changes, workers that fail, a clock that is set by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from speccluster_lab.reconcile import LEAVING, NO_ROOM, UP, Action, EntryState, Failure
from speccluster_lab.spec.api import EntryPhase
from speccluster_lab.spec.names import HOLDER_PREFIX

from .invariants import check
from .simulated_executor import POLICY, Executor, Form, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable

BOOM = Failure("Boom", "it went boom")
DIED = Failure("ProcessEnded", "its process has ended")
TIMED_OUT = Failure("RetireTimeout", "moving its data has taken too long")
FULL = Failure(NO_ROOM, "its results have no other worker to go to")
HOLDER = HOLDER_PREFIX + "a"


class World(Executor):
    """A cluster whose actions end when, and as, the test says.

    Workers compute as soon as they register when ``computing``. Results live on registered
    members and die with them; a retirement moves them to one that is not being retired itself.
    """

    def check(self) -> None:
        """Assert what holds whenever everything that is due has been done."""
        check(self)

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


def running(name: str = "a", size: int = 1, *, computing: bool = False, **limits: Any) -> World:
    """Return a world in which one entry runs."""
    world = World(policy=replace(POLICY, **limits), computing=computing)
    world.want(name, 1, size)
    assert world.calm()
    return world
