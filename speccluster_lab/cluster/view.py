"""The scheduler as the cluster sees it: its workers, what they hold, and how it forgets them.

One that runs in this process is read directly, without a message; any other is asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from dask.utils import format_bytes
from distributed import Scheduler
from distributed.core import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from distributed.scheduler import WorkerState

__all__ = [
    "NOTHING_AT_STAKE",
    "NO_LOAD",
    "Load",
    "LocalView",
    "RemoteView",
    "Stake",
    "View",
    "view_of",
]

# The scheduler's own, which keeps what was fired and forgotten.
_NO_CLIENTS: Final = frozenset({"fire-and-forget"})


class Load(NamedTuple):
    """How much is lost or disturbed when a worker goes; the least is missed least."""

    busy: bool
    nbytes: int


NO_LOAD: Final = Load(busy=False, nbytes=0)


@dataclass(frozen=True, slots=True)
class Stake:
    """Data that only workers hold which are to go.

    Parameters
    ----------
    keys : int
        How many results and scattered values.
    nbytes : int
        Their size in bytes, as the scheduler knows it.
    """

    keys: int = 0
    nbytes: int = 0

    def __str__(self) -> str:
        return f"{self.keys} result{'s' if self.keys != 1 else ''} ({format_bytes(self.nbytes)})"


NOTHING_AT_STAKE: Final = Stake()


class View(Protocol):
    """What can be asked of a scheduler; whatever waits is bounded by its caller."""

    async def workers(self) -> Mapping[str, str]:
        """Return the names of its workers by address."""

    def look_up(self, members: Iterable[str]) -> Mapping[str, str] | None:
        """Return the addresses of members, or ``None`` where that has to be asked."""

    async def find(self, members: Iterable[str]) -> Mapping[str, str]:
        """Return the addresses of those members that the scheduler has now."""

    def info(self, address: str) -> Mapping[str, Any]:
        """Return what is known of a worker, as ``Scheduler.identity`` has it."""

    def status(self, address: str) -> str | None:
        """Return the status of a worker, where it is known."""

    def load(self, address: str) -> Load:
        """Return how much a worker has to do and holds."""

    async def stakes(self, groups: Mapping[str, Collection[str]]) -> dict[str, Stake]:
        """Return what is held only by each group of addresses, or by others that are to go.

        All groups given at once count as about to go.
        """

    async def retire(self, addresses: Iterable[str], *, forget: bool) -> Collection[str]:
        """Move data away from workers; return the addresses of those that could be freed.

        By *address*: names given to ``retire_workers(workers=)`` match nothing, silently
        (dask/distributed#4069).

        Parameters
        ----------
        addresses : iterable of str
            Of the workers.
        forget : bool
            Whether the scheduler is to forget them then, as something expected, so that the
            tasks that run there are not blamed for the loss of their worker.
        """

    def is_unused(self) -> bool:
        """Return whether nobody has anything on the workers, or could be putting it there."""

    async def forget(self, address: str) -> None:
        """Have the scheduler forget a worker that is gone, or not to be waited for."""

    def restore(self, addresses: Iterable[str]) -> bool:
        """Have workers go on that were to go; return whether that can be done."""

    def holds_actor(self, addresses: Iterable[str]) -> bool:
        """Return whether an actor lives there, as far as that is known: it cannot move."""


def view_of(scheduler: Any, rpc: Any) -> View:
    """Return the view of a scheduler.

    Parameters
    ----------
    scheduler : object
        The instance that the cluster has started.
    rpc : distributed.core.rpc
        Its connection.
    """
    return LocalView(scheduler) if isinstance(scheduler, Scheduler) else RemoteView(rpc)


class LocalView:
    """A scheduler of this process."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def workers(self) -> Mapping[str, str]:
        """Return the names of its workers by address."""
        return {address: str(ws.name) for address, ws in self._scheduler.workers.items()}

    def look_up(self, members: Iterable[str]) -> Mapping[str, str] | None:
        """Return the addresses of members."""
        aliases: Mapping[Any, str] = self._scheduler.aliases
        found = {}
        for member in members:
            # It keeps names as the workers wrote them: 0 is member "0".
            address = aliases.get(member)
            if address is None and member.isdecimal():
                address = aliases.get(int(member))
            if address is not None:
                found[member] = address
        return found

    async def find(self, members: Iterable[str]) -> Mapping[str, str]:
        """Return the addresses of those members that the scheduler has now."""
        return self.look_up(members) or {}

    def info(self, address: str) -> Mapping[str, Any]:
        """Return what is known of a worker."""
        worker = self._worker(address)
        return {} if worker is None else worker.identity()

    def status(self, address: str) -> str | None:
        """Return the status of a worker, where it is known."""
        worker = self._worker(address)
        return None if worker is None else worker.status.name

    def load(self, address: str) -> Load:
        """Return how much a worker has to do and holds."""
        worker = self._worker(address)
        if worker is None:
            return NO_LOAD
        return Load(busy=bool(worker.processing or worker.actors), nbytes=worker.nbytes)

    async def stakes(self, groups: Mapping[str, Collection[str]]) -> dict[str, Stake]:
        """Return what is held only by each group of addresses, or by others that are to go."""
        leaving = {address for addresses in groups.values() for address in addresses}
        return {name: self._stake(group, leaving) for name, group in groups.items()}

    def _stake(self, addresses: Collection[str], leaving: Collection[str]) -> Stake:
        held: dict[Any, int] = {}
        for address in addresses:
            worker = self._worker(address)
            for task in () if worker is None else worker.has_what:
                if all(
                    other.address in leaving or other.status is Status.closing_gracefully
                    for other in task.who_has or ()
                ):
                    held[task.key] = task.nbytes
        # The scheduler says -1 where it does not know a size.
        return Stake(len(held), sum(size for size in held.values() if size > 0))

    async def retire(self, addresses: Iterable[str], *, forget: bool) -> Collection[str]:
        """Move data away from workers; return the addresses of those that could be freed."""
        return await self._scheduler.retire_workers(
            workers=list(addresses), remove=forget, close_workers=False
        )

    def is_unused(self) -> bool:
        """Return whether there are no tasks, and no client that might be sending data."""
        return not self._scheduler.tasks and self._scheduler.clients.keys() <= _NO_CLIENTS

    async def forget(self, address: str) -> None:
        """Have the scheduler forget a worker that is gone, or not to be waited for."""
        await self._scheduler.remove_worker(
            address, stimulus_id="speccluster-forget", expected=True
        )

    def restore(self, addresses: Iterable[str]) -> bool:
        """Have workers go on that were to go."""
        for address in addresses:
            worker = self._worker(address)
            stream = self._scheduler.stream_comms.get(address)
            if worker is not None and stream is not None:
                # As the scheduler does with those that it could not retire.
                stream.send(
                    {
                        "op": "worker-status-change",
                        "status": Status.running.name,
                        "stimulus_id": "speccluster-restore",
                    }
                )
        return True

    def holds_actor(self, addresses: Iterable[str]) -> bool:
        """Return whether an actor lives there: it cannot move."""
        found = (self._worker(address) for address in addresses)
        return any(worker is not None and worker.actors for worker in found)

    def _worker(self, address: str) -> WorkerState | None:
        return self._scheduler.workers.get(address)


class RemoteView:
    """A scheduler of another process, as of the last reading."""

    def __init__(self, rpc: Any) -> None:
        self._rpc = rpc
        self._last: Mapping[str, Mapping[str, Any]] = {}
        self._asking: asyncio.Task[Mapping[str, str]] | None = None

    async def workers(self) -> Mapping[str, str]:
        """Return the names of its workers by address."""
        identity = await self._rpc.identity(n_workers=-1)
        self._last = identity["workers"]
        return {address: str(info["name"]) for address, info in self._last.items()}

    def look_up(self, members: Iterable[str]) -> Mapping[str, str] | None:
        """Return ``None``: it has to be asked."""
        return None

    async def find(self, members: Iterable[str]) -> Mapping[str, str]:
        """Return the addresses of those members that the scheduler has now.

        Who asks in the same turn of the loop shares the answer.
        """
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
        workers = await asyncio.shield(self._asking)
        wanted = set(members)
        return {name: address for address, name in workers.items() if name in wanted}

    async def _ask(self) -> Mapping[str, str]:
        # An answer to what was asked before this moment is no answer to who comes from now on.
        self._asking = None
        return await self.workers()

    def info(self, address: str) -> Mapping[str, Any]:
        """Return what is known of a worker."""
        return self._last.get(address) or {}

    def status(self, address: str) -> str | None:
        """Return the status of a worker, where it is known."""
        return self.info(address).get("status")

    def load(self, address: str) -> Load:
        """Return how much a worker has to do and holds."""
        metrics = self.info(address).get("metrics")
        if not metrics:
            return NO_LOAD
        counts: Mapping[str, int] = metrics.get("task_counts") or {}
        return Load(
            busy=any(counts.get(state) for state in ("executing", "long-running", "ready")),
            nbytes=int(metrics.get("managed_bytes") or 0),
        )

    async def stakes(self, groups: Mapping[str, Collection[str]]) -> dict[str, Stake]:
        """Return what is held only by each group of addresses, or by others that are to go."""
        leaving = {address for addresses in groups.values() for address in addresses}
        if not leaving:
            return {name: Stake() for name in groups}
        has: Mapping[str, Collection[Any]] = await self._rpc.has_what(workers=list(leaving))
        keys = list({key for held in has.values() for key in held})
        if not keys:
            return {name: Stake() for name in groups}
        holders: Mapping[Any, Collection[str]] = await self._rpc.who_has(keys=keys)
        sizes = await self._sizes(keys)
        found = {}
        for name, group in groups.items():
            held = {key for address in group for key in has.get(address, ())}
            alone = [key for key in held if leaving.issuperset(holders.get(key) or ())]
            found[name] = Stake(len(alone), sum(max(0, sizes.get(key) or 0) for key in alone))
        return found

    async def _sizes(self, keys: list[Any]) -> Mapping[Any, int | None]:
        try:
            sizes: Mapping[Any, int | None] = await self._rpc.nbytes(keys=keys, summary=False)
        except KeyError:
            # One has been released since; how large the others are is not worth another try.
            return {}
        return sizes

    async def retire(self, addresses: Iterable[str], *, forget: bool) -> Collection[str]:
        """Move data away from workers; return the addresses of those that could be freed."""
        freed: Collection[str] = await self._rpc.retire_workers(
            workers=list(addresses), remove=forget, close_workers=False
        )
        return freed

    def is_unused(self) -> bool:
        """Return ``False``: it is not known."""
        return False

    async def forget(self, address: str) -> None:
        """Have the scheduler forget a worker that is gone, or not to be waited for."""
        await self._rpc.unregister(address=address, stimulus_id="speccluster-forget", expected=True)

    def restore(self, addresses: Iterable[str]) -> bool:
        """Return that it cannot be done: only the scheduler itself can."""
        return False

    def holds_actor(self, addresses: Iterable[str]) -> bool:
        """Return ``False``: it is not known."""
        return False
