"""Specs between Python, where they may hold anything, and documents, which are JSON.

A class is shown by its import path, be it importable or not, and an object that JSON cannot carry
by its class alone. What comes back as it was shown is what it was.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.cluster.classes import class_path
from speccluster_lab.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["as_document", "known_classes", "meant"]

_OBJECT: Final = "$object"
_NOTHING: Final = object()


def as_document(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scheduler's or a worker's spec as JSON values."""
    document: dict[str, Any] = {
        "cls": class_path(part["cls"]),
        "options": _as_json(part.get("options") or {}),
    }
    if part.get("group") is not None:
        document["group"] = [str(suffix) for suffix in part["group"]]
    return document


def _as_json(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [_as_json(item) for item in value]
        case float() if not math.isfinite(value):
            return {_OBJECT: class_path(float)}
        case str() | int() | float() | bool() | None:
            return value
        case _:
            # An object that JSON cannot carry; its repr could show what it holds.
            return {_OBJECT: class_path(type(value))}


def known_classes(parts: Iterable[Mapping[str, Any]]) -> dict[str, Callable[..., Any]]:
    """Return the classes that specs hold themselves, by how documents show them.

    Parameters
    ----------
    parts : iterable of mapping
        Specs of workers.
    """
    return {class_path(one["cls"]): one["cls"] for one in parts if not isinstance(one["cls"], str)}


def meant(
    document: dict[str, Any],
    before: Mapping[str, Any] | None,
    classes: Mapping[str, Callable[..., Any]],
    place: str,
) -> Mapping[str, Any]:
    """Return the spec of a worker that a document means.

    Parameters
    ----------
    document : dict
        What was sent.
    before : mapping or None
        The spec that the sender may have been shown there; returned itself where nothing is to
        be another.
    classes : mapping of str to type
        Those that go by a name which need not be their import path.
    place : str
        Where the document stands in what was sent.

    Raises
    ------
    InvalidInput
        An object that cannot be carried is where there was none.
    """
    if before is not None:
        if document == as_document(before):
            return before
        if document["cls"] == class_path(before["cls"]):
            classes = {**classes, document["cls"]: before["cls"]}
    options = (before or {}).get("options") or {}
    return {
        **document,
        "cls": classes.get(document["cls"], document["cls"]),
        "options": _meant(document["options"], options, f"{place}.options"),
    }


def _meant(sent: Any, before: Any, place: str) -> Any:
    if before is not _NOTHING and sent == _as_json(before):
        return before
    match sent:
        case {"$object": str(), **others} if not others:
            raise InvalidInput("is an object that only its owner's program can set", field=place)
        case dict():
            there = {str(key): key for key in before} if isinstance(before, dict) else {}
            return {
                there.get(key, key): _meant(
                    item, before[there[key]] if key in there else _NOTHING, f"{place}.{key}"
                )
                for key, item in sent.items()
            }
        case list():
            known = list(before) if isinstance(before, (list, tuple)) else []
            known += [_NOTHING] * (len(sent) - len(known))
            return [
                _meant(item, one, f"{place}.{number}")
                for number, (item, one) in enumerate(zip(sent, known, strict=False))
            ]
        case _:
            return sent
