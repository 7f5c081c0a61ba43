"""Clusters of the kernels of a real Jupyter server, in the panel's own API."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_core.utils import ensure_event_loop
from jupyter_server.serverapp import ServerApp
from kernels import Cells
from serving import Api, Wait, until
from test_dashboards import is_shown
from test_routes import Caller

from speccluster_lab.link.paths import cluster_folder, connection_file
from speccluster_lab.server.manager import ClusterManager

PUBLISHED = """
import time
from distributed import Worker
from speccluster_lab import SpecCluster

class Mine(Worker):
    pass

form = {"cls": Mine, "options": {"nthreads": 1, "validate": float("inf")}}
cluster = SpecCluster(workers={"a": form}, worker=form, publish=True, name="Mine", silence_logs=50)
"""


class Notebook:
    """A notebook that is open in the Jupyter server, with its kernel."""

    def __init__(self, server: ServerApp, kernel: str) -> None:
        self._manager: Any = server.kernel_manager.get_kernel(kernel)
        self._cells: Cells | None = None
        # One thread, whose context is not that of the server's loop.
        self._thread = ThreadPoolExecutor(1)

    async def _there(self, call: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, call, *arguments)

    async def run(self, code: str) -> None:
        if self._cells is None:
            self._cells = await self._there(Cells.of, self._manager.connection_file)
        await self._there(self._cells.run, code)

    async def value(self, expression: str) -> Any:
        assert self._cells is not None
        return await self._there(self._cells.value, expression)

    async def begin(self, code: str) -> Callable[[], Awaitable[bool]]:
        """Begin to run a cell, and return what says whether it still does."""
        cells = self._cells
        assert cells is not None
        id = await self._there(cells.begin, code)

        async def is_running() -> bool:
            return bool(await self._there(cells.is_running, id))

        return is_running

    def process(self) -> psutil.Process:
        return psutil.Process(self._manager.provisioner.pid)

    async def leave(self) -> None:
        if self._cells is not None:
            await self._there(self._cells.leave)
            # jupyter_client has made one in this thread, and leaves it.
            await self._there(lambda: ensure_event_loop().close())
        self._thread.shutdown()


@pytest.fixture
def notebook(
    own_folders: Path,
    jp_fetch: Any,
    jp_serverapp: ServerApp,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
) -> Iterator[Notebook]:
    async def opened() -> Any:
        kernel = {"name": "python3"}
        body = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": kernel}
        answer = await jp_fetch("api/sessions", method="POST", body=json.dumps(body))
        return json.loads(answer.body)

    async def closed() -> None:
        await notebook.leave()
        await jp_fetch(f"api/sessions/{session['id']}", method="DELETE", raise_error=False)

    session = jp_asyncio_loop.run_until_complete(opened())
    notebook = Notebook(jp_serverapp, session["kernel"]["id"])
    yield notebook
    jp_asyncio_loop.run_until_complete(closed())


async def test_it_is_shown_and_changed_beside_the_others_whatever_its_notebook_does(
    api: Api, manager: ClusterManager, wait_for: Wait, notebook: Notebook
) -> None:
    manager.watch()
    await notebook.run(PUBLISHED)
    cluster = await wait_for("mine", "running")
    assert cluster is not None
    assert cluster["owner"]["kind"] == "notebook"
    assert cluster["owner"]["detail"].endswith("a.ipynb")
    assert (cluster["display_name"], cluster["template"]) == ("Mine", None)
    assert [one["id"] for one in (await api("GET", "/clusters")).body] == ["mine"]

    is_running = await notebook.begin("while len(cluster.workers) < 3: time.sleep(0.05)")
    assert (await api("GET", "/clusters/mine")).status == 200
    plan = await api("POST", "/clusters/mine/plan", {"scale": {"entries": 2}})
    assert (plan.status, plan.body["start"]) == (200, ["0"])
    scaled = await api("POST", "/clusters/mine/scale", {"entries": 2})
    assert (scaled.status, list(scaled.body["spec"]["workers"])) == (202, ["a", "0"])
    await until(lambda: manager.get("mine").counts.registered == 2)
    assert await is_running()
    # The class and what JSON cannot carry are sent back as they were shown.
    spec = scaled.body["spec"]
    assert spec["worker"]["cls"] == "__main__.Mine"
    spec["workers"]["b"] = {**spec["worker"], "options": {**spec["worker"]["options"]}}
    spec["workers"]["b"]["options"]["nthreads"] = 2
    known = {"If-Match": f'"{scaled.body["generation"]}"'}
    edited = await api("PUT", "/clusters/mine/spec", spec, headers=known)
    assert edited.status == 202
    await until(lambda: manager.get("mine").counts.nthreads == 4)
    assert await notebook.value("{type(one) is Mine for one in cluster.workers.values()}") == {True}
    assert not await is_running()

    again = await api("POST", "/clusters/mine/restart", {})
    assert (again.status, again.code) == (409, "owned_elsewhere")
    adapted = await api("PUT", "/clusters/mine/adaptive", {"minimum": 3, "maximum": 3})
    assert (adapted.status, adapted.body["adaptive"]) == (202, {"minimum": 3, "maximum": 3})
    assert (await api("POST", "/clusters/mine/entries/a/retry", {})).status == 202
    events = (await api("GET", "/clusters/mine/events")).body
    assert {one["entry"] for one in events} >= {"a", "b", "0"}
    assert (await api("GET", "/clusters/mine/generations")).status == 200
    # The process is the notebook's; what it has of its own is the scheduler.
    log = (await api("GET", "/clusters/mine/logs")).body
    assert log["source"] == "scheduler"
    log = (await api("GET", "/clusters/mine/logs", params={"member": "a"})).body
    assert log["source"] == "worker"

    stopped = await api("DELETE", "/clusters/mine")
    assert (stopped.status, stopped.body["phase"]) == (202, "stopping")
    await wait_for("mine", None)
    assert await notebook.value("cluster.status.name") == "closed"
    assert "from outside" in await notebook.value("repr(cluster)")


async def test_its_dashboard_is_shown_although_it_has_no_port(
    manager: ClusterManager,
    wait_for: Wait,
    notebook: Notebook,
    http_server_client: Any,
    jp_http_port: int,
    jp_fetch: Any,
    jp_auth_header: dict[str, str],
) -> None:
    manager.watch()
    await notebook.run(PUBLISHED)
    cluster = await wait_for("mine", "running")
    assert cluster is not None
    assert cluster["scheduler"]["dashboard"]
    assert await notebook.value("cluster.scheduler.services") == {}
    call = Caller(http_server_client, jp_http_port)
    await is_shown("mine", call, jp_fetch, jp_auth_header)
    # On the cluster's loop, so that a cell that runs is no hindrance.
    is_running = await notebook.begin("while len(cluster.worker_spec) < 2: time.sleep(0.05)")
    await is_shown("mine", call, jp_fetch, jp_auth_header)
    assert await is_running()
    scaled = await jp_fetch(
        "speccluster-lab/api/v1/clusters/mine/scale", method="POST", body='{"entries": 2}'
    )
    assert scaled.code == 202
    await notebook.run("cluster.close()")


@pytest.mark.parametrize("how", ["closed", "shut down", "restarted", "killed"])
async def test_it_vanishes_with_what_it_belongs_to(
    api: Api,
    manager: ClusterManager,
    wait_for: Wait,
    notebook: Notebook,
    own_folders: Path,
    how: str,
) -> None:
    manager.watch()
    await notebook.run(PUBLISHED)
    await wait_for("mine", "running")
    match how:
        case "closed":
            await notebook.run("cluster.close()")
        case "shut down":
            await notebook._manager.shutdown_kernel()
        case "restarted":
            await notebook._manager.restart_kernel()
        case _:
            notebook.process().send_signal(signal.SIGKILL)
    await wait_for("mine", None)
    # What leads to it is removed a moment later where it could not do so itself.
    await until(lambda: not connection_file("mine").exists())
    await until(lambda: list(own_folders.rglob("*.sock")) == [])
    assert not cluster_folder("mine").exists()
