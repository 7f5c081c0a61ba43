"""How large entries are, and how many of them have a size that is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from dask.utils import parse_bytes

from speccluster_lab.cluster.classes import resolve
from speccluster_lab.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["cores_of", "entries_with", "members_of", "memory_of"]

# What the worker classes of dask and its friends call them.
_CORES: Final = ("nthreads", "ncores", "threads", "cores")
_MEMORY: Final = ("memory_limit", "memory")


def members_of(form: Mapping[str, Any] | None) -> int:
    """Return how many members an entry has."""
    group = form.get("group") if form else None
    return len(group) if group else 1


def cores_of(form: Mapping[str, Any]) -> int | None:
    """Return the threads of an entry, where its class or its options say them."""
    resources = _resources(form)
    if resources is not None:
        return resources[0]
    options = form.get("options") or {}
    found = next((options[name] for name in _CORES if name in options), None)
    return found if isinstance(found, int) else None


def memory_of(form: Mapping[str, Any]) -> int | None:
    """Return the bytes of memory of an entry, where its class or its options say them."""
    resources = _resources(form)
    if resources is not None:
        return resources[1]
    options = form.get("options") or {}
    found = next((options[name] for name in _MEMORY if name in options), None)
    try:
        return None if found is None else int(parse_bytes(found))
    except ValueError:
        # "auto", which is for the worker to find out.
        return None


def _resources(form: Mapping[str, Any]) -> tuple[int, int] | None:
    says = getattr(resolve(form["cls"]), "resources", None)
    if says is None:
        return None
    found: tuple[int, int] = says(form.get("options") or {}, form.get("group"))
    return found


def entries_with(amount: int, there: Iterable[int], one: int | InvalidInput) -> int:
    """Return how many entries are needed to have an amount.

    Parameters
    ----------
    amount : int
        What all entries together are to have at least.
    there : iterable of int
        What each entry has that is there, in the order in which they would go.
    one : int or InvalidInput
        What a further one has; an error where that is not known, raised if one is needed.

    Raises
    ------
    InvalidInput
        More are needed, and it is not known how much one has.

    Examples
    --------
    >>> entries_with(10, [], 4)
    3
    >>> entries_with(40, [32], 4)
    3
    >>> entries_with(5, [4, 4, 32], 4)
    1
    """
    sizes = list(there)
    total = sum(sizes)
    if total < amount:
        if isinstance(one, InvalidInput):
            raise one
        return len(sizes) + math.ceil((amount - total) / one)
    for gone, size in enumerate(sizes):
        total -= size
        if total < amount:
            return len(sizes) - gone
    return 0
