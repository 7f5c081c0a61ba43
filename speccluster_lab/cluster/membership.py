"""Which dask workers the scheduler has, by name: the observed half of the reconciler's input."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from speccluster_lab.spec.api import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Membership"]

# States of a task on a worker in which it takes a thread, or waits for one.
_QUEUED = frozenset({"executing", "long-running", "ready", "constrained", "resumed", "waiting"})


class Membership:
    """The scheduler's workers, joined to names as text.

    Fed by events and re-read now and then; answers in O(1) whether a member is there.
    """

    def __init__(self) -> None:
        self._info: dict[str, Mapping[str, Any]] = {}
        self._addresses: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._info)

    def names(self) -> Iterable[str]:
        """Return the names of all workers."""
        return self._addresses.keys()

    def address(self, name: str) -> str | None:
        """Return where the worker of this name is, if the scheduler has it."""
        return self._addresses.get(name)

    def present(self, members: Iterable[str]) -> frozenset[str]:
        """Return those of ``members`` that the scheduler has."""
        return frozenset(name for name in members if name in self._addresses)

    def add(self, address: str, info: Mapping[str, Any]) -> str:
        """Note a worker; return its name."""
        name = str(info["name"])
        # What an event says lacks the metrics that an earlier reading had.
        self._info[address] = {**self._info.get(address, {}), **info}
        self._addresses[name] = address
        return name

    def remove(self, address: str) -> str | None:
        """Note that a worker has gone; return its name if it was known."""
        info = self._info.pop(address, None)
        if info is None:
            return None
        name = str(info["name"])
        # Its successor of the same name may have registered before.
        if self._addresses.get(name) == address:
            del self._addresses[name]
        return name

    def replace(self, workers: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Take a full reading over; return the names that have come or gone since the last."""
        before = dict(self._addresses)
        self._info = dict(workers)
        self._addresses = {str(info["name"]): address for address, info in workers.items()}
        return {
            name
            for name in before.keys() | self._addresses.keys()
            if before.get(name) != self._addresses.get(name)
        }

    def member(self, name: str) -> Member:
        """Return a worker as the API shows it; one that is not there has only its name."""
        address = self._addresses.get(name)
        if address is None:
            return Member(name=name)
        info = self._info[address]
        metrics: Mapping[str, Any] = info.get("metrics") or {}
        seen = info.get("last_seen")
        counts: Mapping[Any, int] = metrics.get("task_counts") or {}
        return Member(
            name=name,
            address=address,
            status=info.get("status"),
            nthreads=info.get("nthreads"),
            memory_limit=info.get("memory_limit"),
            memory_used=metrics.get("memory"),
            cpu=None if metrics.get("cpu") is None else round(metrics["cpu"] / 100, 2),
            tasks=sum(count for state, count in counts.items() if state in _QUEUED),
            last_seen=None if seen is None else datetime.fromtimestamp(round(seen), UTC),
        )
