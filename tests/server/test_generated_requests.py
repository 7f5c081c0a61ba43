"""Thousands of requests that nobody would write, made from the contract itself."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from serving import OPENAPI

from speccluster_lab.spec.api import API_PREFIX
from speccluster_lab.spec.names import member_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemathesis import Case

REQUESTS = 5_000
MAX_WORKERS = 3
# Those that only read have little that could be generated.
SHARE_OF_CHANGES = 4
START_SECONDS = 60.0
END_SECONDS = 30.0
READING = ("GET",)
ID = "real"
# Not for the one cluster, of which the others ask something.
ENDING = ("DELETE /clusters/{id}", "POST /clusters/{id}/restart")

EACH = settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
SCHEMA = schemathesis.openapi.from_dict(OPENAPI)
# The websocket is no request of this kind: see test_routes.
CALLS = {
    call.label: call
    for call in (one.ok() for one in SCHEMA.get_all_operations())
    if call.path != "/events"
}


@dataclass
class Server:
    """A Jupyter server as a process, with one cluster."""

    port: int
    log: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    session: requests.Session = field(default_factory=requests.Session)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}{API_PREFIX}"

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        headers = {"Authorization": f"token {self.token}", **(headers or {})}
        return self.session.request(
            method, f"{self.base}{path}", json=body, headers=headers, timeout=START_SECONDS
        )


@contextmanager
def _running(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "jupyter_server", f"--ServerApp.port={server.port}"]
    command += ["--ServerApp.port_retries=0", "--ServerApp.open_browser=False"]
    command += ["--ServerApp.jpserver_extensions={'speccluster_lab': True}"]
    # What is asked for must be cheap to have: one cluster, of a few threads.
    command += ["--SpecClusterLab.max_clusters=1", f"--SpecClusterLab.max_workers={MAX_WORKERS}"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "JUPYTER_TOKEN": server.token},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        finally:
            process.kill()
            process.wait()


def _wait_for(server: Server, phase: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = server.ask("GET", f"/clusters/{ID}")
        except requests.ConnectionError:
            found = "no answer"
        else:
            found = answer.json().get("phase", answer.text)
        if found == phase:
            return
        assert time.monotonic() < deadline, f"{found}: {server.log.read_text()[-4000:]}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("generated")
        for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
            patch.setenv(f"JUPYTER_{name}", str(folder / name.lower()))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Server(port, folder / "server.log")
        with _running(server), server.session:
            _listening(server)
            made = server.ask("POST", "/clusters", {"template": "threads", "name": ID})
            assert made.status_code == 201, made.text
            _wait_for(server, "running")
            yield server


def _listening(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            assert server.ask("GET", "/clusters").status_code == 200
        except requests.ConnectionError:
            assert time.monotonic() < deadline, server.log.read_text()[-4000:]
            time.sleep(0.1)
        else:
            return


def _can_be_wrong(label: str) -> bool:
    operation = CALLS[label]
    described = OPENAPI["paths"][operation.path][operation.method.lower()]
    return bool(described.get("parameters") or described.get("requestBody"))


WAYS = [
    (label, mode)
    for label in CALLS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or _can_be_wrong(label)
]


def _share(label: str) -> int:
    return 1 if label.startswith(READING) else SHARE_OF_CHANGES


def _examples(label: str) -> int:
    shares = sum(_share(one) for one, _ in WAYS)
    # A few more: what has no parameter is exhausted before.
    return -(-REQUESTS * 11 * _share(label) // (10 * shares))


# -- numbers, of a cluster as it was made

NUMBERS = st.integers(-2, 2 * MAX_WORKERS) | st.sampled_from([10**5, 10**9, 2**63, 10**40])
UNITS = ["entries", "workers", "cores", "memory"]


@EACH
@given(unit=st.sampled_from(UNITS), number=NUMBERS)
def test_no_size_is_more_than_there_may_be(server: Server, unit: str, number: int) -> None:
    answer = server.ask("POST", f"/clusters/{ID}/scale", {unit: number})
    if unit in ("entries", "workers"):
        _check_answer(answer, may_be=0 <= number <= MAX_WORKERS)
    else:
        # How many have so much is not for this test to say.
        _check_answer(answer, may_be=answer.status_code == 202)


@EACH
@given(minimum=NUMBERS, maximum=NUMBERS | st.none())
def test_no_range_reaches_beyond_what_there_may_be(
    server: Server, minimum: int, maximum: int | None
) -> None:
    answer = server.ask("PUT", f"/clusters/{ID}/adaptive", {"minimum": minimum, "maximum": maximum})
    most = MAX_WORKERS if maximum is None else maximum
    _check_answer(answer, may_be=0 <= minimum <= most <= MAX_WORKERS)


@EACH
@given(number=st.integers(0, 2 * MAX_WORKERS))
def test_no_spec_has_more_than_there_may_be(server: Server, number: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        cluster = server.ask("GET", f"/clusters/{ID}").json()
        spec, current = cluster["spec"], {"If-Match": f'"{cluster["generation"]}"'}
        spec["workers"] = {f"entry-{name}": spec["worker"] for name in range(number)}
        answer = server.ask("PUT", f"/clusters/{ID}/spec", spec, current)
        # What is listed is what the host has told, which takes a moment.
        if answer.status_code != 412:
            break
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.01)
    _check_answer(answer, may_be=number <= MAX_WORKERS)


def _check_answer(answer: requests.Response, *, may_be: bool) -> None:
    what = f"{answer.request.body!r}: {answer.status_code} {answer.text}"
    assert answer.status_code == (202 if may_be else 422), what
    if may_be:
        _check_numbers(answer.json(), what)


# -- anything


@pytest.mark.parametrize(("label", "mode"), WAYS)
def test_nothing_that_is_sent_breaks_it(server: Server, label: str, mode: GenerationMode) -> None:
    operation = CALLS[label]
    callers = st.sampled_from(["owner"] * 6 + ["nobody", "somebody"])
    rarely = st.sampled_from([False] * 5 + [True])

    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    @settings(EACH, max_examples=_examples(label))
    def send(case: Case, data: st.DataObject) -> None:
        caller = data.draw(callers, label="caller")
        if "id" in case.path_parameters and label not in ENDING and not data.draw(rarely):
            case.path_parameters["id"] = ID
        rest: dict[str, Any] = {}
        if case.method != "GET" and data.draw(rarely):
            # What is no JSON at all.
            rest["data"] = data.draw(st.binary(max_size=40))
        _check(server, case, caller, rest)

    send()


def _check(server: Server, case: Case, caller: str, rest: dict[str, Any]) -> None:
    tokens = {"owner": server.token, "somebody": secrets.token_hex(8), "nobody": None}
    headers = {name: value for name, value in (case.headers or {}).items() if _is_sent(name)}
    if tokens[caller] is not None:
        headers["Authorization"] = f"token {tokens[caller]}"
    case.headers.clear()
    answer = case.call(base_url=server.base, session=_Fresh(server), headers=headers, **rest)
    server.statuses[answer.status_code] += 1
    what = f"{case.method} {case.formatted_path} as {caller}: {answer.status_code} {answer.text}"
    assert answer.status_code < 500, what
    # What workers that were sent away log is distributed's own, and is shown as it is.
    if answer.status_code != 200 or not case.path.endswith("/logs"):
        assert "Traceback" not in answer.text, what
    if caller != "owner":
        assert answer.status_code in (401, 403, 405), what
    if answer.status_code >= 400:
        error = json.loads(answer.text)
        assert error["code"], what
        assert error["message"], what
    elif answer.status_code == 202:
        _check_numbers(json.loads(answer.text), what)


def _check_numbers(cluster: dict[str, Any], what: str) -> None:
    """Check that no more is wanted of the cluster than it may have, whatever was asked for."""
    assert _members(cluster["spec"]) <= MAX_WORKERS, what
    assert cluster["counts"]["expected"] <= MAX_WORKERS, what
    if cluster["adaptive"] is not None:
        assert cluster["adaptive"]["maximum"] <= MAX_WORKERS, what


def _members(spec: dict[str, Any]) -> int:
    entries = spec["workers"].items()
    return sum(len(member_names(name, entry.get("group"))) for name, entry in entries)


def _is_sent(name: str) -> bool:
    return name.lower() not in ("authorization", "cookie", "host", "content-length")


class _Fresh(requests.Session):
    """A session of the server's connections, without what answers have set."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.adapters = server.session.adapters


def test_what_was_sent_was_enough_and_left_no_trace(server: Server) -> None:
    sent = sum(server.statuses.values())
    if sent == 0:
        pytest.skip("the requests were not selected for this run")
    assert sent >= REQUESTS, server.statuses
    # Some of it was right, or all of it would have been refused for one reason.
    assert server.statuses[200] > 100, server.statuses
    assert server.statuses[202] > 100, server.statuses
    assert server.statuses[422] > 100, server.statuses
    assert server.ask("GET", f"/clusters/{ID}").status_code == 200
    log = server.log.read_text(errors="replace")
    assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
