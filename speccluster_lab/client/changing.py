"""Changing a cluster: its size, its entries, and what a change would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from speccluster_lab.client.draft import WorkerSpecDraft
from speccluster_lab.client.reaching import Reaching
from speccluster_lab.spec.api import Adapt, PlanRequest, Scale
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from speccluster_lab.spec.api import Plan
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["Changing"]


class Changing(Reaching):
    """The part of a handle that has its cluster changed."""

    def scale(
        self,
        n: int | None = None,
        *,
        workers: int | None = None,
        cores: int | None = None,
        memory: int | str | None = None,
    ) -> Any:
        """Set the size of the cluster, in exactly one unit; what is surplus moves its data first.

        Parameters
        ----------
        n : int, optional
            Entries.
        workers : int, optional
            Members; rounded up to whole entries.
        cores : int, optional
            Threads; rounded up to whole entries.
        memory : int or str, optional
            Bytes, or text such as ``"6 GiB"``; rounded up to whole entries.

        Raises
        ------
        InvalidInput
            Not exactly one unit, or a size that the cluster cannot have.
        NotRunning
            The cluster is starting or stopping.
        """
        given = _given(entries=n, workers=workers, cores=cores, memory=memory)
        try:
            scale = Scale.model_validate(given)
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._scale, scale)

    async def _scale(self, scale: Scale) -> None:
        self._cluster = await self._reach().scale(scale)

    def adapt(self, minimum: int = 0, maximum: int | None = None) -> Any:
        """Have the cluster keep as many workers as there is work for; a :meth:`scale` ends that.

        Parameters
        ----------
        minimum : int
            Members that there always are; rounded up to whole entries.
        maximum : int, optional
            Members that there are at most; without it, as many as the cluster may have.

        Raises
        ------
        InvalidInput
            A range that the cluster cannot have.
        NotRunning
            The cluster is starting or stopping.
        """
        try:
            adapt = Adapt(minimum=minimum, maximum=maximum)
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._adapt, adapt)

    async def _adapt(self, adapt: Adapt) -> None:
        self._cluster = await self._reach().adapt(adapt)

    def end_adaptive(self) -> Any:
        """End adaptive scaling; the cluster keeps its size.

        Raises
        ------
        NotRunning
            The cluster is starting or stopping.
        """
        return self.sync(self._end_adaptive)

    async def _end_adaptive(self) -> None:
        self._cluster = await self._reach().end_adaptive()

    @property
    def worker_spec(self) -> WorkerSpecDraft:
        """The entries that are wanted, by name: a draft of its own.

        It may be changed as a dict, and :meth:`WorkerSpecDraft.apply` makes that what is wanted.
        """
        return WorkerSpecDraft(self, self._now())

    async def _apply(self, spec: ClusterSpec, if_generation: int) -> int:
        self._cluster = await self._reach().replace_spec(spec, if_generation)
        return self._cluster.generation

    def plan(
        self,
        spec: ClusterSpec | Mapping[str, Any] | None = None,
        *,
        n: int | None = None,
        workers: int | None = None,
        cores: int | None = None,
        memory: int | str | None = None,
        remove: Collection[str] | None = None,
    ) -> Any:
        """Return what a change would do, and what data is at stake; changes nothing.

        Parameters
        ----------
        spec : ClusterSpec or mapping, optional
            A whole new desired state.
        n, workers, cores, memory : optional
            A size, as :meth:`scale` takes it.
        remove : collection of str, optional
            Names of entries that are to go.

        Returns
        -------
        Plan

        Raises
        ------
        InvalidInput
            Not exactly one change, or one that would be refused.
        NotRunning
            The cluster is starting or stopping.
        """
        size = _given(entries=n, workers=workers, cores=cores, memory=memory)
        names = None if remove is None else [str(name) for name in remove]
        try:
            request = PlanRequest.model_validate(
                _given(spec=spec, scale=size or None, remove=names)
            )
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._plan, request)

    async def _plan(self, request: PlanRequest) -> Plan:
        return await self._reach().plan(request)

    def retry(self, entry: str) -> Any:
        """Try an entry again now, whatever its backoff says.

        Parameters
        ----------
        entry : str
            Its name.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        NotRunning
            The cluster is starting or stopping.
        """
        return self.sync(self._retry, str(entry))

    async def _retry(self, entry: str) -> None:
        self._cluster = await self._reach().retry(entry)

    def restart(self, entry: str) -> Any:
        """Have an entry made anew although its spec says the same; its data moves first.

        Parameters
        ----------
        entry : str
            Its name.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        NotRunning
            The cluster is starting or stopping.
        """
        return self.sync(self._restart, str(entry))

    async def _restart(self, entry: str) -> None:
        self._cluster = await self._reach().restart_entry(entry)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
