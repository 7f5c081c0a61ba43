"""Clusters of notebooks and programs that publish themselves, seen from other processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from distributed import LocalCluster
from published_clusters import PROGRAM, ask, dashboard_page, published, until
from running_hosts import SECONDS

from speccluster_lab import connect, list_clusters, reconciled
from speccluster_lab.link.connections import list_connections
from speccluster_lab.spec.api import ClusterPhase

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from kernels import Kernel
    from running_hosts import Hosts


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
        assert b"<title>Dask" in asyncio.run(dashboard_page(handle.id))
        assert client.submit(sum, [1, 2]).result(SECONDS) == 3
        assert handle.phase in (ClusterPhase.STARTING, ClusterPhase.RUNNING)
        handle.scale(2)
        until(str(cluster.published_as), 2)
        assert len(cluster.workers) == 2
    assert list_connections() == []
