"""A cluster as a document: read, checked, applied, and tried beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import distributed

from speccluster_lab.cluster.classes import check_spec
from speccluster_lab.cluster.documents import as_document, known_classes, meant
from speccluster_lab.cluster.form import Form
from speccluster_lab.cluster.preview import Preview, preview
from speccluster_lab.cluster.scaling import resized
from speccluster_lab.cluster.shown import Shown
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping

    from speccluster_lab.reconcile import Fingerprint
    from speccluster_lab.spec.api import Scale

__all__ = ["Described"]


class Described(Shown):
    """The part of a cluster that is its spec as a document, which is JSON."""

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

    def check(self, spec: ClusterSpec) -> None:
        """Refuse a desired state that this cluster cannot have.

        Raises
        ------
        InvalidClass, GroupMismatch, InvalidInput
            With ``field`` naming the place.
        """
        check_spec(spec, self._classes())
        if spec.scheduler != self.document().scheduler:
            raise InvalidInput(
                "the scheduler of a running cluster cannot be changed", field="scheduler"
            )

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
            As :meth:`check`.
        """
        self.check(spec)
        self._align()
        entries, form = self._meant(spec)
        current = self.worker_spec
        keys = {str(key): key for key in current}
        for name, key in keys.items():
            if name not in entries and name not in self._wanted.adapted:
                del current[key]
        for name, entry in entries.items():
            key = keys.get(name, name)
            if entry is not current.get(key):
                current[key] = dict(entry)
        if form is not self.new_spec:
            self.new_spec = form
        self._align()

    def _meant(
        self, spec: ClusterSpec
    ) -> tuple[dict[str, Mapping[str, Any]], Mapping[str, Any] | None]:
        """Return the entries and the worker form that a document means."""
        document, form, classes = spec.model_dump(), self.new_spec, self._classes()
        current = {str(key): entry for key, entry in self.worker_spec.items()}
        entries = {
            # One that is new may be a copy of the form.
            name: meant(entry, current.get(name, form), classes, f"workers.{name}")
            for name, entry in document["workers"].items()
        }
        sent = document["worker"]
        return entries, None if sent is None else meant(sent, form, classes, "worker")

    def _classes(self) -> dict[str, Callable[..., Any]]:
        """Return the classes that the desired state holds, by how its document shows them."""
        forms = {id(one.form): one.form.entry for one in self._wanted.entries.values()}
        others = [one for one in (self.new_spec, self._scheduler_document) if one]
        return known_classes([*forms.values(), *others])

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
