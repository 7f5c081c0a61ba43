"""Specs between Python, where they may hold anything, and documents, which are JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from speccluster_lab.cluster.classes import class_path

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_document", "kept"]


def kept(before: dict[str, Any] | None, entry: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return ``before`` where a document says nothing else: it may hold what JSON cannot."""
    return before if before and entry == as_document(before) else entry


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
        case str() | int() | float() | bool() | None:
            return value
        case _:
            # An object that JSON cannot carry; its repr could show what it holds.
            return {"$object": class_path(type(value))}
