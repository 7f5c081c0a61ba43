"""Workers that misbehave, for faults that real ones do not produce on demand."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from distributed import Worker


class Failing(Worker):
    """Fails to start as often as ``failures`` says, then is a worker."""

    left: ClassVar[dict[str, int]] = {}

    def __init__(self, scheduler: str, *, failures: int, **options: Any) -> None:
        super().__init__(scheduler, **options)
        self.left.setdefault(str(self.name), failures)

    async def start(self) -> Any:
        if self.left[str(self.name)] > 0:
            self.left[str(self.name)] -= 1
            raise RuntimeError(f"{self.name} has no luck")
        return await super().start()


class FailingConstructor:
    """Cannot even be made."""

    def __init__(self, scheduler: str, **options: Any) -> None:
        raise TypeError("not like this")

    def __await__(self) -> Any:
        raise AssertionError("never made")

    async def close(self) -> None:
        raise AssertionError("never made")


class Hanging:
    """Never starts, and never closes of its own accord."""

    closed: ClassVar[list[str]] = []

    def __init__(self, scheduler: str, name: str, **options: Any) -> None:
        self.name = name

    def __await__(self) -> Any:
        return asyncio.Event().wait().__await__()

    async def close(self) -> None:
        self.closed.append(str(self.name))
        await asyncio.Event().wait()


class Bare:
    """What the documentation asks of a class, and nothing else: no status, no name."""

    def __init__(self, scheduler: str, name: str) -> None:
        self._worker = Worker(scheduler, name=name, host="127.0.0.1", nthreads=1)

    def __await__(self) -> Any:
        return self._worker.__await__()

    async def close(self) -> None:
        await self._worker.close()

    @property
    def worker_address(self) -> str:
        return self._worker.address
