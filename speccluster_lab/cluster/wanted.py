"""What the owner wants: ``worker_spec`` and the worker form, read into entries by name."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from speccluster_lab.cluster.adaptive import still_adapts
from speccluster_lab.cluster.form import Desired
from speccluster_lab.cluster.tracked import EntrySpec, WorkerSpecs
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping

    import distributed

    from speccluster_lab.cluster.form import Form
    from speccluster_lab.reconcile import Fingerprint

__all__ = ["Wanted"]


class Wanted:
    """The desired entries of a cluster; a reading costs as much as has been changed.

    Attributes
    ----------
    specs : WorkerSpecs
        What the owner edits, from any thread.
    form : EntrySpec or None
        The worker form.
    entries : dict of str to Desired
        What the last reading has found.
    adapted : set of str
        Those of them that adaptive scaling has made.
    """

    def __init__(self) -> None:
        self.specs = WorkerSpecs()
        self.form: EntrySpec | None = None
        self.entries: dict[str, Desired] = {}
        self.adapted: set[str] = set()
        self._owners: dict[str, str] = {}
        self._numbers = count()
        self._last_form: Fingerprint | None = None

    def replace_specs(self, entries: Mapping[Hashable, object]) -> None:
        """Have other entries than before, all of which count as touched."""
        before, self.specs = self.specs, WorkerSpecs(entries)
        self.specs.touch([*before, *before.peek()])

    def owner_of(self, member: str) -> str | None:
        """Return the entry that is to have a member."""
        return self._owners.get(member)

    def owners(self) -> dict[str, str]:
        """Return the entry of each member."""
        return dict(self._owners)

    def form_fingerprint(self) -> Fingerprint | None:
        """Return what the worker form says."""
        return None if self.form is None else self.form.form().fingerprint

    def read(
        self, adapting: distributed.Adaptive | None = None
    ) -> tuple[dict[str, Desired | None], bool]:
        """Read what has been changed since the last time.

        Parameters
        ----------
        adapting : Adaptive, optional
            What has changed it, if it has not been ended meanwhile.

        Returns
        -------
        changes : dict of str to Desired or None
            Entries that are to be something else; ``None`` for those that are not wanted now.
        by_owner : bool
            Whether they or the worker form say something else than before, and that was not
            adaptive scaling.

        Raises
        ------
        InvalidInput
            Something in it cannot be; then all of it is left as it was, to be read again.
        """
        touched = self.specs.touched()
        # Asked afterwards: who scales by hand in another thread ends it before anything is touched.
        by_adaptive = still_adapts(adapting)
        try:
            changes = self._changes(touched)
            form = self.form_fingerprint()
        except InvalidInput:
            self.specs.touch(touched)
            raise
        except Exception as error:
            # What a spec holds is somebody else's: a name whose text raises, a dict in itself.
            self.specs.touch(touched)
            raise InvalidInput(f"cannot be read: {type(error).__name__}") from error
        changed = bool(changes) or form != self._last_form
        self._last_form = form
        for name, one in changes.items():
            self._take_over(name, one, by_adaptive=by_adaptive)
        return changes, changed and not by_adaptive

    def _changes(self, touched: Iterable[Hashable]) -> dict[str, Desired | None]:
        found: dict[str, Desired | None] = {}
        for key in touched:
            name = str(key)
            entry, before = self.specs.get(key), self.entries.get(name)
            if entry is None:
                if before is not None and before.key == key:
                    found.setdefault(name, None)
                continue
            form = self._form_of(name, entry)
            other = found.get(name) or before
            if other is not None and other.key != key and other.key in self.specs:
                raise InvalidInput(
                    f"two entries of worker_spec have the same name as text: {other.key!r} and "
                    f"{key!r}",
                    field=f"workers.{name}",
                )
            if before is None:
                found[name] = Desired.of(key, form, next(self._numbers))
            elif before.key != key or before.form.fingerprint != form.fingerprint:
                found[name] = Desired.of(key, form, before.number)
        self._refuse_shared_members(found)
        return found

    def _form_of(self, name: str, entry: EntrySpec) -> Form:
        if name.startswith(HOLDER_PREFIX):
            text = f"must not begin with {HOLDER_PREFIX!r}, which is reserved"
            raise InvalidInput(text, field=f"workers.{name}")
        try:
            return entry.form()
        except InvalidInput as error:
            error.field = f"workers.{name}" + (f".{error.field}" if error.field else "")
            raise

    def _refuse_shared_members(self, changes: Mapping[str, Desired | None]) -> None:
        taken: dict[str, str] = {}
        for name, one in changes.items():
            for member in one.members if one is not None else ():
                owner = taken.get(member) or self._owners.get(member, name)
                if owner != name and self._has(changes, owner, member):
                    raise InvalidInput(
                        f"entries {owner!r} and {name!r} both have a member {member!r}",
                        field=f"workers.{name}",
                    )
                taken[member] = name

    def _has(self, changes: Mapping[str, Desired | None], name: str, member: str) -> bool:
        one = changes.get(name, self.entries.get(name))
        return one is not None and member in one.members

    def _take_over(self, name: str, one: Desired | None, *, by_adaptive: bool) -> None:
        before = self.entries.pop(name, None) if one is None else self.entries.get(name)
        for member in before.members if before is not None else ():
            if self._owners.get(member) == name:
                del self._owners[member]
        if one is not None:
            self.entries[name] = one
            for member in one.members:
                self._owners[member] = name
        if by_adaptive and before is None:
            self.adapted.add(name)
        elif self.adapted and (one is None or not by_adaptive):
            self.adapted.discard(name)

    def named(self, names: Collection[Hashable]) -> list[Hashable]:
        """Return the keys of entries that are named themselves, or by all of their members."""
        texts = {str(name) for name in names}
        owners = {owner for text in texts if (owner := self._owners.get(text)) is not None}
        found = [(name, self.entries.get(name)) for name in sorted(texts | owners)]
        return [
            one.key
            for name, one in found
            if one is not None and (name in texts or texts.issuperset(one.members))
        ]
