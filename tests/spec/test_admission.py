"""Which classes, options and numbers a request may ask for."""

import sys

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from speccluster_lab.errors import ClassNotAllowed, InvalidInput
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.models import ClusterSpec

NANNY = {"cls": "distributed.Nanny", "options": {}}
TRUSTED = ClusterSpec.model_validate({"worker": {**NANNY, "options": {"env": {"A": "1"}}}})
ADMISSION = Admission(
    worker_classes=frozenset({"distributed.Nanny", "distributed.Worker"}), max_workers=4
)


READ = {"$env": "TOKEN"}


def check(document: dict, admission: Admission = ADMISSION) -> None:
    admission.check(ClusterSpec.model_validate(document), trusted=TRUSTED)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"workers": {"a": {"cls": "os.system"}}}, "spec.workers.a.cls"),
        ({"worker": {"cls": "subprocess.Popen"}}, "spec.worker.cls"),
        ({"scheduler": {"cls": "distributed.Nanny"}}, "spec.scheduler.cls"),
        ({"scheduler": {"options": {"jupyter": True}}}, "spec.scheduler.options.jupyter"),
        (
            {"worker": {**NANNY, "options": {"preload": ["x.py"]}}},
            "spec.worker.options.preload",
        ),
        (
            {"worker": {**NANNY, "options": {"preload_nanny": ["x.py"]}}},
            "spec.worker.options.preload_nanny",
        ),
        (
            {"worker": {**NANNY, "options": {"env": {"PYTHONPATH": "/x"}}}},
            "spec.worker.options.env",
        ),
        ({"worker": {**NANNY, "options": {"config": {}}}}, "spec.worker.options.config"),
    ],
)
def test_what_loads_code_is_refused(document: dict, field: str) -> None:
    with pytest.raises(ClassNotAllowed) as caught:
        check(document)
    assert caught.value.field == field


@pytest.mark.parametrize("place", ["scheduler", "worker", "workers.a"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("dashboard", True),
        ("dashboard", READ),
        ("dashboard_address", ":8787"),
        ("dashboard_address", ":0"),
        ("dashboard_address", "127.0.0.1:0"),
        ("dashboard_address", READ),
    ],
)
def test_a_dashboard_without_a_login_is_opened_by_templates_only(
    place: str, option: str, value: object
) -> None:
    cls = "distributed.Scheduler" if place == "scheduler" else "distributed.Nanny"
    entry = {"cls": cls, "options": {option: value}}
    document = {"workers": {"a": entry}} if place == "workers.a" else {place: entry}
    # Who may load code has not said by that who may look.
    admission = ADMISSION.model_copy(update={"allow_code_options": True})
    for one in (ADMISSION, admission):
        with pytest.raises(ClassNotAllowed, match="asks for no login") as caught:
            check(document, one)
        assert caught.value.field == f"spec.{place}.options.{option}"
    spec = ClusterSpec.model_validate(document)
    ADMISSION.check(spec, trusted=spec)


# Whatever a request can say, and what would do harm or be seen if it were imported.
PATHS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+", fullmatch=True)
STANDARD = sorted(one for one in sys.stdlib_module_names if not one.startswith("__"))
CALLED = st.sampled_from(["main", "run", "open", "system", "Popen", "__init__", "Nanny"])
NAMED = st.builds("{}.{}".format, st.sampled_from(STANDARD), CALLED)
PLACES = ["scheduler", "worker", "workers.a"]


@given(cls=PATHS | NAMED, place=st.sampled_from(PLACES))
@example("antigravity.geohash", "worker")
@example("this.s", "scheduler")
@example("distributed.nanny.Nanny", "workers.a")
@example("distributed.Nanny", "scheduler")
@example("distributed.Scheduler", "worker")
def test_no_other_class_is_taken_or_even_imported(cls: str, place: str) -> None:
    allowed = ADMISSION.scheduler_classes if place == "scheduler" else ADMISSION.worker_classes
    assume(cls not in allowed and len(cls) <= 256)
    entry = {"cls": cls}
    document = {"workers": {"a": entry}} if place == "workers.a" else {place: entry}
    before = set(sys.modules)
    with pytest.raises(ClassNotAllowed) as caught:
        check(document)
    assert caught.value.field == f"spec.{place}.cls"
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"local_directory": READ}, "local_directory"),
        ({"local_directory": {"$file": "/etc/shadow"}}, "local_directory"),
        ({"resources": {"A": [READ]}}, "resources.A.0"),
        ({"env": {"A": READ}}, "env"),
    ],
)
def test_only_templates_may_have_values_read(options: dict, field: str) -> None:
    document = {"worker": {**NANNY, "options": options}}
    with pytest.raises(ClassNotAllowed) as caught:
        check(document)
    assert caught.value.field == f"spec.worker.options.{field}"


def test_references_of_the_template_may_be_repeated_as_they_are() -> None:
    document = {"worker": {**NANNY, "options": {"env": {"A": READ}, "local_directory": READ}}}
    spec = ClusterSpec.model_validate(document)
    ADMISSION.check(spec, trusted=spec)
    document["worker"]["options"]["local_directory"] = {"$env": "HOME"}
    with pytest.raises(ClassNotAllowed, match=r"\$env 'HOME'"):
        ADMISSION.check(ClusterSpec.model_validate(document), trusted=spec)


def test_who_may_set_what_loads_code_may_have_values_read() -> None:
    document = {"worker": {**NANNY, "options": {"env": {"A": READ}, "local_directory": READ}}}
    check(document, Admission(worker_classes=ADMISSION.worker_classes, allow_code_options=True))


@pytest.mark.parametrize(
    "value", [{"$env": ""}, {"$env": 1}, {"$env": "A", "b": 1}, {"$file": None}, {"$file": "a\0"}]
)
def test_a_reference_that_is_none_is_refused_whoever_says_it(value: dict) -> None:
    spec = ClusterSpec.model_validate({"worker": {**NANNY, "options": {"env": {"A": value}}}})
    with pytest.raises(InvalidInput, match="a reference is") as caught:
        ADMISSION.check(spec, trusted=spec)
    assert caught.value.field == "spec.worker.options.env.A"


def test_what_workers_go_by_is_not_read() -> None:
    spec = ClusterSpec.model_validate({"worker": {**NANNY, "options": {"name": READ}}})
    with pytest.raises(InvalidInput) as caught:
        ADMISSION.check(spec, trusted=spec)
    assert caught.value.field == "spec.worker.options.name"


def test_what_the_template_says_may_be_repeated() -> None:
    check({"worker": {**NANNY, "options": {"env": {"A": "1"}}}})


def test_an_administrator_may_allow_it() -> None:
    admission = ADMISSION.model_copy(update={"allow_code_options": True})
    check({"worker": {**NANNY, "options": {"env": {"PYTHONPATH": "/x"}}}}, admission)


def test_members_are_counted_not_entries() -> None:
    group = {**NANNY, "group": ["-0", "-1", "-2"]}
    check({"workers": {"a": group, "b": NANNY}})
    with pytest.raises(InvalidInput, match="5 workers are more than the 4") as caught:
        check({"workers": {"a": group, "b": NANNY, "c": NANNY}})
    assert caught.value.field == "spec.workers"


@pytest.mark.parametrize("cls", ["distributed.Nanny", "distributed.Worker"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("nthreads", -1),
        ("nthreads", 0),
        ("nthreads", 1.5),
        ("nthreads", "many"),
        ("nthreads", True),
        ("nthreads", 10**9),
        ("memory_limit", "much"),
        ("memory_limit", -1),
        ("memory_limit", 1.5),
        ("memory_limit", ["1 GiB"]),
        ("resources", {"GPU": -1}),
        ("resources", {"GPU": "two"}),
        ("local_directory", 7),
        ("lifetime", "for ever"),
        ("death_timeout", 0),
    ],
)
def test_what_no_worker_can_start_with_is_refused(cls: str, option: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        check({"workers": {"a": {"cls": cls, "options": {option: value}}}})
    assert (caught.value.field or "").startswith(f"spec.workers.a.options.{option}")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nthreads": 1},
        {"nthreads": None, "memory_limit": None},
        *({"memory_limit": limit} for limit in ("auto", 0, 0.5, 2**33, "4gb", "4 GiB", "1.5GB")),
        {"resources": {"GPU": 2, "share": 0.5}},
        {"lifetime": "1 hour", "lifetime_stagger": "5 minutes", "lifetime_restart": True},
        {"death_timeout": 30, "local_directory": "/tmp/x"},
        {"dashboard": False, "dashboard_address": None},
    ],
)
def test_what_dask_takes_is_taken(options: dict) -> None:
    check({"workers": {"a": {"cls": "distributed.Nanny", "options": options}}})


def test_of_other_classes_nothing_is_known() -> None:
    admission = ADMISSION.model_copy(update={"worker_classes": frozenset({"site.Worker"})})
    check({"workers": {"a": {"cls": "site.Worker", "options": {"nthreads": "all"}}}}, admission)
