"""How large a cluster is: scaled by hand, and by adaptive scaling."""

from __future__ import annotations

import math
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, cast

from dask.utils import parse_bytes
from distributed.core import Status
from distributed.utils import NoOpAwaitable

from speccluster_lab.cluster import adaptive
from speccluster_lab.cluster.aligned import Aligned
from speccluster_lab.cluster.choice import first_to_go
from speccluster_lab.cluster.form import members_of_entry
from speccluster_lab.cluster.ownloop import awaited_there, called_there, is_on_loop, is_there
from speccluster_lab.cluster.scaling import entries_for, entries_of_size
from speccluster_lab.cluster.sizes import cores_of, members_of, memory_of
from speccluster_lab.cluster.tracked import EntrySpec
from speccluster_lab.cluster.view import NO_LOAD, Load
from speccluster_lab.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    import distributed
    from tornado.ioloop import IOLoop

    from speccluster_lab.spec.api import Scale

__all__ = ["Scaled"]


_BY_HAND: Final = "the cluster was scaled by hand"
_NO_FORM: Final = "the cluster has no worker form to make entries from"


class Scaled(Aligned):
    """The part of a cluster that knows how large it is, and makes it larger or smaller.

    Parameters
    ----------
    **options
        As :class:`Aligned` takes them.
    """

    def __init__(self, **options: Any) -> None:
        # Held from the look at who may set the size until it is set: the owner may end adaptive
        # scaling from another thread, which must not have the last word. Never while who is
        # subscribed is told.
        self._sizing = RLock()
        super().__init__(**options)

    def new_worker_spec(self) -> dict[Hashable, dict[str, Any]]:
        """Return name and spec of the next entry: a copy of the worker form.

        Raises
        ------
        InvalidInput
            The cluster has no worker form.
        """
        if not self.new_spec:
            raise InvalidInput(_NO_FORM)
        spec = self.worker_spec
        name = self._new_worker_name(self._i)
        # A document's entry "0" is the entry 0.
        while name in spec or str(name) in spec:
            self._i += 1
            name = self._new_worker_name(self._i)
        return {name: EntrySpec.like(self.new_spec.form())}

    def scale(self, n: int = 0, memory: Any = None, cores: int | None = None) -> Any:
        """Set the number of entries; ends adaptive scaling.

        Entries that have not started go first, then those that are idle and hold least; what
        they hold is moved first.

        Parameters
        ----------
        n : int
            Entries.
        memory : str or int, optional
            Bytes, or text such as ``"6 GB"``; at least as many entries as have it.
        cores : int, optional
            Threads; at least as many entries as have them.

        Raises
        ------
        InvalidInput
            It is less than none.
        """
        if memory is not None:
            n = max(n, entries_of_size(self, "memory", int(parse_bytes(memory))))
        if cores is not None:
            n = max(n, entries_of_size(self, "cores", cores))
        by = adaptive.who_adapts()
        if by is not None and is_on_loop(self):
            # Taken over at once: a reading later might find it together with what the owner does.
            self.set_entries(n)
        else:
            self._set_size(n, by)
            cast("IOLoop", self.loop).add_callback(self._align_soon, by)
        return NoOpAwaitable() if self.asynchronous else None

    scale_up = scale

    def _set_size(self, n: int, by: distributed.Adaptive | None) -> None:
        if n < 0:
            raise InvalidInput(f"a cluster cannot have {n} entries", field="entries")
        ended = False
        try:
            with self._sizing:
                if by is None:
                    ended = self._stop_adaptive(_BY_HAND)
                elif not adaptive.still_adapts(by):
                    return
                self._resize(n)
        finally:
            if ended:
                self._say_ended(_BY_HAND)

    def _resize(self, n: int) -> None:
        spec = self.worker_spec
        surplus = len(spec) - n
        if surplus > 0:
            for key in self.first_to_go(surplus) if n > 0 else list(spec):
                spec.pop(key, None)
            # What the loop is reading in this moment is neither noted as touched nor known yet.
            with suppress(KeyError):
                while len(spec) > n:
                    spec.popitem()
        if self.status not in (Status.closing, Status.closed):
            while len(spec) < n:
                spec.update(self.new_worker_spec())

    def first_to_go(self, count: int) -> list[Hashable]:
        """Return the keys of the entries that would go if there were fewer, in that order."""
        form = self._wanted.form_fingerprint()
        return first_to_go(count, self.worker_spec, self._executor, self._load, form)

    def _load(self, member: str) -> Load:
        address = self._watch.membership.address(member)
        return NO_LOAD if address is None else self._watch.view.load(address)

    @awaited_there
    async def scale_down(self, workers: Collection[Hashable]) -> None:
        """Remove entries, given by their names or by all of their members."""
        self.remove_entries(workers)
        await self

    def set_entries(self, n: int) -> None:
        """Set the number of entries at once; to be called on the cluster's loop.

        Parameters
        ----------
        n : int
            Entries, whatever a subclass's own ``scale`` counts.
        """
        by = adaptive.who_adapts()
        if by is not None:
            self._align()
        self._set_size(n, by)
        self._align(by)

    def remove_entries(self, names: Collection[Hashable]) -> None:
        """Remove entries at once; to be called on the cluster's loop.

        Parameters
        ----------
        names : collection of hashable
            Names of entries, or of members: an entry goes when all of its members are named.
        """
        self._align()
        texts = {str(name) for name in names}
        keys = self._wanted.named(texts | self._executor.whose(texts))
        by = adaptive.who_adapts()
        with self._sizing:
            if by is None or adaptive.still_adapts(by):
                for key in keys:
                    self.worker_spec.pop(key, None)
        self._align(by)

    # -- adaptive ----------------------------------------------------------------------------

    def adapt(
        self,
        Adaptive: type[distributed.Adaptive] = adaptive.Adaptive,
        minimum: float = 0,
        maximum: float = math.inf,
        minimum_cores: int | None = None,
        maximum_cores: int | None = None,
        minimum_memory: str | None = None,
        maximum_memory: str | None = None,
        **kwargs: Any,
    ) -> distributed.Adaptive:
        """Turn adaptive scaling on; it counts workers and decides by whole entries.

        Parameters
        ----------
        Adaptive : type, optional
            What decides; what it does not say itself is decided by entries.
        minimum, maximum : int
            Workers.
        minimum_cores, maximum_cores : int, optional
            Threads.
        minimum_memory, maximum_memory : str, optional
            Bytes, or text such as ``"6 GB"``.
        **kwargs
            As :class:`distributed.Adaptive` takes them.

        Raises
        ------
        InvalidInput
            There are to be more than there are, and there is nothing to make entries from.
        """
        can_grow = self.can_grow() or adaptive.has_own_entries(Adaptive)
        if not can_grow and (minimum or 0) > len(self.plan):
            raise InvalidInput(_NO_FORM, field="worker")
        members = self.members_per_entry()
        if minimum_cores is not None:
            entries = math.ceil(minimum_cores / self._threads_per_worker())
            minimum = max(minimum or 0, members * entries)
        if minimum_memory is not None:
            entries = math.ceil(parse_bytes(minimum_memory) / self._memory_per_worker())
            minimum = max(minimum or 0, members * entries)
        if maximum_cores is not None:
            maximum = min(maximum, members * (maximum_cores // self._threads_per_worker()))
        if maximum_memory is not None:
            entries = int(parse_bytes(maximum_memory) // self._memory_per_worker())
            maximum = min(maximum, members * entries)
        return super().adapt(
            Adaptive=adaptive.by_entries(Adaptive), minimum=minimum, maximum=maximum, **kwargs
        )

    def can_grow(self) -> bool:
        """Return whether there is something to make entries from."""
        # A class may have an idea of its own of what scaling adds.
        own = type(self)
        return (
            bool(self.new_spec)
            or own.new_worker_spec is not Scaled.new_worker_spec
            or own.scale is not Scaled.scale
        )

    def end_adaptive(self, why: str = "it was turned off") -> None:
        """End adaptive scaling, if it is on; what it has made stays.

        Parameters
        ----------
        why : str
            For people, in the event that says so.
        """
        with self._sizing:
            ended = self._stop_adaptive(why)
        if ended:
            self._say_ended(why)

    def _stop_adaptive(self, why: str) -> bool:
        current = self._adaptive
        if current is None or current.state not in ("starting", "running"):
            return False
        current.stop(reason=why)
        return True

    def _say_ended(self, why: str) -> None:
        def say() -> None:
            # On the loop, where a last step of it may just have been taken over.
            self._wanted.adapted.clear()
            self._note("AdaptiveEnded", f"adaptive scaling has ended: {why}")

        if is_there(self):
            say()
        else:
            cast("IOLoop", self.loop).add_callback(say)

    def adaptive_range(self) -> tuple[int, int | None] | None:
        """Return the minimum and the maximum that adaptive scaling keeps to, where it is on."""
        current = self._adaptive
        if current is None or current.state not in ("starting", "running"):
            return None
        maximum = current.maximum
        return int(current.minimum), None if math.isinf(maximum) else int(maximum)

    def made_by_adaptive(self) -> frozenset[str]:
        """Return the names of the entries that adaptive scaling has made, where it is on."""
        return frozenset(self._wanted.adapted)

    # -- what there is, as the stock class says it -------------------------------------------

    @property
    @called_there
    def requested(self) -> set[Hashable]:
        """The names of the workers that have been made."""
        names: set[Hashable] = super().requested
        return names

    @property
    @called_there
    def observed(self) -> set[Hashable]:
        """The names of the workers that the scheduler has."""
        names: set[Hashable] = super().observed
        return names

    # -- sizes -------------------------------------------------------------------------------

    def entries_for(self, scale: Scale) -> int:
        """Return how many entries have the size that is asked for.

        Raises
        ------
        InvalidInput
            There is no worker form, or it does not say how large one is.
        """
        return entries_for(self, scale)

    def members_by_entry(self) -> dict[Hashable, tuple[str, ...]]:
        """Return the members that each entry of the spec is to have, as they are named."""
        taken = self._executor.taken()
        return {
            key: taken.get(str(key)) or members_of_entry(key, entry)
            for key, entry in dict(self.worker_spec).items()
        }

    def members_per_entry(self) -> int:
        """Return how many members the next entry will have."""
        return members_of(self.new_spec)

    def members_after(self, entries: int) -> int:
        """Return how many members ``entries`` entries would have."""
        there = [len(one.members) for one in self._wanted.entries.values()]
        return sum(there[:entries]) + max(0, entries - len(there)) * self.members_per_entry()

    def owners_of_members(self) -> dict[str, str]:
        """Return the entry of each member."""
        taken = self._executor.taken().items()
        return self._wanted.owners() | {one: name for name, members in taken for one in members}

    def _threads_per_worker(self) -> int:
        """Return the threads of one entry of the worker form."""
        size = cores_of(self.new_spec) if self.new_spec else None
        return super()._threads_per_worker() if size is None else size

    def _memory_per_worker(self) -> int:
        """Return the bytes of memory of one entry of the worker form."""
        size = memory_of(self.new_spec) if self.new_spec else None
        return super()._memory_per_worker() if size is None else size
