"""The entries that are wanted of a cluster, as a dict that can be changed and applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from speccluster_lab.client.changing import Changing
    from speccluster_lab.spec.api import Cluster

__all__ = ["WorkerSpecDraft"]


class WorkerSpecDraft(dict[str, dict[str, Any]]):
    """What is wanted of a cluster's entries, by name; what is changed in it is yours until applied.

    A copy of it is a plain dict.

    Parameters
    ----------
    handle : ClusterHandle
        The cluster's.
    cluster : Cluster
        As it was when this was asked for.

    Examples
    --------
    >>> spec = cluster.worker_spec  # doctest: +SKIP
    >>> spec["0"]["options"]["nthreads"] = 4  # doctest: +SKIP
    >>> spec.plan().replace  # doctest: +SKIP
    ['0']
    >>> spec.apply()  # doctest: +SKIP
    """

    def __init__(self, handle: Changing, cluster: Cluster) -> None:
        super().__init__((name, one.model_dump()) for name, one in cluster.spec.workers.items())
        self._handle = handle
        self._base = cluster.spec
        self._generation = cluster.generation

    def __reduce__(self) -> tuple[type[dict[Any, Any]], tuple[dict[str, Any]]]:
        # Without the handle, which stays where it is.
        return dict, (dict(self),)

    def apply(self) -> Any:
        """Make this what is wanted; an entry that is another than before is replaced.

        Raises
        ------
        StaleGeneration
            What is wanted has been changed since this was asked for.
        InvalidInput
            An entry that cannot be; ``field`` says where.
        NotRunning
            The cluster is starting or stopping.
        """
        return self._handle.sync(self._apply, self._spec())

    async def _apply(self, spec: ClusterSpec) -> None:
        self._generation = await self._handle._apply(spec, self._generation)

    def plan(self) -> Any:
        """Return what :meth:`apply` would do, and what data is at stake; changes nothing.

        Returns
        -------
        Plan

        Raises
        ------
        InvalidInput, NotRunning
            As :meth:`apply`.
        """
        return self._handle.plan(self._spec())

    def _spec(self) -> ClusterSpec:
        # Names may be numbers here, as they may in a dask cluster.
        document = self._base.model_dump() | {"workers": {str(name): self[name] for name in self}}
        try:
            return ClusterSpec.model_validate(document)
        except ValidationError as error:
            raise invalid_input(error) from None
