"""Handles that reach a cluster through the Jupyter server, as kernels elsewhere do."""

import asyncio
import datetime
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from serving import Answer, Api, Wait

from speccluster_lab.client import connect
from speccluster_lab.client.finding import known_servers
from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    InvalidInput,
    SpecClusterError,
    Unreachable,
)
from speccluster_lab.link.remote import base_url

Start = Callable[[], Awaitable[str]]


@pytest.fixture
def server_url(jp_fetch: object, jp_http_port: int, jp_base_url: str) -> str:
    return f"http://127.0.0.1:{jp_http_port}{jp_base_url}"


@pytest.fixture
def token(jp_auth_header: dict[str, str]) -> str:
    return jp_auth_header["Authorization"].removeprefix("token ")


@pytest.fixture
def start(api: Api, wait_for: Wait) -> Start:
    """Start a cluster and return its id."""

    async def start() -> str:
        made = await api("POST", "/clusters", {"template": "threads", "name": "Real"})
        assert made.status == 201
        await wait_for("real", "running")
        return "real"

    return start


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have the client look where no cluster of the server leaves a file."""

    def look(folder: str) -> Path:
        (tmp_path / folder).mkdir(mode=0o700, exist_ok=True)
        return tmp_path / folder

    here = "speccluster_lab.client.finding"
    monkeypatch.setattr(f"{here}.read_connection", _nothing_here)
    monkeypatch.setattr(f"{here}.list_connections", list)
    monkeypatch.setattr(f"{here}.cluster_folder", lambda _: tmp_path / "none")
    monkeypatch.setattr(f"{here}.jupyter_runtime_dir", lambda: str(look("runtime")))
    for name in ("JUPYTERHUB_SERVICE_URL", "JUPYTERHUB_API_TOKEN", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)


def _nothing_here(id: str) -> None:
    raise ClusterNotFound(f"there is no cluster {id!r}")


async def test_the_whole_life_of_one(start: Start, server_url: str, token: str, api: Api) -> None:
    running = await start()
    handle = connect(running, server=server_url, token=token, asynchronous=True)
    async with handle:
        assert handle.phase == "running"
        await handle.scale(2)
        assert len(handle.worker_spec) == 2
        client = await handle.get_client()
        async with client:
            assert await client.submit(sum, [1, 2]) == 3
        assert [one.entry for one in await handle.events()][:1] == ["0"]
        assert "Start worker at" in str(await handle.logs(0))
        await handle.wait("running")
        # What it came by is not in what it shows.
        assert token not in repr(handle) + str(handle._repr_mimebundle_())
        await handle.shutdown()
    assert (await api("GET", f"/clusters/{running}")).status == 404


async def test_what_it_connects_with_expires_within_a_day(start: Start, api: Api) -> None:
    running = await start()

    def expires(answer: Answer) -> datetime.timedelta:
        found = x509.load_pem_x509_certificate(answer.body["certificate"].encode())
        return found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)

    day = await api("POST", f"/clusters/{running}/credentials", {})
    assert datetime.timedelta(hours=23) < expires(day) <= datetime.timedelta(days=1)
    hour = await api("POST", f"/clusters/{running}/credentials", {"lifetime": 3600})
    assert datetime.timedelta(minutes=59) < expires(hour) <= datetime.timedelta(hours=1)
    refused = await api("POST", f"/clusters/{running}/credentials", {"lifetime": 10**9})
    assert (refused.status, refused.body["field"]) == (422, "lifetime")


async def test_it_is_usable_from_a_plain_script(start: Start, server_url: str, token: str) -> None:
    running = await start()

    def use() -> tuple[int, str]:
        url = f"{server_url}lab?token=old"
        with connect(running, server=url, token=token) as handle, handle.get_client() as client:
            return client.submit(sum, [3, 4]).result(timeout=30), handle.phase

    assert await asyncio.to_thread(use) == (7, "running")


async def test_a_shell_elsewhere_shows_logs(
    start: Start, server_url: str, token: str, tmp_path: Path
) -> None:
    running = await start()
    folders = {
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "elsewhere-runtime"),
        "JUPYTER_DATA_DIR": str(tmp_path / "elsewhere-data"),
    }
    where = {"JUPYTERHUB_SERVICE_URL": server_url, "JUPYTERHUB_API_TOKEN": token}

    async def logs(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "speccluster_lab.client.command", "logs", running, *arguments),
            env=os.environ | folders | where,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0
        return out.decode()

    assert "Cluster 'real' has started" in await logs()
    assert "Start worker at" in await logs("--member", "0")


@pytest.mark.usefixtures("elsewhere")
async def test_jupyterhub_says_where_to_look(
    start: Start, server_url: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await start()
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", server_url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token)
    async with connect(running, asynchronous=True) as handle:
        assert handle.phase == "running"


@pytest.mark.usefixtures("elsewhere")
async def test_the_server_that_started_the_kernel_is_asked(
    start: Start, server_url: str, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    running = await start()
    known_servers()
    file = tmp_path / "runtime" / "jpserver-4711.json"
    file.write_text(json.dumps({"url": server_url, "token": token}))
    file.chmod(0o600)
    monkeypatch.setenv("JPY_PARENT_PID", "4711")
    async with connect(running, asynchronous=True) as handle:
        assert handle.phase == "running"


@pytest.mark.usefixtures("elsewhere")
async def test_who_was_asked_is_said_when_nobody_knows_it(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", server_url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "not-the-token")
    with pytest.raises(ClusterNotFound) as caught:
        await connect("nobody", asynchronous=True)
    said = str(caught.value)
    assert "on this machine there is no cluster 'nobody'" in said
    assert f"{server_url} (JUPYTERHUB_SERVICE_URL): Forbidden" in said
    assert "not-the-token" not in said


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"url": 1, "token": "x"}', b"\xff"], ids=repr
)
def test_a_garbled_file_of_a_parent_is_no_server(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    known_servers()
    file = tmp_path / "runtime" / f"jpserver-{os.getpid()}.json"
    file.write_bytes(content)
    file.chmod(0o600)
    assert known_servers() == []


async def test_a_refusal_is_the_servers_own(start: Start, server_url: str, token: str) -> None:
    running = await start()
    with pytest.raises(ClusterNotFound, match="there is no cluster 'other'"):
        await connect("other", server=server_url, token=token, asynchronous=True)
    with pytest.raises(SpecClusterError, match="Forbidden"):
        await connect(running, server=server_url, token="wrong", asynchronous=True)


async def test_a_server_and_a_token_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_API_TOKEN", raising=False)
    server = "http://me:secret@127.0.0.1:1/"
    with pytest.raises(InvalidInput, match=r"the server http://127\.0\.0\.1:1/ wants") as caught:
        await connect("x", server=server, asynchronous=True)
    assert caught.value.field == "token"
    with pytest.raises(HostNotResponding, match=r"^http://127\.0\.0\.1:1/: .*does not answer"):
        await connect("x", server=server, token="t", asynchronous=True)
    with pytest.raises(InvalidInput) as caught:
        await connect("x", token="t", asynchronous=True)
    assert caught.value.field == "server"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://h:8888/user/me/lab?token=x", "http://h:8888/user/me/"),
        ("https://me:secret@h/", "https://h/"),
        ("http://h/tree", "http://h/"),
        ("http://[::1]:8888", "http://[::1]:8888/"),
    ],
)
def test_the_url_of_a_page_will_do(given: str, meant: str) -> None:
    assert base_url(given) == meant


@pytest.mark.parametrize("given", ["file:///etc/passwd", "h:8888", "", "http://", "http://[::1"])
def test_what_is_no_url_of_a_server_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        base_url(given)
    assert caught.value.field == "server"


async def test_a_scheduler_on_another_machines_loopback_is_said(
    start: Start, server_url: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await start()
    monkeypatch.setattr("socket.gethostname", lambda: "other-machine")
    with pytest.raises(Unreachable, match=r"for that machine only, and this is 'other-machine'"):
        await connect(running, server=server_url, token=token, asynchronous=True)
