"""The handle, against real hosts: computing, what it knows, and how it is shown."""

from __future__ import annotations

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import distributed
import pytest
from distributed import Client
from distributed.core import Status
from distributed.versions import VersionMismatchWarning

from speccluster_lab import connect
from speccluster_lab.errors import (
    InvalidInput,
    MemberNotFound,
    TimedOut,
)
from speccluster_lab.link.interpreters import this_interpreter
from speccluster_lab.spec.api import EntryPhase

if TYPE_CHECKING:
    from running_hosts import Hosts, RunningHost

    from speccluster_lab.client import ClusterHandle

pytestmark = pytest.mark.usefixtures("no_loop_is_left")
HOSTILE = "<img src=x onerror=alert(1)>"


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
