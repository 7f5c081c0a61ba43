"""Worker and scheduler classes that do not behave; hosts import them from here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import psutil
from distributed import Nanny, Scheduler, Worker

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


class Exits(Worker):
    """Ends the process that it is in, as if all were well."""

    async def start_unsafe(self) -> Any:
        # While nobody waits for it, who would only fail.
        asyncio.get_running_loop().call_soon(self._exit)
        return await super().start_unsafe()

    def _exit(self) -> None:
        sys.exit(0)


class SlowScheduler(Scheduler):
    """Takes its time to come up."""

    async def start_unsafe(self) -> Any:
        await asyncio.sleep(3)
        return await super().start_unsafe()


class BrokenScheduler(Scheduler):
    """Cannot be started."""

    async def start_unsafe(self) -> Any:
        raise RuntimeError("this scheduler never starts")


class TellingScheduler(Scheduler):
    """Cannot be started, and says its password."""

    def __init__(self, *arguments: Any, password: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._password = password

    async def start_unsafe(self) -> Any:
        raise RuntimeError(f"this scheduler was told {self._password!s}")


class NoWorker:
    """A class that is no worker's."""


def hold_the_interpreter() -> None:
    """Never end, and never let go of the interpreter for long."""
    while True:
        pass


class OwnEnvironment(Nanny):
    """Has its workers started with a variable that those of other nannies do not have."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pre_spawn_env = {**self.pre_spawn_env, "OMP_NUM_THREADS": "3"}
        self.env = {**self.env, "OMP_NUM_THREADS": "3"}


def about_this_worker() -> dict[str, Any]:
    """Tell how the process of a worker was started, and what it was before it had work."""
    import numpy

    this = psutil.Process()
    return {
        "parent": this.ppid(),
        "began_with": this.environ(),
        "environ": dict(os.environ),
        "hash": hash("text"),
        "random": numpy.random.random(),
        "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "modules": set(sys.modules),
    }


class Tells(Worker):
    """Cannot be started, and says its password."""

    def __init__(self, *arguments: Any, password: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._password = password

    async def start_unsafe(self) -> Any:
        print("it is", self._password, flush=True)
        raise RuntimeError(f"it is {self._password} <b>")


class _Prints(Worker):
    """Prints, and cannot be started."""

    def __init__(self, *arguments: Any, password: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._password = password

    async def start_unsafe(self) -> Any:
        print(f"\x1b[31mno <b>model</b>\x07 for {self._password}\x1b[0m", "x" * 2000, flush=True)
        raise RuntimeError("it is not there")


class PrintsElsewhere(Nanny):
    """Has a process that prints, and cannot be started."""

    def __init__(self, *arguments: Any, password: str, **options: Any) -> None:
        super().__init__(*arguments, worker_class=_Prints, password=password, **options)
