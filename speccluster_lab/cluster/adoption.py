"""Workers that belong to an entry although it expects them under other names."""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING

from speccluster_lab.cluster.closing import told_by

if TYPE_CHECKING:
    from speccluster_lab.cluster.instances import Instances
    from speccluster_lab.cluster.membership import Membership
    from speccluster_lab.cluster.roster import Roster
    from speccluster_lab.reconcile import EntryState

__all__ = ["Adoption"]


class Adoption:
    """Finds the workers of entries that have registered under other names.

    A class may name its workers as it likes: then it may say where its worker is, and
    dask-jobqueue numbers those of a job even where the spec has no group.

    Parameters
    ----------
    roster : Roster
        The entries.
    membership : Membership
        What the scheduler has.
    instances : Instances
        What has been made of the entries.
    """

    def __init__(self, roster: Roster, membership: Membership, instances: Instances) -> None:
        self._roster = roster
        self._membership = membership
        self._instances = instances

    def adopt(self, entry: EntryState) -> None:
        """Take on the workers of an entry that registered under other names."""
        name, owners = entry.name, self._roster.owners
        address = told_by(self._instances.get(name), "worker_address")
        told = self._membership.name_at(address) if isinstance(address, str) else None
        found = {told} if told is not None else self._numbered(name)
        strays = sorted(one for one in found if one not in owners)
        if strays:
            owners.disown(entry)
            entry.adopt(strays, monotonic())
            owners.own(entry)

    def _numbered(self, name: str) -> set[str]:
        if self._roster.desired_of(name).form.group is not None:
            return set()
        number = re.compile(rf"{re.escape(name)}-\d+")
        return {one for one in self._membership.names() if number.fullmatch(one)}
