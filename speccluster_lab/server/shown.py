"""One cluster as this server shows it: the changes that are told, applied and handed on."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

import jsonpatch
from jsonpointer import JsonPointerException, resolve_pointer
from pydantic import ValidationError

from speccluster_lab.errors import SpecClusterError
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    PatchEvent,
    PatchOperation,
    SnapshotEvent,
)
from speccluster_lab.spec.lifetimes import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable

    from speccluster_lab.spec.api import Patch

__all__ = ["Shown"]

# What jsonpatch raises for a patch that does not fit, its own errors and others.
_MISFITS: Final = (
    jsonpatch.JsonPatchException,
    JsonPointerException,
    LookupError,
    TypeError,
    ValidationError,
)


class Shown:
    """Keeps what has been told last of a cluster.

    Parameters
    ----------
    cluster : Cluster
        What is known before anything is told.
    publish : callable
        Takes the cluster's id and each change.
    """

    def __init__(self, cluster: Cluster, publish: Callable[[str, Patch], None]) -> None:
        self.id = cluster.id
        self.pushed = cluster
        """The cluster as the published changes have made it."""
        self.said_goodbye = False
        """Whether its host has told that it ends."""
        self.why_ended: str | None = None
        """Why it has stopped by itself, where its host has told that."""
        self._publish = publish
        self._document: Any = cluster.model_dump(mode="json")
        self._answered: Cluster | None = None
        self._seq = 0
        self._is_stopping = False

    @property
    def newest(self) -> Cluster:
        """The cluster as told last, be it by a change or by the answer to a call."""
        if self._answered is not None and self._answered.generation > self.pushed.generation:
            return self._answered
        return self.pushed

    def begin(self) -> None:
        """Publish the cluster as a new one."""
        self._publish_whole()

    def end(self) -> None:
        """Publish that the cluster has gone."""
        self._publish(self.id, [PatchOperation(op="remove", path="")])

    def stopping(self) -> None:
        """Show it as stopping from now on, whatever the host tells."""
        self._is_stopping = True
        self.replace(self.pushed)

    def answer(self, answered: Cluster) -> Cluster:
        """Take what a host has answered to a change, and return the cluster as it is now."""
        self._answered, told = answered, self.pushed
        if answered.generation == told.generation and told.phase is not ClusterPhase.STOPPING:
            # What has been told last does not know yet of a change that is none of the spec.
            return answered
        return self.newest

    def take(self, event: SnapshotEvent | PatchEvent) -> None:
        """Take what a host tells.

        Raises
        ------
        SpecClusterError
            It does not fit; the next stream begins with a snapshot.
        """
        match event:
            case SnapshotEvent(snapshot=[cluster]) if cluster.id == self.id:
                self._seq = event.seq
                self.replace(cluster)
            case SnapshotEvent(snapshot=[]):
                self.said_goodbye = True
            case PatchEvent(cluster=self.id, patch=[PatchOperation(op="remove", path="")]):
                self.said_goodbye = True
            case PatchEvent(cluster=self.id) if event.seq == self._seq + 1:
                self._seq = event.seq
                self._apply(event.patch)
            case _:
                raise SpecClusterError(f"the host of cluster {self.id!r} sends a confused stream")
        for condition in self.pushed.conditions:
            if condition.type == ENDED:
                self.why_ended = condition.message

    def _apply(self, patch: Patch) -> None:
        told: Patch = []
        try:
            for one in patch:
                told += self._in_full(one)
                # Dumped, and thereby copied: the readers' copy must not change with the document.
                operation = one.model_dump(by_alias=True, exclude_unset=True)
                self._document = jsonpatch.apply_patch(self._document, [operation], in_place=True)
            cluster = Cluster.model_validate(self._document)
        except _MISFITS as error:
            raise SpecClusterError(
                f"the host of cluster {self.id!r} sent a change that does not fit: "
                f"{type(error).__name__}"
            ) from None
        if self._is_stopping:
            self.replace(cluster)
        else:
            self.pushed = cluster
            self._publish(self.id, told)

    def _in_full(self, operation: PatchOperation) -> Patch:
        """Return an operation so that it says what it brings into the spec, or takes out of it.

        What stands for a secret there depends on the place: readers cannot move it.
        """
        start, end = operation.from_, operation.path
        if start is None or not any(place.startswith("/spec/") for place in (start, end)):
            return [operation]
        value = deepcopy(resolve_pointer(self._document, start))
        added = PatchOperation(op="add", path=end, value=value)
        if operation.op == "copy":
            return [added]
        return [PatchOperation(op="remove", path=start), added]

    def replace(self, cluster: Cluster) -> None:
        """Take a cluster as it is now, whatever it was before."""
        if self._is_stopping:
            # The host may not know yet.
            cluster = cluster.model_copy(update={"phase": ClusterPhase.STOPPING})
        self._answered = None
        if cluster != self.pushed:
            self.pushed = cluster
            self._document = cluster.model_dump(mode="json")
            self._publish_whole()

    def _publish_whole(self) -> None:
        # A document of its own: the one that changes are applied to changes while this one waits.
        whole = self.pushed.model_dump(mode="json")
        self._publish(self.id, [PatchOperation(op="add", path="", value=whole)])
