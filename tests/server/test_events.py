"""The websocket: what a reader has heard is what a list would say."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest
from fake_host import CONFUSE, DIE, HANG_UP
from serving import Api, FakeHosts, Wait, check_against_contract, until
from tornado.websocket import WebSocketClientConnection

from speccluster_lab.server.extension import SpecClusterLab
from speccluster_lab.server.manager import ClusterManager


class Panel:
    """Follows the events as a panel does: by the contract, and nothing but."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.seq = -1
        self.clusters: dict[str, Any] = {}
        self.snapshots = 0
        self.phases: list[str] = []

    async def read(self) -> bool:
        """Take one message; return whether there was one."""
        async with asyncio.timeout(60):
            text = await self.socket.read_message()
        if text is None:
            self.socket.close()
            return False
        event = json.loads(text)
        self.seq += 1
        assert event["seq"] == self.seq, "a gap"
        if "snapshot" in event:
            check_against_contract(event, "SnapshotEvent")
            self.snapshots += 1
            self.clusters = {cluster["id"]: cluster for cluster in event["snapshot"]}
            return True
        check_against_contract(event, "PatchEvent")
        id = event["cluster"]
        if event["patch"] == [{"op": "remove", "path": ""}]:
            del self.clusters[id]
        else:
            changed = jsonpatch.apply_patch(self.clusters.get(id, {}), event["patch"])
            check_against_contract(changed, "Cluster")
            self.clusters[id] = changed
            if self.phases[-1:] != [changed["phase"]]:
                self.phases.append(changed["phase"])
        return True

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        while not condition(self.clusters):
            assert await self.read()


async def open_panel(jp_ws_fetch: Any) -> Panel:
    socket = await jp_ws_fetch("speccluster-lab", "api", "v1", "events")
    panel = Panel(socket)
    await panel.read()
    assert panel.snapshots == 1
    return panel


async def test_nobody_hears_of_no_clusters_before_they_have_been_looked_for(
    api: Api, fake_host: FakeHosts, jp_ws_fetch: Any, manager: ClusterManager
) -> None:
    # As while Jupyter starts its extensions, and takes requests already.
    manager._has_looked.clear()
    socket = await jp_ws_fetch("speccluster-lab", "api", "v1", "events")
    reading = asyncio.ensure_future(Panel(socket).read())
    assert (await api("GET", "/clusters")).body == []
    assert not reading.done()
    await manager.attach()
    assert await reading
    socket.close()


async def test_a_reader_follows_everything(
    api: Api, fake_host: FakeHosts, wait_for: Wait, jp_ws_fetch: Any, manager: ClusterManager
) -> None:
    panel = await open_panel(jp_ws_fetch)
    assert panel.clusters == {}
    await api("POST", "/clusters", {"template": "threads", "name": "One"})
    await panel.until(lambda clusters: "one" in clusters)
    assert panel.clusters["one"]["phase"] == "starting"
    await panel.until(lambda clusters: clusters["one"]["phase"] == "running")

    for tricks in (CONFUSE, HANG_UP, 2):
        await api("POST", "/clusters/one/scale", {"entries": tricks})
        generation = (await api("GET", "/clusters/one")).body["generation"]
        await panel.until(lambda clusters, want=generation: clusters["one"]["generation"] == want)
    await panel.until(lambda clusters: sorted(clusters["one"]["spec"]["workers"]) == ["0", "1"])
    assert panel.clusters["one"] == (await api("GET", "/clusters/one")).body

    # A second one hears nothing of the past but how things are.
    second = await open_panel(jp_ws_fetch)
    assert second.clusters == panel.clusters

    await api("POST", "/clusters/one/scale", {"entries": DIE})
    await panel.until(lambda clusters: clusters["one"]["phase"] == "failed")
    await second.until(lambda clusters: clusters["one"]["phase"] == "failed")
    assert second.clusters == panel.clusters
    await api("DELETE", "/clusters/one")
    await panel.until(lambda clusters: clusters == {})
    assert panel.snapshots == 1
    # Between the end of a host and that of its guard it may look as if another one started.
    assert panel.phases[:2] == ["starting", "running"]
    assert panel.phases[-2:] == ["failed", "stopping"]
    assert set(panel.phases[2:-2]) <= {"starting"}
    panel.socket.close()
    second.socket.close()
    await until(lambda: not manager.feed._readers)


async def test_a_snapshot_on_request(
    api: Api, fake_host: FakeHosts, wait_for: Wait, jp_ws_fetch: Any
) -> None:
    panel = await open_panel(jp_ws_fetch)
    await api("POST", "/clusters", {"template": "threads", "name": "One"})
    await panel.until(lambda clusters: "one" in clusters)
    panel.clusters.clear()
    await panel.socket.write_message('{"request": "snapshot"}')
    while panel.snapshots < 2:
        await panel.read()
    assert list(panel.clusters) == ["one"]
    await wait_for("one", "running")
    await api("DELETE", "/clusters/one")
    await panel.until(lambda clusters: clusters == {})
    # What the host had still to tell does not make it run again.
    assert panel.phases[panel.phases.index("stopping") :] == ["stopping"]
    panel.socket.close()


@pytest.mark.parametrize(
    "message", ["", "nonsense", "[]", '{"request": "everything"}', b"\xff", "x" * 5000]
)
async def test_any_other_message_ends_it(
    jp_ws_fetch: Any,
    manager: ClusterManager,
    no_tracebacks: Callable[[], None],
    message: str | bytes,
) -> None:
    panel = await open_panel(jp_ws_fetch)
    await panel.socket.write_message(message, binary=isinstance(message, bytes))
    assert not await panel.read()
    await until(lambda: not manager.feed._readers)
    no_tracebacks()


async def test_the_end_of_the_server_ends_it(jp_ws_fetch: Any, extension: SpecClusterLab) -> None:
    panel = await open_panel(jp_ws_fetch)
    await extension.stop_extension()
    assert not await panel.read()
    assert panel.socket.close_code == 1001


async def test_a_reader_that_takes_nothing_is_let_go(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    jp_ws_fetch: Any,
    manager: ClusterManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("speccluster_lab.server.events._WRITE_SECONDS", 0.5)
    # Read by nobody, and larger than any buffer of the system.
    much = {"worker": {"options": {"a": "x" * 200_000}}}
    await api("POST", "/clusters", {"template": "threads", "name": "One", "spec": much})
    await wait_for("one", "running")
    panel = await open_panel(jp_ws_fetch)
    for _ in range(200):
        await panel.socket.write_message('{"request": "snapshot"}')
        if not manager.feed._readers:
            break
        # One at a time, for requests that come together get one answer.
        await asyncio.sleep(0.02)
    assert not manager.feed._readers
    assert "takes nothing" in caplog.text
    await api("DELETE", "/clusters/one")
    await wait_for("one", None)
    panel.socket.close()
