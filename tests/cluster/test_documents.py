"""Specs as documents: what JSON cannot carry is shown as such, and is kept when it comes back."""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

import pytest
from distributed import Nanny, Worker

from speccluster_lab.cluster.documents import as_document, known_classes, meant
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.models import WorkerSpec


class Thing:
    def __repr__(self) -> str:
        return "a secret"


def _local() -> type:
    class Größe(Worker):
        pass

    return Größe


THING = Thing()


def _entry(**options: Any) -> dict[str, Any]:
    return {"cls": Nanny, "options": {"nthreads": 1, **options}}


def _sent(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what somebody has who was shown an entry."""
    return copy.deepcopy(WorkerSpec.model_validate(as_document(entry)).model_dump())


def _meant(sent: dict[str, Any], before: dict[str, Any] | None, **classes: Any) -> Any:
    return meant(sent, before, classes, "workers.0")


@pytest.mark.parametrize("cls", [_local(), functools.partial(Worker), lambda address: None, Thing])
def test_any_class_is_shown_by_what_looks_like_an_import_path(cls: Any) -> None:
    shown = as_document({"cls": cls})
    assert WorkerSpec.model_validate(shown).cls == shown["cls"]
    assert known_classes([{"cls": cls}, {"cls": "distributed.Worker"}]) == {shown["cls"]: cls}


@pytest.mark.parametrize(
    "value",
    [THING, float("nan"), float("inf"), Thing, [1, [THING]], {"a": {"b": THING}}, {2: THING}],
)
def test_what_comes_back_as_it_was_shown_is_what_it_was(value: Any) -> None:
    entry = _entry(x=value, y=(1, 2))
    sent = _sent(entry)
    assert "secret" not in json.dumps(sent)
    assert _meant(sent, entry) is entry

    sent["options"]["nthreads"] = 2
    found = _meant(sent, entry)
    assert found["cls"] is Nanny
    assert found["options"] == {"nthreads": 2, "x": value, "y": (1, 2)}
    assert found["options"]["x"] is value


def test_objects_are_kept_inside_of_what_is_changed() -> None:
    entry = _entry(x={1: THING, "a": [THING, 1]})
    sent = _sent(entry)
    sent["options"]["x"]["a"][1] = 2
    sent["options"]["x"]["a"].append(3)
    sent["options"]["x"]["b"] = None
    assert _meant(sent, entry)["options"]["x"] == {1: THING, "a": [THING, 2, 3], "b": None}
    del sent["options"]["x"]["1"]
    assert _meant(sent, entry)["options"]["x"] == {"a": [THING, 2, 3], "b": None}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda options: options.update(z={"$object": "x.Y"}), "z"),
        (lambda options: options.update(x={"$object": "x.Y"}), "x"),
        (lambda options: options.update(y=[{"a": options["x"]}]), "y.0.a"),
    ],
)
def test_an_object_that_nobody_has_shown_there_is_refused(change: Any, place: str) -> None:
    entry = _entry(x=THING, y=[])
    sent = _sent(entry)
    change(sent["options"])
    with pytest.raises(InvalidInput) as refused:
        _meant(sent, entry)
    assert refused.value.field == f"workers.0.options.{place}"
    with pytest.raises(InvalidInput):
        _meant(sent, None)


def test_a_class_that_is_known_need_not_be_importable() -> None:
    cls = _local()
    sent = _sent({"cls": cls})
    assert _meant(sent, None) == {**sent, "cls": sent["cls"]}
    assert _meant(sent, None, **{sent["cls"]: cls})["cls"] is cls
    # Of two that look the same, each stays where it is.
    other = _local()
    sent["options"]["nthreads"] = 1
    assert _meant(sent, {"cls": other}, **{sent["cls"]: cls})["cls"] is other
