"""Which entry a member belongs to."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from speccluster_lab.cluster.membership import Membership
    from speccluster_lab.reconcile import EntryState

__all__ = ["Owners"]


class Owners(dict[str, str]):
    """The entry of each member, by the member's name.

    A name has one owner at a time: another entry that is to have it gets it when the first one
    gives it up.

    Parameters
    ----------
    entries : mapping of str to EntryState
        All entries by name.
    membership : Membership
        What the scheduler has.
    heir_of : callable
        Returns the name of the entry that the spec wants to have a member, if there is one.
    touch : callable
        Called with the name of an entry that has got a member in this way.
    """

    __slots__ = ("_entries", "_heir_of", "_membership", "_touch")

    def __init__(
        self,
        entries: Mapping[str, EntryState],
        membership: Membership,
        heir_of: Callable[[str], str | None],
        touch: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._entries = entries
        self._membership = membership
        self._heir_of = heir_of
        self._touch = touch

    def own(self, entry: EntryState) -> None:
        """Give an entry its members."""
        for member in entry.members:
            # One that is on its way out keeps its names until it is gone.
            if self.get(member) not in self._entries:
                self[member] = entry.name

    def disown(self, entry: EntryState) -> None:
        """Take the members of an entry away from it."""
        for member in entry.members:
            if self.get(member) == entry.name:
                del self[member]
                self._hand_on(member, entry)

    def others(self, entry: EntryState) -> dict[str, str]:
        """Return those members of an entry that another one still has, with its name."""
        found = {}
        for member in entry.members:
            owner = self.get(member)
            if owner is not None and owner != entry.name:
                found[member] = owner
        return found

    def _hand_on(self, member: str, owner: EntryState) -> None:
        """Give a name that is free now to the entry that is to have it."""
        heir = self._entries.get(self._heir_of(member) or "")
        if heir is not None and heir is not owner and member in heir.members:
            self[member] = heir.name
            heir.see(self._membership.present(heir.members), monotonic())
            # What it has tried before could not be.
            heir.retry()
            self._touch(heir.name)
