"""Adaptive scaling that decides by entries, so that groups never make it go back and forth.

Stock counts members where the cluster counts entries: with groups of 2 ``adapt(4, 4)`` goes from
4 entries to 2 and back for ever (fault 13 of ``distributed.SpecCluster``).
"""

from __future__ import annotations

import math
import pickle
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, cast

import distributed
from distributed import Scheduler
from distributed.core import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping

    from speccluster_lab.cluster.scaled import Scaled

__all__ = ["Adaptive", "by_entries", "has_own_entries", "still_adapts", "who_adapts"]

_PICTURE: Final = ("plan", "requested", "observed")
_HELD: Final = (
    "adaptive scaling would add entries, but the cluster has no worker form to make them from"
)
_ADAPTING: Final[ContextVar[distributed.Adaptive | None]] = ContextVar("adapting", default=None)


def who_adapts() -> distributed.Adaptive | None:
    """Return the adaptive scaling that asks, or ``None`` where a person or a program does."""
    return _ADAPTING.get()


def still_adapts(one: distributed.Adaptive | None) -> bool:
    """Return whether a step of adaptive scaling may go on: nobody has ended it meanwhile."""
    return one is not None and one.state != "stopped"


@contextmanager
def _adapting(who: distributed.Adaptive) -> Iterator[None]:
    token = _ADAPTING.set(who)
    try:
        yield
    finally:
        _ADAPTING.reset(token)


class EntryOf:
    """Tells the scheduler which of its workers go together."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = dict(owners)

    def __call__(self, worker: Any) -> str:
        """Return the entry of a worker, or its address where it has none."""
        return self._owners.get(str(worker.name)) or str(worker.address)


class _Asking(distributed.Adaptive):
    """What the cluster needs of all adaptive scaling, whoever decides: to be told who asks."""

    @property
    def _entries(self) -> Scaled:
        return cast("Scaled", self.cluster)

    def stop(self, reason: str = "unknown") -> None:
        """End; but not because the cluster has not come up yet.

        The stock class gives up for good where a start takes longer than one interval.
        """
        ended = (Status.closing, Status.closed, Status.failed)
        if reason != "cluster-not-running" or self._entries.status in ended:
            super().stop(reason)

    async def adapt(self) -> None:
        """Look at the load, and add or remove entries."""
        with _adapting(self):
            await super().adapt()

    async def scale_down(  # type: ignore[override]
        self, workers: Collection[Hashable]
    ) -> None:
        """Let workers go, unless it has been ended meanwhile: the scheduler is asked first."""
        if self.state != "stopped":
            await super().scale_down(workers)


class Adaptive(_Asking):
    """As :class:`distributed.Adaptive`, for clusters whose entries may be several workers.

    ``minimum``, ``maximum`` and the target count workers. They are kept with whole entries: no
    fewer workers than ``minimum`` and, where both cannot be had, rather more than ``maximum``.
    Entries that are on their way count as if they were there.
    """

    # What is to go are entries here; the stock class says that they are workers.
    close_counts: Any
    _has_said = False

    async def recommendations(self, target: int) -> dict[str, Any]:
        """Return what to do for ``target`` workers: nothing, more entries, or which to let go."""
        members = self._entries.members_by_entry()
        planned = sum(map(len, members.values()))
        if target > planned:
            self.close_counts.clear()
            more = self._more(target, planned)
            return {"status": "up", "n": len(members) + more} if more else {"status": "same"}
        leave = await self._leave(target, planned, members) if target < planned else []
        firmly = []
        for key in leave:
            self.close_counts[key] += 1
            if self.close_counts[key] >= self.wait_count:
                firmly.append(key)
        for key in list(self.close_counts):
            if key in firmly or key not in leave:
                del self.close_counts[key]
        return {"status": "down", "workers": firmly} if firmly else {"status": "same"}

    def _more(self, target: int, planned: int) -> int:
        per_entry = self._entries.members_per_entry()
        needed = math.ceil((target - planned) / per_entry)
        least = math.ceil((self.minimum - planned) / per_entry)
        room = math.inf if math.isinf(self.maximum) else (self.maximum - planned) // per_entry
        return int(max(0, least, min(needed, room)))

    async def _leave(
        self, target: int, planned: int, members: Mapping[Hashable, Collection[str]]
    ) -> list[Hashable]:
        """Return the entries that can go without coming back."""
        # Above the maximum, a group goes even if that leaves fewer than the load could use.
        least = int(self.minimum if planned > self.maximum else max(target, self.minimum))
        most = max(target, least)
        candidates = await self._candidates(least, members)
        leave: list[Hashable] = []
        left = planned
        while left > most:
            fitting = [key for key in candidates if left - len(members[key]) >= least]
            # Rather one that is enough than several smaller ones that are not.
            enough = (key for key in fitting if left - len(members[key]) <= most)
            key = next(enough, next(iter(fitting), None))
            if key is None:
                break
            candidates.remove(key)
            leave.append(key)
            left -= len(members[key])
        return leave

    async def _candidates(
        self, least: int, members: Mapping[Hashable, Collection[str]]
    ) -> list[Hashable]:
        observed = {str(name) for name in self.observed}
        absent = [key for key, names in members.items() if observed.isdisjoint(names)]
        planned = sum(map(len, members.values()))
        if planned - sum(len(members[key]) for key in absent) <= least:
            return absent
        # Which of them fit is decided here: what the scheduler picks for the target may not.
        target = 0 if planned > self.maximum else least
        names = [str(name) for name in await self.workers_to_close(target=target)]
        place = {name: number for number, name in enumerate(names)}
        free = [key for key, whole in members.items() if whole and place.keys() >= set(whole)]
        return absent + sorted(free, key=lambda key: min(place[name] for name in members[key]))

    async def workers_to_close(self, target: int) -> list[str]:
        """Return the names of workers that the scheduler can do without; groups go together."""
        owners = self._entries.owners_of_members()
        grouped = len(owners) > len(set(owners.values()))
        # One that runs elsewhere may not have this package.
        here = isinstance(self._entries.scheduler, Scheduler)
        if self.worker_key is None and grouped and here:
            found: list[str] = await self.scheduler.workers_to_close(
                target=target,
                key=pickle.dumps(EntryOf(owners)),
                attribute="name",
                **self._workers_to_close_kwargs,
            )
            return found
        return await super().workers_to_close(target)

    async def scale_up(self, n: int) -> None:  # type: ignore[override]
        """Have ``n`` entries."""
        # It may have been ended while the scheduler was asked.
        if self.state == "stopped":
            return
        if self._entries.can_grow():
            self._entries.set_entries(n)
        elif not self._has_said:
            # At each step it would be the same again.
            self._has_said = True
            self._entries._note("AdaptiveHeld", _HELD)

    async def scale_down(  # type: ignore[override]
        self, workers: Collection[Hashable]
    ) -> None:
        """Let entries go; what they hold moves first."""
        if self.state != "stopped":
            self._entries.remove_entries(workers)


def has_own_entries(cls: type[distributed.Adaptive]) -> bool:
    """Return whether a class makes entries in its own way, which may need no worker form."""
    return cls.scale_up not in (distributed.Adaptive.scale_up, Adaptive.scale_up)


def by_entries(cls: type[distributed.Adaptive]) -> type[distributed.Adaptive]:
    """Return a class like ``cls`` that decides by entries where ``cls`` says nothing else.

    One that has an idea of its own of what there is, and of what there is to be, decides itself.
    """
    if cls is distributed.Adaptive:
        return Adaptive
    # Such as one that this has returned before.
    if issubclass(cls, _Asking):
        return cls
    own = any(getattr(cls, name) is not getattr(distributed.Adaptive, name) for name in _PICTURE)
    members = {"__doc__": cls.__doc__, "__module__": cls.__module__}
    return type(cls.__name__, (_Asking, cls) if own else (cls, Adaptive), members)
