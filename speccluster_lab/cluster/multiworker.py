"""One entry, several dask workers in processes of their own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dask.system import CPU_COUNT
from dask.utils import parse_bytes
from distributed import Nanny
from distributed.core import Status
from distributed.deploy.spec import ProcessInterface

from speccluster_lab.cluster.logowners import keep_own
from speccluster_lab.errors import GroupMismatch, InvalidInput
from speccluster_lab.spec.names import member_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["MultiWorker"]

MAX_PROCESSES: Final = 1_000
START_GRACE: Final = 10.0


class MultiWorker(ProcessInterface):
    """A worker class whose entries are ``processes`` dask workers, each under a nanny.

    Parameters
    ----------
    scheduler : str
        The scheduler's address.
    name : hashable
        The entry's name; members are named ``str(name) + suffix``.
    processes : int, optional
        How many workers; as many as ``group`` has suffixes by default, else 1.
    group : list of str, optional
        The suffixes; ``-0``, ``-1``, … by default. An entry of a spec has to say them as its
        ``group``.
    nthreads : int, optional
        Threads of each worker; by default the machine's cores are shared out.
    memory_limit : str, int or float, optional
        Of each worker, as :class:`distributed.Nanny` takes it.
    **worker_options
        Passed on to each :class:`distributed.Nanny`.

    Raises
    ------
    GroupMismatch
        ``group`` does not have ``processes`` suffixes.
    InvalidInput
        ``processes`` is no number of processes.

    Examples
    --------
    >>> entry = {"cls": MultiWorker, "options": {"processes": 2}, "group": ["-0", "-1"]}
    >>> cluster = SpecCluster(workers={0: entry})  # doctest: +SKIP
    >>> sorted(w.name for w in cluster.scheduler.workers.values())  # doctest: +SKIP
    ['0-0', '0-1']
    """

    runs_here: ClassVar[bool] = True

    passes_options_to: ClassVar[type] = Nanny

    def __init__(
        self,
        scheduler: str,
        name: Any = None,
        processes: int | None = None,
        group: list[str] | None = None,
        nthreads: int | None = None,
        memory_limit: str | float = "auto",
        **worker_options: Any,
    ) -> None:
        super().__init__(scheduler=scheduler, name=name)
        self.name = name
        self.scheduler = scheduler
        options = {} if processes is None else {"processes": processes}
        self.group = self._suffixes(options, group)
        self._options = {
            "nthreads": nthreads or max(1, CPU_COUNT // len(self.group)),
            "memory_limit": memory_limit,
            **worker_options,
        }
        self.nannies: dict[str, Nanny] = {}
        self._starts: list[asyncio.Future[Any]] = []
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    def check_group(cls, options: Mapping[str, Any], group: Collection[str] | None) -> None:
        """Raise the errors that making an entry of these options would raise.

        An entry of a spec that has no ``group`` is one member of its own name, which this class
        can only make for no suffix at all; so the group has to be said.
        """
        if group is None:
            count = options.get("processes", 1)
            raise GroupMismatch(
                f"an entry of {count} processes needs a group, such as "
                f"{[f'-{i}' for i in range(min(int(count), 3))] if _is_count(count) else ['-0']}",
                field="group",
            )
        cls._suffixes(options, group)

    @staticmethod
    def _suffixes(options: Mapping[str, Any], group: Collection[str] | None) -> list[str]:
        count = options.get("processes", 1 if group is None else len(group))
        if not _is_count(count):
            raise InvalidInput(
                f"processes must be a whole number from 1 to {MAX_PROCESSES}, not {count!r}",
                field="options.processes",
            )
        if group is None:
            return [f"-{number}" for number in range(count)]
        if len(group) != count:
            raise GroupMismatch(
                f"group names {len(group)} workers, but processes is {count}", field="group"
            )
        return list(group)

    @classmethod
    def resources(
        cls, options: Mapping[str, Any], group: Collection[str] | None
    ) -> tuple[int, int]:
        """Return the threads and the bytes of memory that an entry of these options has.

        Raises
        ------
        ValueError
            The memory limit is no fixed amount.
        """
        count = len(cls._suffixes(options, group))
        nthreads = options.get("nthreads") or max(1, CPU_COUNT // count)
        memory = options.get("memory_limit", "auto")
        return count * nthreads, count * parse_bytes(memory) if memory != "auto" else 0

    async def start(self) -> None:
        """Start the members; when one fails, none is left.

        Raises
        ------
        Exception
            What the first member that failed raised.
        """
        # Nannies belong to the loop that runs when they are made, so not in the constructor.
        try:
            for name in member_names(self.name, self.group):
                self.nannies[name] = Nanny(self.scheduler, name=name, **self._options)
                keep_own(self.nannies[name])
        except Exception:
            await self.close()
            raise
        self._starts = [asyncio.ensure_future(nanny) for nanny in self.nannies.values()]
        try:
            await asyncio.gather(*map(asyncio.shield, self._starts))
        except Exception:
            await self.close()
            raise
        if self.status == Status.created:
            await super().start()

    async def close(self) -> None:
        """Stop the members; one that does not end is killed by its nanny."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        # Whoever does not wait for it any longer must not leave processes behind.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self.status = Status.closing
        try:
            if self._starts:
                # A nanny that is closed in the first moments of its start leaves a process behind.
                await asyncio.wait(self._starts, timeout=START_GRACE)
            closing = [nanny.close() for nanny in self.nannies.values()]
            results = await asyncio.gather(*closing, return_exceptions=True)
        finally:
            await super().close()
        for result in results:
            if isinstance(result, BaseException):
                raise result

    @property
    def worker_address(self) -> str | None:
        """The address of the first member, once it runs."""
        return next(iter(self.worker_addresses.values()), None)

    @property
    def worker_addresses(self) -> dict[str, str]:
        """The addresses of the members that run, by name."""
        return {
            name: nanny.worker_address
            for name, nanny in self.nannies.items()
            if nanny.worker_address is not None
        }

    def __repr__(self) -> str:
        return (
            f"<MultiWorker {self.name!r}: {self.status.name}, "
            f"{len(self.worker_addresses)} of {len(self.group)} workers>"
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PROCESSES
