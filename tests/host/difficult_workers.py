"""Worker and scheduler classes that do not behave; hosts import them from here."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from distributed import Scheduler, Worker

DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(); time.sleep(600)"
)


class NeverCloses(Worker):
    """Does not close, and has started a process that does not heed SIGTERM."""

    async def start_unsafe(self) -> Any:
        self.child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DEAF, stdout=asyncio.subprocess.PIPE
        )
        assert self.child.stdout is not None
        await self.child.stdout.readline()
        return await super().start_unsafe()

    async def close(self, *arguments: Any, **options: Any) -> str:
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                # As distributed's communication does at times.
                continue


class SlowToClose(Worker):
    """Takes two seconds to close."""

    async def close(self, *arguments: Any, **options: Any) -> str:
        await asyncio.sleep(2)
        return str(await super().close(*arguments, **options))


class LeavesAnOrphan(Worker):
    """Has started a process whose parent is dead, and which does not heed SIGTERM."""

    async def start_unsafe(self) -> Any:
        starter = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {DEAF!r}])"
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", starter)
        await child.wait()
        return await super().start_unsafe()


class NeverStarts(Worker):
    """Cannot be started."""

    async def start_unsafe(self) -> Any:
        raise RuntimeError("this worker never starts")


class SlowScheduler(Scheduler):
    """Takes its time to come up."""

    async def start_unsafe(self) -> Any:
        await asyncio.sleep(3)
        return await super().start_unsafe()


class BrokenScheduler(Scheduler):
    """Cannot be started."""

    async def start_unsafe(self) -> Any:
        raise RuntimeError("this scheduler never starts")


class NoWorker:
    """A class that is no worker's."""


def hold_the_interpreter() -> None:
    """Never end, and never let go of the interpreter for long."""
    while True:
        pass
