"""What a template may say that a request has written."""

from typing import Any

import pytest

from speccluster_lab.errors import ClassNotAllowed, InvalidInput
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.saving import check_saved
from speccluster_lab.spec.templates import Template

ADMISSION = Admission(
    worker_classes=frozenset({"distributed.Nanny", "distributed.Worker"}), max_workers=4
)
TEXT = {"type": "string", "title": "Text", "default": ""}
LIKE = {
    "cls": "geo.Worker",
    "options": {"preload": ["geo.py"], "env": {"A": "1"}, "memory_limit": "1 GiB"},
}


def template(worker: object, **more: Any) -> Template:
    more = {"fields": {"text": TEXT}, "spec": {"worker": worker}, **more}
    return Template.model_validate({"name": "mine", "title": "Mine", **more})


def nanny(**options: object) -> dict[str, object]:
    return {"cls": "distributed.Nanny", "options": options}


LIKED = template(LIKE, python="/opt/python", preimport=["geo"])


def test_what_requests_may_ask_for_may_be_kept() -> None:
    check_saved(template(nanny(nthreads=2, name={"$field": "text"})), ADMISSION)
    check_saved(template(None, spec={"workers": {"a": nanny(), "b": nanny()}}), ADMISSION)
    check_saved(template(None, idle_timeout=60.0, kernel="geo", start_method="spawn"), ADMISSION)


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ({"worker": {"cls": "os.system"}}, "spec.worker.cls"),
        ({"worker": nanny(preload=["x.py"])}, "spec.worker.options.preload"),
        ({"worker": nanny(nthreads=-1)}, "spec.worker.options.nthreads"),
        ({"worker": nanny(), "initial": 5}, "initial"),
        ({"worker": {**nanny(), "group": ["a", "b"]}, "initial": 3}, "initial"),
        (
            {"worker": None, "spec": {"workers": {str(i): nanny() for i in range(5)}}},
            "spec.workers",
        ),
        ({"worker": nanny(), "python": "/tmp/python"}, "python"),
        ({"worker": nanny(), "preimport": ["geo"]}, "preimport"),
        ({"worker": nanny(), "bind": "eth0"}, "bind"),
        ({"worker": nanny(), "orphan_timeout": "never"}, "orphan_timeout"),
    ],
)
def test_more_than_that_may_not(what: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_saved(template(**what), ADMISSION)
    assert caught.value.field == field


def test_what_another_template_says_may_be_repeated() -> None:
    repeated = template(LIKE, python="/opt/python", preimport=["geo"])
    check_saved(repeated, ADMISSION, LIKED)
    with pytest.raises(ClassNotAllowed):
        check_saved(repeated, ADMISSION)
    other = {**LIKE, "options": {"preload": ["other.py"]}}
    with pytest.raises(ClassNotAllowed) as caught:
        check_saved(template(other), ADMISSION, LIKED)
    assert caught.value.field == "spec.worker.options.preload"
    with pytest.raises(ClassNotAllowed) as caught:
        check_saved(template(LIKE, python="/tmp/python"), ADMISSION, LIKED)
    assert caught.value.field == "python"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"worker": {"cls": {"$field": "cls"}}}, "spec.worker.cls"),
        ({"workers": {"a": {"cls": {"$field": "cls"}}}}, "spec.workers.a.cls"),
        ({"scheduler": {"cls": {"$field": "scheduler"}}}, "spec.scheduler.cls"),
        ({"worker": {**LIKE, "group": [{"$field": "suffix"}]}}, "spec.worker.group"),
        (
            {"worker": {"cls": "geo.Worker", "options": {"preload": [{"$field": "file"}]}}},
            "spec.worker.options.preload",
        ),
        (
            {"worker": {"cls": "geo.Worker", "options": {"env": {"A": {"$field": "one"}}}}},
            "spec.worker.options.env",
        ),
    ],
)
def test_no_field_says_later_what_is_run(spec: dict[str, Any], field: str) -> None:
    """With its default it is what another template says: a request could say something else."""
    defaults = {
        "cls": "distributed.Nanny",
        "scheduler": "distributed.Scheduler",
        "suffix": "-0",
        "file": "geo.py",
        "one": "1",
    }
    fields = {name: {**TEXT, "default": text} for name, text in defaults.items()}
    with pytest.raises(ClassNotAllowed, match="cannot be a field") as caught:
        check_saved(template(None, spec=spec, fields=fields), ADMISSION, LIKED)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"password": "hunter2"}, "spec.worker.options.password"),
        ({"storage": {"api_key": "k", "url": "x"}}, "spec.worker.options.storage"),
        ({"tokens": ["a", {"b": "c"}]}, "spec.worker.options.tokens"),
        ({"password": {"$field": "given"}}, "spec.worker.options.password"),
    ],
)
def test_a_secret_is_not_written(options: dict[str, object], field: str) -> None:
    fields = {"given": {**TEXT, "default": "hunter2"}}
    with pytest.raises(InvalidInput, match="secret") as caught:
        check_saved(template({"cls": "geo.Worker", "options": options}, fields=fields), GEO)
    assert caught.value.field == field
    assert "hunter2" not in caught.value.message


def test_the_place_of_a_secret_may_be_kept() -> None:
    options = {"password": {"$field": "text"}, "token": "", "secret": None}
    check_saved(template({"cls": "geo.Worker", "options": options}), GEO)


def test_where_a_secret_is_may_be_written_if_the_template_says_so() -> None:
    saved = template({"cls": "geo.Worker", "options": {"password": {"$env": "PASSWORD"}}})
    check_saved(saved, GEO, like=saved)
    with pytest.raises(ClassNotAllowed, match="PASSWORD"):
        check_saved(saved, GEO)


GEO = Admission(worker_classes=frozenset({"geo.Worker"}))
