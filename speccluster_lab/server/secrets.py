"""Secrets in specs, on their way out of the Jupyter server and back into it.

Who may read clusters may not read what is secret in their specs, and yet a spec that was read and
is sent back must mean what it meant. So a mark goes out in the place of each secret, and what it
stands for comes in the place of each mark (`threats.md`, row 8).
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import re
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel

from speccluster_lab.spec.api import (
    Cluster,
    Event,
    Generation,
    ListedTemplate,
    PatchEvent,
    PatchOperation,
    SnapshotEvent,
)
from speccluster_lab.spec.marks import MARK, MARK_DIGITS, unknown_mark
from speccluster_lab.spec.redaction import REDACTED, is_secret_name, redact, secrets_in
from speccluster_lab.spec.references import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Secrets"]

M = TypeVar("M", bound=BaseModel)

# More than there are secrets in all clusters of a server, and their earlier specs.
_REMEMBERED: Final = 10_000
_POINTED_AT_LISTS: Final = re.compile(r"\d+|-")

# References, and where a template has a field of its form.
_NAMES_A_VALUE: Final = frozenset({*(source.value for source in Source), "$field"})

Path = tuple[str, ...]


class _Known:
    """The secrets of a cluster's spec, looked for when the first text is met that may hold one.

    Most changes of a cluster are numbers, and its spec may be long.
    """

    def __init__(self, cluster: Cluster | None) -> None:
        self._cluster = cluster

    @functools.cached_property
    def longest_first(self) -> list[str]:
        """All of them, each before those that are a part of it."""
        if self._cluster is None:
            return []
        spec = self._cluster.spec
        workers = [*([spec.worker] if spec.worker else []), *spec.workers.values()]
        found = secrets_in([spec.scheduler.options, *(worker.options for worker in workers)])
        return sorted(found, key=len, reverse=True)


class Secrets:
    """Puts marks in the place of secrets, and secrets in the place of its marks.

    A mark says which secret it stands for, to nobody but this object: it is a keyed digest
    (HMAC-SHA256) of the secret and of the option that it is the value of. So the same secret in
    two entries has the same mark, another secret has another one, and a mark that was moved to an
    option whose value is shown stands for nothing. The key is made anew with each server.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[str, str] = OrderedDict()

    def without_in_cluster(self, cluster: Cluster) -> Cluster:
        """Return a cluster without the secrets of its spec, wherever it tells them."""
        known = _Known(cluster)
        spec = cluster.spec.model_dump(mode="json")
        if not known.longest_first and self._without(spec, ("spec",), known) == spec:
            # Nearly all of them, and the rest of a large one takes its time.
            return cluster
        return self._changed(cluster, known)

    def without_in_generation(self, generation: Generation) -> Generation:
        """Return an earlier desired state without its secrets."""
        return self._changed(generation, _Known(None))

    def without_in_template(self, template: ListedTemplate) -> ListedTemplate:
        """Return a template without the secrets that its spec holds."""
        return self._changed(template, _Known(None))

    def without_in_happenings(self, events: Iterable[Event], cluster: Cluster) -> list[Event]:
        """Return what has happened to a cluster without the secrets of its spec."""
        known = _Known(cluster)
        return [self._changed(event, known) for event in events]

    def without_in_change(
        self, event: SnapshotEvent | PatchEvent, cluster: Cluster | None
    ) -> SnapshotEvent | PatchEvent:
        """Return what a reader of changes is told, without secrets.

        Parameters
        ----------
        event : SnapshotEvent or PatchEvent
            What it would be told.
        cluster : Cluster or None
            The one that has changed, if there is one and it is still there.
        """
        if isinstance(event, SnapshotEvent):
            told = [self.without_in_cluster(one) for one in event.snapshot]
            return event.model_copy(update={"snapshot": told})
        known = _Known(cluster)
        patch = [self._operation(one, known) for one in event.patch]
        return event.model_copy(update={"patch": patch})

    def restored(self, request: M, place: str = "") -> M:
        """Return a request with the secrets that its marks stand for.

        Parameters
        ----------
        request : BaseModel
            As it was sent; a spec, or something that has one.
        place : str
            Where a spec is in documents, if the request is one itself and not called so there.

        Raises
        ------
        InvalidInput
            A mark stands for nothing, or for the value of another option.
        """
        document = request.model_dump(mode="json", exclude_unset=True)
        start: Path = ("spec",) if place == "spec" else ()

        def restore(text: str, path: Path) -> str:
            option = _option(path)
            if option is None or MARK.fullmatch(text) is None:
                return text
            secret = self._known.get(text)
            if secret is not None and self._mark(secret, option) == text:
                return secret
            raise unknown_mark(".".join(path[len(start) :]))

        restored = _mapped(document, start, restore)
        return request if restored == document else type(request).model_validate(restored)

    def _changed(self, model: M, known: _Known) -> M:
        document = model.model_dump(mode="json", by_alias=True)
        changed = self._without(document, (), known)
        return model if changed == document else type(model).model_validate(changed)

    def _operation(self, operation: PatchOperation, known: _Known) -> PatchOperation:
        if "value" not in operation.model_fields_set:
            return operation
        pointed = operation.path.split("/")[1:]
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointed)
        value = self._without(operation.value, path, known)
        return operation.model_copy(update={"value": value})

    def _without(self, value: Any, path: Path, known: _Known) -> Any:
        def hide(text: str, path: Path) -> str:
            if not text:
                return text
            option = _option(path)
            if option is None:
                # What programs go by, such as a phase, may happen to be somebody's secret.
                for secret in known.longest_first if path[-1:] == ("message",) else ():
                    text = text.replace(secret, REDACTED)
                return text
            if path[-1] in _NAMES_A_VALUE:
                return text
            is_secret = any(is_secret_name(name) for name in option)
            if is_secret or _tells(text) or any(secret in text for secret in known.longest_first):
                return self._remembered(text, option)
            return text

        return _mapped(value, path, hide)

    def _remembered(self, secret: str, option: Path) -> str:
        mark = self._mark(secret, option)
        self._known[mark] = secret
        self._known.move_to_end(mark)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return mark

    def _mark(self, secret: str, option: Path) -> str:
        what = json.dumps([option, secret]).encode()
        return REDACTED + hmac.new(self._key, what, hashlib.sha256).hexdigest()[:MARK_DIGITS]


def _option(path: Path) -> Path | None:
    """Return which option's value is at a place of a document, if it is one's: its name, and more.

    Without the numbers of lists, so that a mark may move within one.
    """
    match path:
        case ("spec" | "whole", "scheduler" | "worker", "options", *names):
            pass
        case ("spec" | "whole", "workers", _, "options", *names):
            pass
        case _:
            return None
    return tuple(name for name in names if _POINTED_AT_LISTS.fullmatch(name) is None) or None


def _mapped(value: Any, path: Path, change: Callable[[str, Path], str]) -> Any:
    """Return JSON values with each text as ``change`` has it, which is told where that stands."""
    if isinstance(value, dict):
        return {name: _mapped(one, (*path, name), change) for name, one in value.items()}
    if isinstance(value, list):
        return [_mapped(one, (*path, str(at)), change) for at, one in enumerate(value)]
    return change(value, path) if isinstance(value, str) else value


def _tells(text: str) -> bool:
    """Return whether a text looks as if there were a secret in it."""
    return _tells_short(text) if len(text) <= 256 else redact(text) != text


@functools.lru_cache(maxsize=1024)
def _tells_short(text: str) -> bool:
    # Thousands of entries say the same, and are told again and again.
    return redact(text) != text
