"""Steps of the planner that cannot be carried out."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

import pytest
from distributed import Client

from speccluster_lab.spec.api import EntryPhase

from .conftest import QUICK, cluster_of, entry, observed, phases, run, until
from .workers import Unclosable


class Impossible:
    """What cannot be carried out as often as ``failures`` says."""

    def __init__(self, failures: float, method: Any = None) -> None:
        self.failures = failures
        self.method = method
        self.times = 0

    def __call__(self, *args: Any) -> Any:
        self.times += 1
        if self.times <= self.failures:
            raise ZeroDivisionError("not like this")
        return self.method(*args)


# What does not close is given up, and not told to close again.
@pytest.mark.parametrize(
    ("action", "failures"), [("start", 2), ("retire", 2), ("close", 1), ("abandon", 2)]
)
def test_a_step_that_cannot_be_carried_out_is_a_failure_of_its_entry_alone(
    action: str, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        shown: set[str | None] = set()
        stubborn = {"cls": Unclosable, "options": {"way": "clings"}}
        policy = replace(QUICK, arrival_timeout_elsewhere=0.2, close_timeout=0.3)
        async with (
            cluster_of({"good": entry()}, policy=policy) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            kept = await client.scatter(7)
            cluster.subscribe(lambda: shown.update(one.message for one in cluster.entries()))
            if action not in ("start", "abandon"):
                cluster.worker_spec["a"] = entry()
                await observed(cluster)
            actions, method = cluster._executor._actions, f"_{action}"
            fails = Impossible(failures, getattr(actions, method))
            monkeypatch.setattr(actions, method, fails)
            match action:
                case "start":
                    cluster.worker_spec["a"] = entry()
                case "abandon":
                    cluster.worker_spec["a"] = stubborn
                case _:
                    del cluster.worker_spec["a"]
                    cluster.worker_spec["b"] = entry()
            cluster._align()
            await until(lambda: fails.times >= failures)
            cluster.worker_spec["a"] = entry()
            await observed(cluster)
            assert "ZeroDivisionError: not like this" in shown
            assert set(phases(cluster).values()) == {EntryPhase.RUNNING}
            assert await client.gather(kept) == 7
            began = fails.times
            await asyncio.sleep(0.2)
            assert fails.times == began

    run(test)


def test_a_step_that_can_never_be_carried_out_is_tried_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        policy = replace(QUICK, backoff_first=0.2)
        async with cluster_of({"a": entry()}, policy=policy) as cluster:
            await observed(cluster)
            fails = Impossible(math.inf)
            monkeypatch.setattr(cluster._executor._actions, "_close", fails)
            monkeypatch.setattr(cluster._executor._actions, "_abandon", fails)
            del cluster.worker_spec["a"]
            cluster._align()
            await until(lambda: cluster.entries()[0].attempts > 0)
            await asyncio.sleep(1)
            assert fails.times < 8
            assert cluster.entries()[0].message == "ZeroDivisionError: not like this"

    run(test)
