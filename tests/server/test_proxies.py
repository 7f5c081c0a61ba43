"""Behind JupyterHub, or whatever else ends TLS and knows another name of the server."""

from pathlib import Path

import pytest
from serving import Api, FakeHosts, Wait
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect
from traitlets.config import Config

from speccluster_lab.spec.api import API_PREFIX

OUTSIDE = {
    "Host": "hub.example.org",
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "hub.example.org",
}


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    jp_server_config.ServerApp.update(allow_remote_access=True, trust_xheaders=True)
    return jp_server_config


async def test_a_cluster_is_made_and_named_by_its_path(
    api: Api, fake_host: FakeHosts, wait_for: Wait, jp_base_url: str
) -> None:
    made = await api(
        "POST", "/clusters", {"template": "threads", "name": "one"}, headers=dict(OUTSIDE)
    )
    assert made.status == 201
    # Whatever the server is called outside, the path is right there.
    assert made.headers["Location"] == f"{jp_base_url.rstrip('/')}{API_PREFIX}/clusters/one"
    assert "127.0.0.1" not in str(made.headers.get("Location"))
    assert (await api("GET", "/clusters", headers=dict(OUTSIDE))).status == 200
    await api("DELETE", "/clusters/one", headers=dict(OUTSIDE))
    await wait_for("one", None)


async def test_the_stream_opens_to_the_page_of_the_same_name(
    api: Api,
    jp_http_port: int,
    jp_base_url: str,
    jp_auth_header: dict[str, str],
    own_folders: Path,
) -> None:
    url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url.rstrip('/')}{API_PREFIX}/events"
    headers = {**OUTSIDE, **jp_auth_header, "Origin": "https://hub.example.org"}
    stream = await websocket_connect(HTTPRequest(url, headers=headers, request_timeout=10))
    try:
        assert '"snapshot":[]' in str(await stream.read_message()).replace(" ", "")
    finally:
        stream.close()
