"""From a size that is asked for to a number of entries, and to which of them stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dask.utils import parse_bytes

from speccluster_lab.cluster.form import members_of_entry
from speccluster_lab.cluster.sizes import cores_of, entries_with, members_of, memory_of
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.api import Scale

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from speccluster_lab.cluster.form import Form
    from speccluster_lab.cluster.scaled import Scaled
    from speccluster_lab.reconcile import Fingerprint

__all__ = ["entries_for", "entries_of_size", "resized"]


def entries_for(cluster: Scaled, scale: Scale) -> int:
    """Return how many entries have the size that is asked for.

    Raises
    ------
    InvalidInput
        There is no worker form, or it does not say how large one is.
    """
    match scale:
        case Scale(entries=int(amount)):
            wanted, unit = amount, "entries"
        case Scale(workers=int(amount)):
            wanted, unit = entries_of_size(cluster, "workers", amount), "workers"
        case Scale(cores=int(amount)):
            wanted, unit = entries_of_size(cluster, "cores", amount), "cores"
        case Scale(memory=int() | str() as size):
            wanted, unit = entries_of_size(cluster, "memory", int(parse_bytes(size))), "memory"
        case _:
            raise InvalidInput("give exactly one of entries, workers, cores, memory")
    if wanted > len(cluster.worker_spec) and not cluster.new_spec:
        raise InvalidInput("the cluster has no worker form to make entries from", field=unit)
    return wanted


def entries_of_size(cluster: Scaled, unit: str, amount: int) -> int:
    """Return how many entries have an amount of a unit, counting what is really there.

    Parameters
    ----------
    cluster : Scaled
        The cluster.
    unit : str
        ``workers``, ``cores`` or ``memory`` (bytes).
    amount : int
        What they are to have together.
    """
    sizes = _Sizes(cluster, unit)
    order = cluster.first_to_go(len(cluster.worker_spec))
    return entries_with(amount, map(sizes.of, order), sizes.of_next())


class _Sizes:
    """How large the entries of a cluster are, in one unit."""

    def __init__(self, cluster: Scaled, unit: str) -> None:
        self._cluster = cluster
        self._unit = unit
        self._taken = cluster._executor.taken()
        # Entries made by scale share their form.
        self._known: dict[Form, int] = {}

    def of(self, key: Hashable) -> int:
        """Return the size of an entry: what its form says, or else what has registered."""
        form = self._cluster.worker_spec[key].form()
        if form in self._known:
            return self._known[form]
        match self._unit:
            case "workers":
                size: int | None = members_of(form.entry)
            case "cores":
                size = cores_of(form.entry)
            case _:
                size = memory_of(form.entry)
        if size is None:
            field = "nthreads" if self._unit == "cores" else "memory_limit"
            members = self._taken.get(str(key)) or members_of_entry(key, form.entry)
            found = map(self._cluster.info, members)
            return sum(info.get(field) or 0 for info in found)
        self._known[form] = size
        return size

    def of_next(self) -> int | InvalidInput:
        """Return the size of the next entry, or why it is not known."""
        cluster, unit = self._cluster, self._unit
        if unit == "workers":
            return cluster.members_per_entry()
        says = cluster._threads_per_worker if unit == "cores" else cluster._memory_per_worker
        try:
            size = says()
        except (RuntimeError, ValueError, TypeError) as error:
            return InvalidInput(f"the worker form does not say its {unit}: {error}", field=unit)
        return size or InvalidInput(f"the worker form does not limit its {unit}", field=unit)


def resized(cluster: Scaled, wanted: Mapping[str, Fingerprint], n: int) -> dict[str, Fingerprint]:
    """Return the entries that there would be, were there ``n``.

    Parameters
    ----------
    cluster : Scaled
        The cluster.
    wanted : mapping of str to Fingerprint
        The entries that there are to be now.
    n : int
        How many.
    """
    surplus = len(wanted) - n
    gone = {str(key) for key in cluster.first_to_go(surplus)} if surplus > 0 else set()
    left = {name: one for name, one in wanted.items() if name not in gone}
    number = cluster._i
    while len(left) < n and cluster.new_spec is not None:
        name = str(cluster._new_worker_name(number))
        number += 1
        left.setdefault(name, cluster.new_spec.form().fingerprint)
    return left
