"""How large an entry is, and how many of them have a size that is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dask.utils import parse_bytes

from speccluster_lab.cluster.classes import resolve
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.api import Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["entries_for", "members_of", "resources_of"]


def members_of(form: Mapping[str, Any] | None) -> int:
    """Return how many members an entry of the worker form has."""
    group = form.get("group") if form else None
    return len(group) if group else 1


def resources_of(form: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Return the threads and bytes of one entry of the worker form, where its class says them."""
    says = getattr(resolve(form["cls"]), "resources", None) if form else None
    if form is None or says is None:
        return None
    found: tuple[int, int] = says(form.get("options") or {}, form.get("group"))
    return found


def entries_for(
    scale: Scale, form: Mapping[str, Any] | None, sizes: Mapping[str, Callable[[], int]]
) -> tuple[int, str]:
    """Return how many entries have a size, and which field of the request asks for it.

    Parameters
    ----------
    scale : Scale
        What is asked for.
    form : mapping or None
        The worker form.
    sizes : mapping
        Functions that return the ``cores`` and the ``memory`` (bytes) of one entry.

    Raises
    ------
    InvalidInput
        The form does not say how large an entry is.
    """
    match scale:
        case Scale(entries=int(count)):
            return count, "entries"
        case Scale(workers=int(count)):
            return math.ceil(count / members_of(form)), "workers"
        case Scale(cores=int(count)):
            return math.ceil(count / _per_entry("cores", sizes)), "cores"
        case Scale(memory=int() | str() as memory):
            return math.ceil(parse_bytes(memory) / _per_entry("memory", sizes)), "memory"
        case _:
            raise InvalidInput("give exactly one of entries, workers, cores, memory")


def _per_entry(field: str, sizes: Mapping[str, Callable[[], int]]) -> int:
    try:
        size = sizes[field]()
    except (RuntimeError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"the worker form does not say its {field}: {error}", field=field
        ) from None
    if not size:
        raise InvalidInput(f"the worker form does not limit its {field}", field=field)
    return size
