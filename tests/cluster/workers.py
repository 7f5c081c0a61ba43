"""Workers that misbehave, for faults that real ones do not produce on demand."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, ClassVar

from distributed import Worker
from distributed.core import Status


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


class Exiting(Worker):
    """Exits where it is told to: when it is made, or when it is started."""

    def __init__(self, scheduler: str, *, where: str, **options: Any) -> None:
        super().__init__(scheduler, **options)
        if where == "made":
            sys.exit(0)

    async def start_unsafe(self) -> Any:
        sys.exit(0)


class FailingConstructor:
    """Cannot even be made."""

    def __init__(self, scheduler: str, **options: Any) -> None:
        raise TypeError("not like this")

    def __await__(self) -> Any:
        raise AssertionError("never made")

    async def close(self) -> None:
        raise AssertionError("never made")


class NotAwaitable:
    """Can be made and closed, but not started."""

    made: ClassVar[list[NotAwaitable]] = []

    def __init__(self, scheduler: str, **options: Any) -> None:
        self.closed = False
        self.made.append(self)

    async def close(self) -> None:
        self.closed = True


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


class Several:
    """An entry of several workers, in this process, that cannot bring one of them back."""

    def __init__(self, scheduler: str, name: Any, processes: int = 1, **options: Any) -> None:
        self.workers = [
            Worker(scheduler, name=f"{name}-{number}", **options) for number in range(processes)
        ]

    def __await__(self) -> Any:
        async def start() -> Several:
            await asyncio.gather(*self.workers)
            return self

        return start().__await__()

    async def close(self) -> None:
        await asyncio.gather(*(worker.close() for worker in self.workers))

    @property
    def status(self) -> Status:
        return self.workers[0].status

    @property
    def worker_address(self) -> str:
        return self.workers[0].address


class Half(Several):
    """Has the first of its workers, and never the others."""

    def __await__(self) -> Any:
        async def start() -> Half:
            await self.workers[0]
            return await asyncio.Event().wait()  # type: ignore[return-value]

        return start().__await__()


class Slow(Worker):
    """Takes ``delay`` seconds to start; counts who begins, who is up, and who was cut off."""

    begun: ClassVar[list[Any]] = []
    started: ClassVar[list[Any]] = []
    made: ClassVar[list[Slow]] = []
    at_once: ClassVar[int] = 0
    most_at_once: ClassVar[int] = 0

    def __init__(self, scheduler: str, *, delay: float, **options: Any) -> None:
        super().__init__(scheduler, **options)
        self.made.append(self)
        self._delay = delay

    @classmethod
    def forget(cls) -> None:
        for seen in (cls.begun, cls.started, cls.made):
            seen.clear()
        Slow.at_once = Slow.most_at_once = 0

    async def start(self) -> Any:
        self.begun.append(self.name)
        Slow.at_once += 1
        Slow.most_at_once = max(Slow.most_at_once, Slow.at_once)
        try:
            await asyncio.sleep(self._delay)
            await super().start()
        finally:
            Slow.at_once -= 1
        self.started.append(self.name)
        return self


class Unclosable:
    """Is up at once, registers nothing, and closes in none of the ways that one hopes for."""

    def __init__(self, scheduler: str, name: Any, way: str) -> None:
        self._way = way
        self.status = Status.running
        self.worker_address = f"inproc://unclosable/{name}"

    def __await__(self) -> Any:
        async def start() -> Unclosable:
            return self

        return start().__await__()

    async def close(self) -> None:
        if self._way == "raises":
            raise OSError("no way out")
        while True:
            try:
                await asyncio.sleep(5)
                return
            except asyncio.CancelledError:
                if self._way != "clings":
                    raise


class Tardy(Unclosable):
    """Registers when it is told to close, and does not close."""

    workers: ClassVar[list[Worker]] = []

    def __init__(self, scheduler: str, name: Any) -> None:
        super().__init__(scheduler, name, way="hangs")
        self._worker = Worker(scheduler, name=name, host="127.0.0.1", nthreads=1)
        self.workers.append(self._worker)

    async def close(self) -> None:
        await self._worker
        await super().close()


class Caused(Worker):
    """Fails to start for a reason that has a reason."""

    async def start(self) -> Any:
        try:
            raise FileNotFoundError("no such interface")
        except FileNotFoundError as error:
            raise ValueError("cannot listen") from error


class Counted(Worker):
    """Knows how many of its kind have been made."""

    made: ClassVar[list[Any]] = []

    def __init__(self, scheduler: str, **options: Any) -> None:
        super().__init__(scheduler, **options)
        self.made.append(self.name)
