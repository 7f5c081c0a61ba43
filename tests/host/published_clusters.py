"""Clusters that publish themselves, and what is asked of them."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from running_hosts import SECONDS, UnixConnection

from speccluster_lab.link.connections import list_connections, read_connection
from speccluster_lab.link.dashboard import fetch_page
from speccluster_lab.spec.api import API_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernels import Kernel


IMPORTS = """
import asyncio, time
from distributed import Worker
from speccluster_lab import SpecCluster
entry = {"cls": Worker, "options": {"nthreads": 1}}
def made(**options):
    return SpecCluster(workers={"a": entry}, worker=entry, publish=True, **options)
"""


PROGRAM = """
import sys
from distributed import Worker
from speccluster_lab import SpecCluster
if __name__ == "__main__":
    SpecCluster(workers={0: {"cls": Worker, "options": {"nthreads": 1}}}, publish=True, name="job")
    print("ready", flush=True)
    sys.stdin.read()
"""

# The warnings of clusters that could not be made are the stock class's.
UNCLOSED = pytest.mark.filterwarnings("ignore:unclosed cluster:ResourceWarning")


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


async def dashboard_page(id: str) -> bytes:
    """Return the first page of a cluster's dashboard."""
    return (await fetch_page(read_connection(id), "status", {}, SECONDS)).body
