"""The server's end and its next start: what goes with it, and what it finds again."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from fake_host import AGED, DEAF
from jupyter_server.serverapp import ServerApp
from nothing_left import processes_of
from serving import (
    Api,
    FakeHosts,
    Wait,
    folder_of,
    folders,
    make,
    make_running,
    next_server,
    sockets,
    until,
)
from traitlets import TraitError

from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.launch import LAUNCH_FILE, read_launch
from speccluster_lab.link.paths import connection_file, connections_folder
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.server import SpecClusterLab
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.spec.lifetimes import Lifetimes
from speccluster_lab.spec.limits import Limits


def host_of(id: str) -> HostProcess:
    return read_connection(id).process


def left(data_folder: Path, own_folders: Path) -> list[Path]:
    return [*folders(data_folder), *sockets(own_folders)]


async def test_an_orderly_end_stops_what_the_server_has_started(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    extension: SpecClusterLab,
    data_folder: Path,
    own_folders: Path,
    no_tracebacks: Callable[[], None],
) -> None:
    await make_running(api, wait_for, "one", "two", "three")
    fake_host("exits")
    await make(api, name="four")
    await wait_for("four", "failed")
    assert extension.current_activity() == {"clusters": 3}
    extension.clusters_keep_server_alive = False
    assert extension.current_activity() is None
    began = time.monotonic()
    await extension.stop_extension()
    assert time.monotonic() - began < 3, "they were to be stopped side by side"
    assert processes_of(own_folders, wait=0) == []
    assert left(data_folder, own_folders) == []
    extension.clusters_keep_server_alive = True
    assert extension.current_activity() is None


async def test_a_running_cluster_is_activity_for_jupyterhub_too(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    extension: SpecClusterLab,
    jp_serverapp: ServerApp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("speccluster_lab.server.extension.ACTIVITY_SECONDS", 0.05)
    await extension._start_jupyter_server_extension(jp_serverapp)
    await make_running(api, wait_for, "one")
    web_app = jp_serverapp.web_app
    told = set()

    def is_told_again() -> bool:
        # That is what a hub is told; looking is no activity.
        told.add(web_app.last_activity())
        return len(told) > 2

    await until(is_told_again)
    extension.clusters_keep_server_alive = False
    before = web_app.last_activity()
    extension._note_activity(web_app.settings)
    assert web_app.last_activity() == before


async def test_the_end_waits_for_nobody(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    extension: SpecClusterLab,
    data_folder: Path,
    own_folders: Path,
) -> None:
    await make_running(api, wait_for, "one", "two")
    await api("POST", "/clusters/one/scale", {"entries": DEAF})
    host = psutil.Process(host_of("two").pid)
    host.suspend()
    began = time.monotonic()
    await extension.stop_extension()
    assert time.monotonic() - began < 12
    assert processes_of(own_folders, wait=0) == []
    assert left(data_folder, own_folders) == []


async def test_what_goes_wrong_at_the_end_stays_here(
    extension: SpecClusterLab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*, stop_clusters: bool) -> None:
        raise RuntimeError("boo")

    monkeypatch.setattr(extension.manager, "close", fail)
    await extension.stop_extension()
    assert "The clusters could not be stopped in order" in caplog.text


async def test_clusters_can_outlive_the_server_and_are_found_again(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    manager: ClusterManager,
    extension: SpecClusterLab,
    jp_serverapp: ServerApp,
    own_folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    data_folder: Path,
) -> None:
    await make_running(api, wait_for, "one")
    await api("POST", "/clusters/one/scale", {"entries": 3})
    before = (await api("GET", "/clusters/one")).body
    extension.shutdown_clusters_on_exit = False
    host = host_of("one")
    # Only a child of a server that has ended belongs to nobody; this one has not quite ended.
    guard = manager._find("one")._guard
    await extension.stop_extension()
    assert host.is_alive()

    following = next_server(manager)
    await following.attach()
    assert [cluster.id for cluster in following.clusters()] == ["one"]
    await until(lambda: following.get("one").phase == "running")
    assert following.get("one").model_dump(mode="json") == before
    assert following.get("one").generation == 2

    # It was not started by this server, and so it does not end with it.
    await following.close(stop_clusters=True)
    assert host.is_alive()

    last = next_server(manager)
    await last.attach()
    await last.stop("one")
    assert guard is not None
    await until(lambda: not guard.runs())
    await until(lambda: last.clusters() == [])
    await last.close(stop_clusters=True)
    assert left(data_folder, own_folders) == []


async def test_files_that_cannot_be_trusted_are_not_followed(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    manager: ClusterManager,
    data_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await make_running(api, wait_for, "one", "two", "three")
    folder = connections_folder()
    good = json.loads((folder / "one.json").read_text())
    (folder / "garbled.json").write_text("{")
    (folder / "garbled.json").chmod(0o600)
    (folder / "other-name.json").write_text(json.dumps(good))
    (folder / "other-name.json").chmod(0o600)
    (folder / "link.json").symlink_to(folder / "one.json")
    (folder / "two.json").chmod(0o644)
    launch = folder_of(data_folder, "three") / LAUNCH_FILE
    other = json.loads(launch.read_text())
    launch.write_text(json.dumps({**other, "nonce": "x" * 32}))

    following = next_server(manager)
    await following.attach()
    assert [cluster.id for cluster in following.clusters()] == ["one", "three", "two"]
    await until(lambda: following.get("one").phase == "running")
    for id in ("two", "three"):
        assert following.get(id).phase == "starting"
        assert following._find(id)._client is None
    await following.close(stop_clusters=True)
    assert good["nonce"] not in caplog.text
    assert host_of("three").is_alive()

    for name in ("garbled", "other-name", "link"):
        (folder / f"{name}.json").unlink()
    (folder / "two.json").chmod(0o600)
    launch.write_text(json.dumps(other))
    for id in ("one", "two", "three"):
        await api("DELETE", f"/clusters/{id}")
        await wait_for(id, None)


async def test_a_host_found_dead_is_left_alone(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager
) -> None:
    await make_running(api, wait_for, "one")
    connection = connection_file("one")
    text = connection.read_text()
    psutil.Process(host_of("one").pid).kill()
    await wait_for("one", "failed")
    assert not connection.exists()
    # The process id is somebody else's by now: that of this test.
    stale = {**json.loads(text), "pid": os.getpid()}
    connection.write_text(json.dumps(stale))
    connection.chmod(0o600)
    following = next_server(manager)
    await following.attach()
    await until(lambda: following.get("one").phase == "failed")
    assert following._find("one")._client is None
    await api("DELETE", "/clusters/one")
    await wait_for("one", None)
    await until(lambda: following.clusters() == [])
    await following.close(stop_clusters=True)


async def test_jupyter_starts_it(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    extension: SpecClusterLab,
    manager: ClusterManager,
    jp_serverapp: ServerApp,
) -> None:
    """With what it is given in the configuration."""
    assert jp_serverapp.extension_manager.any_activity() is not True
    await make_running(api, wait_for, "one")
    assert jp_serverapp.extension_manager.any_activity() is True
    # Looking for what is there does not follow a cluster twice.
    following = manager._find("one")
    await jp_serverapp.extension_manager.start_all_extensions()
    assert manager._find("one") is following
    await api("DELETE", "/clusters/one")
    await wait_for("one", None)


async def test_why_a_cluster_has_stopped_by_itself_is_in_the_log(
    api: Api, fake_host: FakeHosts, wait_for: Wait, caplog: pytest.LogCaptureFixture
) -> None:
    await make_running(api, wait_for, "one")
    await api("POST", "/clusters/one/scale", {"entries": AGED})
    await wait_for("one", None)
    assert "Cluster 'one' has gone: 'It was too old\\n'" in caplog.text


async def test_a_cluster_is_told_when_it_stops_by_itself(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    manager: ClusterManager,
    data_folder: Path,
) -> None:
    assert manager._maker.orphan_timeout == 24 * 3600
    manager._maker = replace(manager._maker, limits=Limits(concurrent_starts=2))
    await make_running(api, wait_for, "one")
    launch = read_launch(folder_of(data_folder, "one"))
    assert launch.lifetimes == Lifetimes(orphan_timeout=24 * 3600.0)
    assert launch.limits == Limits(concurrent_starts=2)
    await api("DELETE", "/clusters/one")
    await wait_for("one", None)


def test_settings_reach_the_manager(jp_configurable_serverapp: Callable[..., ServerApp]) -> None:
    app = jp_configurable_serverapp(
        config={
            "ServerApp": {"jpserver_extensions": {"speccluster_lab": True}},
            "SpecClusterLab": {
                "allowed_classes": ["my.Worker"],
                "allow_code_options": True,
                "max_workers": 3,
                "max_clusters": 2,
                "orphan_timeout": 60,
                "max_body_bytes": 2048,
                "max_queued_events": 7,
                "max_concurrent_starts": 3,
            },
        }
    )
    manager: ClusterManager = app.web_app.settings["speccluster_lab_manager"]
    assert "my.Worker" in manager.admission.worker_classes
    assert manager.admission.allow_code_options
    assert manager.admission.max_workers == 3
    assert manager.max_clusters == 2
    assert manager._maker.orphan_timeout == 60
    assert manager.limits == Limits(body_bytes=2048, queued_events=7, concurrent_starts=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_workers", 0),
        ("max_clusters", -1),
        ("max_body_bytes", 10),
        ("max_body_bytes", 10**9),
        ("max_queued_events", 0),
        ("max_concurrent_starts", 0),
        ("orphan_timeout", 0),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(TraitError, match=name):
        SpecClusterLab(**{name: value})
