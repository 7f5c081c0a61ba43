"""Whether two entries of a spec say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Fingerprint"]


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """An object that a spec carries and that only is equal to itself.

    Equality of foreign objects may be anything (an array's is an array), so identity decides.
    """

    item: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.item is other.item

    def __hash__(self) -> int:
        return id(self.item)


def _freeze(value: Any) -> Any:
    match value:
        case Mapping():
            return ("dict", frozenset((_freeze(k), _freeze(v)) for k, v in value.items()))
        case list() | tuple():
            return ("list", tuple(_freeze(item) for item in value))
        case set() | frozenset():
            return ("set", frozenset(_freeze(item) for item in value))
        case str() | bytes() | int() | float() | bool() | None:
            # The type is part of it: 1, 1.0 and True are different wishes.
            return (type(value).__name__, value)
        case _:
            return _Same(value)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An immutable picture of one entry of a spec, equal when the entry says the same.

    Examples
    --------
    >>> entry = {"cls": "distributed.Nanny", "options": {"nthreads": 1}}
    >>> before = Fingerprint.of(entry)
    >>> entry["options"]["nthreads"] = 2
    >>> before == Fingerprint.of(entry)
    False
    """

    content: Any

    @classmethod
    def of(cls, entry: object) -> Fingerprint:
        """Return the fingerprint of ``entry``, which may be changed afterwards."""
        return cls(_freeze(entry))
