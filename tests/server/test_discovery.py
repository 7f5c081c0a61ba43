"""Clusters that others start while the server runs: another server, or a notebook."""

import asyncio
import datetime
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_host import HANG, HANG_UP
from serving import (
    Api,
    FakeHosts,
    Wait,
    folder_of,
    folders,
    make,
    next_server,
    sockets,
    until,
)

from speccluster_lab.client.survey import has_failed
from speccluster_lab.errors import NotRunning
from speccluster_lab.link.connections import Connection, read_connection, remove_connection
from speccluster_lab.link.guard import GUARD_FILE
from speccluster_lab.link.launch import Launch, reserve, write_launch
from speccluster_lab.link.paths import connection_file, connections_folder, socket_path
from speccluster_lab.link.remains import remove_cluster, remove_ways
from speccluster_lab.server import manager as manager_module
from speccluster_lab.server.discovery import Guarded
from speccluster_lab.server.manager import ClusterManager
from speccluster_lab.server.supervisor import Supervisor
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import CreateCluster, Owner, OwnerKind, SnapshotEvent
from speccluster_lab.spec.models import ClusterSpec

NONCE = "a-notebook-of-the-same-user"

Publish = Callable[..., subprocess.Popen[bytes]]


def ids(manager: ClusterManager) -> list[str]:
    return [cluster.id for cluster in manager.clusters()]


def launch_of(id: str) -> Launch:
    spec = ClusterSpec()
    return Launch(
        id=id,
        display_name=f"{id} of a notebook",
        template=None,
        owner=Owner(kind=OwnerKind.NOTEBOOK, detail="work/a.ipynb"),
        created=datetime.datetime.now(datetime.UTC),
        nonce=NONCE,
        spec=spec,
        trusted=spec,
        admission=Admission(worker_classes=frozenset()),
    )


@pytest.fixture
def publish(fake_host: FakeHosts, tmp_path: Path) -> Iterator[Publish]:
    """Start a program that publishes a cluster as a notebook does: without folder and guard."""
    started = []

    def start(id: str) -> subprocess.Popen[bytes]:
        # What the fake host reads is nobody else's business.
        folder = tmp_path / "notebook" / id
        folder.mkdir(parents=True)
        write_launch(folder, launch_of(id))
        script = Path(__file__).parent / "fake_host.py"
        started.append(subprocess.Popen([sys.executable, str(script), str(folder)]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    for file in (tmp_path / "notebook").iterdir():
        socket_path(file.name).unlink(missing_ok=True)
        remove_connection(file.name)


async def published_and_found(
    publish: Publish, manager: ClusterManager, wait_for: Wait
) -> subprocess.Popen[bytes]:
    process = publish("theirs")
    await until(lambda: connection_file("theirs").exists())
    await manager.attach()
    await wait_for("theirs", "running")
    return process


async def test_what_another_server_starts_and_stops_comes_and_goes(
    api: Api, fake_host: FakeHosts, wait_for: Wait, manager: ClusterManager, data_folder: Path
) -> None:
    manager.watch()
    events = manager.feed.open()
    first = await anext(events)
    assert isinstance(first, SnapshotEvent)
    assert first.snapshot == []

    other = next_server(manager)
    await other.create(CreateCluster(template="threads", name="theirs"))
    assert (await api("GET", "/clusters/theirs")).status == 404
    await wait_for("theirs", "running", 10)
    told = await asyncio.wait_for(anext(events), 5)
    assert not isinstance(told, SnapshotEvent)
    assert (told.cluster, told.patch[0].op, told.patch[0].path) == ("theirs", "add", "")
    # What is changed here is seen there.
    await api("POST", "/clusters/theirs/scale", {"entries": 3})
    await until(lambda: len(other.get("theirs").spec.workers) == 3)
    assert not manager._find("theirs").is_own

    await other.stop("theirs")
    await wait_for("theirs", None, 10)
    last = told
    while last.patch[0].op != "remove":
        last = await asyncio.wait_for(anext(events), 5)
        assert not isinstance(last, SnapshotEvent)
    await other.close(stop_clusters=True)
    assert folders(data_folder) == []


async def test_what_this_server_starts_is_followed_once(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    manager: ClusterManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    start_host, look = manager_module.start_host, manager._discovery.look
    is_found = threading.Event()

    def start(folder: Path, **options: str | None) -> subprocess.Popen[bytes]:
        """Take so long that what is started is found before it is known."""
        is_found.clear()
        started = start_host(folder, **options)
        assert is_found.wait(20)
        return started

    def note(known: frozenset[str]) -> list[Guarded | Connection]:
        found = look(known)
        if found:
            is_found.set()
        return found

    async def keep_looking() -> None:
        while running:
            await manager.attach()

    monkeypatch.setattr(manager_module, "start_host", start)
    monkeypatch.setattr(manager._discovery, "look", note)
    running = True
    looking = [asyncio.create_task(keep_looking()) for _ in range(2)]
    for name in ("one", "two", "three"):
        await make(api, name=name)
    for name in ("one", "two", "three"):
        await wait_for(name, "running")
        assert manager._find(name).is_own
        await api("DELETE", f"/clusters/{name}")
        await wait_for(name, None)
    running = False
    await asyncio.gather(*looking)
    assert "Found cluster" not in caplog.text


async def test_a_cluster_that_is_about_to_have_a_guard_is_not_taken_for_failed(
    manager: ClusterManager,
) -> None:
    folder = reserve("theirs")
    write_launch(folder, launch_of("theirs"))
    for content in (None, b""):
        # As it is for a moment when somebody else has just written the launch.
        if content is not None:
            (folder / GUARD_FILE).write_bytes(content)
            (folder / GUARD_FILE).chmod(0o600)
        await manager.attach()
        assert ids(manager) == []
    # One whose guard never came has failed.
    (folder / GUARD_FILE).unlink()
    an_hour_ago = time.time() - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))
    await manager.attach()
    await until(lambda: manager.get("theirs").phase == "failed")
    await manager.stop("theirs")
    await until(lambda: ids(manager) == [])


@pytest.mark.parametrize("how", ["by another name", "garbled", "gone"])
async def test_a_cluster_whose_guard_is_not_recognised_is_left_alive_and_can_be_stopped(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    manager: ClusterManager,
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    id = await make(api)
    await wait_for(id, "running")
    folder = folder_of(data_folder, id)
    host = read_connection(id)
    if how == "by another name":
        (tmp_path / "elsewhere").symlink_to(data_folder.parent)
        monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "elsewhere"))
    elif how == "garbled":
        (folder / GUARD_FILE).write_bytes(b"\xff")
    else:
        (folder / GUARD_FILE).unlink()
    an_hour_ago = time.time() - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))
    other = next_server(manager)
    await other.attach()
    await until(lambda: other.get(id).phase == "running")
    assert isinstance(other._find(id), Supervisor) == (how == "by another name")
    # Whatever looks after what is left, that a live host needs stays.
    remove_ways(id, host.nonce)
    if how != "by another name":
        with pytest.raises(NotRunning, match=f"still runs, as process {host.pid}"):
            remove_cluster(id, host.nonce)
    assert not has_failed(folder)
    scaled = await api("POST", f"/clusters/{id}/scale", {"entries": 2})
    assert (scaled.status, len(scaled.body["spec"]["workers"])) == (202, 2)
    assert read_connection(id) == host
    await other.stop(id)
    await until(lambda: ids(other) == [])
    await wait_for(id, None)
    await other.close(stop_clusters=False)
    assert not host.is_alive()
    assert folders(data_folder) == []


async def test_garbage_is_said_once_and_looked_at_again_when_it_changes(
    api: Api,
    fake_host: FakeHosts,
    wait_for: Wait,
    manager: ClusterManager,
    publish: Publish,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = connection_file("theirs")
    file.write_bytes(b"{\xff")
    file.chmod(0o600)
    (connections_folder() / "not an id.json").mkdir()
    connection_file("a-folder").mkdir()
    connection_file("a-link").symlink_to("/etc/passwd")
    for _ in range(3):
        await manager.attach()
    assert ids(manager) == []
    for id in ("theirs", "a-folder", "a-link"):
        assert caplog.text.count(f"Left out what is there of cluster '{id}'") == 1
    # None of it is ours to remove.
    assert file.exists()

    publish("theirs")
    await until(lambda: file.read_bytes() != b"{\xff")
    await manager.attach()
    await wait_for("theirs", "running")
    await api("DELETE", "/clusters/theirs")
    await wait_for("theirs", None)
    for path in connections_folder().iterdir():
        path.rmdir() if path.is_dir() else path.unlink()


async def test_the_folder_that_cannot_be_used_is_said_once(
    api: Api,
    manager: ClusterManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("speccluster_lab.server.manager._LOOK_SECONDS", 0.01)
    folder = connections_folder()
    looks = 0
    look = manager._discovery.look

    def count(known: frozenset[str]) -> list[object]:
        nonlocal looks
        looks += 1
        return list(look(known))

    monkeypatch.setattr(manager._discovery, "look", count)
    folder.chmod(0o755)
    manager.watch()
    await until(lambda: looks > 5)
    folder.chmod(0o700)
    assert caplog.text.count("Cannot look for clusters of others") == 1
    reserve("old").rmdir()
    before = looks
    await until(lambda: looks > before + 1)


# -- notebooks -------------------------------------------------------------------------------


async def test_a_cluster_of_a_notebook_is_shown_and_changed_here(
    api: Api, wait_for: Wait, manager: ClusterManager, publish: Publish, own_folders: Path
) -> None:
    manager.watch()
    process = publish("theirs")
    cluster = await wait_for("theirs", "running", 10)
    assert cluster is not None
    assert cluster["owner"] == {"kind": "notebook", "detail": "work/a.ipynb"}
    assert cluster["display_name"] == "theirs of a notebook"
    spec = {**cluster["spec"], "workers": {"a": {"cls": "distributed.Worker"}}}
    edited = await api("PUT", "/clusters/theirs/spec", spec, headers={"If-Match": '"1"'})
    assert (edited.status, list(edited.body["spec"]["workers"])) == (202, ["a"])

    again = await api("POST", "/clusters/theirs/restart", {})
    assert (again.status, again.code) == (409, "owned_elsewhere")
    assert process.poll() is None

    stopped = await api("DELETE", "/clusters/theirs")
    assert (stopped.status, stopped.body["phase"]) == (202, "stopping")
    await wait_for("theirs", None)
    assert process.wait(10) == 0
    assert sockets(own_folders) == []
    assert not connection_file("theirs").exists()


async def test_it_vanishes_with_its_notebook_and_what_led_to_it_as_well(
    api: Api, wait_for: Wait, manager: ClusterManager, publish: Publish, own_folders: Path
) -> None:
    manager.watch()
    process = publish("theirs")
    await wait_for("theirs", "running", 10)
    process.send_signal(signal.SIGKILL)
    await wait_for("theirs", None, 10)
    await until(lambda: not connection_file("theirs").exists())
    assert sockets(own_folders) == []
    # The name is free.
    publish("theirs-again")
    await wait_for("theirs-again", "running", 10)


async def test_it_vanishes_when_its_notebook_publishes_it_no_longer(
    api: Api, wait_for: Wait, manager: ClusterManager, publish: Publish
) -> None:
    """Its process goes on."""
    process = await published_and_found(publish, manager, wait_for)
    connection_file("theirs").unlink()
    await api("POST", "/clusters/theirs/scale", {"entries": HANG_UP})
    await wait_for("theirs", None, 10)
    assert process.poll() is None


async def test_one_that_hangs_is_shown_and_never_killed(
    api: Api, wait_for: Wait, manager: ClusterManager, publish: Publish
) -> None:
    process = await published_and_found(publish, manager, wait_for)
    await api("POST", "/clusters/theirs/scale", {"entries": HANG})
    await wait_for("theirs", "unreachable")
    stopped = await api("DELETE", "/clusters/theirs")
    assert (stopped.status, stopped.code) == (504, "host_not_responding")
    assert (await api("POST", "/clusters/theirs/restart", {})).status == 409
    await manager.close(stop_clusters=True)
    assert process.poll() is None
    assert read_connection("theirs").is_alive()


async def test_a_cluster_of_a_notebook_takes_a_place_and_a_name(
    api: Api, wait_for: Wait, manager: ClusterManager, publish: Publish
) -> None:
    await published_and_found(publish, manager, wait_for)
    taken = await api("POST", "/clusters", {"template": "threads", "name": "theirs of a notebook"})
    assert (taken.status, taken.code) == (409, "name_in_use")
    assert await make(api, name="theirs") == "theirs-2"
    manager.max_clusters = 2
    full = await api("POST", "/clusters", {"template": "threads"})
    assert (full.status, full.code) == (409, "too_many_clusters")
    await wait_for("theirs-2", "running")
    await api("DELETE", "/clusters/theirs-2")
    await wait_for("theirs-2", None)


async def test_a_folder_with_a_live_notebook_is_left_alone(
    api: Api, wait_for: Wait, manager: ClusterManager, publish: Publish, data_folder: Path
) -> None:
    folder = reserve("theirs")
    an_hour_ago = time.time() - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))
    process = await published_and_found(publish, manager, wait_for)
    assert folder.exists()
    process.kill()
    process.wait()
    await wait_for("theirs", None)
    await manager.attach()
    assert folders(data_folder) == []
    assert not socket_path("theirs").exists()


async def test_where_sockets_have_no_place_others_are_found_all_the_same(
    api: Api,
    wait_for: Wait,
    manager: ClusterManager,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    an_hour_ago = time.time() - 3600
    os.utime(reserve("an-old-one"), (an_hour_ago, an_hour_ago))
    publish("theirs")
    await until(lambda: connection_file("theirs").exists())
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    ours = socket_path("theirs").parent
    # As one that somebody else has made.
    ours.chmod(0o777)
    await manager.attach()
    ours.chmod(0o700)
    await wait_for("theirs", "running")
    assert ids(manager) == ["theirs"]


async def test_a_notebook_that_is_killed_before_it_can_be_found_leaves_nothing(
    manager: ClusterManager, data_folder: Path
) -> None:
    folder = reserve("theirs")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_path("theirs")))
    await manager.attach()
    # It may be about to write what leads there.
    assert socket_path("theirs").exists()
    an_hour_ago = time.time() - 3600
    os.utime(folder, (an_hour_ago, an_hour_ago))
    await manager.attach()
    assert folders(data_folder) == []
    assert not socket_path("theirs").exists()
