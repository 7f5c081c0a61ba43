"""The work that is measured. Each row does it once, with one of the two classes."""

from __future__ import annotations

import asyncio
import gc
import math
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from operator import delitem, setitem
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import dask
from distributed.core import Status
from fakes import FakeWorker
from measure import Heartbeat, NotDone, Stopwatch, check, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    import distributed
    from fakes import Register

__all__ = [
    "HANG_BOUND",
    "ROWS",
    "Figure",
    "Medians",
    "Row",
    "Samples",
    "Setting",
    "Side",
    "Target",
    "cluster_of",
    "whole",
]

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two classes that are compared."""

    name: str
    cls: type[distributed.SpecCluster]

    @property
    def ours(self) -> bool:
        """Whether it is the one that replaces what is edited or lost."""
        return self.name == "ours"


@dataclass(frozen=True, slots=True)
class Setting:
    """How much of everything.

    Parameters
    ----------
    scheduler : type
        :class:`fakes.FakeScheduler` or :class:`fakes.RealScheduler`.
    sizes : tuple of int
        Of the clusters that come and go as a whole.
    large, small : int
        Of the clusters in which one entry changes; ``large`` also of the one that loses half.
    steps : int
        How far the cluster is scaled one by one.
    repeats : int
        Changes of one entry in a round, of each kind.
    lost_timeout : float
        Seconds that a worker has to be gone before it counts as lost.
    limit : float
        Seconds that a row may take, once and with one class. A single wait may take half of them.
    """

    scheduler: type
    sizes: tuple[int, ...]
    large: int
    small: int
    steps: int
    repeats: int
    lost_timeout: float
    limit: float

    @property
    def patience(self) -> float:
        """Seconds after which something counts as not happening."""
        return self.limit / 2


@dataclass(frozen=True, slots=True)
class Figure:
    """Something that a row measures.

    Parameters
    ----------
    row, title : str
        Which row, and what of it.
    clock : str
        ``cpu`` or ``wall``.
    unit : str
        ``s``, or ``MiB``.
    share : float
        What is told of all samples: the least that so large a share of them does not exceed. The
        median if nothing is said.
    """

    row: str
    title: str
    clock: str = "cpu"
    unit: str = "s"
    share: float = 0.5

    def of(self, values: Sequence[float]) -> float:
        """Return what is told of samples; there is one at least."""
        if self.share == 0.5:
            return median(values)
        return sorted(values)[math.ceil(self.share * len(values)) - 1]


Samples = dict[Figure, list[float]]


@dataclass(frozen=True, slots=True)
class Target:
    """What must be reached.

    Parameters
    ----------
    text : str
        What it says.
    limit : float
        The most that ``value`` may be.
    value : float
        What it is.
    unit : str
        ``s``, or ``x`` for a ratio.
    """

    text: str
    limit: float
    value: float
    unit: str = "x"

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Medians:
    """What is told of the figures of both sides, for the targets: the medians of most."""

    stock: Mapping[Figure, float]
    ours: Mapping[Figure, float]

    def ratio(self, figure: Figure) -> float:
        """Return ours over stock's."""
        return self.ours[figure] / self.stock[figure]


@dataclass(frozen=True, slots=True)
class Row(Generic[S]):
    """One row of the table, for settings of one kind."""

    about: str
    run: Callable[[Side, S], Awaitable[Samples]]
    targets: Callable[[S, Medians], Iterator[Target]]


# -- clusters --------------------------------------------------------------------------------------


@asynccontextmanager
async def cluster_of(side: Side, setting: Setting, entries: int = 0) -> AsyncIterator[Any]:
    """Have a cluster of so many entries, all registered."""
    cluster: Any = side.cls(
        scheduler={"cls": setting.scheduler, "options": {}},
        worker={"cls": FakeWorker, "options": {}},
        asynchronous=True,
    )
    await cluster
    try:
        if entries:
            cluster.scale(entries)
            await cluster
            await whole(cluster, entries, setting)
        yield cluster
    finally:
        # What a row holds up is to end, or the stock class would wait for it.
        scheduler: Register = cluster.scheduler
        scheduler.gate.set()
        scheduler.release.set()
        async with asyncio.timeout(setting.patience):
            await cluster.close()


def _counts(cluster: Any) -> tuple[int, int, int]:
    """Return how many workers there are: instances, for the scheduler, for the cluster."""
    registered = cluster.scheduler_info["workers"]
    return len(cluster.workers), len(cluster.scheduler.workers), len(registered)


async def whole(cluster: Any, entries: int, setting: Setting) -> None:
    """Wait until there are so many workers, on both sides, and nothing is left to be done."""

    def is_whole() -> bool:
        # The stock class has no generations: when it has counted them it is done.
        done = getattr(cluster, "observed_generation", 0) == getattr(cluster, "generation", 0)
        return done and _counts(cluster) == (entries,) * 3

    def what() -> str:
        return f"not {entries} (instances, registered, known) but {_counts(cluster)}"

    await until(is_whole, what, setting.patience)


# -- all at once -----------------------------------------------------------------------------------


def _bulk_figure(entries: int) -> Figure:
    return Figure("bulk", f"0 → {entries:,} → 0")


async def _bulk(side: Side, setting: Setting) -> Samples:
    samples: Samples = {}
    for entries in setting.sizes:
        async with cluster_of(side, setting) as cluster:
            with Stopwatch() as up:
                cluster.scale(entries)
                await cluster
                await whole(cluster, entries, setting)
            with Stopwatch() as down:
                cluster.scale(0)
                await cluster
                await whole(cluster, 0, setting)
            check(cluster.scheduler.closings == entries, f"{entries} workers were not closed")
        samples[Figure("bulk", f"0 → {entries:,}")] = [up.cpu]
        samples[Figure("bulk", f"{entries:,} → 0")] = [down.cpu]
        samples[_bulk_figure(entries)] = [up.cpu + down.cpu]
    return samples


def _bulk_targets(setting: Setting, medians: Medians) -> Iterator[Target]:
    for entries in setting.sizes:
        figure = _bulk_figure(entries)
        yield Target(f"{figure.title}, against stock", 1.2, medians.ratio(figure))
    least, most = min(setting.sizes), max(setting.sizes)
    if most >= 10 * least:
        growth = medians.ours[_bulk_figure(most)] / medians.ours[_bulk_figure(least)]
        # 14 for ten times as many.
        limit = 1.4 * most / least
        yield Target(f"growth from {least:,} to {most:,}", limit, growth)


# -- one entry of many -----------------------------------------------------------------------------

_KINDS: Final = ("remove", "add", "scale(n + 1)", "scale(n - 1)", "edit")


def _single_figure(kind: str, entries: int) -> Figure:
    return Figure("single", f"{kind}, of {entries:,}")


async def _single(side: Side, setting: Setting) -> Samples:
    samples: Samples = {}
    for entries in (setting.small, setting.large):
        async with cluster_of(side, setting, entries) as cluster:
            for kind, changes in _changes(cluster, entries, setting.repeats).items():
                # The stock class does not notice that an entry has been edited.
                if kind == "edit" and not side.ours:
                    continue
                taken = samples[_single_figure(kind, entries)] = []
                # Once for all of a kind: it takes longer than they do.
                gc.collect()
                for change in changes:
                    with Stopwatch(collect=False) as watch:
                        change.make()
                        await cluster
                        await whole(cluster, change.entries, setting)
                    check(change.made(), f"{kind}, of {entries}: nothing has come of it")
                    taken.append(watch.cpu)
    return samples


@dataclass(frozen=True, slots=True)
class _Change:
    """A change, how many entries there are after it, and whether it has come about."""

    make: Callable[[], Any]
    entries: int
    made: Callable[[], bool]


def _changes(cluster: Any, entries: int, repeats: int) -> dict[str, list[_Change]]:
    """Return the changes of each kind, in the order in which they are to be made."""
    spec, workers = cluster.worker_spec, cluster.workers
    # From the middle, where no count of the last or the first helps.
    keys = list(spec)[entries // 2 :][:repeats]
    check(len(keys) == repeats, f"{entries} entries are too few for {repeats} repeats")

    def remove(index: int, key: Any) -> _Change:
        return _Change(lambda: delitem(spec, key), entries - index - 1, lambda: key not in workers)

    def add(index: int, key: Any) -> _Change:
        entry = {"cls": FakeWorker, "options": {"x": index}}
        return _Change(
            lambda: setitem(spec, key, entry),
            entries - repeats + index + 1,
            lambda: workers[key].options == {"x": index},
        )

    def scale(wanted: int) -> _Change:
        return _Change(lambda: cluster.scale(wanted), wanted, lambda: len(spec) == wanted)

    def edit(index: int, key: Any) -> _Change:
        return _Change(
            lambda: setitem(spec[key]["options"], "x", -index),
            entries,
            lambda: workers[key].options == {"x": -index},
        )

    return {
        "remove": [remove(*one) for one in enumerate(keys)],
        "add": [add(*one) for one in enumerate(keys)],
        "scale(n + 1)": [scale(entries + 1 + index) for index in range(repeats)],
        "scale(n - 1)": [scale(entries + repeats - 1 - index) for index in range(repeats)],
        "edit": [edit(*one) for one in enumerate(keys, start=1)],
    }


def _single_targets(setting: Setting, medians: Medians) -> Iterator[Target]:
    for kind in _KINDS:
        large = medians.ours[_single_figure(kind, setting.large)]
        small = medians.ours[_single_figure(kind, setting.small)]
        yield Target(f"{kind}, of {setting.large:,}", 0.005, large, "s")
        yield Target(f"{kind}, of {setting.large:,} against {setting.small:,}", 2, large / small)


# -- nothing to do ---------------------------------------------------------------------------------

# The period in which ours re-reads everything.
_IDLE_FOR = 2.0


async def _idle(side: Side, setting: Setting) -> Samples:
    async with cluster_of(side, setting, setting.large) as cluster:
        with Stopwatch() as watch:
            await asyncio.sleep(_IDLE_FOR)
        await whole(cluster, setting.large, setting)
        with Stopwatch() as awaited:
            await cluster
    return {
        Figure("idle", f"{setting.large:,} workers, a second of nothing"): [watch.cpu / _IDLE_FOR],
        Figure("idle", f"{setting.large:,} workers, await cluster"): [awaited.cpu],
    }


def _idle_targets(setting: Setting, medians: Medians) -> Iterator[Target]:
    yield from ()


# -- one by one ------------------------------------------------------------------------------------


def _steps_figure(setting: Setting) -> Figure:
    return Figure("steps", f"scale by one to {setting.steps:,} and back")


async def _steps(side: Side, setting: Setting) -> Samples:
    async with cluster_of(side, setting) as cluster:
        with Stopwatch() as up:
            for entries in range(1, setting.steps + 1):
                cluster.scale(entries)
                await cluster
                check(len(cluster.workers) == entries, f"{entries} entries are not up")
            await whole(cluster, setting.steps, setting)
        with Stopwatch() as down:
            for entries in reversed(range(setting.steps)):
                cluster.scale(entries)
                await cluster
                check(len(cluster.workers) == entries, f"{entries} entries are not left")
            await whole(cluster, 0, setting)
    return {
        Figure("steps", f"scale by one to {setting.steps:,}"): [up.cpu],
        Figure("steps", "and back"): [down.cpu],
        _steps_figure(setting): [up.cpu + down.cpu],
    }


def _steps_targets(setting: Setting, medians: Medians) -> Iterator[Target]:
    figure = _steps_figure(setting)
    yield Target(f"{figure.title}, against stock", 0.1, medians.ratio(figure))


# -- half of them lost -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _LossFigures:
    lost: int
    of: int
    replaced: bool

    @property
    def _title(self) -> str:
        end = "replaced" if self.replaced else "dropped"
        return f"{self.lost:,} of {self.of:,} lost → {end}"

    @property
    def cpu(self) -> Figure:
        return Figure("loss", self._title)

    @property
    def blocked(self) -> Figure:
        return Figure("loss", f"{self._title}: loop at a stretch")

    @property
    def blocked_without_gc(self) -> Figure:
        return Figure("loss", f"{self._title}: loop at a stretch, garbage aside")

    @property
    def blocked_wall(self) -> Figure:
        return Figure("loss", f"{self._title}: loop at a stretch, by the clock", "wall")


def _loss_figures(setting: Setting, *, replaced: bool) -> _LossFigures:
    return _LossFigures(setting.large // 2, setting.large, replaced)


async def _loss(side: Side, setting: Setting) -> Samples:
    samples: Samples = {}
    for replaced in (False, True):
        # Ours reads it when it is made, the stock class when a worker has gone.
        timeout = f"{setting.lost_timeout} s"
        with dask.config.set({"distributed.deploy.lost-worker-timeout": timeout}):
            cpu, heart = await _lose_half(side, setting, replaced=replaced)
        figures = _loss_figures(setting, replaced=replaced)
        samples[figures.cpu] = [cpu]
        samples[figures.blocked] = [heart.cpu]
        samples[figures.blocked_without_gc] = [heart.without_gc]
        samples[figures.blocked_wall] = [heart.wall]
    return samples


async def _lose_half(side: Side, setting: Setting, *, replaced: bool) -> tuple[float, Heartbeat]:
    """Lose every second worker.

    Parameters
    ----------
    side, setting
        As elsewhere.
    replaced : bool
        Whether to wait for the replacements. If not they wait for a gate, so that they cost
        nothing. The stock class makes them only when it is told to: here, at once.
    """
    async with cluster_of(side, setting, setting.large) as cluster:
        scheduler: Register = cluster.scheduler
        check(scheduler.closings == 0, f"{scheduler.closings} were closed before any was lost")
        before = dict(cluster.workers)
        # By the order of registration, which is not that of names.
        lost = list(scheduler.workers)[1::2]
        left = setting.large - len(lost)
        if not replaced:
            scheduler.gate.clear()

        def dropped() -> bool:
            gone = scheduler.closings >= len(lost)
            return gone and (replaced or len(cluster.workers) == left)

        def what() -> str:
            return f"of {len(lost)} lost ones {scheduler.closings} closed, {_counts(cluster)}"

        with Stopwatch() as watch, Heartbeat() as heart:
            scheduler.lose(lost)
            await until(dropped, what, setting.patience, every=0.01)
            if replaced:
                if not side.ours:
                    cluster.scale(setting.large)
                    await cluster
                await whole(cluster, setting.large, setting)
        gone = set(lost)
        for key, worker in before.items():
            here = cluster.workers.get(key) is worker
            check(here != (worker.worker_address in gone), f"entry {key} is not as it should be")
            check(here != (worker.status is Status.closed), f"entry {key} is {worker.status}")
        extra = scheduler.closings - len(lost)
        check(extra == 0, f"{extra} that were not lost were closed")
        check(heart.beats > 10, "the loop was not watched")
    return watch.cpu, heart


def _loss_targets(setting: Setting, medians: Medians) -> Iterator[Target]:
    dropped = _loss_figures(setting, replaced=False)
    yield Target(f"{dropped.cpu.title}, against stock", 0.15, medians.ratio(dropped.cpu))
    for figures in (dropped, _loss_figures(setting, replaced=True)):
        yield Target(figures.blocked.title, 0.05, medians.ours[figures.blocked], "s")


# -- one that hangs --------------------------------------------------------------------------------

_HANG_ENTRIES = 20
_HANG_DELAY = 0.05
# Twenty times what the others need.
HANG_BOUND: Final = 3.0


def _hang_figure(*, hangs: bool) -> Figure:
    others = _HANG_ENTRIES - 1
    beside = "beside one that hangs" if hangs else "alone"
    return Figure("hang", f"{others} of {_HANG_DELAY * 1000:g} ms usable, {beside}", "wall")


async def _hang(side: Side, setting: Setting) -> Samples:
    samples: Samples = {}
    for hangs in (False, True):
        async with cluster_of(side, setting) as cluster:
            samples[_hang_figure(hangs=hangs)] = [await _start_beside(cluster, hangs=hangs)]
    return samples


async def _start_beside(cluster: Any, *, hangs: bool) -> float:
    """Start all but one entry, or all; return when the good ones are usable, ``inf`` for never."""
    scheduler: Register = cluster.scheduler
    good = set(range(_HANG_ENTRIES))
    entries = {
        key: {"cls": FakeWorker, "options": {"delay": _HANG_DELAY}} for key in range(_HANG_ENTRIES)
    }
    # Neither the first to be started nor the last, in whatever order.
    hanging = _HANG_ENTRIES // 2
    good.discard(hanging)
    if hangs:
        entries[hanging] = {"cls": FakeWorker, "options": {"hangs": True}}
    else:
        del entries[hanging]

    def usable() -> bool:
        registered = {info["name"] for info in cluster.scheduler_info["workers"].values()}
        return good <= registered and good <= set(cluster.workers)

    with Stopwatch() as watch:
        cluster.worker_spec.update(entries)
        aligned = asyncio.ensure_future(_aligned(cluster))
        with suppress(NotDone) if hangs else nullcontext():
            await until(usable, lambda: f"{good} not usable: {_counts(cluster)}", HANG_BOUND)
    never = not usable()
    check(len(scheduler.workers) == len(good), f"{len(scheduler.workers)} workers registered")
    check(hanging not in {info["name"] for info in _infos(cluster)}, "what hangs has registered")
    scheduler.release.set()
    await asyncio.wait_for(aligned, HANG_BOUND)
    return math.inf if never else watch.wall


def _infos(cluster: Any) -> list[dict[str, Any]]:
    return list(cluster.scheduler_info["workers"].values())


async def _aligned(cluster: Any) -> None:
    await cluster


def _hang_targets(setting: Setting, medians: Medians) -> Iterator[Target]:
    alone, beside = (medians.ours[_hang_figure(hangs=hangs)] for hangs in (False, True))
    yield Target("usable beside one that hangs, against alone", 1.2, beside / alone)


ROWS: Final[Mapping[str, Row[Setting]]] = {
    "bulk": Row("all workers come, and go", _bulk, _bulk_targets),
    "single": Row("one entry is added, removed or edited", _single, _single_targets),
    "idle": Row("nothing is to be done", _idle, _idle_targets),
    "steps": Row("scaled one by one, each awaited", _steps, _steps_targets),
    "loss": Row("half of the workers are lost at once", _loss, _loss_targets),
    "hang": Row("the start of one entry hangs", _hang, _hang_targets),
}
