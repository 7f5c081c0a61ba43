"""The templates that ship, and how their fields are filled in."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from speccluster_lab.errors import InvalidInput
from speccluster_lab.reconcile import Policy
from speccluster_lab.spec.lifetimes import Lifetimes
from speccluster_lab.spec.models import SpecOverlay
from speccluster_lab.spec.policies import PolicyOverlay
from speccluster_lab.spec.templates import (
    FieldType,
    StartMethod,
    Template,
    TemplateField,
    shipped_templates,
)


def test_these_templates_ship() -> None:
    assert list(shipped_templates()) == ["grouped", "local", "threads"]


def test_grouped_is_three_members_an_entry() -> None:
    spec = shipped_templates()["grouped"].make_spec({})
    assert list(spec.workers) == ["0"]
    assert spec.workers["0"].cls == "speccluster_lab.MultiWorker"
    assert spec.workers["0"].group == ["-0", "-1", "-2"]
    assert spec.workers["0"] == spec.worker


def test_fields_fill_the_spec() -> None:
    spec = shipped_templates()["local"].make_spec({"nthreads": 4})
    assert spec.worker is not None
    assert spec.worker.options == {"nthreads": 4, "memory_limit": "2 GiB"}
    assert spec.workers["0"].options["nthreads"] == 4


def test_the_first_entries_are_of_the_overlaid_form() -> None:
    overlay = SpecOverlay.model_validate({"worker": {"options": {"nthreads": 7}}})
    assert shipped_templates()["local"].make_spec({}, overlay).workers["0"].options["nthreads"] == 7


def test_the_spec_of_a_template_may_name_the_entries() -> None:
    entry = {"cls": "distributed.Nanny", "options": {"nthreads": {"$field": "nthreads"}}}
    template = Template.model_validate(
        {
            **shipped_templates()["local"].model_dump(),
            "spec": {"worker": entry, "workers": {"big": entry, "small": entry}},
        }
    )
    spec = template.make_spec({"nthreads": 4})
    assert list(spec.workers) == ["big", "small"]
    assert spec.workers["big"].options == {"nthreads": 4}
    overlay = SpecOverlay.model_validate({"worker": {"options": {"nthreads": 7}}})
    assert list(template.make_spec({}, overlay).workers) == ["big", "small"]


@pytest.mark.parametrize("name", ["threads", ["nthreads"], 1, None])
def test_a_placeholder_without_a_field_is_no_spec(name: object) -> None:
    spec = {"worker": {"cls": "distributed.Nanny", "options": {"nthreads": {"$field": name}}}}
    with pytest.raises(ValidationError, match="that the form has not"):
        Template.model_validate({"name": "mine", "title": "Mine", "spec": spec})


def test_a_spec_that_is_none_says_where() -> None:
    with pytest.raises(ValidationError, match=r"spec\.worker\.cls: "):
        Template.model_validate(
            {"name": "mine", "title": "Mine", "spec": {"worker": {"cls": "os system"}}}
        )


def test_an_overlay_may_name_the_entries() -> None:
    overlay = SpecOverlay.model_validate({"workers": {}})
    assert shipped_templates()["local"].make_spec({}, overlay).workers == {}


@pytest.mark.parametrize(
    "values",
    [{"nthreads": 0}, {"nthreads": "2"}, {"nthreads": True}, {"nthreads": 1.5}, {"colour": "red"}],
)
def test_a_bad_field_is_named(values: dict) -> None:
    with pytest.raises(InvalidInput) as caught:
        shipped_templates()["local"].make_spec(values)
    assert caught.value.field == f"fields.{next(iter(values))}"


def test_an_overlay_that_leaves_no_valid_spec_is_refused() -> None:
    entry = {"cls": "distributed.Nanny"}
    overlay = SpecOverlay.model_validate(
        {"workers": {"a": {**entry, "group": ["-0"]}, "a-0": entry}}
    )
    with pytest.raises(InvalidInput, match="both have a member") as caught:
        shipped_templates()["local"].make_spec({}, overlay)
    assert caught.value.field == "spec"


def test_a_template_that_makes_no_spec_cannot_be_made() -> None:
    with pytest.raises(ValidationError):
        Template.model_validate({"name": "x", "title": "X", "spec": {"worker": {"cls": "nope"}}})


def test_workers_are_forked_unless_a_template_says_otherwise() -> None:
    assert {template.start_method for template in shipped_templates().values()} == {"forkserver"}
    template = shipped_templates()["local"].model_dump() | {"start_method": "spawn"}
    assert Template.model_validate(template).start_method is StartMethod.SPAWN
    with pytest.raises(ValidationError):
        Template.model_validate(template | {"start_method": "fork"})


@pytest.mark.parametrize("modules", [[], ["numpy"], ["a.b_c.D1", "_x"]])
def test_modules_to_preimport(modules: list[str]) -> None:
    template = shipped_templates()["local"].model_dump() | {"preimport": modules}
    assert Template.model_validate(template).preimport == modules


@pytest.mark.parametrize(
    "modules",
    [
        [""],
        ["a."],
        [".a"],
        ["a b"],
        ["a,b"],
        ["a;b"],
        ["1a"],
        ["a\n"],
        ["a" * 257],
        ["a"] * 65,
        "a",
    ],
)
def test_what_is_no_list_of_modules_cannot_be_preimported(modules: object) -> None:
    with pytest.raises(ValidationError, match="preimport"):
        Template.model_validate(shipped_templates()["local"].model_dump() | {"preimport": modules})


def with_lifetimes(**values: object) -> Template:
    document = shipped_templates()["local"].model_dump(mode="json")
    return Template.model_validate({**document, **values})


def test_a_template_says_when_its_clusters_stop_by_themselves() -> None:
    template = with_lifetimes(idle_timeout=600, max_lifetime=86400)
    lifetimes = Lifetimes(orphan_timeout=60.0, idle_timeout=600.0, max_lifetime=86400.0)
    assert template.lifetimes(60.0) == lifetimes
    assert template.lifetimes(None).orphan_timeout is None


@pytest.mark.parametrize(("given", "is_so"), [(5, 5.0), ("never", None), (None, 60.0)])
def test_a_template_overrides_the_servers_orphan_timeout(given: object, is_so: object) -> None:
    assert with_lifetimes(orphan_timeout=given).lifetimes(60.0).orphan_timeout == is_so


@pytest.mark.parametrize(
    ("bounds", "right", "wrong"),
    [
        ({"minimum": 0.5}, 1, 0),
        ({"maximum": 2.5}, 2, 3),
        ({"minimum": -0.5, "maximum": 3.5}, 0, -1),
        ({"maximum": 1e300}, 2**53, 1.5),
    ],
)
def test_bounds_of_a_whole_number_need_not_be_whole(
    bounds: dict[str, float], right: int, wrong: float
) -> None:
    field = TemplateField(type=FieldType.INTEGER, title="Threads", default=1, **bounds)
    assert field.check("n", right) == right
    with pytest.raises(InvalidInput) as caught:
        field.check("n", wrong)
    assert caught.value.field == "fields.n"


@pytest.mark.parametrize(("kind", "value"), [("string", "a"), ("boolean", True)])
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_only_numbers_have_bounds(kind: str, value: object, bound: str) -> None:
    with pytest.raises(ValidationError, match="only a number has a minimum"):
        TemplateField.model_validate({"type": kind, "title": "x", "default": value, bound: 1})


def test_what_a_template_says_of_the_policy_is_what_there_is_of_it() -> None:
    said = {
        one: {"float": 5.0, "int": 2, "bool": True, "float | None": 5.0}[str(field.type)]
        for one, field in Policy.__dataclass_fields__.items()
        if one in PolicyOverlay.model_fields
    }
    assert said.keys() == PolicyOverlay.model_fields.keys()
    policy = with_lifetimes(policy=said).policy
    kept = replace(Policy(), **policy.given())
    assert {one: getattr(kept, one) for one in said} == said
    # A job in a queue has no deadline unless one is said.
    assert kept.arrival_timeout_elsewhere == 5.0
    assert replace(Policy(), **PolicyOverlay().given()) == Policy()


@pytest.mark.parametrize(
    "said",
    [
        {"max_unavailable": 0},
        {"max_surge": -1},
        {"start_timeout": 0},
        {"other": 1},
        {"max_surge": "1"},
    ],
)
def test_a_policy_that_would_let_nothing_happen_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        with_lifetimes(policy=said)
    assert caught.value.errors()[0]["loc"][0] == "policy"
    assert with_lifetimes(policy={"max_unavailable": 0, "max_surge": 1}).policy.max_surge == 1


@pytest.mark.parametrize("name", ["idle_timeout", "max_lifetime", "orphan_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "soon", 1e12, [1]])
def test_a_lifetime_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        with_lifetimes(**{name: value})
    assert caught.value.errors()[0]["loc"][0] == name
