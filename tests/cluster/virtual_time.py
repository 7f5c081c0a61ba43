"""An event loop whose clock jumps over every wait, so that minutes pass in milliseconds.

Time stands still while anything can run, so nothing depends on how busy the machine is.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
import sys
import time
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dask
import tornado.ioloop
from distributed import Future, utils_comm
from distributed.active_memory_manager import ActiveMemoryManagerPolicy
from distributed.comm import inproc
from distributed.worker_state_machine import TaskState

from .misbehaving import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import pytest

__all__ = ["VirtualTimeLoop", "number_everything", "run_in_virtual_time", "use_clock_of"]


class _Selector(selectors.DefaultSelector):
    """Lets the time pass that it is asked to wait."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("everything waits for something that cannot happen any more")
        self.passed += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop without threads, whose clock is moved by its waits alone."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.passed

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call it here and now: a thread would take no time by this clock."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def number_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what distributed names at random be named in order, so that a run can be repeated.

    What it keeps in sets comes in the order of its hashes, which are to be those of names: of
    text alone, so that a run is the same again where ``PYTHONHASHSEED`` is.
    """
    numbers = itertools.count(1)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers)))
    manager = inproc.Manager()
    for attribute in ("addr_suffixes", "listeners"):
        monkeypatch.setattr(inproc.global_manager, attribute, getattr(manager, attribute))
    monkeypatch.setattr(inproc.global_manager, "_ip", "127.0.0.1")
    monkeypatch.setattr(inproc, "os", SimpleNamespace(getpid=lambda: 1))
    monkeypatch.setattr(ActiveMemoryManagerPolicy, "__hash__", lambda one: hash(repr(one)))
    monkeypatch.setattr(Future, "_uid", "future")
    monkeypatch.setattr(Future, "_counter", itertools.count(1))
    # Which worker is given the next scattered value.
    monkeypatch.setattr(utils_comm, "_round_robin_counter", [0])
    monkeypatch.setattr(TaskState, "__hash__", lambda task: hash(task.key))


def use_clock_of(loop: VirtualTimeLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have tornado, distributed and the package under test read the clock of ``loop``."""
    began = 1_800_000_000.0
    clocks = {time.time: lambda: began + loop.time(), time.monotonic: loop.time}
    monkeypatch.setattr(tornado.ioloop.IOLoop, "time", lambda _: began + loop.time())
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("distributed", "speccluster_lab"):
            for attribute in ("time", "monotonic"):
                clock = clocks.get(vars(module).get(attribute))
                if clock is not None:
                    monkeypatch.setattr(module, attribute, clock)


def run_in_virtual_time(
    test: Callable[[], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run a test's coroutine, of which nothing may depend on what other processes do."""
    loop = VirtualTimeLoop()
    use_clock_of(loop, monkeypatch)
    with dask.config.set(CONFIG), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(test())
