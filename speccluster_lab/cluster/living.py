"""The life of a cluster: starting, hearing of its workers, closing."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from distributed.core import Status
from distributed.deploy.cluster import Cluster as StockCluster

from speccluster_lab.cluster.aligned import Aligned
from speccluster_lab.cluster.classes import resolve, unfolded, with_given
from speccluster_lab.cluster.closing import close_instance, has_ended
from speccluster_lab.cluster.ownloop import awaited_there
from speccluster_lab.errors import NotRunning
from speccluster_lab.references import read_files, with_values

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Living"]

logger = logging.getLogger(__name__)

# What closing drops is worth no longer a wait.
LOOK_AT_LOSS: Final = 2.0
# A few milliseconds' worth.
EVENTS_AT_A_TIME: Final = 250


class Living(Aligned):
    """The part of a cluster that starts and ends.

    Parameters
    ----------
    **options
        As the other parts take them.
    """

    def __init__(self, **options: Any) -> None:
        self._starting: asyncio.Future[None] | None = None
        self._starting_scheduler: asyncio.Future[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        super().__init__(**options)

    async def _start(self) -> None:
        # The stock class says that it runs before anything has been begun for the entries.
        done = self._starting is None or self._starting.done()
        if self.status == Status.running and done:
            return
        if self._starting is None or self._was_refused(self._starting):
            self._starting = asyncio.ensure_future(self._start_once())
        try:
            # One who stops waiting must not stop the start.
            await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            if self._starting.cancelled():
                self._refuse_to_go_on()
            raise

    def _was_refused(self, starting: asyncio.Future[None]) -> bool:
        """Return whether a start ended before it began anything, so that it may be made anew."""
        return starting.done() and self._starting_scheduler is None and self._closing is None

    async def _start_once(self) -> None:
        if self.status == Status.created and self._scheduler_document is not None:
            document = self._scheduler_document
            found = resolve(document["cls"], place="scheduler.cls")
            cls, options = unfolded(found, document.get("options") or {})
            cls = self._given.scheduler_class(cls)
            said = with_values(options, await read_files(options))
            options = with_given(cls, said, self._given.scheduler)
            self.scheduler_spec = {**document, "cls": cls, "options": options}
        # A spec that cannot be is refused before anything is started.
        self._align()
        self._refuse_to_go_on()
        limit = self.policy.scheduler_timeout
        starting = self._starting_scheduler = asyncio.ensure_future(super()._start())
        done, _ = await asyncio.wait({starting}, timeout=limit)
        if not done:
            await self._give_up(starting)
            # One that fails when it is given up has closed the cluster itself.
            if self._closing is None:
                self.status = Status.failed
            await self._close()
            raise RuntimeError(f"Cluster failed to start: no scheduler within {limit:g} s")
        if starting.cancelled() or starting.exception() is None:
            self._refuse_to_go_on()
        # A start that has failed has closed the cluster itself.
        starting.result()
        await self._watch.begin()
        self._refuse_to_go_on()
        self._executor.find_scheduler()
        self._align()

    def _refuse_to_go_on(self) -> None:
        """Say to those who wait for the start that somebody has closed the cluster meanwhile."""
        if self._closing is not None:
            raise NotRunning("the cluster was closed before it had started")

    async def _give_up(self, starting: asyncio.Future[None]) -> None:
        starting.add_done_callback(self._stay_closed)
        starting.cancel()
        await asyncio.wait({starting}, timeout=self.policy.cancel_grace)

    async def _watch_worker_status(self, comm: Any) -> None:
        # As the stock class's, but that it lets others run between: when many workers are lost at
        # once the scheduler tells of them all in one message.
        while True:
            try:
                events = await comm.read()
            except OSError:
                break
            for begin in range(0, len(events), EVENTS_AT_A_TIME):
                for op, what in events[begin : begin + EVENTS_AT_A_TIME]:
                    try:
                        self._update_worker_status(op, what)
                    except Exception:
                        # A subclass's own: the next one is heard, and closing is not to raise it.
                        logger.exception("an event of the scheduler failed: %s", op)
                await asyncio.sleep(0)
        await comm.close()
        if self.status == Status.running:
            self._watch.look_now()

    def _update_worker_status(self, op: str, msg: Any) -> None:
        # Not the stock class's: it closes what it believes to be lost.
        match op:
            case "add":
                workers = msg["workers"]
                StockCluster._update_worker_status(self, op, msg)
                for address, info in workers.items():
                    name = str(info["name"])
                    twice = self._watch.membership.add(address, name)
                    self._executor.arrive(name, surely=not twice)
            case "remove":
                # The first reading may already lack a worker that an event says has gone.
                self.scheduler_info["workers"].pop(msg, None)
                gone = self._watch.membership.remove(msg)
                if gone is not None:
                    self._executor.leave(gone)

    @awaited_there
    async def _close(self) -> None:
        if self.status == Status.closed:
            return
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close_once())
        # One who stops waiting must not stop the closing.
        await asyncio.shield(self._closing)

    async def _close_once(self) -> None:
        started = self.status == Status.running or self.status == Status.failed
        starting = self._starting_scheduler
        # One that has failed waits for this closing.
        if starting is not None and not started and not starting.done():
            await self._give_up(starting)
        await self._note_loss()
        self.status = Status.closing
        self._changed()
        self._end_adapting()
        await asyncio.gather(self._watch.end(), self._executor.end())
        dead = self.scheduler is not None and has_ended(self.scheduler)
        if started and self.scheduler_comm is not None:
            if self.shutdown_scheduler and not dead:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(self.policy.close_timeout):
                        await self.scheduler_comm.terminate()
            await self.scheduler_comm.close_rpc()
        if self.scheduler is not None and self.shutdown_scheduler:
            await close_instance(self.scheduler, self.policy.close_timeout)
        # Private to the stock class, whose _close we stand in for.
        vars(self)["_SpecCluster__exit_stack"].__exit__(None, None, None)
        await StockCluster._close(self)
        if self._starting is not None and not started:
            self._starting.cancel()
        self._changed()

    def _end_adapting(self) -> None:
        if self._adaptive is None:
            return
        try:
            self._adaptive.stop()
        except Exception:
            # One of somebody else's class; the stock class is not to ask it once more.
            logger.exception("adaptive scaling does not end well")
            self._adaptive = None

    def _stay_closed(self, starting: asyncio.Future[None]) -> None:
        """Be closed still, whatever a start has come to that would not be given up."""
        if not starting.cancelled():
            starting.exception()
        if self._closing is not None and self._closing.done():
            self.status = Status.closed

    async def _note_loss(self) -> None:
        """Say what closing the whole cluster drops."""
        # The stock class says that it runs a moment before there is a view of the scheduler.
        if not self._watch.running or self._watch.failure is not None:
            return
        addresses = [
            a for n in self._watch.membership.names() if (a := self._watch.membership.address(n))
        ]
        try:
            async with asyncio.timeout(LOOK_AT_LOSS):
                stake = (await self.view().stakes({"": addresses}))[""]
        except Exception as error:
            logger.warning("what closing the cluster drops is not to be had: %r", error)
            return
        if stake.keys:
            self._note("DataDropped", f"closing the cluster drops {stake}")

    async def __aenter__(self) -> Self:
        try:
            await self
            if self.status != Status.running:
                raise NotRunning("the cluster is closed")
        except BaseException:
            await self._close()
            raise
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        async def ready() -> Self:
            await self._be_ready()
            return self

        return ready().__await__()

    @awaited_there
    async def _be_ready(self) -> None:
        if self.status == Status.created or self._starting is not None:
            await self._start()
        await self._correct_state()
