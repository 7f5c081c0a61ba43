"""The cluster as it is: the attributes of a handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from distributed.core import Status

from speccluster_lab.client.reaching import Reaching
from speccluster_lab.client.tables import Entries, Members
from speccluster_lab.spec.api import ClusterPhase

if TYPE_CHECKING:
    from speccluster_lab.spec.api import Adaptive, Condition, Entry, Environment, Member

__all__ = ["State"]

_STATUSES: Final = {
    ClusterPhase.STARTING: Status.starting,
    ClusterPhase.RUNNING: Status.running,
    ClusterPhase.DEGRADED: Status.running,
    ClusterPhase.UNREACHABLE: Status.running,
    ClusterPhase.STOPPING: Status.closing,
    ClusterPhase.FAILED: Status.failed,
}


class State(Reaching):
    """The part of a handle that tells how its cluster is."""

    @property
    def name(self) -> str:
        """The cluster's id; dask's name for it."""
        return self.id

    @property
    def phase(self) -> ClusterPhase:
        """Where the cluster is."""
        return self._now().phase

    @property
    def conditions(self) -> list[Condition]:
        """Why it is there."""
        return list(self._now().conditions)

    @property
    def generation(self) -> int:
        """How often the desired state has been changed."""
        return self._now().generation

    @property
    def environment(self) -> Environment | None:
        """The Python that the cluster runs with, and its versions of what dask compares."""
        return self._now().environment

    @property
    def adaptive(self) -> Adaptive | None:
        """The range that adaptive scaling keeps to; ``None`` where it is off."""
        return self._now().adaptive

    @property
    def workers(self) -> dict[str, Entry]:
        """The entries as they stand, by name; displayed as a table."""
        return Entries((entry.name, entry) for entry in self._now().workers)

    @property
    def members(self) -> dict[str, Member]:
        """The dask workers that entries are expected to have, by name; displayed as a table.

        One that is not there has no address.
        """
        members = (one for entry in self._now().workers for one in entry.members)
        return Members((one.name, one) for one in members)

    @property
    def status(self) -> Status:
        """What :class:`distributed.Client` looks at; ``closed`` once this handle is."""
        if self._closed:
            return Status.closed
        return _STATUSES[self._just_now().phase]
