"""Which dask workers the scheduler has, by name: the observed half of the reconciler's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Membership"]


class Membership:
    """The scheduler's workers, joined to names as text.

    Fed by events and re-read now and then; answers in O(1) whether a member is there.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        # Where workers of a name have been that no event says to have gone: it is late, or the
        # one that told of its successor is.
        self._before: dict[str, list[str]] = {}
        # What events have said while a reading was on its way: it may be older than they are.
        self._meanwhile: dict[str, str | None] = {}

    def __len__(self) -> int:
        return len(self._names)

    def names(self) -> Iterable[str]:
        """Return the names of all workers."""
        return self._addresses.keys()

    def address(self, name: str) -> str | None:
        """Return where the worker of this name is, if the scheduler has it."""
        return self._addresses.get(name)

    def name_at(self, address: str) -> str | None:
        """Return the name of the worker at an address, if the scheduler has it."""
        return self._names.get(address)

    def present(self, members: Iterable[str]) -> set[str]:
        """Return those of ``members`` that the scheduler has."""
        return {name for name in members if name in self._addresses}

    def add(self, address: str, name: str) -> bool:
        """Note a worker; return whether another one of its name is believed to be there."""
        self._meanwhile[address] = self._names[address] = name
        before = self._addresses.get(name)
        self._addresses[name] = address
        if before is None or before == address:
            return False
        self._before.setdefault(name, []).append(before)
        return True

    def remove(self, address: str) -> str | None:
        """Note that a worker has gone; return its name if no other one has it."""
        self._meanwhile[address] = None
        name = self._names.pop(address, None)
        # Its successor of the same name may have registered before.
        if name is None or self._addresses.get(name) != address:
            return None
        if name in self._before:
            others = [one for one in self._before.pop(name) if self._names.get(one) == name]
            if others:
                self._addresses[name] = others.pop()
                if others:
                    self._before[name] = others
                return None
        del self._addresses[name]
        return name

    def begin_reading(self) -> None:
        """Note that a full reading is asked for."""
        self._meanwhile.clear()

    def end_reading(self, workers: Mapping[str, str]) -> set[str]:
        """Take a full reading over: names by address; return the names that have changed.

        Who has come or gone since it was asked for is left as the events said.
        """
        current = dict(workers)
        for address, name in self._meanwhile.items():
            if name is None:
                current.pop(address, None)
            else:
                current[address] = name
        if current == self._names:
            return set()
        before = self._addresses
        self._before.clear()
        self._names = current
        self._addresses = {name: address for address, name in current.items()}
        return {name for name, _ in before.items() ^ self._addresses.items()}
