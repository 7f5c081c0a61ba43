"""A Jupyter server with the extension, hosts real and fake, and answers held to the contract."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from running_hosts import start_guarded
from serving import (
    Answer,
    Api,
    FakeHosts,
    Made,
    PickyAuthorizer,
    Stop,
    Wait,
    check_against_contract,
    make,
    operation,
)
from traitlets.config import Config

from speccluster_lab.server import SpecClusterLab
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.server.supervisor import Bounds
from speccluster_lab.spec.api import API_PREFIX


@pytest.fixture(autouse=True)
def jp_server_cleanup(own_folders: Path, jp_server_cleanup: None) -> None:
    """End the server first, and then look for what is left."""


@pytest.fixture
def api(jp_fetch: Any) -> Api:
    """Call ``api("GET", "/clusters")``; each answer is checked against the OpenAPI file."""

    async def call(
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        undescribed: int | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        content = raw if raw is not None else None if body is None else json.dumps(body)
        response = await jp_fetch(
            *f"{API_PREFIX}{path}".strip("/").split("/"),
            params=params,
            method=method,
            body=content,
            headers=headers,
            allow_nonstandard_methods=True,
            raise_error=False,
            follow_redirects=False,
        )
        assert response.code != 599, response.error
        assert response.headers["Content-Type"] == "application/json"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        answer = Answer(response.code, json.loads(response.body), response.headers)
        described = operation(method, path)
        if described is not None:
            assert str(answer.status) in {*described["responses"], str(undescribed)}, answer
        if answer.status >= 400:
            check_against_contract(answer.body, "ErrorBody")
            assert answer.body["message"]
        elif described is not None:
            content = described["responses"][str(answer.status)]["content"]
            schema = content["application/json"]["schema"]
            many = schema.get("type") == "array"
            reference = schema["items"]["$ref"] if many else schema["$ref"]
            check_against_contract(answer.body, reference.rpartition("/")[2], many=many)
            for header in described["responses"][str(answer.status)].get("headers", {}):
                assert header in answer.headers
        return answer

    return call


@pytest.fixture
def jp_server_config() -> Config:
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"speccluster_lab": True},
                "allow_unauthenticated_access": False,
                "authorizer_class": PickyAuthorizer,
            },
            # Where processes are counted, one that waits for a cluster would be one too many.
            "SpecClusterLab": {"spare_host": False},
        }
    )


@pytest.fixture
def jp_serverapp(jp_serverapp: ServerApp) -> ServerApp:
    """Stand for what Jupyter does on its own loop: no test is to find clusters of others."""
    (app,) = jp_serverapp.extension_manager.extension_apps["speccluster_lab"]
    app.manager._has_looked.set()
    return jp_serverapp


@pytest.fixture
def extension(jp_serverapp: ServerApp) -> SpecClusterLab:
    (app,) = jp_serverapp.extension_manager.extension_apps["speccluster_lab"]
    assert isinstance(app, SpecClusterLab)
    return app


@pytest.fixture
def manager(extension: SpecClusterLab) -> ClusterManager:
    return extension.manager


@pytest.fixture
def authorizer(jp_serverapp: ServerApp) -> PickyAuthorizer:
    assert isinstance(jp_serverapp.authorizer, PickyAuthorizer)
    return jp_serverapp.authorizer


@pytest.fixture
def data_folder(jp_data_dir: Path) -> Path:
    return jp_data_dir / "speccluster-lab"


@pytest.fixture
def fake_host(
    monkeypatch: pytest.MonkeyPatch,
    manager: ClusterManager,
    own_folders: Path,
) -> FakeHosts:
    """Let clusters have the host of ``fake_host.py``; the value sets how it misbehaves."""
    script = Path(__file__).parent / "fake_host.py"
    fakes = FakeHosts(lambda mode: monkeypatch.setenv("FAKE_HOST", mode))

    def start(folder: Path, *, python: str | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(script), str(folder)]
        return start_guarded(
            folder, command, RESTARTS=fakes.restarts, PAUSES=fakes.pauses, GRACE=0.5
        )

    for place in ("link.creation", "server.manager"):
        monkeypatch.setattr(f"speccluster_lab.{place}.start_host", start)
    monkeypatch.setattr("speccluster_lab.link.api._SILENCE_SECONDS", 2.5)
    monkeypatch.setenv("FAKE_HOST", "good")
    manager.bounds = Bounds(start=20.0, call=2.0, stop=20.0, farewell=3.0, grace=1.0)
    return fakes


@pytest.fixture
def wait_for(api: Api) -> Wait:
    """Wait until a cluster is in a phase, or has gone when there is none; return it."""

    async def wait(id: str, phase: str | None, seconds: float = 60.0) -> dict[str, Any] | None:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            answer = await api("GET", f"/clusters/{id}")
            if answer.status == 404 and phase is None:
                return None
            if answer.status == 200 and answer.body["phase"] == phase:
                found: dict[str, Any] = answer.body
                return found
            assert asyncio.get_running_loop().time() < deadline, answer.body
            await asyncio.sleep(0.05)

    return wait


@pytest.fixture
def made(api: Api, wait_for: Wait) -> Made:
    """Make a cluster as :func:`make` does, and return its id once it is in a phase."""

    async def make_one(phase: str = "running", **body: object) -> str:
        id = await make(api, **body)
        await wait_for(id, phase)
        return id

    return make_one


@pytest.fixture
def stop(api: Api, wait_for: Wait) -> Stop:
    """Stop a cluster, and wait until it has gone."""

    async def stop_one(id: str) -> None:
        await api("DELETE", f"/clusters/{id}")
        await wait_for(id, None)

    return stop_one


@pytest.fixture
def no_tracebacks(caplog: pytest.LogCaptureFixture) -> Callable[[], None]:
    """Return a check that nothing was logged with a traceback, or as an error."""
    caplog.set_level(logging.DEBUG)

    def check() -> None:
        bad = [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]
        assert not bad, [one.getMessage() for one in bad]

    return check
