"""The handle, against real hosts: computing, scaling, leaving and stopping."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import distributed
import pytest
from distributed import Client
from distributed.core import Status
from distributed.versions import VersionMismatchWarning

from speccluster_lab import connect, list_clusters
from speccluster_lab.errors import (
    ClusterNotFound,
    EntryNotFound,
    HostNotResponding,
    InvalidInput,
    MemberNotFound,
    NotRunning,
    StaleGeneration,
    StartFailed,
    TimedOut,
)
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import Connection, write_connection
from speccluster_lab.link.interpreters import this_interpreter
from speccluster_lab.link.paths import connection_file
from speccluster_lab.spec.api import Adaptive, EntryPhase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from running_hosts import Hosts, RunningHost

    from speccluster_lab.client import ClusterHandle
    from speccluster_lab.spec.api import Cluster, Credentials

WORKER = "distributed.Worker"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def _no_loop_is_left() -> Iterator[None]:
    yield
    loops = [thread for thread in threading.enumerate() if thread.name == "IO loop"]
    for thread in loops:
        thread.join(10)
    assert not any(thread.is_alive() for thread in loops)


@pytest.fixture
def handle(shared_host: RunningHost) -> Iterator[ClusterHandle]:
    """Connect to the running host; a test leaves it with one entry."""
    with connect(shared_host.id) as handle:
        yield handle


# -- using a cluster -----------------------------------------------------------------------------


def test_it_computes(handle: ClusterHandle) -> None:
    with handle.get_client() as client:
        assert client.submit(sum, [1, 2]).result() == 3
        assert client.cluster is handle
        assert client.dashboard_link == handle.dashboard_link
        assert client.scheduler.address == handle.scheduler_address


def test_a_client_can_be_made_of_it(handle: ClusterHandle) -> None:
    with Client(handle) as client:
        assert client.submit(sum, [1, 2]).result() == 3
        assert client.loop is handle.loop
    # Its end is not the handle's.
    assert handle.phase == "running"
    with Client(handle, set_as_default=False) as client:
        assert client.submit(sum, [3, 4]).result() == 7


def test_a_client_is_shown_without_anything_secret(handle: ClusterHandle) -> None:
    with handle.get_client() as client:
        html = client._repr_html_()
    assert "ClusterHandle" in html
    assert "1 of 1 worker" in html
    assert "PRIVATE KEY" not in html


def test_what_it_knows(handle: ClusterHandle, shared_host: RunningHost) -> None:
    assert handle.id == handle.name == shared_host.id
    assert handle.phase == "running"
    assert handle.status is Status.running
    assert handle.scheduler_address == shared_host.get().scheduler.address
    assert [one.type for one in handle.conditions] == ["Ready"]
    assert list(handle.workers) == ["0"]
    assert handle.workers["0"].phase is EntryPhase.RUNNING
    assert list(handle.members) == ["0"]
    assert handle.members["0"].address is not None
    assert handle.generation == shared_host.get().generation


def test_its_dashboard_is_that_of_the_server_of_its_notebook(
    handle: ClusterHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no port, and a process that belongs to no Jupyter server has no way to it."""
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.delenv("JUPYTERHUB_SERVICE_URL", raising=False)
    assert handle.dashboard_link is None
    assert "Jupyter server" in str(handle.no_dashboard)
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", "http://127.0.0.1:8888/user/a%40b/")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret-token")
    path = f"/user/a%40b/speccluster-lab/api/v1/clusters/{handle.id}/dashboard/status"
    assert handle.dashboard_link == path
    assert handle.no_dashboard is None
    with handle.get_client() as client:
        assert f'href="{path}"' in client._repr_html_()


def test_it_says_which_python_runs_it(handle: ClusterHandle) -> None:
    environment = handle.environment
    assert environment is not None
    assert environment.python == sys.executable
    assert environment.versions["distributed"] == distributed.__version__


def test_other_versions_are_said_before_anything_fails(
    shared_host: RunningHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = this_interpreter()
    older = here.model_copy(update={"packages": {**here.packages, "distributed": "2020.1"}})
    monkeypatch.setattr("speccluster_lab.client.reaching.this_interpreter", lambda: older)
    said = f"runs with other versions: distributed {distributed.__version__} there and 2020.1 here$"
    with pytest.warns(VersionMismatchWarning, match=said), connect(shared_host.id):
        pass


def test_its_spec_is_a_copy(handle: ClusterHandle) -> None:
    spec = handle.worker_spec
    assert spec == {
        "0": {"cls": "distributed.Worker", "options": {"nthreads": 2, "memory_limit": "2 GiB"}}
    }
    before = copy.deepcopy(spec)
    spec["0"]["options"]["nthreads"] = 99
    spec["1"] = spec["0"]
    assert handle.worker_spec == before
    assert type(copy.deepcopy(spec)) is dict
    assert pickle.loads(pickle.dumps(spec)) == dict(spec)


def test_its_spec_is_edited_and_applied(handle: ClusterHandle) -> None:
    (name,) = handle.worker_spec
    first, other = handle.worker_spec, handle.worker_spec
    first[name]["options"]["nthreads"] = 1
    first[17] = {"cls": "distributed.Worker", "options": {"nthreads": 1}}  # type: ignore[index]
    plan = first.plan()
    assert (plan.start, plan.replace, plan.retire) == (["17"], [name], [])
    generation = handle.generation
    assert first.apply() is None
    assert handle.generation == generation + 1
    handle.wait(generation=generation + 1)
    assert {one.nthreads for one in handle.members.values()} == {1}
    assert sorted(handle.members) == sorted([name, "17"])
    # Somebody has changed it since that one was made.
    other.clear()
    with pytest.raises(StaleGeneration, match=f"generation {generation}"):
        other.apply()
    # This one knows what it has applied itself.
    del first[17]  # type: ignore[arg-type]
    first[name]["options"]["nthreads"] = 2
    first.apply()
    handle.wait("running", generation=generation + 2)
    assert {one.name: one.nthreads for one in handle.members.values()} == {name: 2}


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({}, "workers.new.cls"),
        ({"cls": distributed.Worker}, "workers.new.cls"),
        ({"cls": "os.system"}, "workers.new.cls"),
        (
            {"cls": "distributed.Worker", "options": {"nthreads": -1}},
            "workers.new.options.nthreads",
        ),
        ({"cls": "distributed.Worker", "options": {"preload": "x"}}, "workers.new.options.preload"),
    ],
)
def test_an_entry_that_cannot_be(handle: ClusterHandle, entry: dict[str, Any], field: str) -> None:
    generation = handle.generation
    spec = handle.worker_spec
    spec["new"] = entry
    with pytest.raises(InvalidInput) as caught:
        spec.apply()
    assert caught.value.field == field
    assert handle.generation == generation


def test_adapt(handle: ClusterHandle) -> None:
    assert handle.adaptive is None
    assert handle.adapt(minimum=1, maximum=3) is None
    assert handle.adaptive == Adaptive(minimum=1, maximum=3)
    assert handle.end_adaptive() is None
    assert handle.adaptive is None
    for wrong, field in (
        ({"minimum": 5, "maximum": 2}, None),
        ({"minimum": "x"}, "minimum"),
        ({"maximum": 1000}, "maximum"),
    ):
        with pytest.raises(InvalidInput) as caught:
            handle.adapt(**wrong)
        assert caught.value.field == field


@pytest.mark.parametrize(
    "size", [{"n": 2}, {"workers": 2}, {"cores": 3}, {"memory": "4 GiB"}, {"memory": 4 * 2**30}]
)
def test_scale(handle: ClusterHandle, size: dict[str, Any]) -> None:
    generation = handle.generation
    (first,) = handle.worker_spec
    handle.scale(**size)
    # What was asked for is there at once; what it brings, later.
    assert len(handle.worker_spec) == 2
    assert first in handle.worker_spec
    assert handle.generation == generation + 1
    with handle.get_client() as client:
        client.wait_for_workers(2, timeout=60)
        kept = client.map(lambda one: 2 * one, range(20), pure=False)
        assert client.gather(kept) == list(range(0, 40, 2))
        handle.scale(1)
        # The one that holds least goes, whichever that is.
        assert len(handle.worker_spec) == 1
        handle.sync(handle._until, lambda c: c.counts.expected == len(c.workers) == 1, 60, "?")
        assert {one.status for one in kept} == {"finished"}
        assert client.gather(kept) == list(range(0, 40, 2))


@pytest.mark.parametrize(
    ("size", "field"),
    [
        ({}, None),
        ({"n": 1, "cores": 1}, None),
        ({"n": -1}, "entries"),
        ({"n": 1.5}, "entries"),
        ({"n": 1000}, "entries"),
        ({"workers": 9}, "workers"),
        ({"memory": "lots"}, "memory"),
        ({"cores": "2"}, "cores"),
    ],
)
def test_a_size_that_cannot_be(
    handle: ClusterHandle, size: dict[str, Any], field: str | None
) -> None:
    generation = handle.generation
    with pytest.raises(InvalidInput) as caught:
        handle.scale(**size)
    assert (caught.value.field or "").partition(".")[0] == (field or "")
    assert handle.generation == generation


def test_plan(handle: ClusterHandle) -> None:
    generation = handle.generation
    (name,) = handle.worker_spec
    with handle.get_client() as client:
        kept = client.scatter(b"x" * 1000)
        plan = handle.plan(n=0)
        assert (plan.start, plan.replace, plan.retire) == ([], [], [name])
        assert (plan.at_stake.keys, plan.stuck) == (1, True)
        assert plan.at_stake.nbytes >= 1000
        assert handle.plan(remove={name}) == plan
        del kept
    assert len(handle.plan(cores=5).start) == 2
    spec = handle.sync(handle._refresh).spec
    assert handle.plan(spec).replace == []
    document = spec.model_dump()
    document["workers"][name]["options"]["nthreads"] = 1
    assert handle.plan(document).replace == [name]
    assert handle.generation == generation


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"n": 1, "cores": 1}, "scale"),
        ({"n": 1, "remove": ["0"]}, None),
        ({"n": -1}, "scale.entries"),
        ({"n": 1000}, "scale.entries"),
        ({"spec": {"workers": {"0": {}}}}, "spec.workers.0.cls"),
        ({"spec": "text"}, "spec"),
        ({"remove": ["unknown"]}, "remove"),
    ],
)
def test_a_plan_for_what_cannot_be(
    handle: ClusterHandle, change: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        handle.plan(**change)
    assert caught.value.field == field


def test_generations(handle: ClusterHandle) -> None:
    before = handle.generations()
    handle.scale(1 + len(handle.worker_spec))
    after = handle.generations()
    assert after[1:] == before
    assert len(after[0].spec.workers) == len(handle.worker_spec) - 1
    handle.scale(len(handle.worker_spec) - 1)


def test_logs(handle: ClusterHandle) -> None:
    own = handle.logs(tail=5)
    assert (own.source, own.complete, len(own.lines)) == ("host", False, 5)
    assert str(own) == "\n".join(own.lines)
    (name,) = handle.worker_spec
    for member in (name, int(name)):
        assert "Start worker at" in str(handle.logs(member))
    with pytest.raises(MemberNotFound, match="no worker 'nobody'"):
        handle.logs("nobody")
    for tail in (0, 10_001, "x"):
        with pytest.raises(InvalidInput) as caught:
            handle.logs(tail=tail)  # type: ignore[arg-type]
        assert caught.value.field == "tail"


async def test_logs_on_a_loop(shared_host: RunningHost) -> None:
    async with connect(shared_host.id, asynchronous=True) as handle:
        (name,) = handle.worker_spec
        assert "Start worker at" in str(await handle.logs(name))


def test_events(handle: ClusterHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    events = handle.events()
    assert [one.seq for one in events] == list(range(1, len(events) + 1))
    assert (events[0].entry, events[0].from_, events[0].to) == ("0", None, EntryPhase.PENDING)
    assert handle.events(since=3) == events[3:]
    assert handle.events(events[-1].seq) == []
    # However many there are.
    monkeypatch.setattr("speccluster_lab.client.history.MAX_EVENTS", 2)
    assert handle.events(1) == events[1:]
    for wrong in (-1, "x", 1.5, None):
        with pytest.raises(InvalidInput) as caught:
            handle.events(wrong)  # type: ignore[arg-type]
        assert caught.value.field == "since"


def test_retry(handle: ClusterHandle) -> None:
    (name,) = handle.worker_spec
    assert handle.retry(name) is None
    with pytest.raises(EntryNotFound, match="'unknown'"):
        handle.retry("unknown")


def test_restart(handle: ClusterHandle) -> None:
    (name,) = handle.worker_spec
    before = handle.members[name].address
    assert before is not None
    assert handle.restart(name) is None

    def is_another(cluster: Cluster) -> bool:
        (entry,) = cluster.workers
        return entry.members[0].address not in (None, before)

    handle.sync(handle._until, is_another, 60, "it was not made anew")
    with pytest.raises(EntryNotFound, match="'unknown'"):
        handle.restart("unknown")


def test_wait(handle: ClusterHandle) -> None:
    handle.wait()
    with pytest.raises(TimedOut, match=r"is not degraded after 0\.3 s"):
        handle.wait("degraded", timeout=0.3)
    with pytest.raises(TimeoutError):
        handle.wait("failed", timeout=0.1)
    with pytest.raises(InvalidInput, match="starting, running"):
        handle.wait("happy")
    generation = handle.generation
    handle.wait(generation=generation)
    handle.wait("running", generation=1)
    with pytest.raises(TimedOut, match=f"is not at generation {generation + 1} after"):
        handle.wait(generation=generation + 1, timeout=0.1)
    for wrong in (-1, "1", 1.0, True):
        with pytest.raises(InvalidInput) as caught:
            handle.wait(generation=wrong)  # type: ignore[arg-type]
        assert caught.value.field == "generation"


def test_wait_for_workers(handle: ClusterHandle) -> None:
    handle.scale(2)
    handle.wait_for_workers(2)
    assert "2 of 2 workers" in repr(handle)
    handle.wait_for_workers(n_workers=1)
    with pytest.raises(TimedOut, match=r"has not got 3 workers after 0\.3 s"):
        handle.wait_for_workers(3, timeout=0.3)
    for wrong in (0, "2", True):
        with pytest.raises(InvalidInput) as caught:
            handle.wait_for_workers(wrong)  # type: ignore[arg-type]
        assert caught.value.field == "n_workers"
    handle.scale(1)
    handle.wait()


def test_wait_is_for_all_workers(handle: ClusterHandle, shared_host: RunningHost) -> None:
    handle.scale(2)
    handle.wait()
    assert "2 of 2 workers" in repr(handle)
    # Whoever has changed it, the handle shows what there is.
    with connect(shared_host.id) as another:
        another.scale(1)
        another.wait()
    assert "1 of 1 worker" in repr(handle)


def test_many_threads_use_one_handle(handle: ClusterHandle, shared_host: RunningHost) -> None:
    """As callbacks of widgets do, beside the cell itself."""
    closing = connect(shared_host.id)
    with ThreadPoolExecutor(8) as pool:
        phases = list(pool.map(lambda _: handle.phase, range(40)))
        clients = list(pool.map(lambda _: handle.get_client(set_as_default=False), range(4)))
        for client in clients:
            assert client.submit(sum, [1, 2]).result() == 3
            client.close()
        list(pool.map(lambda _: closing.close(), range(8)))
    assert set(phases) == {"running"}
    assert closing.status is Status.closed
    assert handle.phase == "running"


# -- showing it ----------------------------------------------------------------------------------


def test_it_is_shown(handle: ClusterHandle) -> None:
    bundle = handle._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    for shown in (*bundle.values(), handle._repr_html_(), repr(handle)):
        assert handle.id in shown
        assert "1 of 1 worker" in shown
    assert "<script" not in bundle["text/html"]


def test_hostile_names_are_text(hosts: Hosts) -> None:
    entry = {"cls": "distributed.Worker", "options": {"nthreads": 1}}
    spec = {"worker": entry, "workers": {HOSTILE: entry}}
    host = hosts.start(spec=spec, display_name=HOSTILE)
    with connect(host.id) as handle:
        handle.wait()
        html = handle._repr_mimebundle_()["text/html"]
        assert "<img" not in html
        assert html.count("&lt;img src=x onerror=alert(1)&gt;") == 3
        assert list(handle.members) == [HOSTILE]
        with handle.get_client() as client:
            assert "<img" not in client._repr_html_()


def test_its_key_is_not_shown(handle: ClusterHandle) -> None:
    handle.get_client().close()
    assert handle._credentials is not None
    key = handle._credentials.key
    assert "PRIVATE KEY" in key
    shown = [repr(handle), str(handle), repr(handle.security), repr(handle._credentials)]
    shown += [repr(vars(handle)), *handle._repr_mimebundle_().values()]
    for text in shown:
        assert "PRIVATE KEY" not in text
    for dump in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"connect\('test-cluster'\)"):
            dump(handle)


# -- coming, leaving, stopping -------------------------------------------------------------------


def test_leaving_leaves_the_cluster(shared_host: RunningHost) -> None:
    with connect(shared_host.id) as handle:
        client = handle.get_client()
        link = handle.dashboard_link
    handle.close()
    assert handle.status is Status.closed
    assert repr(handle) == "<ClusterHandle 'test-cluster': closed>"
    assert "has been closed" in handle._repr_mimebundle_()["text/html"]
    with connect(shared_host.id) as lonely:
        pass
    # Nobody else has kept its event loop.
    with pytest.raises(NotRunning, match="has been closed"):
        lonely.scale(1)
    for use in (lambda: handle.phase, lambda: handle.scale(1), handle.get_client):
        with pytest.raises(NotRunning, match="has been closed"):
            use()
    # A client that is still in use goes on.
    assert client.submit(sum, [5, 6]).result(timeout=30) == 11
    assert client.dashboard_link == link
    client.close()
    assert shared_host.get().phase == "running"


def test_a_clients_shutdown_only_leaves(shared_host: RunningHost) -> None:
    handle = connect(shared_host.id)
    client = handle.get_client()
    client.shutdown()
    assert client.status == "closed"
    assert shared_host.get().phase == "running"
    handle.close()
    client.close()
    client._loop_runner.stop()


def test_shutdown(hosts: Hosts) -> None:
    host = hosts.start("local")
    other = hosts.start(id="another")
    other.until_running()
    connection = host.connection
    handle = connect(host.id)
    handle.wait()
    handle.shutdown()
    # It has waited until the process was gone.
    assert not connection.is_alive()
    assert not host.folder.exists()
    assert not connection_file(host.id).exists()
    handle.shutdown()
    assert handle.status is Status.closed
    with pytest.raises(ClusterNotFound, match="there are: another"):
        connect(host.id)


def test_somebody_else_has_stopped_it(hosts: Hosts) -> None:
    host = hosts.start()
    with connect(host.id) as handle:
        handle.wait()
        host.process.terminate()
        assert host.ended() == 0
        with pytest.raises(HostNotResponding, match="test-cluster"):
            _ = handle.phase
        # Showing it does not fail, and says that it is old.
        assert "how the cluster was before" in handle._repr_mimebundle_()["text/html"]
        handle.shutdown()
        assert handle.status is Status.closed


def test_one_that_has_only_been_launched(hosts: Hosts) -> None:
    spec = hosts.start(id="first").launch.spec.model_dump()
    spec["scheduler"] = {"cls": "difficult_workers.SlowScheduler"}
    host = hosts.start(spec=spec)
    # Its process has not even begun to answer, and its scheduler takes three seconds.
    with connect(host.id) as handle:
        assert handle.phase == "starting"
        assert handle.status is Status.starting
        with Client(handle) as client:
            client.wait_for_workers(1, timeout=60)
            assert client.submit(sum, [1, 2]).result() == 3
        handle.wait()


def test_one_that_has_failed(hosts: Hosts) -> None:
    entry = {"cls": "nowhere.Nothing", "options": {}}
    host = hosts.start(spec={"worker": entry, "workers": {"0": entry}})
    with connect(host.id) as handle:
        for use in (handle.wait, handle.get_client):
            with pytest.raises(StartFailed, match=r"nowhere\.Nothing"):
                use()
        assert handle.phase == "failed"
        with pytest.raises(NotRunning, match="is failed"):
            handle.scale(2)
        assert "nowhere.Nothing" in handle._repr_mimebundle_()["text/html"]
        handle.shutdown()
    assert host.ended() == 0


@pytest.mark.parametrize("id", ["unknown", "", "../etc", "No Id", "a" * 64])
def test_one_that_is_not_there(shared_host: RunningHost, id: str) -> None:
    with pytest.raises(ClusterNotFound) as caught:
        connect(id)
    assert repr(id) in str(caught.value)
    assert "there are: test-cluster" in str(caught.value)


def test_what_is_no_id() -> None:
    with pytest.raises(InvalidInput, match="3 is no cluster's id"):
        connect(3)  # type: ignore[arg-type]


def test_none_is_there(hosts: Hosts) -> None:
    with pytest.raises(ClusterNotFound, match="no cluster is running"):
        connect("unknown")


def test_one_whose_host_has_died(hosts: Hosts) -> None:
    host = hosts.start()
    connection = host.connection
    host.ask(lambda client: client.stop())
    host.ended()
    write_connection(connection)
    with pytest.raises(ClusterNotFound, match="has died"):
        connect(host.id)
    assert list_clusters() == []
    connection_file(host.id).unlink()


def test_one_that_never_comes_up(hosts: Hosts) -> None:
    host = hosts.start(script="raise SystemExit('no such module')")
    assert host.ended() == 1
    with pytest.raises(StartFailed, match=r"has failed.*host\.log"):
        connect(host.id)
    (summary,) = list_clusters()
    assert (summary.id, summary.phase, summary.entries) == (host.id, "failed", 1)
    for file in host.folder.iterdir():
        file.unlink()
    host.folder.rmdir()


def test_one_that_hangs(hosts: Hosts) -> None:
    host = hosts.start()
    host.until_running()
    with connect(host.id) as handle:
        handle._host.timeout = 0.3  # type: ignore[union-attr]
        os.kill(host.connection.pid, signal.SIGSTOP)
        try:
            for use in (lambda: handle.phase, lambda: handle.scale(2), handle.shutdown):
                with pytest.raises(HostNotResponding, match="does not answer"):
                    use()
            assert "1 entry" in repr(handle)
            assert "does not answer" in handle._repr_mimebundle_()["text/plain"]
            (summary,) = list_clusters(timeout=0.3)
            assert (summary.id, summary.phase) == (host.id, "unreachable")
        finally:
            os.kill(host.connection.pid, signal.SIGCONT)
        # It was only slow: the handle goes on, and what had been asked for is done meanwhile.
        handle._host.timeout = 30.0  # type: ignore[union-attr]
        handle.shutdown()


def test_the_list(hosts: Hosts) -> None:
    assert list_clusters() == []
    first = hosts.start(id="b", display_name="The first", entries=2)
    second = hosts.start(id="a", template="threads")
    first.until_running()
    second.until_running()
    found = list_clusters()
    assert [one.id for one in found] == ["a", "b"]
    assert found[1].display_name == "The first"
    assert found[1].template == "threads"
    assert found[1].phase == "running"
    assert (found[1].entries, found[1].expected, found[1].registered) == (2, 2, 2)


# -- with await ----------------------------------------------------------------------------------


def test_with_await(hosts: Hosts) -> None:
    host = hosts.start()

    async def main() -> None:
        cluster = await connect(host.id, asynchronous=True)
        assert cluster.asynchronous
        await cluster.wait()
        client = await cluster.get_client()
        assert await client.submit(sum, [1, 2]) == 3
        assert len((await cluster.plan(workers=3)).start) == 2
        assert (await cluster.events(2))[0].seq == 3
        await cluster.retry("0")
        await cluster.scale(2)
        assert list(cluster.worker_spec) == ["0", "1"]
        await client.wait_for_workers(2)
        await client.close()
        async with Client(cluster, asynchronous=True) as client:
            assert await client.submit(sum, [3, 4]) == 7
        await cluster.refresh()
        assert cluster.phase == "running"
        assert cluster.loop.asyncio_loop is asyncio.get_running_loop()
        assert "2 entries" in cluster._repr_mimebundle_()["text/plain"]
        await cluster.close()
        with pytest.raises(NotRunning):
            await cluster.scale(1)
        async with connect(host.id, asynchronous=True) as again:
            assert again.phase == "running"
            await again.shutdown()
            assert again.status is Status.closed

    asyncio.run(main())
    assert host.ended() == 0


def test_await_is_needed(hosts: Hosts) -> None:
    host = hosts.start(
        spec={"scheduler": {"cls": "difficult_workers.SlowScheduler"}, "workers": {}}
    )

    async def main() -> None:
        handle = connect(host.id, asynchronous=True)
        assert "not awaited" in repr(handle)
        assert set(handle._repr_mimebundle_()) == {"text/plain"}
        with pytest.raises(NotRunning, match="awaited"):
            _ = handle.phase
        await handle
        # There is no address yet, and no way to wait for it here.
        with pytest.raises(NotRunning, match="await"):
            _ = handle.scheduler_address
        with pytest.raises(NotRunning, match="await"):
            Client(handle, asynchronous=True)
        await handle.wait()
        assert handle.scheduler_address.startswith("tls://127.0.0.1:")
        await handle.close()
        with pytest.raises(ClusterNotFound):
            await connect("unknown", asynchronous=True)

    asyncio.run(main())


def test_in_a_cell(shared_host: RunningHost) -> None:
    # As in a notebook: a loop runs in this thread, and nothing is awaited.
    async def cell() -> None:
        assert [one.id for one in list_clusters()] == [shared_host.id]
        with connect(shared_host.id) as cluster, cluster.get_client() as client:
            assert cluster.phase == "running"
            assert not cluster.asynchronous
            assert cluster.events()[0].seq == 1
            assert cluster.plan(n=1).start == []
            assert client.submit(sum, [1, 2]).result() == 3
            assert "1 of 1 worker" in cluster._repr_mimebundle_()["text/html"]

    asyncio.run(cell())


def test_a_connection_of_another_is_refused(shared_host: RunningHost) -> None:
    known = shared_host.connection
    forged = Connection(**{**known.model_dump(), "nonce": "x" * 43})
    write_connection(forged)
    try:
        with pytest.raises(ClusterNotFound):
            connect(shared_host.id)
    finally:
        write_connection(known)


def test_what_is_asked_has_ended_when_a_connection_fails(
    shared_host: RunningHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that goes on while its loop stops would leave its socket open."""
    ended = []

    async def refuses(_: HostClient) -> Cluster:
        raise ClusterNotFound("not here")

    async def takes_its_time(_: HostClient) -> Credentials:
        await asyncio.sleep(0.2)
        ended.append(True)
        raise NotRunning("not yet")

    monkeypatch.setattr(HostClient, "get", refuses)
    monkeypatch.setattr(HostClient, "credentials", takes_its_time)
    with pytest.raises(ClusterNotFound, match="not here"):
        connect(shared_host.id)
    assert ended == [True]
