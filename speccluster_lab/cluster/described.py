"""A cluster as a document: read, checked, applied, and tried beforehand."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import distributed

from speccluster_lab.cluster.classes import check_spec
from speccluster_lab.cluster.documents import as_document, known_classes, meant
from speccluster_lab.cluster.form import Form
from speccluster_lab.cluster.ownloop import awaited_there, called_there
from speccluster_lab.cluster.preview import Preview, preview
from speccluster_lab.cluster.scaling import resized
from speccluster_lab.cluster.shown import Shown
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.api import MAX_GENERATIONS
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping

    from speccluster_lab.cluster.tracked import EntrySpec
    from speccluster_lab.reconcile import Fingerprint
    from speccluster_lab.spec.api import Scale

__all__ = ["Described"]


@dataclass(frozen=True, slots=True, eq=False)
class _Earlier:
    """A desired state, with all that JSON cannot carry, as it is shown."""

    document: ClusterSpec
    entries: Mapping[str, Mapping[str, Any]]
    form: Mapping[str, Any] | None


class Described(Shown):
    """The part of a cluster that is its spec as a document, which is JSON.

    Parameters
    ----------
    **options
        As the other parts take them.
    """

    def __init__(self, **options: Any) -> None:
        self._earlier: deque[_Earlier] = deque(maxlen=MAX_GENERATIONS)
        self._keys: dict[str, Hashable] = {}
        super().__init__(**options)

    @called_there
    def document(self) -> ClusterSpec:
        """Return the desired state as a document."""
        scheduler = self._scheduler_document or {"cls": distributed.Scheduler}
        desired = self._wanted.entries
        return ClusterSpec.model_validate(
            {
                "scheduler": as_document(scheduler),
                "worker": as_document(self.new_spec) if self.new_spec else None,
                "workers": {name: as_document(one.form.entry) for name, one in desired.items()},
            }
        )

    @called_there
    def lasting_document(self) -> ClusterSpec:
        """Return the same without the entries that adaptive scaling has made: it does so again."""
        spec, adapted = self.document(), self.made_by_adaptive()
        kept = {name: entry for name, entry in spec.workers.items() if name not in adapted}
        return spec.model_copy(update={"workers": kept})

    @called_there
    def document_of_size(self, n: int) -> ClusterSpec:
        """Return the desired state that there would be, were there ``n`` entries."""
        spec = self.document()
        wanted = {name: one.form.fingerprint for name, one in self._wanted.entries.items()}
        entries = {name: spec.workers.get(name, spec.worker) for name in resized(self, wanted, n)}
        return spec.model_copy(update={"workers": entries})

    def remember(self) -> None:
        """Keep what is wanted now, so that its document can be applied again at any time.

        That of a cluster whose spec has come as a document can be all the same.
        """
        document, desired = self.lasting_document(), self._wanted.entries
        entries = {name: desired[name].form.entry for name in document.workers}
        form = None if self.new_spec is None else self.new_spec.form().entry
        self._earlier.append(_Earlier(document, entries, form))
        self._keys |= {name: desired[name].key for name in document.workers}

    def has_wanted(self, spec: ClusterSpec) -> bool:
        """Return whether a document is of what is wanted now, or was when it was remembered."""
        return self._remembered(spec) is not None

    def _remembered(self, spec: ClusterSpec) -> _Earlier | None:
        return next((one for one in reversed(self._earlier) if one.document == spec), None)

    def check(self, spec: ClusterSpec) -> None:
        """Refuse a desired state that this cluster cannot have.

        Raises
        ------
        InvalidClass, GroupMismatch, InvalidInput
            With ``field`` naming the place.
        """
        check_spec(spec, self._classes(spec))
        if spec.scheduler != self.document().scheduler:
            raise InvalidInput(
                "the scheduler of a running cluster cannot be changed", field="scheduler"
            )

    @called_there
    def apply(self, spec: ClusterSpec) -> None:
        """Replace the desired state; nothing changes when it is refused.

        What adaptive scaling has made stays its own while it is on.

        Parameters
        ----------
        spec : ClusterSpec
            The new one.

        Raises
        ------
        InvalidClass, GroupMismatch, InvalidInput
            As :meth:`check`; and the worker form cannot go while adaptive scaling is on.
        """
        self.check(spec)
        # A preview does not refuse it: it may be of what comes once that has ended.
        if spec.worker is None and self.new_spec and self.adaptive_range() is not None:
            raise InvalidInput(
                "adaptive scaling makes entries from the worker form: end it first", field="worker"
            )
        self._align()
        entries, form = self._meant(spec)
        current = self.worker_spec
        keys = {str(key): key for key in current}
        for name, key in keys.items():
            if name not in entries and name not in self._wanted.adapted:
                del current[key]
        for name, entry in entries.items():
            key = keys[name] if name in keys else self._key_of(name)
            if entry is not current.get(key):
                current[key] = dict(entry)
        if form is not self.new_spec:
            self.new_spec = form
        self._align()

    def _meant(
        self, spec: ClusterSpec
    ) -> tuple[dict[str, Mapping[str, Any]], Mapping[str, Any] | None]:
        """Return the entries and the worker form that a document means."""
        current = {str(key): entry for key, entry in self.worker_spec.items()}
        earlier, form = self._remembered(spec), self.new_spec
        if earlier is not None:
            return (
                {name: _as_it_is(current.get(name), one) for name, one in earlier.entries.items()},
                None if earlier.form is None else _as_it_is(form, earlier.form),
            )
        document, classes = spec.model_dump(), self._classes(spec)
        entries = {
            # One that is new may be a copy of the form.
            name: meant(entry, current.get(name, form), classes, f"workers.{name}")
            for name, entry in document["workers"].items()
        }
        sent = document["worker"]
        return entries, None if sent is None else meant(sent, form, classes, "worker")

    def _key_of(self, name: str) -> Hashable:
        """Return the key of an entry that is not there: as it was, or as ``scale`` would have it.

        In a document they are all text.
        """
        if name in self._keys:
            return self._keys[name]
        is_number = name.isascii() and name.isdecimal() and str(int(name)) == name
        are_text = any(isinstance(key, str) and key.isdecimal() for key in self.worker_spec)
        return int(name) if is_number and not are_text else name

    def _classes(self, spec: ClusterSpec) -> dict[str, Callable[..., Any]]:
        """Return the classes that the desired state holds, by how its document shows them.

        And those of an earlier one, where that is what a document means.
        """
        forms = {id(one.form): one.form.entry for one in self._wanted.entries.values()}
        others = [one for one in (self.new_spec, self._scheduler_document) if one]
        earlier = self._remembered(spec)
        before = [] if earlier is None else [*earlier.entries.values()]
        if earlier is not None and earlier.form is not None:
            before.append(earlier.form)
        return known_classes([*forms.values(), *others, *before])

    @awaited_there
    async def preview(
        self,
        *,
        spec: ClusterSpec | None = None,
        scale: Scale | None = None,
        remove: Collection[Hashable] | None = None,
    ) -> Preview:
        """Return what a change would do, and what data is at stake; nothing is changed.

        Parameters
        ----------
        spec : ClusterSpec, optional
            The desired state that would be applied,
        scale : Scale, optional
            or the size that would be set,
        remove : collection of hashable, optional
            or the names of the entries that would be removed.

        Raises
        ------
        InvalidClass, GroupMismatch, InvalidInput
            The change would be refused, or not exactly one is given.
        NotRunning
            There is no scheduler that could tell what is at stake.
        """
        if sum(one is not None for one in (spec, scale, remove)) != 1:
            raise InvalidInput("give exactly one of spec, scale, remove")
        self._align()
        wanted = {n: one.form.fingerprint for n, one in self._wanted.entries.items()}
        if spec is not None:
            self.check(spec)
            wanted = self._fingerprints_of(spec)
        elif scale is not None:
            wanted = resized(self, wanted, self.entries_for(scale))
        else:
            for name in map(str, remove or ()):
                if wanted.pop(name, None) is None:
                    raise InvalidInput(f"there is no entry {name!r}", field="remove")
        found = preview(self._executor, wanted)
        return replace(found, stake=await self.at_stake(found.leaving))

    def _fingerprints_of(self, spec: ClusterSpec) -> dict[str, Fingerprint]:
        current = {str(key): entry for key, entry in self.worker_spec.items()}
        wanted = {
            name: current[name].form().fingerprint for name in self._wanted.adapted & current.keys()
        }
        entries, _ = self._meant(spec)
        for name, entry in entries.items():
            same = entry is current.get(name)
            form = current[name].form() if same else Form.of(entry)
            wanted[name] = form.fingerprint
        return wanted


def _as_it_is(there: EntrySpec | None, earlier: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is to be there, which is what is there if that says what it said earlier."""
    return there if there is not None and there.form().entry is earlier else earlier
