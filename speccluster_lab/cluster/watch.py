"""Watching the scheduler: what it has, whether it lives, and what follows when it does not."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from distributed.core import Status, rpc
from distributed.objects import SchedulerInfo

from speccluster_lab.cluster.classes import resolve
from speccluster_lab.cluster.closing import close_instance, has_ended, tells_whether_it_runs
from speccluster_lab.cluster.membership import Membership
from speccluster_lab.cluster.view import view_of
from speccluster_lab.errors import NotRunning
from speccluster_lab.reconcile import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from speccluster_lab.cluster.aligned import Aligned
    from speccluster_lab.cluster.view import View

__all__ = ["SchedulerWatch"]

logger = logging.getLogger(__name__)

# Every loss of an event is made good after one period at most (threats.md, promise 2).
PERIOD: Final = 2.0
LONGEST_PERIOD: Final = 5.0
# Reading very many workers takes its time: a second more for so many.
WORKERS_PER_SECOND: Final = 4_000


class SchedulerWatch:
    """Keeps a cluster's picture of its scheduler true.

    Parameters
    ----------
    cluster : SpecCluster
        The cluster.

    Attributes
    ----------
    membership : Membership
        The workers that it has.
    failure : Failure or None
        Why there is no scheduler, once it has died.
    silence : Failure or None
        Why nothing is known of it just now.
    """

    def __init__(self, cluster: Aligned) -> None:
        self.membership = Membership()
        self.failure: Failure | None = None
        self.silence: Failure | None = None
        self._is_another = False
        self.period = PERIOD
        self._cluster = cluster
        self._view: View | None = None
        self._task: asyncio.Task[None] | None = None
        self._look_now = asyncio.Event()
        self._unheard_since: float | None = None
        # Kept until the entries have been told, whatever comes between.
        self._changed: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether it has begun."""
        return self._task is not None

    @property
    def view(self) -> View:
        """The scheduler.

        Raises
        ------
        NotRunning
            There is none yet.
        """
        if self._view is None:
            raise NotRunning("the cluster has no scheduler yet")
        return self._view

    def info(self, member: str) -> Mapping[str, Any]:
        """Return what the scheduler knows of a member, as ``Scheduler.identity`` has it."""
        address = self.membership.address(member)
        if address is None or self._view is None:
            return {}
        told: Mapping[str, Mapping[str, Any]] = self._cluster.scheduler_info["workers"]
        return self._view.info(address) or told.get(address) or {}

    async def begin(self) -> None:
        """Meet the scheduler, which has started, and watch it from now on."""
        self._meet()
        # What it said when it was met will do, should it be busy.
        with suppress(OSError, TimeoutError):
            await self._read()
        self._task = asyncio.create_task(self._run(), name="scheduler watch")

    async def end(self) -> None:
        """Stop watching; wait, within limits, for the end of a scheduler that is being started."""
        if self._task is not None:
            policy = self._cluster.policy
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=policy.cancel_grace + policy.close_timeout)

    def look_now(self) -> None:
        """Look at once: something has happened to the scheduler's stream of events."""
        self._look_now.set()

    async def _run(self) -> None:
        while self._cluster.status == Status.running:
            await self._pause()
            try:
                await self._look()
            except Exception:
                # Whatever it was, the next period may make it good.
                logger.exception("the scheduler could not be looked at")

    async def _look(self) -> None:
        cluster = self._cluster
        try:
            await self._read()
            self._unheard_since = self.silence = None
        except (OSError, TimeoutError) as error:
            logger.warning("the scheduler does not answer: %r", error)
            self._note_silence()
        if self._is_dead() or (self.failure is not None and self._is_another):
            await self._replace()
        elif self.failure is not None and self.silence is None and self._unheard_since is None:
            self._find()
        try:
            cluster._align_soon()
        finally:
            changed, self._changed = self._changed, set()
            cluster._executor.look_again(changed)

    async def _pause(self) -> None:
        pause = min(LONGEST_PERIOD, self.period + len(self.membership) / WORKERS_PER_SECOND)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._look_now.wait()
        self._look_now.clear()

    async def _read(self) -> None:
        """Read which workers there are, and note the names of those that were not known."""
        now = asyncio.get_running_loop().time()
        if self._unheard_since is None:
            self._unheard_since = now
        if self._is_deaf():
            await self._listen_again()
        async with asyncio.timeout(PERIOD + len(self.membership) / WORKERS_PER_SECOND):
            self.membership.begin_reading()
            self._changed |= self.membership.end_reading(await self.view.workers())
        # Stock's copy of what it was told when they registered says "init" for ever.
        told: Mapping[str, dict[str, Any]] = self._cluster.scheduler_info["workers"]
        for address, info in told.items():
            info["status"] = self.view.status(address) or info.get("status")

    def _silent_for(self, seconds: float) -> bool:
        now = asyncio.get_running_loop().time()
        return self._unheard_since is not None and now - self._unheard_since >= seconds

    def _note_silence(self) -> None:
        limit = self._cluster.policy.lost_timeout
        if self.silence is None and self._silent_for(limit):
            text = f"the scheduler has not answered for {limit:g} s; its workers are left alone"
            self.silence = Failure("SchedulerSilent", text)
            self._cluster._note("SchedulerSilent", text)

    def _is_dead(self) -> bool:
        """Return whether the scheduler is gone: one that is busy, or stopped, may come back."""
        scheduler, policy = self._cluster.scheduler, self._cluster.policy
        if has_ended(scheduler):
            return True
        # Only one that cannot say whether it runs is given up for its silence.
        return not tells_whether_it_runs(scheduler) and self._silent_for(
            policy.lost_timeout + policy.scheduler_timeout
        )

    def _is_deaf(self) -> bool:
        """Return whether the stream of the scheduler's events has ended."""
        task = self._cluster._watch_worker_status_task
        return task is not None and task.done() and not has_ended(self._cluster.scheduler)

    async def _listen_again(self) -> None:
        try:
            async with asyncio.timeout(PERIOD):
                await self._listen(self._cluster.scheduler_comm)
        except Exception as error:
            # Readings tell what events would have told, only later: they go on in any case.
            logger.warning("the scheduler's events are not to be had: %r", error)

    async def _listen(self, scheduler: Any) -> None:
        cluster: Any = self._cluster
        comm = await scheduler.live_comm()
        try:
            comm.name = "Cluster worker status"
            await comm.write({"op": "subscribe_worker_status"})
            answer = await comm.read()
            if "workers" not in answer:
                raise RuntimeError(f"the scheduler refuses to tell of its workers: {answer!r}")
        except BaseException:
            comm.abort()
            raise
        cluster.scheduler_info = SchedulerInfo(answer)
        cluster._watch_worker_status_comm = comm
        cluster._watch_worker_status_task = asyncio.ensure_future(
            cluster._watch_worker_status(comm)
        )

    def _meet(self) -> None:
        cluster = self._cluster
        self._view = view_of(cluster.scheduler, cluster.scheduler_comm)
        workers = cluster.scheduler_info["workers"].items()
        self.membership.begin_reading()
        self.membership.end_reading({address: str(info["name"]) for address, info in workers})

    def _find(self) -> None:
        """Note that there is a scheduler again."""
        self.failure = None
        self._meet()
        self._cluster._executor.find_scheduler()

    async def _replace(self) -> None:
        """Say that the scheduler has died, and by policy start another one."""
        cluster = self._cluster
        if self.failure is None:
            logger.error("the scheduler has died")
            self.failure = Failure("SchedulerLost", "the scheduler has died")
            self.membership.begin_reading()
            self.membership.end_reading({})
            cluster.scheduler_info["workers"].clear()
            cluster._executor.lose_scheduler(self.failure)
            cluster._note("SchedulerLost", "the scheduler has died, and what it knew is lost")
        if not cluster.policy.restart_scheduler:
            return
        if not self._is_another:
            await close_instance(cluster.scheduler, cluster.policy.close_timeout)
        self._is_another = True
        before: Any = cluster.scheduler_comm
        try:
            async with asyncio.timeout(cluster.policy.scheduler_timeout):
                await self._start_another()
        except Exception as error:
            logger.warning("the scheduler cannot be started again yet: %r", error)
            text = f"the scheduler has died, and does not start again: {error}"
            self.failure = Failure("SchedulerLost", text)
            return
        self._is_another = False
        self._unheard_since = self.silence = None
        self._find()
        cluster._note("SchedulerRestarted", "a new scheduler has been started")
        if before is not None:
            async with asyncio.timeout(cluster.policy.close_timeout):
                await before.close_rpc()

    async def _start_another(self) -> None:
        cluster: Any = self._cluster
        spec = cluster.scheduler_spec
        scheduler = resolve(spec["cls"])(**spec.get("options", {}))
        connection: Any = None
        try:
            await scheduler
            # A start may go on although it was cancelled.
            if cluster.status != Status.running:
                raise NotRunning("the cluster has been closed meanwhile")
            connection = rpc(
                getattr(scheduler, "external_address", None) or scheduler.address,
                connection_args=cluster.security.get_connection_args("client"),
            )
            await self._listen(connection)
        except BaseException:
            # Not half: the next period tries it anew.
            if connection is not None:
                await connection.close_rpc()
            await close_instance(scheduler, cluster.policy.close_timeout)
            raise
        cluster.scheduler, cluster.scheduler_comm = scheduler, connection
