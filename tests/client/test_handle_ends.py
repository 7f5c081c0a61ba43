"""The handle, against real hosts: coming, leaving and stopping, with and without await."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest
from distributed import Client
from distributed.core import Status

from speccluster_lab import connect, list_clusters
from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    InvalidInput,
    NotRunning,
    StartFailed,
)
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import Connection, write_connection
from speccluster_lab.link.paths import connection_file

if TYPE_CHECKING:
    from running_hosts import Hosts, RunningHost

    from speccluster_lab.spec.api import Cluster, Credentials

pytestmark = pytest.mark.usefixtures("no_loop_is_left")


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
