"""What a spec may say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from speccluster_lab.errors import InvalidInput, MalformedBody
from speccluster_lab.spec.api import CreateCluster, Scale
from speccluster_lab.spec.models import ClusterSpec, SpecOverlay
from speccluster_lab.spec.names import id_from_name, is_id, member_names, suggest_id
from speccluster_lab.spec.validation import parse_body

NANNY = {"cls": "distributed.Nanny", "options": {"nthreads": 1}}


def test_members_of_the_documented_group() -> None:
    assert member_names(0, ["-0", "-1", "-2"]) == ("0-0", "0-1", "0-2")
    assert member_names(1, ["-0", "-1"]) == ("1-0", "1-1")
    assert member_names("my-worker", None) == ("my-worker",)


def test_a_spec_survives_its_own_json() -> None:
    document = {
        "scheduler": {"cls": "distributed.Scheduler", "options": {"idle_timeout": "1 h"}},
        "worker": {**NANNY, "group": ["-0", "-1"]},
        "workers": {"a": NANNY},
    }
    spec = ClusterSpec.model_validate(document)
    assert json.loads(spec.model_dump_json()) == document


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"workers": {"a": {**NANNY, "colour": "red"}}}, "Extra inputs are not permitted"),
        ({"workers": {"a": {"options": {}}}}, "Field required"),
        ({"workers": {"a": {**NANNY, "cls": "no path"}}}, "should match pattern"),
        ({"workers": {"a": {**NANNY, "cls": "os"}}}, "should match pattern"),
        ({"workers": {"a": {**NANNY, "group": []}}}, "at least 1 item"),
        ({"workers": {"a": {**NANNY, "group": ["-0", "-0"]}}}, "suffix twice"),
        ({"workers": {"a\n": NANNY}}, "control characters"),
        ({"workers": {"": NANNY}}, "at least 1 character"),
        ({"workers": {"~holder-0": NANNY}}, "reserved"),
        ({"workers": {"a": {**NANNY, "options": {"x": float("inf")}}}}, "finite"),
        ({"workers": {"a": {**NANNY, "options": {"x": "\ud800"}}}}, "UTF-8"),
        (
            {"workers": {"a": {**NANNY, "group": ["-0", "b"]}, "a-0": NANNY}},
            "entries 'a' and 'a-0' both have a member 'a-0'",
        ),
    ],
)
def test_a_bad_spec_is_refused_in_words(change: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClusterSpec.model_validate(change)


def test_options_may_not_be_nested_without_end() -> None:
    bottomless: dict = {}
    for _ in range(200):
        bottomless = {"x": bottomless}
    with pytest.raises(ValidationError, match="nested deeper"):
        ClusterSpec.model_validate({"workers": {"a": {**NANNY, "options": bottomless}}})


def test_an_overlay_merges_options_and_replaces_workers() -> None:
    spec = ClusterSpec.model_validate({"worker": NANNY, "workers": {"0": NANNY, "1": NANNY}})
    overlay = SpecOverlay.model_validate(
        {"worker": {"options": {"memory_limit": 0}}, "workers": {"a": NANNY}}
    )
    over = spec.laid_over(overlay)
    assert over.worker is not None
    assert over.worker.options == {"nthreads": 1, "memory_limit": 0}
    assert list(over.workers) == ["a"]


def test_options_of_another_class_are_not_merged() -> None:
    spec = ClusterSpec.model_validate({"worker": NANNY})
    over = spec.laid_over(SpecOverlay.model_validate({"worker": {"cls": "distributed.Worker"}}))
    assert over.worker is not None
    assert over.worker.options == {}


def test_entries_are_copies_of_the_form() -> None:
    spec = ClusterSpec.model_validate({"worker": NANNY}).with_entries(2)
    spec.workers["0"].options["nthreads"] = 8
    assert spec.workers["1"].options == {"nthreads": 1}
    assert spec.worker is not None
    assert spec.worker.options == {"nthreads": 1}


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b"1", b"\xff\xfe", b'{"entries": NaN}', b"[" * 100_000]
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        parse_body(Scale, body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, None),
        ({"entries": 1, "workers": 1}, None),
        ({"entries": -1}, "entries"),
        ({"entries": 1e999}, "entries"),
        ({"entries": 10**30}, "entries"),
        ({"entries": "3"}, "entries"),
        ({"entries": True}, "entries"),
        ({"entries": None}, None),
        ({"entries": 1.5}, "entries"),
        ({"memory": "lots"}, "memory"),
        ({"size": 1}, "size"),
    ],
)
def test_a_bad_scale_names_its_field(body: dict, field: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_body(Scale, json.dumps(body).replace("Infinity", "1e999").encode())
    assert (caught.value.field or "").split(".")[0] == (field or "")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 129, "\x1b[31m"])
def test_display_names_are_short_text_without_control_characters(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_body(CreateCluster, json.dumps({"template": "local", "name": name}).encode())
    assert caught.value.field == "name"


@given(st.text(max_size=200))
def test_an_id_comes_of_any_name(name: str) -> None:
    first = id_from_name(name, set())
    assert is_id(first)
    second = id_from_name(name, {first})
    assert is_id(second)
    assert second != first


def test_suggested_ids_are_ids_and_never_taken() -> None:
    taken: set[str] = set()
    for _ in range(500):
        taken.add(suggest_id(taken))
    assert len(taken) == 500
    assert all(map(is_id, taken))
