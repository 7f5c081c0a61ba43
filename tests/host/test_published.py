"""Clusters of notebooks and programs that publish themselves, seen from other processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import distributed
import psutil
import pytest
from distributed import LocalCluster, Security
from kernels import Kernel
from running_hosts import SECONDS, UnixConnection, hosts_in

from speccluster_lab import SpecCluster, connect, list_clusters, reconciled
from speccluster_lab.errors import InvalidInput, NameInUse, OwnedElsewhere, StartFailed
from speccluster_lab.host import published as published_module
from speccluster_lab.link import launch
from speccluster_lab.link.connections import list_connections, read_connection, remove_connection
from speccluster_lab.link.dashboard import fetch_page
from speccluster_lab.link.launch import reserve
from speccluster_lab.link.paths import cluster_folder, connection_file, socket_path
from speccluster_lab.spec.api import API_PREFIX, ClusterPhase, CredentialsRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_hosts import Hosts

# The warnings of clusters that could not be made are the stock class's.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed cluster:ResourceWarning")

IMPORTS = """
import asyncio, time
from distributed import Worker
from speccluster_lab import SpecCluster
entry = {"cls": Worker, "options": {"nthreads": 1}}
def made(**options):
    return SpecCluster(workers={"a": entry}, worker=entry, publish=True, **options)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Give a place of its own, in which nothing is left."""
    with hosts_in(tmp_path_factory.mktemp("notebooks")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def kernel(place: Hosts) -> Iterator[Kernel]:
    """One kernel for all; they close what they make."""
    found = Kernel(JPY_SESSION_NAME=str(Path.home() / "work" / "a.ipynb"))
    try:
        found.run(IMPORTS)
        yield found
    finally:
        found.end()


@contextmanager
def published(kernel: Kernel, made: str = "made()") -> Iterator[str]:
    """Give the id of a cluster that the kernel makes, as ``cluster`` there."""
    kernel.run(f"cluster = {made}")
    try:
        yield kernel.value("cluster.published_as")
    finally:
        kernel.run("cluster.close()")
        assert list_connections() == []


def ask(id: str, method: str, path: str = "", body: object = None, **headers: str) -> Any:
    """Return status and body of a request, without our own client."""
    connection = read_connection(id)
    way = UnixConnection(connection.socket)
    try:
        sent = None if body is None else json.dumps(body)
        headers = {"X-SpecCluster-Nonce": connection.nonce, **headers}
        way.request(method, f"{API_PREFIX}/clusters/{id}{path}", sent, headers)
        answer = way.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        way.close()


def until(id: str, members: int) -> None:
    deadline = time.monotonic() + SECONDS
    while ask(id, "GET")[1]["counts"]["registered"] != members:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def until_wanted(id: str, entries: set[str]) -> Any:
    """Return the cluster once it shows what its owner has changed, which takes a moment."""
    deadline = time.monotonic() + SECONDS
    while (shown := ask(id, "GET")[1])["spec"]["workers"].keys() != entries:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return shown


def test_it_is_found_used_and_changed_from_another_process(kernel: Kernel) -> None:
    with published(kernel) as id, connect(id) as handle:
        assert [one.id for one in list_clusters()] == [id]
        status, cluster = ask(id, "GET")
        assert status == 200
        assert cluster["owner"] == {"kind": "notebook", "detail": "work/a.ipynb"}
        assert cluster["display_name"] == id.replace("-", " ").capitalize()
        assert cluster["scheduler"]["address"].startswith("tls://127.0.0.1:")
        assert cluster["spec"]["worker"] == cluster["spec"]["workers"]["a"]
        assert cluster["environment"]["python"] == sys.executable
        with handle.get_client() as client:
            assert client.submit(sum, [1, 2]).result(SECONDS) == 3
        assert handle.plan(n=3).start == ["0", "1"]
        handle.scale(2)
        assert kernel.value("sorted(map(str, cluster.worker_spec))") == ["0", "a"]
        until(id, 2)
        assert ask(id, "PUT", "/adaptive", {"minimum": 1, "maximum": 2})[0] == 202
        assert kernel.value("cluster.adaptive_range()") == (1, 2)
        assert ask(id, "DELETE", "/adaptive")[1]["adaptive"] is None
        handle.retry("a")
        assert {event.entry for event in handle.events()} >= {"0", "a"}
        assert len(handle.events()) == handle.events()[-1].seq
        # What the owner changes is seen.
        kernel.run("cluster.scale(0)")
        until(id, 0)
        # No more than a request may ask for.
        status, refused = ask(id, "POST", "/scale", {"entries": 65})
        assert (status, refused["code"], refused["field"]) == (422, "invalid_input", "entries")


def test_only_the_owner_can_reach_it(kernel: Kernel) -> None:
    with published(kernel) as id:
        path = Path(read_connection(id).socket)
        for file in (path, connection_file(id)):
            assert stat.S_IMODE(file.lstat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.lstat().st_mode) == 0o700
        assert not cluster_folder(id).exists()
        # Its id is taken all the same.
        with pytest.raises(NameInUse):
            reserve(id)
        assert not cluster_folder(id).exists()


@pytest.mark.parametrize("busy", ["time.sleep(0.05)", "sum(range(10_000))"])
def test_a_busy_cell_does_not_make_it_unreachable(kernel: Kernel, busy: str) -> None:
    kernel.run("cluster = made()")
    id = kernel.value("cluster.published_as")
    cell = kernel.begin(f"is_over = False\nwhile len(cluster.worker_spec) < 3: {busy}")
    for _ in range(3):
        assert ask(id, "GET")[0] == 200
    status, cluster = ask(id, "POST", "/scale", {"entries": 2})
    assert (status, len(cluster["spec"]["workers"])) == (202, 2)
    assert kernel.is_running(cell)
    # The cell ends because of this.
    assert ask(id, "POST", "/scale", {"entries": 3})[0] == 202
    kernel.finish(cell)
    kernel.run("cluster.close()")


def test_what_a_busy_loop_cannot_do_is_not_done(kernel: Kernel) -> None:
    """An asynchronous cluster lives on the kernel's own loop, which a cell can hold."""
    with published(kernel, "await made(asynchronous=True, name='on the loop')") as id:
        before = ask(id, "GET")[1]
        cell = kernel.begin("time.sleep(5)")
        status, refused = ask(id, "POST", "/scale", {"entries": 2})
        assert (status, refused["code"]) == (504, "timed_out")
        assert "nothing was changed" in refused["message"]
        assert ask(id, "GET") == (200, before)
        assert ask(id, "GET", "/generations") == (200, [])
        assert kernel.is_running(cell)
        kernel.finish(cell)
        # Not late either.
        assert kernel.value("len(cluster.worker_spec)") == 1
        assert ask(id, "POST", "/scale", {"entries": 2})[0] == 202
        kernel.run("await cluster.close()")


def test_a_busy_loop_closes_its_cluster_once_it_is_free(kernel: Kernel) -> None:
    kernel.run("cluster = await made(asynchronous=True)")
    id = kernel.value("cluster.published_as")
    cell = kernel.begin("time.sleep(2)")
    status, stopping = ask(id, "DELETE")
    assert (status, stopping["phase"]) == (202, "stopping")
    assert ask(id, "DELETE")[0] == 202
    status, refused = ask(id, "POST", "/scale", {"entries": 2})
    assert (status, refused["code"]) == (409, "not_running")
    assert kernel.is_running(cell)
    kernel.finish(cell)
    deadline = time.monotonic() + SECONDS
    while list_connections():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "stopped it from outside" in kernel.value("repr(cluster)")


MINE = """
class Mine(Worker):
    pass

class Secret:
    def __init__(self, worker):
        pass
    def __repr__(self):
        return "do not show me"

def make_class():
    class Inner(Mine):
        pass
    return Inner

options = {"nthreads": 1, "resources": {"A": 1.0}, "extensions": {"x": Secret}}
options["validate"] = float("inf")
entries = {
    0: {"cls": make_class(), "options": dict(options)},
    "b": {"cls": Mine, "options": dict(options)},
}
mine = dict(workers=entries, worker=entries["b"], publish=True)
"""


def test_what_json_cannot_carry_is_shown_as_such_and_kept(kernel: Kernel) -> None:
    kernel.run(MINE)
    with published(kernel, "SpecCluster(**mine)") as id:
        _, cluster = ask(id, "GET")
        spec = cluster["spec"]
        assert "do not show me" not in json.dumps(cluster)
        assert spec["workers"]["b"]["cls"] == "__main__.Mine"
        shown = spec["workers"]["0"]
        assert shown["cls"] == "__main__.make_class._locals_.Inner"
        assert shown["options"]["extensions"] == {"x": {"$object": "builtins.type"}}
        assert shown["options"]["validate"] == {"$object": "builtins.float"}

        known = {"If-Match": f'"{cluster["generation"]}"'}
        status, same = ask(id, "PUT", "/spec", spec, **known)
        assert (status, same["generation"]) == (202, cluster["generation"])
        before = kernel.value("cluster.workers[0].id")

        shown["options"]["nthreads"] = 2
        spec["workers"]["c"] = json.loads(json.dumps(spec["workers"]["b"]))
        status, edited = ask(id, "PUT", "/spec", spec, **known)
        assert (status, edited["generation"]) == (202, cluster["generation"] + 1)
        kernel.run("cluster.sync(cluster._correct_state)")
        assert kernel.value("cluster.worker_spec[0]['options']['nthreads']") == 2
        assert kernel.value("cluster.worker_spec[0]['cls'] is entries[0]['cls']")
        assert kernel.value("cluster.worker_spec['c']['cls'] is Mine")
        for name in ("0", "'c'"):
            kept = f"cluster.worker_spec[{name}]['options']['extensions']['x'] is Secret"
            assert kernel.value(kept)
        assert kernel.value("cluster.workers[0].id") != before
        assert kernel.value("{type(w).__name__ for w in cluster.workers.values()}") == {
            "Inner",
            "Mine",
        }

        known = {"If-Match": f'"{edited["generation"]}"'}
        shown["options"]["resources"] = {"$object": "builtins.dict"}
        status, refused = ask(id, "PUT", "/spec", spec, **known)
        assert (status, refused["field"]) == (422, "workers.0.options.resources")
        shown["options"].pop("resources")
        shown["cls"] = "__main__.Secret"
        status, refused = ask(id, "PUT", "/spec", spec, **known)
        assert (status, refused["code"]) == (422, "class_not_allowed")


def test_what_was_wanted_before_can_be_wanted_again(kernel: Kernel) -> None:
    kernel.run(MINE)
    made = "SpecCluster(**mine, silence_logs=50)"
    with published(kernel, made) as id, connect(id) as handle:
        _, first = ask(id, "GET")
        assert ask(id, "GET", "/generations") == (200, [])
        # Its owner changes it, and so do others.
        kernel.run("cluster.new_spec = {'cls': Worker}; cluster.scale(0); cluster.scale(1)")
        # One change or several: that depends on when they were looked at.
        earlier = until_kept(handle, 1)[-1]
        assert earlier.generation == first["generation"]
        assert earlier.spec.model_dump(mode="json") == first["spec"]
        assert ask(id, "POST", "/scale", {"entries": 0})[0] == 202
        kept = [one.spec.worker.cls for one in handle.generations()]
        assert (kept[0], kept[-1]) == ("distributed.Worker", "__main__.Mine")

        known = {"If-Match": f'"{ask(id, "GET")[1]["generation"]}"'}
        planned = ask(id, "POST", "/plan", {"spec": first["spec"]})
        assert (planned[0], planned[1]["start"]) == (200, ["0", "b"])
        status, again = ask(id, "PUT", "/spec", first["spec"], **known)
        assert (status, again["spec"]) == (202, first["spec"])
        # All that JSON cannot carry as well.
        until(id, 2)
        assert kernel.value("list(cluster.worker_spec)") == [0, "b"]
        assert kernel.value("cluster.worker_spec[0]['cls'] is entries[0]['cls']")
        for one in ("cluster.worker_spec[0]", "cluster.new_spec"):
            assert kernel.value(f"{one}['options']['extensions']['x'] is Secret")
        assert len(handle.generations()) == len(kept) + 1

        # What is like it and is not it has to be of what is there now.
        assert ask(id, "POST", "/scale", {"entries": 0})[0] == 202
        known = {"If-Match": f'"{ask(id, "GET")[1]["generation"]}"'}
        first["spec"]["workers"]["0"]["options"]["nthreads"] = 2
        status, refused = ask(id, "PUT", "/spec", first["spec"], **known)
        assert (status, refused["code"]) == (422, "class_not_allowed")


def until_kept(handle: Any, number: int) -> Any:
    deadline = time.monotonic() + SECONDS
    while len(found := handle.generations()) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_entries_that_are_numbers_stay_numbers(kernel: Kernel) -> None:
    with published(kernel, "made(silence_logs=50)") as id:
        spec = ask(id, "GET")[1]["spec"]
        for name in ("7", "07", "b"):
            spec["workers"][name] = spec["worker"]
        status, cluster = ask(id, "PUT", "/spec", spec, **{"If-Match": '"1"'})
        assert (status, list(cluster["spec"]["workers"])) == (202, ["a", "7", "07", "b"])
        assert kernel.value("list(cluster.worker_spec)") == ["a", 7, "07", "b"]
        kernel.run(
            "cluster.worker_spec = {'1': entry, 'a': entry}; cluster.sync(cluster._correct_state)"
        )
        spec["workers"] = {name: spec["worker"] for name in ("1", "2", "7")}
        known = {"If-Match": f'"{until_wanted(id, {"1", "a"})["generation"]}"'}
        assert ask(id, "PUT", "/spec", spec, **known)[0] == 202
        # As their owner writes them, or has written them.
        assert kernel.value("list(cluster.worker_spec)") == ["1", "2", 7]


def test_one_that_is_stopped_from_outside_says_so(kernel: Kernel) -> None:
    with published(kernel) as id, connect(id) as handle:
        status, refused = ask(id, "POST", "/restart", {})
        assert (status, refused["code"]) == (409, "owned_elsewhere")
        assert "work/a.ipynb" in refused["message"]
        status, stopping = ask(id, "DELETE")
        assert (status, stopping["phase"]) == (202, "stopping")
        handle.shutdown()
        assert list_connections() == []
        assert kernel.value("cluster.status.name") == "closed"
        assert "stopped it from outside" in kernel.value("repr(cluster)")
        assert kernel.value("cluster.published_as") is None
    assert kernel.manager.is_alive()


def test_two_of_one_name_are_told_apart(kernel: Kernel) -> None:
    with published(kernel, "made(name='My ETL')") as id:
        kernel.run("other = made(name='My ETL')")
        assert (id, kernel.value("other.published_as")) == ("my-etl", "my-etl-2")
        assert {one.display_name for one in list_clusters()} == {"My ETL", "My ETL (2)"}
        kernel.run("other.close()")
        assert [one.id for one in list_clusters()] == ["my-etl"]


def test_it_goes_with_its_kernel(place: Hosts) -> None:
    kernel = Kernel()
    try:
        # The stock class closes the first one when the kernel ends, and not the other.
        kernel.run(f"{IMPORTS}clusters = made(), made(shutdown_on_close=False)")
        connections = list_connections()
        assert len(connections) == 2
        for one in connections:
            assert ask(one.id, "GET")[1]["owner"]["detail"].startswith("kernel, process ")
    finally:
        kernel.end()
    for one in connections:
        assert not connection_file(one.id).exists()
        assert not os.path.lexists(one.socket)


def test_one_whose_kernel_was_killed_is_not_found_and_not_in_the_way(place: Hosts) -> None:
    names = []
    for end in (Kernel.kill, Kernel.end):
        kernel = Kernel()
        try:
            kernel.run(f"{IMPORTS}cluster = made(name='again')")
            names.append(kernel.value("cluster.published_as"))
            assert [one.id for one in list_clusters()] == ["again"]
        finally:
            end(kernel)
        assert list_clusters() == []
    # Nobody has removed what leads to the first one.
    assert names == ["again", "again"]


BUSY = """
import ctypes, dask
from pathlib import Path
from distributed import Client, Nanny
from speccluster_lab import MultiWorker

def hold(file):
    Path(file).touch()
    # Waits for ever, and does not let go of the interpreter.
    ctypes.PyDLL(None).pause()

dask.config.set({"distributed.worker.multiprocessing-method": METHOD})
entries = {
    "a": {"cls": Nanny, "options": {"nthreads": 1}},
    "b": {"cls": MultiWorker, "options": {"processes": 1, "nthreads": 1}, "group": ["-0"]},
}
cluster = SpecCluster(workers=entries, publish=True, name="busy")
client = Client(cluster)
client.wait_for_workers(2)
pids = client.run(os.getpid, nanny=False)
tasks = [client.submit(hold, f"{FOLDER}/{pid}", workers=[at]) for at, pid in pids.items()]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels tell nobody")
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_hold_the_interpreter_end_with_a_kernel_that_is_killed(
    place: Hosts, tmp_path: Path, method: str
) -> None:
    # What workers leave that are killed, the next ones remove.
    kernel = Kernel(DASK_TEMPORARY_DIRECTORY=str(tmp_path / "dask"))
    workers: list[psutil.Process] = []
    try:
        given = f"import os\nMETHOD, FOLDER = {method!r}, {str(tmp_path)!r}\n"
        kernel.run(f"{given}{IMPORTS}{BUSY}")
        workers = [psutil.Process(pid) for pid in kernel.value("list(pids.values())")]
        deadline = time.monotonic() + SECONDS
        while len(list(tmp_path.glob("[0-9]*"))) < len(workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        kernel.kill()
        _, left = psutil.wait_procs(workers, timeout=SECONDS / 4)
        for process in left:
            process.kill()
        # The next one of this name would do that.
        remove_connection("busy")
        socket_path("busy").unlink(missing_ok=True)
    assert len(workers) == 2
    assert left == []


PROGRAM = """
import sys
from distributed import Worker
from speccluster_lab import SpecCluster
if __name__ == "__main__":
    SpecCluster(workers={0: {"cls": Worker, "options": {"nthreads": 1}}}, publish=True, name="job")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_program_can_publish_its_cluster_too(place: Hosts, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(PROGRAM)
    variables = {**os.environ, "JPY_SESSION_NAME": "another.ipynb"}
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=variables,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        owner = ask("job", "GET")[1]["owner"]
        assert owner == {"kind": "notebook", "detail": f"{script}, process {process.pid}"}
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert list_connections() == []


def test_one_that_does_not_come_up_in_time_leaves_nothing(
    place: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_module, "BEGIN_SECONDS", 0.0)
    with pytest.raises(StartFailed, match="Timeout"):
        SpecCluster(publish=True, name="late")
    assert_not_served("late")
    assert not cluster_folder("late").exists()


def test_one_whose_folder_cannot_be_removed_is_not_served(
    place: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused when its API answers already."""

    def reserve_for(name: str | None) -> tuple[str, Path]:
        id, folder = launch.reserve_for(name)
        (folder / "of somebody else").touch()
        return id, folder

    monkeypatch.setattr(published_module, "reserve_for", reserve_for)
    with pytest.raises(StartFailed, match="not empty"):
        SpecCluster(publish=True, name="late")
    assert_not_served("late")
    shutil.rmtree(cluster_folder("late"))


def assert_not_served(id: str) -> None:
    for thread in threading.enumerate():
        if thread.name == f"API of {id}":
            thread.join(SECONDS)
            assert not thread.is_alive()
    assert not connection_file(id).exists()


HELD = """
from speccluster_lab.host import published
published.END_SECONDS = 0.0
# Its thread is not told, as if it did not come to anything any more.
published.Published._tell = lambda self, *call: None
"""


def test_one_whose_thread_hangs_goes_with_its_program(place: Hosts, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(HELD + PROGRAM.replace('name="job"', 'name="held", shutdown_on_close=False'))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        ways = [connection_file("held"), Path(read_connection("held").socket)]
        assert all(map(os.path.lexists, ways))
        process.communicate(timeout=SECONDS)
    assert not any(map(os.path.lexists, ways))


# -- encryption ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"security": Security()}, "security"),
        ({"security": True}, "security"),
        ({"security": Security(require_encryption=True)}, "security"),
        ({"scheduler": {"cls": "distributed.Scheduler", "options": {"protocol": "tcp"}}}, None),
        ({"scheduler": {"cls": "distributed.Scheduler", "options": {"host": "tcp://"}}}, None),
        (
            {"scheduler": {"cls": partial(distributed.Scheduler, protocol="tcp")}},
            "scheduler.options.protocol",
        ),
    ],
)
def test_what_is_not_encrypted_is_not_published(
    place: Hosts, options: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(InvalidInput) as refused:
        SpecCluster(publish=True, **options)
    place_named = field or f"scheduler.options.{next(iter(options['scheduler']['options']))}"
    assert refused.value.field == place_named
    assert list_connections() == []


def test_certificates_of_ones_own_are_used(place: Hosts) -> None:
    given = Security.temporary()
    entry = {"cls": distributed.Worker, "options": {"security": given, "nthreads": 1}}
    options = {"security": given, "protocol": "tls", "dashboard_address": "127.0.0.1:0"}
    scheduler = {"cls": distributed.Scheduler, "options": options}
    with (
        SpecCluster({0: entry}, scheduler, security=given, publish=True, name="own") as cluster,
        connect("own") as handle,
        handle.get_client() as client,
    ):
        assert cluster.published_as == "own"
        assert client.submit(sum, [1, 2]).result(SECONDS) == 3
        assert handle.security.tls_ca_file == given.tls_ca_file
        # So is a port for the dashboard, where somebody wants one.
        assert cluster.dashboard_link.startswith("http://")
        assert b"<title>Dask" in asyncio.run(_dashboard("own"))
        # Through a Jupyter server they would leave the machine for good.
        with pytest.raises(OwnedElsewhere):
            asyncio.run(_credentials("own"))


async def _credentials(id: str) -> None:
    from speccluster_lab.link.client import HostClient

    client = HostClient(read_connection(id))
    try:
        await client.credentials(CredentialsRequest(lifetime=60))
    finally:
        client.close()


async def _dashboard(id: str) -> bytes:
    return (await fetch_page(read_connection(id), "status", {}, SECONDS)).body


def test_its_dashboard_relays_to_nobody(place: Hosts) -> None:
    with SpecCluster(publish=True, name="relay"):
        assert _status_of_page("relay", "status") == 200
        for path in ("proxy/8888/127.0.0.1/status", "proxy/80/localhost/"):
            assert _status_of_page("relay", path) == 404


def _status_of_page(id: str, path: str) -> int:
    """Return what the socket itself answers: who asks it for our server asks for no other page."""
    connection = read_connection(id)
    way = UnixConnection(connection.socket)
    try:
        place = f"{API_PREFIX}/clusters/{id}/dashboard/{path}"
        way.request("GET", place, headers={"X-SpecCluster-Nonce": connection.nonce})
        return way.getresponse().status
    finally:
        way.close()


def test_a_class_of_others_can_be_published(place: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:8888/user/a/")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret-token")
    with (
        reconciled(LocalCluster)(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            publish=True,
        ) as cluster,
        connect(cluster.published_as) as handle,
        handle.get_client() as client,
    ):
        assert isinstance(cluster, LocalCluster)
        # The class's own dashboard would be at a port, for everybody.
        assert cluster.scheduler.services == {}
        page = f"/user/a/speccluster-lab/api/v1/clusters/{handle.id}/dashboard/status"
        assert cluster.dashboard_link == handle.dashboard_link == page
        assert b"<title>Dask" in asyncio.run(_dashboard(handle.id))
        assert client.submit(sum, [1, 2]).result(SECONDS) == 3
        assert handle.phase in (ClusterPhase.STARTING, ClusterPhase.RUNNING)
        handle.scale(2)
        until(str(cluster.published_as), 2)
        assert len(cluster.workers) == 2
    assert list_connections() == []
