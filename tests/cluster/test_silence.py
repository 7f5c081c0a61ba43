"""What a cluster writes into the notebook that has it, and what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = """
import logging
from speccluster_lab import MultiWorker, SpecCluster

OPTIONS = {"processes": 2, "nthreads": 1, "memory_limit": "1 GiB"}
FORM = {"cls": MultiWorker, "options": OPTIONS, "group": ["-0", "-1"]}
SCHEDULER = {"cls": "distributed.Scheduler", "options": {"dashboard_address": ":0"}}
"""
CLUSTER = """
with SpecCluster(workers={0: FORM}, scheduler=SCHEDULER%s) as cluster:
    kept = cluster.get_logs(cluster=False, scheduler=False)
print(sum("Start worker at" in log for log in kept.values()), "were started")
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    kernel.run(BEGIN)
    yield kernel
    kernel.end()


def test_a_cell_is_not_filled_with_logs(kernel: Kernel) -> None:
    said = kernel.run(CLUSTER % "")
    assert "2 were started" in said
    assert "INFO" not in said


def test_a_cell_has_what_is_asked_for(kernel: Kernel) -> None:
    said = kernel.run(CLUSTER % ", silence_logs=logging.INFO")
    assert "2 were started" in said
    assert "distributed.nanny - INFO" in said
