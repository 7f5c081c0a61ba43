"""Who may call: every route of the extension, found in the application, so that none is missed."""

import inspect
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from serving import Api, PickyAuthorizer, Wait, check_against_contract, folder_of, make
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect
from traitlets import TraitType

from speccluster_lab.link.guard import HOST_LOG
from speccluster_lab.server import SpecClusterLab

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD")


def routes(app: ServerApp) -> list[tuple[str, type[RequestHandler]]]:
    """Return a path for each of the extension's routes, and its handler."""
    found = []
    for pattern, handler in _walk(app.web_app.default_router):
        if handler.__module__.startswith("speccluster_lab."):
            path = pattern.removesuffix("$").replace(r"\-", "-")
            path = path.replace("([^/]+)", "some-id").replace("(?:/.*)?", "/no/such/path")
            path = path.replace("([^/]+/ws)", "status/ws").replace("(.*)", "status")
            assert re.fullmatch(pattern, path), f"a new kind of pattern: {pattern}"
            found.append((path, handler))
    assert len(found) >= 7
    return found


def _walk(router: Any) -> Iterator[tuple[str, type[RequestHandler]]]:
    for rule in router.rules:
        if isinstance(rule.target, type) and issubclass(rule.target, RequestHandler):
            yield rule.matcher.regex.pattern, rule.target
        elif hasattr(rule.target, "rules"):
            yield from _walk(rule.target)


def verbs_of(handler: type[RequestHandler]) -> list[str]:
    unimplemented = RequestHandler._unimplemented_method
    return [
        verb for verb in VERBS if getattr(handler, verb.lower(), unimplemented) != unimplemented
    ]


def every_call(app: ServerApp) -> list[tuple[str, str, bool]]:
    """Return path, verb and whether it is a websocket, for each verb of each route."""
    calls = [
        (path, verb, issubclass(handler, WebSocketHandler))
        for path, handler in routes(app)
        for verb in verbs_of(handler)
    ]
    assert len(calls) >= 13
    return calls


class Caller:
    """Calls a path as it is, with no credentials but those that are given."""

    def __init__(self, client: Any, port: int) -> None:
        self.client = client
        self.port = port

    async def __call__(
        self, path: str, verb: str, is_socket: bool, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if is_socket:
            request = HTTPRequest(f"ws://127.0.0.1:{self.port}{path}", headers=headers)
            try:
                socket = await websocket_connect(request)
            except HTTPClientError as error:
                return error.code, error.response
            socket.close()
            return 101, None
        response = await self.client.fetch(
            path,
            method=verb,
            headers=headers,
            body=b"{}" if verb not in SAFE else None,
            allow_nonstandard_methods=True,
            raise_error=False,
            follow_redirects=False,
        )
        return response.code, response


@pytest.fixture
def call(http_server_client: Any, jp_http_port: int) -> Caller:
    return Caller(http_server_client, jp_http_port)


async def logged_in(jp_fetch: Any) -> dict[str, str]:
    """Return the headers of a browser that has logged in."""
    response = await jp_fetch("api", "me")
    cookies = [one.partition(";")[0] for one in response.headers.get_list("Set-Cookie")]
    assert any(one.startswith("username-") for one in cookies)
    return {"Cookie": "; ".join(cookies)}


async def test_without_login_nothing_answers(jp_serverapp: ServerApp, call: Caller) -> None:
    for path, verb, is_socket in every_call(jp_serverapp):
        status, response = await call(path, verb, is_socket, {})
        assert status in (401, 403), (path, verb)
        if not is_socket and verb != "HEAD":
            check_against_contract(json.loads(response.body), "ErrorBody")


async def test_a_wrong_token_is_no_login(jp_serverapp: ServerApp, call: Caller) -> None:
    for path, verb, is_socket in every_call(jp_serverapp):
        status, _ = await call(path, verb, is_socket, {"Authorization": "token nonsense"})
        assert status in (401, 403), (path, verb)


async def test_a_cookie_alone_changes_nothing(
    jp_serverapp: ServerApp, call: Caller, jp_fetch: Any, authorizer: PickyAuthorizer
) -> None:
    browser = await logged_in(jp_fetch)
    unsafe = [one for one in every_call(jp_serverapp) if one[1] not in SAFE]
    assert len(unsafe) >= 8
    authorizer.asked.clear()
    for path, verb, is_socket in unsafe:
        status, _ = await call(path, verb, is_socket, browser)
        assert status == 403, (path, verb)
    assert not authorizer.asked, "it came further than the check of the XSRF token"


async def test_a_cookie_with_the_xsrf_token_does(
    jp_serverapp: ServerApp, call: Caller, jp_fetch: Any
) -> None:
    """Or else the test above could not fail."""
    browser = await logged_in(jp_fetch)
    response = await call.client.fetch("/a%40b/login")
    cookies = [one.partition(";")[0] for one in response.headers.get_list("Set-Cookie")]
    (token,) = (one.partition("=")[2] for one in cookies if one.startswith("_xsrf="))
    browser = {"Cookie": "; ".join([browser["Cookie"], f"_xsrf={token}"]), "X-XSRFToken": token}
    for path, verb, is_socket in every_call(jp_serverapp):
        status, _ = await call(path, verb, is_socket, browser)
        assert status != 403, (path, verb)


async def test_another_site_may_not_call(
    jp_serverapp: ServerApp, call: Caller, jp_fetch: Any
) -> None:
    browser = {**await logged_in(jp_fetch), "Origin": "https://evil.example"}
    for path, verb, is_socket in every_call(jp_serverapp):
        status, response = await call(path, verb, is_socket, browser)
        # Jupyter's own answer to a foreign origin is 404, and that of its websockets 403.
        assert status in ((403,) if is_socket else (403, 404)), (path, verb)
        if is_socket:
            check_against_contract(json.loads(response.body), "ErrorBody")
        if response is not None:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_same_site_may_listen(
    jp_serverapp: ServerApp, call: Caller, jp_fetch: Any
) -> None:
    """Or else the test above could not fail for the websocket."""
    browser = {**await logged_in(jp_fetch), "Origin": f"http://127.0.0.1:{call.port}"}
    sockets = (path for path, _, is_socket in every_call(jp_serverapp) if is_socket)
    # Of the others each leads to a cluster, and there is none.
    (path,) = (path for path in sockets if path.endswith("/events"))
    status, _ = await call(path, "GET", True, browser)
    assert status == 101


async def test_a_host_that_is_not_ours_is_refused(
    jp_serverapp: ServerApp, call: Caller, jp_auth_header: dict[str, str]
) -> None:
    """A name that an attacker points at 127.0.0.1."""
    for path, verb, is_socket in every_call(jp_serverapp):
        headers = {**jp_auth_header, "Host": "evil.example"}
        status, _ = await call(path, verb, is_socket, headers)
        assert status == 403, (path, verb)


async def test_the_authorizer_is_asked_about_everything(
    jp_serverapp: ServerApp,
    call: Caller,
    jp_auth_header: dict[str, str],
    authorizer: PickyAuthorizer,
) -> None:
    authorizer.allowed = frozenset()
    for path, verb, is_socket in every_call(jp_serverapp):
        authorizer.asked.clear()
        status, _ = await call(path, verb, is_socket, jp_auth_header)
        assert status == 403, (path, verb)
        assert authorizer.asked == [("read" if verb in SAFE else "write", "speccluster")]


async def test_what_is_code_execution_needs_execute(
    jp_serverapp: ServerApp,
    call: Caller,
    jp_auth_header: dict[str, str],
    authorizer: PickyAuthorizer,
) -> None:
    authorizer.allowed = frozenset({"read", "write"})
    refused = {
        (path.rpartition("/")[2], verb)
        for path, verb, is_socket in every_call(jp_serverapp)
        if (await call(path, verb, is_socket, jp_auth_header))[0] == 403
    }
    assert refused == {("clusters", "POST"), ("spec", "PUT"), ("credentials", "POST")}


async def test_execute_is_not_enough_for_a_change(
    jp_serverapp: ServerApp,
    call: Caller,
    jp_auth_header: dict[str, str],
    authorizer: PickyAuthorizer,
) -> None:
    authorizer.allowed = frozenset({"read", "execute"})
    for path, verb, is_socket in every_call(jp_serverapp):
        status, _ = await call(path, verb, is_socket, jp_auth_header)
        assert (status == 403) == (verb not in SAFE), (path, verb)


def test_each_verb_is_of_its_own_class(jp_serverapp: ServerApp) -> None:
    """``authorized`` remembers the first resource, so a verb that is inherited is a hole.

    OPTIONS is Jupyter's own, answers a browser's preflight, and reveals nothing.
    """
    for _, handler in routes(jp_serverapp):
        assert handler.auth_resource == "speccluster"
        for verb in verbs_of(handler):
            assert verb.lower() in vars(handler), (handler, verb)
            # In this order, for the authorizer has to be told who asks. Either of them refuses
            # who has not logged in, so no request can tell that one is missing.
            lines = [
                line.strip() for line in inspect.getsource(vars(handler)[verb.lower()]).splitlines()
            ]
            assert lines[0] in ("@web.authenticated", "@ws_authenticated"), (handler, verb)
            assert lines[1] == "@authorized", (handler, verb)


async def test_reading_does_not_keep_the_server_alive(
    jp_serverapp: ServerApp, call: Caller, jp_auth_header: dict[str, str]
) -> None:
    settings = jp_serverapp.web_app.settings
    for path, verb, is_socket in every_call(jp_serverapp):
        settings.pop("api_last_activity", None)
        await call(path, verb, is_socket, jp_auth_header)
        assert ("api_last_activity" in settings) == (verb not in SAFE), (path, verb)


@pytest.mark.parametrize(
    ("verb", "path", "status", "code"),
    [
        ("GET", "nonsense", 404, "not_found"),
        ("PATCH", "nonsense/deep", 404, "not_found"),
        ("GET", "", 404, "not_found"),
        ("PATCH", "clusters", 405, "method_not_allowed"),
        ("PUT", "classes", 405, "method_not_allowed"),
        ("GET", "events", 400, "bad_request"),
        ("GET", "clusters/%ff", 400, "bad_request"),
        ("GET", "clusters/..%2f..%2fetc", 404, "cluster_not_found"),
        ("GET", "clusters/no%0asuch", 404, "cluster_not_found"),
        ("GET", "clusters/" + "a" * 5000, 404, "cluster_not_found"),
    ],
)
async def test_errors_of_http_are_json_too(
    call: Caller,
    jp_serverapp: ServerApp,
    jp_auth_header: dict[str, str],
    no_tracebacks: Any,
    verb: str,
    path: str,
    status: int,
    code: str,
) -> None:
    where = f"/a%40b/speccluster-lab/api/v1/{path}"
    found, response = await call(where, verb, False, jp_auth_header)
    body = json.loads(response.body)
    check_against_contract(body, "ErrorBody")
    assert (found, body["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/json"
    no_tracebacks()


async def test_nobody_writes_lines_of_his_own_into_the_log(
    jp_serverapp: ServerApp,
    call: Caller,
    jp_auth_header: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    for path, verb, is_socket in every_call(jp_serverapp):
        forged = path.replace("some-id", "a%0aFORGED").replace("such", "a%0aFORGED")
        await call(f"{forged}?since=a%0aFORGED", verb, is_socket, jp_auth_header)
    assert_no_line_is_forged([one.getMessage() for one in caplog.records])


async def test_nor_into_that_of_a_cluster(
    api: Api, wait_for: Wait, data_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bad = "a\nFORGED"
    for body in ({"template": bad}, {"name": bad}, {"kernel": bad}, {bad: 1}):
        refused = await api("POST", "/clusters", {"template": "threads", **body})
        assert refused.status in (404, 422)
    id = await make(api)
    cluster = await wait_for(id, "running")
    assert cluster is not None
    headers = {"If-Match": f'"{cluster["generation"]}"'}
    for path in (f"/entries/{bad}/retry", f"/entries/{bad}/restart"):
        assert (await api("POST", f"/clusters/{id}{path}", {})).code == "entry_not_found"
    for worker in ({"cls": bad}, {"cls": "distributed.Worker", "options": {bad: 1}}):
        spec = {"worker": worker, "workers": {bad: worker}}
        changed = await api("PUT", f"/clusters/{id}/spec", spec, headers=headers)
        assert changed.status == 422
    missing = await api("GET", f"/clusters/{id}/logs", params={"member": bad})
    assert missing.status in (404, 422)
    assert_no_line_is_forged([one.getMessage() for one in caplog.records])
    assert_no_line_is_forged([(folder_of(data_folder, id) / HOST_LOG).read_text()])
    await api("DELETE", f"/clusters/{id}")
    await wait_for(id, None)


def assert_no_line_is_forged(texts: list[str]) -> None:
    assert [text for text in texts if re.search(r"^FORGED", text, re.MULTILINE)] == []
    # Or else it could not fail: the log of requests has their paths, where it is no end of a line.
    assert any(re.search(r"a\\+nFORGED", text) for text in texts)


def test_the_settings_explain_themselves() -> None:
    own = [one for one in SpecClusterLab.mro() if one.__module__.startswith("speccluster_lab.")]
    settings = {
        name: trait
        for one in own
        for name, trait in vars(one).items()
        if isinstance(trait, TraitType) and trait.metadata.get("config")
    }
    assert {"allowed_classes", "orphan_timeout", "spare_host"} <= settings.keys()
    for name, trait in settings.items():
        assert len(trait.help) > 20, name
