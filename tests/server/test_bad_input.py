"""Input that is wrong: the right refusal, nothing started, nothing changed, nothing to excuse."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from nothing_left import processes_of
from serving import Api, FakeHosts, Wait

from speccluster_lab.link.files import MAX_FILE_BYTES
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.limits import DEFAULT_BODY_BYTES, MAX_BODY_BYTES, Limits

DEEP = 100_000

# Bodies that no call takes.
NO_JSON_OBJECT = {
    "nothing": b"",
    "half": b'{"template": "threads"',
    "two": b"{} {}",
    "list": b'[{"template": "threads"}]',
    "text": b'"threads"',
    "null": b"null",
    "number": b"17",
    "invalid UTF-8": b'{"template": "\xff\xfe"}',
    "UTF-16": '{"template": "threads"}'.encode("utf-16"),
    "NaN": b'{"entries": NaN}',
    "Infinity": b'{"entries": -Infinity}',
    "deep list": b'{"entries": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep object": b'{"fields": ' + b'{"a":' * 30_000 + b"1" + b"}" * 30_000 + b"}",
    "a number with 100,000 digits": b'{"entries": ' + b"9" * 100_000 + b"}",
}

WORKER = {"cls": "distributed.Worker"}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


# What a cluster cannot be made from: the request, and status, code and field of the refusal.
WRONG_CREATES: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "no template": ({}, 422, "invalid_input", "template"),
    "unknown template": ({"template": "nonsense"}, 404, "template_not_found", "template"),
    "template of a wrong type": ({"template": 3}, 422, "invalid_input", "template"),
    "template as a path": ({"template": "../threads"}, 422, "invalid_input", "template"),
    "unknown field": ({"template": "threads", "colour": 1}, 422, "invalid_input", "colour"),
    "empty name": ({"template": "threads", "name": ""}, 422, "invalid_input", "name"),
    "blank name": ({"template": "threads", "name": " \t"}, 422, "invalid_input", "name"),
    "long name": ({"template": "threads", "name": "x" * 129}, 422, "invalid_input", "name"),
    "name with a line's end": (
        {"template": "threads", "name": "a\nb"},
        422,
        "invalid_input",
        "name",
    ),
    "name with a lone surrogate": (
        {"template": "threads", "name": "a\ud800"},
        422,
        "invalid_input",
        "name",
    ),
    "form's unknown field": (
        {"template": "threads", "fields": {"colour": 1}},
        422,
        "invalid_input",
        "fields.colour",
    ),
    "form's wrong type": (
        {"template": "threads", "fields": {"nthreads": "2"}},
        422,
        "invalid_input",
        "fields.nthreads",
    ),
    "form's true for a number": (
        {"template": "threads", "fields": {"nthreads": True}},
        422,
        "invalid_input",
        "fields.nthreads",
    ),
    "form's negative number": (
        {"template": "threads", "fields": {"nthreads": -1}},
        422,
        "invalid_input",
        "fields.nthreads",
    ),
    "form's huge number": (
        {"template": "threads", "fields": {"nthreads": 10**30}},
        422,
        "invalid_input",
        "fields.nthreads",
    ),
    "fields as a list": ({"template": "threads", "fields": []}, 422, "invalid_input", "fields"),
    "class that is not allowed": (
        {"template": "threads", "spec": {"worker": {"cls": "os.system"}}},
        422,
        "class_not_allowed",
        "spec.worker.cls",
    ),
    "class of an entry": (
        {"template": "threads", "spec": {"workers": {"a": {"cls": "subprocess.Popen"}}}},
        422,
        "class_not_allowed",
        "spec.workers.a.cls",
    ),
    "class of the scheduler": (
        {"template": "threads", "spec": {"scheduler": {"cls": "os.system"}}},
        422,
        "class_not_allowed",
        "spec.scheduler.cls",
    ),
    "class that is no path": (
        {"template": "threads", "spec": {"worker": {"cls": "os.system('ls')"}}},
        422,
        "invalid_input",
        "spec.worker.cls",
    ),
    "option that loads code": (
        {"template": "threads", "spec": {"worker": {"options": {"preload": ["evil.py"]}}}},
        422,
        "class_not_allowed",
        "spec.worker.options.preload",
    ),
    "the scheduler's option that loads code": (
        {"template": "threads", "spec": {"scheduler": {"options": {"preload": "evil"}}}},
        422,
        "class_not_allowed",
        "spec.scheduler.options.preload",
    ),
    "options nested too deep": (
        {"template": "threads", "spec": {"worker": {"options": {"a": nested(40)}}}},
        422,
        "invalid_input",
        "spec.worker.options",
    ),
    "too many workers": (
        {"template": "threads", "spec": {"workers": {str(n): WORKER for n in range(65)}}},
        422,
        "invalid_input",
        "spec.workers",
    ),
    "a group of too many": (
        {
            "template": "grouped",
            "spec": {
                "workers": {
                    "0": {
                        "cls": "speccluster_lab.MultiWorker",
                        "group": [f"-{n}" for n in range(65)],
                    }
                }
            },
        },
        422,
        "invalid_input",
        "spec.workers",
    ),
    "a suffix twice": (
        {
            "template": "grouped",
            "spec": {
                "workers": {"0": {"cls": "speccluster_lab.MultiWorker", "group": ["-0", "-0"]}}
            },
        },
        422,
        "invalid_input",
        "spec.workers.0",
    ),
    "two entries with a member in common": (
        {
            "template": "grouped",
            "spec": {
                "workers": {
                    "0": {"cls": "speccluster_lab.MultiWorker", "group": ["-0"]},
                    "0-0": {"cls": "speccluster_lab.MultiWorker"},
                }
            },
        },
        422,
        "invalid_input",
        "spec",
    ),
}

WRONG_SCALES: dict[str, tuple[dict[str, Any], str | None]] = {
    "nothing": ({}, None),
    "two units": ({"entries": 1, "cores": 1}, None),
    "negative": ({"entries": -1}, "entries"),
    "huge": ({"entries": 10**12}, "entries"),
    "text": ({"entries": "2"}, "entries"),
    "true": ({"workers": True}, "workers"),
    "a fraction": ({"workers": 1.5}, "workers"),
    "unknown": ({"nodes": 2}, "nodes"),
    "memory in no unit": ({"memory": "a lot"}, "memory"),
}

# The body for a plan or for adaptive scaling, and the field of the refusal.
WRONG_PLANS: dict[str, tuple[dict[str, Any], str | None]] = {
    "nothing": ({}, None),
    "two changes": ({"scale": {"entries": 1}, "remove": ["0"]}, None),
    "a wrong size": ({"scale": {"entries": -1}}, "scale.entries"),
    "no size": ({"scale": {}}, "scale"),
    "a wrong spec": ({"spec": {"workers": {"0": {}}}}, "spec.workers.0.cls"),
    "names as text": ({"remove": "0"}, "remove"),
    "a reserved name": ({"remove": ["0", "~holder-0"]}, "remove.1"),
    "too many names": ({"remove": ["0"] * 10_001}, "remove"),
    "unknown": ({"nodes": 2}, "nodes"),
}

WRONG_RANGES: dict[str, tuple[dict[str, Any], str | None]] = {
    "negative": ({"minimum": -1}, "minimum"),
    "huge": ({"maximum": 10**12}, "maximum"),
    "text": ({"minimum": "2"}, "minimum"),
    "true": ({"maximum": True}, "maximum"),
    "upside down": ({"minimum": 3, "maximum": 2}, None),
    "unknown": ({"minimum": 1, "interval": "1 ms"}, "interval"),
}

WRONG_QUERIES: dict[str, str] = {
    "text": "x",
    "nothing": "",
    "negative": "-1",
    "a fraction": "1.5",
    "huge": "9" * 3000,
    "script": "<img src=x onerror=alert(1)>",
}

WRONG_SPECS: dict[str, tuple[dict[str, Any], str | None]] = {
    "unknown field": ({"colour": 1}, "colour"),
    "workers as a list": ({"workers": []}, "workers"),
    "an entry without a class": ({"workers": {"0": {}}}, "workers.0.cls"),
    "a class of a wrong type": ({"worker": {"cls": ["distributed.Worker"]}}, "worker.cls"),
    "an infinite option": ({"worker": {**WORKER, "options": {"a": 1e308 * 10}}}, None),
}


@pytest.fixture
def nothing_happens(
    data_folder: Path, own_folders: Path, no_tracebacks: Callable[[], None]
) -> Callable[[], None]:
    """Return a check that nothing was started or excused."""

    def check() -> None:
        assert list(data_folder.glob("*/clusters/*")) == []
        assert processes_of(own_folders, wait=0) == []
        no_tracebacks()

    return check


@pytest.mark.parametrize("raw", NO_JSON_OBJECT.values(), ids=NO_JSON_OBJECT.keys())
async def test_what_is_no_json_object_is_refused_by_every_call(
    api: Api, nothing_happens: Callable[[], None], raw: bytes
) -> None:
    for method, path in (
        ("POST", "/clusters"),
        ("POST", "/clusters/some-id/scale"),
        ("PUT", "/clusters/some-id/spec"),
        ("POST", "/clusters/some-id/plan"),
        ("PUT", "/clusters/some-id/adaptive"),
    ):
        answer = await api(method, path, raw=raw, headers={"If-Match": '"1"'})
        assert (answer.status, answer.code) == (400, "malformed_body"), path
        assert len(answer.body["message"]) < 500
    nothing_happens()


@pytest.mark.parametrize("limit", [1024, DEFAULT_BODY_BYTES])
async def test_a_body_that_is_too_large_is_refused_by_every_call(
    api: Api, manager: ClusterManager, nothing_happens: Callable[[], None], limit: int
) -> None:
    manager.limits = Limits(body_bytes=limit)
    raw = json.dumps({"template": "threads", "name": "x" * limit}).encode()
    for method, path in (
        ("POST", "/clusters"),
        ("POST", "/clusters/some-id/scale"),
        ("PUT", "/clusters/some-id/spec"),
        ("POST", "/clusters/some-id/plan"),
        ("PUT", "/clusters/some-id/adaptive"),
    ):
        answer = await api(method, path, raw=raw, headers={"If-Match": '"1"'})
        assert (answer.status, answer.code) == (413, "body_too_large"), path
    nothing_happens()


@pytest.mark.parametrize(
    ("body", "status", "code", "field"), WRONG_CREATES.values(), ids=WRONG_CREATES.keys()
)
async def test_a_cluster_that_cannot_be_made(
    api: Api,
    manager: ClusterManager,
    nothing_happens: Callable[[], None],
    body: dict[str, Any],
    status: int,
    code: str,
    field: str | None,
) -> None:
    # Without this, what is allowed would depend on whether the package is installed.
    manager.admission = Admission(
        worker_classes=frozenset({"distributed.Worker", "speccluster_lab.MultiWorker"})
    )
    answer = await api("POST", "/clusters", body)
    assert (answer.status, answer.code, answer.body.get("field")) == (status, code, field)
    assert (await api("GET", "/clusters")).body == []
    nothing_happens()


async def test_a_cluster_that_no_host_could_read_is_not_begun(
    api: Api,
    manager: ClusterManager,
    nothing_happens: Callable[[], None],
) -> None:
    manager.admission = Admission(worker_classes=frozenset({"distributed.Worker"}))
    manager.limits = Limits(body_bytes=MAX_BODY_BYTES)
    wide = {"name": "wide", "title": "Wide", "initial": 60, "spec": {"worker": WORKER}}
    assert (await api("PUT", "/templates/wide", wide)).status == 200
    # Each of its entries is a copy of what is laid over its form.
    large = {"worker": {"options": {"resources": {"x" * 500_000: 1}}}}
    answer = await api("POST", "/clusters", {"template": "wide", "spec": large})
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert str(MAX_FILE_BYTES) in answer.body["message"]
    assert (await api("GET", "/clusters")).body == []
    nothing_happens()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "/spec", {}),
        ("POST", "/scale", {"entries": 1}),
        ("POST", "/plan", {"scale": {"entries": 1}}),
        ("PUT", "/adaptive", {"maximum": 1}),
        ("DELETE", "/adaptive", None),
        ("POST", "/entries/0/retry", {}),
        ("POST", "/entries/0/restart", {}),
        ("GET", "/events", None),
    ],
)
@pytest.mark.parametrize("id", ["no-such", "UPPER", "a" * 64, "\0", "<img>"])
async def test_a_cluster_that_is_not_there(
    api: Api, no_tracebacks: Callable[[], None], method: str, path: str, body: object, id: str
) -> None:
    answer = await api(method, f"/clusters/{id}{path}", body, headers={"If-Match": '"1"'})
    assert (answer.status, answer.code) == (404, "cluster_not_found")
    no_tracebacks()


async def test_wrong_changes_change_nothing(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    own_folders: Path,
    no_tracebacks: Callable[[], None],
) -> None:
    await api("POST", "/clusters", {"template": "threads", "name": "One"})
    before = await wait_for("one", "running")
    for name, (body, field) in WRONG_SCALES.items():
        answer = await api("POST", "/clusters/one/scale", body)
        found = (answer.status, answer.code, answer.body.get("field"))
        assert found == (422, "invalid_input", field), name
    for name, (body, field) in WRONG_PLANS.items():
        answer = await api("POST", "/clusters/one/plan", body)
        found = (answer.status, answer.code, answer.body.get("field"))
        assert found == (422, "invalid_input", field), name
    for name, (body, field) in WRONG_RANGES.items():
        answer = await api("PUT", "/clusters/one/adaptive", body)
        found = (answer.status, answer.code, answer.body.get("field"))
        assert found == (422, "invalid_input", field), name
    for name, value in WRONG_QUERIES.items():
        for key in ("since", "limit"):
            answer = await api("GET", "/clusters/one/events", params={key: value})
            found = (answer.status, answer.code, answer.body.get("field"))
            assert found == (422, "invalid_input", key), name
    for name, (body, field) in WRONG_SPECS.items():
        raw = json.dumps(body).replace("Infinity", "1e999").encode()
        answer = await api("PUT", "/clusters/one/spec", raw=raw, headers={"If-Match": '"1"'})
        assert answer.status == 422, name
        if field is not None:
            assert (answer.code, answer.body["field"]) == ("invalid_input", field), name
    assert before is not None
    for value, status, code in (
        (None, 428, "precondition_required"),
        ("*", 400, "malformed_header"),
        ("1", 400, "malformed_header"),
        ('W/"1"', 400, "malformed_header"),
        ('"1", "2"', 400, "malformed_header"),
        ('"-1"', 400, "malformed_header"),
        ('"' + "9" * 5000 + '"', 400, "malformed_header"),
        ('"2"', 412, "stale_generation"),
    ):
        headers = {"If-Match": value} if value is not None else {}
        answer = await api("PUT", "/clusters/one/spec", before["spec"], headers=headers)
        assert (answer.status, answer.code) == (status, code), value
    assert (await api("GET", "/clusters/one")).body == before
    # The host and its guard: nothing has been started.
    assert len(processes_of(own_folders, wait=0)) == 2
    await api("DELETE", "/clusters/one")
    await wait_for("one", None)
    no_tracebacks()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "template": st.sampled_from(["threads", "grouped", "nonsense"]) | json_values,
        "name": st.text(max_size=140) | json_values,
        "fields": st.dictionaries(st.sampled_from(["nthreads", "memory_limit", "x"]), json_values),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "worker": json_values,
                "workers": st.dictionaries(st.text(max_size=5), json_values, max_size=3),
                "scheduler": json_values,
            },
        ),
        "entries": json_values,
        "scale": st.fixed_dictionaries({}, optional={"entries": json_values}) | json_values,
        "remove": st.lists(st.text(max_size=5), max_size=3) | json_values,
        "minimum": json_values,
        "maximum": json_values,
        "other": json_values,
    },
)


def test_generated_requests_never_find_a_hole(
    jp_asyncio_loop: Any,
    api: Api,
    manager: ClusterManager,
    nothing_happens: Callable[[], None],
) -> None:
    """Whatever is asked for, no 5xx; and the log has no traceback."""
    # What is right is refused too, so that nothing is started.
    manager.max_clusters = 0

    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests)
    def hold(body: dict[str, Any]) -> None:
        raw = json.dumps(body, ensure_ascii=True).encode()
        for method, path in (
            ("POST", "/clusters"),
            ("POST", "/clusters/some-id/scale"),
            ("PUT", "/clusters/some-id/spec"),
            ("POST", "/clusters/some-id/plan"),
            ("PUT", "/clusters/some-id/adaptive"),
        ):
            call = api(method, path, raw=raw, headers={"If-Match": '"1"'})
            answer = jp_asyncio_loop.run_until_complete(call)
            assert 400 <= answer.status < 500

    hold()
    nothing_happens()
