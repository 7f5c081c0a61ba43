"""What is asked of a published cluster while its kernel or its loop is busy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from published_clusters import ask, published
from running_hosts import SECONDS

from speccluster_lab.link.connections import list_connections

if TYPE_CHECKING:
    from kernels import Kernel


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
