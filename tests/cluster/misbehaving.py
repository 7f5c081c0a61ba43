"""Entries that misbehave on purpose, made of real workers on a real scheduler.

The workers are `distributed.Worker` in this process, over ``inproc://``: they register, compute,
hold data and pass it on as any other does, and cost a few milliseconds each. What goes wrong is
the :class:`Entry` around them.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Final

from distributed import Scheduler, Worker
from distributed.core import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Generator

__all__ = ["CONFIG", "SCHEDULER", "Behaviour", "Entry", "World", "entry_of"]

# What distributed does now and then is not what is tested here.
CONFIG: Final = {
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "1h",
    "distributed.admin.tick.interval": "1h",
    "distributed.comm.timeouts.connect": "5s",
    # Not what this process happens to use when a worker registers.
    "distributed.scheduler.active-memory-manager.measure": "managed",
    "distributed.scheduler.http.routes": [],
    # One death that a task is blamed for is too many.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
}
SCHEDULER: Final[dict[str, Any]] = {
    "cls": "placeholder",
    "options": {"protocol": "inproc", "dashboard": False, "dashboard_address": None},
}


class Behaviour(StrEnum):
    """How an entry behaves."""

    GOOD = auto()
    SLOW = auto()
    FAILS_IN_CONSTRUCTOR = auto()
    FAILS_IN_START = auto()
    FAILS_AFTER_REGISTERING = auto()
    HANGS_IN_START = auto()
    HANGS_AFTER_REGISTERING = auto()
    DEAF_IN_START = auto()
    REGISTERS_LATE = auto()
    NEVER_REGISTERS = auto()
    LIES_ABOUT_ITS_NAME = auto()
    DIES = auto()
    ENDS = auto()
    LOSES_A_MEMBER = auto()
    HANGS_IN_CLOSE = auto()
    DEAF_IN_CLOSE = auto()
    RAISES_IN_CLOSE = auto()
    RAISES_BEFORE_CLOSE = auto()
    GOES_ON_AFTER_CLOSE = auto()


# The worker of such an entry runs on although the entry has been closed.
GOES_ON: Final = frozenset(
    {
        Behaviour.HANGS_IN_CLOSE,
        Behaviour.DEAF_IN_CLOSE,
        Behaviour.RAISES_IN_CLOSE,
        Behaviour.RAISES_BEFORE_CLOSE,
        Behaviour.GOES_ON_AFTER_CLOSE,
    }
)
START = 0.1
LATE = 3.0
LIFE = 2.0


class QuietScheduler(Scheduler):
    """A scheduler without a port, which tells the world what it loses."""

    def start_http_server(self, *args: Any, **options: Any) -> None:
        """Not needed, and costs a port."""

    async def add_worker(self, comm: Any, *, address: str, **options: Any) -> Any:
        World.current.worker_added(address)
        return await super().add_worker(comm, address=address, **options)

    async def remove_worker(self, address: str, *, expected: bool = False, **options: Any) -> Any:
        state = self.workers.get(address)
        if state is not None:
            lost = {task.key for task in state.has_what if task.who_has == {state}}
            blamed = set() if expected else {task.key for task in state.processing}
            World.current.worker_removed(address, lost, blamed)
        return await super().remove_worker(address, expected=expected, **options)


SCHEDULER["cls"] = QuietScheduler


class QuietWorker(Worker):
    """A worker without threads and ports, which can die as a process does, or refuse to."""

    dead = False
    stubborn = False

    def start_http_server(self, *args: Any, **options: Any) -> None:
        """Not needed, and costs a port."""

    async def heartbeat(self) -> None:
        """Nobody listens here."""

    @property
    def is_alive(self) -> bool:
        return not self.dead and self.status in (Status.running, Status.closing_gracefully)

    def die(self) -> None:
        """Say nothing more to anybody, as if the process had been killed."""
        self.dead = True
        World.current.killed.add(self.address)
        self.batched_stream.abort()
        self._stop_listeners()
        for comm in list(self._comms):
            comm.abort()

    async def close(self, *args: Any, **options: Any) -> Any:
        if not self.dead and not self.stubborn:
            return await super().close(*args, **options)
        return None

    async def bury(self) -> None:
        """Free what there is of it still."""
        self.dead = self.stubborn = False
        await self.close(timeout=1)


class Entry:
    """One entry of a spec, of one worker or of a group."""

    runs_here = True

    def __init__(
        self,
        scheduler: str,
        name: Any,
        group: Collection[str] | None = None,
        behaviour: str = Behaviour.GOOD,
        start: float = START,
        version: int = 0,
    ) -> None:
        world = World.current
        self.name = str(name)
        self.behaviour = Behaviour.GOOD if world.healed else Behaviour(behaviour)
        self.status = Status.init
        self.starting = False
        self.closed = False
        self.closed_at = math.inf
        self.workers: list[QuietWorker] = []
        self._start_takes = start
        self._tasks: list[asyncio.Task[Any]] = []
        self._scheduler = scheduler
        self._members = [f"{name}{suffix}" for suffix in group] if group else [name]
        world.made(self)
        if self.behaviour is Behaviour.FAILS_IN_CONSTRUCTOR:
            self.closed = True
            raise TypeError("not like this")

    def __await__(self) -> Generator[Any, Any, Entry]:
        return self._start().__await__()

    @property
    def worker_address(self) -> str:
        return self.workers[0].address

    async def _start(self) -> Entry:
        self.starting = True
        World.current.started(self)
        try:
            await self._start_as_it_does()
        finally:
            self.starting = False
        self.status = Status.running
        return self

    async def _start_as_it_does(self) -> None:
        await asyncio.sleep(self._start_takes)
        match self.behaviour:
            case Behaviour.SLOW:
                await asyncio.sleep(LATE)
            case Behaviour.FAILS_IN_START:
                raise RuntimeError("no luck")
            case Behaviour.HANGS_IN_START:
                await asyncio.Event().wait()
            case Behaviour.DEAF_IN_START:
                await World.current.deaf()
                return
            case Behaviour.NEVER_REGISTERS:
                return
            case Behaviour.REGISTERS_LATE:
                self._tasks.append(World.current.spawn(self._register(LATE)))
                return
            case Behaviour.LIES_ABOUT_ITS_NAME:
                self._members = [f"not-{name}" for name in self._members]
            case _:
                pass
        await self._register()
        match self.behaviour:
            case Behaviour.FAILS_AFTER_REGISTERING:
                raise RuntimeError("no luck in the end")
            case Behaviour.HANGS_AFTER_REGISTERING:
                await asyncio.Event().wait()
            case Behaviour.DIES | Behaviour.ENDS | Behaviour.LOSES_A_MEMBER:
                self._tasks.append(World.current.spawn(self._die_later()))
            case _:
                pass

    async def _register(self, delay: float = 0) -> None:
        await asyncio.sleep(delay)
        for name in self._members:
            worker = QuietWorker(
                self._scheduler, name=name, nthreads=1, memory_limit=0, dashboard=False
            )
            self.workers.append(worker)
        try:
            await asyncio.gather(*self.workers)
        finally:
            if self.closed and self.behaviour not in GOES_ON:
                # A worker that is closed in the moment in which it registers runs all the same.
                World.current.spawn(self._close_workers())

    async def _close_workers(self) -> None:
        await asyncio.gather(*(worker.close(timeout=1) for worker in self.workers))

    async def _die_later(self) -> None:
        await asyncio.sleep(LIFE)
        self.die(
            says_so=self.behaviour is Behaviour.ENDS,
            one=self.behaviour is Behaviour.LOSES_A_MEMBER,
        )

    def die(self, *, says_so: bool, one: bool = False) -> None:
        """End as if somebody had killed it, or one of its members."""
        for worker in self.workers[:1] if one else self.workers:
            if worker.is_alive:
                worker.die()
        if says_so and not one:
            self.status = Status.closed

    def close(self) -> Coroutine[Any, Any, None]:
        if not self.closed:
            self.closed_at = asyncio.get_running_loop().time()
        self.closed = True
        if self.behaviour is Behaviour.RAISES_BEFORE_CLOSE:
            for worker in self.workers:
                worker.stubborn = True
            raise RuntimeError("will not even begin to close")
        return self._close()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self.behaviour in GOES_ON:
            for worker in self.workers:
                worker.stubborn = True
        match self.behaviour:
            case Behaviour.HANGS_IN_CLOSE:
                await asyncio.Event().wait()
            case Behaviour.DEAF_IN_CLOSE:
                await World.current.deaf()
            case Behaviour.RAISES_IN_CLOSE:
                raise RuntimeError("will not close")
            case _:
                pass
        await self._close_workers()
        self.status = Status.closed


class World:
    """What is true of all entries of one cluster, and what must not happen to them."""

    current: ClassVar[World]

    def __init__(self) -> None:
        World.current = self
        self.healed = False
        self.closing = False
        self.entries: list[Entry] = []
        self.killed: set[str] = set()
        self.came: dict[str, float] = {}
        # What went with a worker.
        self.lost: set[Any] = set()
        self.wrong: list[str] = []
        self.seen: Counter[Behaviour] = Counter()
        self.may_start = 1
        self._released = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- what entries do

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something of an entry beside it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def deaf(self) -> None:
        """Wait for ever, whoever cancels it."""
        while not self._released.is_set():
            try:
                await self._released.wait()
            except asyncio.CancelledError:
                continue

    def made(self, entry: Entry) -> None:
        """Note a new entry."""
        self.seen[entry.behaviour] += 1
        twice = [one for one in self.entries if one.name == entry.name and not one.closed]
        if twice:
            self.wrong.append(f"{entry.name} is made again before it was told to close")
        self.entries.append(entry)

    def started(self, entry: Entry) -> None:
        """Note that an entry is being started."""
        starting = [one for one in self.entries if one.starting and not one.closed]
        # One that has registered costs nothing any more, and may have to hand its data over.
        starting = [one for one in starting if not any(w.is_alive for w in one.workers)]
        if len(starting) > self.may_start:
            self.wrong.append(f"{len(starting)} starts are under way at once")
        if len({one.name for one in starting}) < len(starting):
            self.wrong.append(f"{entry.name} is started twice at once")

    def worker_added(self, address: str) -> None:
        """Note when the scheduler comes to know a worker."""
        self.came[address] = asyncio.get_running_loop().time()

    def worker_removed(self, address: str, lost: set[Any], blamed: set[Any]) -> None:
        """Note what the scheduler loses with a worker."""
        self.lost |= lost | blamed
        entry = self._entry_of(address)
        # Nobody can tell whose data it is that a liar holds.
        excused = entry is not None and entry.behaviour is Behaviour.LIES_ABOUT_ITS_NAME
        if self.closing or excused or address in self.killed:
            return
        if entry is not None and entry.closed_at <= self.came[address]:
            # It goes in the moment in which it comes, and nobody can have known of it.
            blamed = set()
        who = address if entry is None else f"{entry.name} ({entry.behaviour})"
        if lost:
            self.wrong.append(f"{sorted(lost)} are lost with {who}")
        if blamed:
            self.wrong.append(f"{sorted(blamed)} are blamed for {who}")

    def _entry_of(self, address: str) -> Entry | None:
        for entry in self.entries:
            if any(worker.address_safe == address for worker in entry.workers):
                return entry
        return None

    # -- what the test does

    def alive(self) -> list[Entry]:
        """Return the entries that have a worker which can be killed."""
        return [one for one in self.entries if any(worker.is_alive for worker in one.workers)]

    def left(self) -> list[str]:
        """Return which entries were not ended although they could have been."""
        found = []
        for entry in self.entries:
            if not entry.closed:
                found.append(f"{entry.name} ({entry.behaviour}) was not told to close")
            elif entry.starting and entry.behaviour is not Behaviour.DEAF_IN_START:
                found.append(f"{entry.name} ({entry.behaviour}) is still being started")
            elif entry.behaviour not in GOES_ON and any(w.is_alive for w in entry.workers):
                found.append(f"{entry.name} ({entry.behaviour}) still runs")
        return found

    async def end(self) -> None:
        """End whatever would not end by itself."""
        self.closing = True
        self._released.set()
        for task in self._tasks:
            task.cancel()
        for entry in self.entries:
            for worker in entry.workers:
                # One whose registration was cut off listens already.
                unborn = worker.status is Status.init
                if unborn or worker.dead or worker.stubborn or worker.is_alive:
                    await worker.bury()


def entry_of(behaviour: str = Behaviour.GOOD, size: int = 0, **options: Any) -> dict[str, Any]:
    """Return an entry of a spec; one of size 0 is a worker without a group."""
    one: dict[str, Any] = {"cls": Entry, "options": {"behaviour": str(behaviour), **options}}
    return {**one, "group": [f"-{number}" for number in range(size)]} if size else one
