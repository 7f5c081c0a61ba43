"""Workers that belong to an entry although it expects them under other names.

A class may name its workers as it likes. Two ways of knowing them are followed: the instance says
where its worker is, as ``SpecCluster``'s documentation asks of it; or the name is the expected one
with a number behind it, as dask-jobqueue has it for a job of several processes, even where the
spec has no group.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from speccluster_lab.cluster.closing import told_by
from speccluster_lab.reconcile import LEAVING
from speccluster_lab.spec.api import EntryPhase

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from speccluster_lab.cluster.instances import Instances
    from speccluster_lab.cluster.membership import Membership
    from speccluster_lab.cluster.roster import Roster
    from speccluster_lab.reconcile import EntryState

__all__ = ["Adoption"]


class Adoption:
    """Gives workers that nobody expects to the entries whose they are.

    Each event costs the same however many entries there are. An entry expects what its spec says
    again as soon as it is closed.

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
        # Workers that nobody has expected, by their names without a number behind.
        self._strays: dict[str, dict[str, None]] = {}
        # Entries by the address at which they say that their worker is, and the other way round.
        self._at: dict[str, str] = {}
        self._told: dict[str, str] = {}
        # Entries that have taken others, by the name that they had expected.
        self._instead_of: dict[str, str] = {}

    # -- workers that nobody expects ---------------------------------------------------------

    def arrive(self, member: str) -> EntryState | None:
        """Note that the scheduler has such a worker; return the entry that has taken it."""
        stem = _without_number(member)
        self._strays.setdefault(stem, {})[member] = None
        address = self._membership.address(member)
        owners, instead_of = self._roster.owners, self._instead_of
        name = (
            self._at.get(address or "")
            or instead_of.get(member)
            or instead_of.get(stem)
            or owners.get(stem)
        )
        entry = self._roster.entries.get(name or "")
        return entry if entry is not None and self.look(entry) else None

    def leave(self, member: str) -> None:
        """Note that the scheduler does not have such a worker any more."""
        stem = _without_number(member)
        strays = self._strays.get(stem)
        if strays is not None:
            strays.pop(member, None)
            if not strays:
                del self._strays[stem]

    def look_again(self, members: Iterable[str]) -> None:
        """Note who of these the scheduler has, and does not have any more.

        Parameters
        ----------
        members : iterable of str
            Names, those of workers that an entry expects included.
        """
        owners, address = self._roster.owners, self._membership.address
        for member in members:
            if member not in owners:
                if address(member) is None:
                    self.leave(member)
                else:
                    entry = self.arrive(member)
                    if entry is not None:
                        self._roster.touch(entry.name)
        if self._strays:
            # An instance may have said where its worker is after that had come.
            by_phase, entries = self._roster.ledger.by_phase, self._roster.entries
            for name in (*by_phase[EntryPhase.WAITING], *by_phase[EntryPhase.DEGRADED]):
                if self.look(entries[name]):
                    self._roster.touch(name)

    def meet(self) -> None:
        """Note that there is another scheduler, which may have workers already."""
        self._strays.clear()
        self.look_again(list(self._membership.names()))

    # -- entries -----------------------------------------------------------------------------

    def look(self, entry: EntryState) -> bool:
        """Give an entry what is there of it under other names; return whether that was anything."""
        made = self._roster.made.get(entry.name)
        if made is None or entry.made_of is None or entry.closing:
            return False
        expected = made.members[0]
        if expected in entry.present or (len(made.members) > 1 and entry.phase not in LEAVING):
            # It names them as was expected; of a group it is not known which one that would be.
            return False
        address = self._where(entry)
        if address is not None:
            member = self._membership.name_at(address)
            found = [] if member is None else self._unowned([member])
        elif entry.phase is EntryPhase.STARTING or made.form.group is not None:
            found = []
        else:
            found = self._unowned([expected, *self._strays.get(expected, ())])
        if not found:
            return False
        owners = self._roster.owners
        owners.disown(entry)
        entry.adopt(sorted(found), monotonic())
        owners.own(entry)
        self._instead_of[expected] = entry.name
        for member in found:
            self.leave(member)
        return True

    def closed(self, entry: EntryState) -> None:
        """Note that an entry expects what its spec says again, or is gone."""
        name = entry.name
        if name in self._told:
            self._forget_where(name)
        if self._has_taken(name):
            del self._instead_of[self._roster.made[name].members[0]]

    def _has_taken(self, name: str) -> bool:
        made = self._roster.made.get(name) if self._instead_of else None
        return made is not None and self._instead_of.get(made.members[0]) == name

    def taken(self) -> dict[str, tuple[str, ...]]:
        """Return the members of the entries that have taken others than they had expected."""
        # The owner may ask from another thread.
        found = map(self._roster.entries.get, list(self._instead_of.values()))
        return {entry.name: entry.members for entry in found if entry is not None}

    def whose(self, names: Collection[str]) -> set[str]:
        """Return those of these entries all of whose members are among ``names``."""
        entries, owners = self._roster.entries, self._roster.owners
        found = {owner for one in names if (owner := owners.get(one)) is not None}
        return {
            one for one in found if self._has_taken(one) and set(entries[one].members) <= set(names)
        }

    def _where(self, entry: EntryState) -> str | None:
        """Return, and remember, where an entry says that its worker is."""
        instance = self._instances.get(entry.name)
        told = told_by(instance, "worker_address") or told_by(instance, "address")
        # What some call an address is a host, of which several entries may have a worker.
        if not isinstance(told, str) or "://" not in told:
            return None
        if self._told.get(entry.name) != told:
            self._forget_where(entry.name)
            self._at[told] = entry.name
            self._told[entry.name] = told
        return told

    def _forget_where(self, name: str) -> None:
        address = self._told.pop(name, None)
        if address is not None and self._at.get(address) == name:
            del self._at[address]

    def _unowned(self, members: Collection[str]) -> list[str]:
        owners, address = self._roster.owners, self._membership.address
        return [one for one in members if one not in owners and address(one) is not None]


def _without_number(member: str) -> str:
    stem, _, number = member.rpartition("-")
    return stem if stem and number.isdecimal() else member
