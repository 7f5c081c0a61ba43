"""A cluster whose hosts have a guard: followed one after the other, restarted, stopped, removed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    NotStored,
    SpecClusterError,
    StartFailed,
)
from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.launch import find_guard, is_stopped, mark_stopped
from speccluster_lab.link.logs import last_log_lines, stored_specs
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.link.remains import remove_cluster, remove_ways
from speccluster_lab.references import mentioned_in, secrets_for_log
from speccluster_lab.server.absence import (
    before_it_tells,
    failed,
    how_it_ended,
    not_removed,
    not_up,
)
from speccluster_lab.server.following import Follower
from speccluster_lab.spec.api import Cluster, OwnerKind
from speccluster_lab.threads import SharedThreads

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from speccluster_lab.link.connections import Connection
    from speccluster_lab.link.launch import Launch
    from speccluster_lab.server.following import Listener

__all__ = ["Bounds", "Guard", "Supervisor"]

_FIRST_LOOK: Final = 0.02
_NEXT_LOOK: Final = 0.25
_FAILED_LOOK: Final = 2.0
_FIRST_REMOVAL: Final = 0.5
_LAST_REMOVAL: Final = 60.0

# A server can end whatever a disk does.
_marks = SharedThreads("mark stopped", lambda folder: mark_stopped(Path(folder)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a host may take, in seconds.

    Parameters
    ----------
    start : float
        From its launch until it can be reached.
    call : float
        For the answer to a call.
    stop : float
        From being asked to stop until it has ended.
    farewell : float
        The same when the server ends.
    grace : float
        From SIGTERM until SIGKILL.
    """

    start: float = 60.0
    call: float = 10.0
    stop: float = 45.0
    farewell: float = 5.0
    grace: float = 3.0


@dataclass(frozen=True, slots=True)
class Guard:
    """The guard of a cluster's hosts; a host that dies is started again as long as it is there.

    Parameters
    ----------
    process : HostProcess
        The guard, and all that it stands for.
    popen : subprocess.Popen, optional
        The same where it is a child of this process.
    """

    process: HostProcess
    popen: subprocess.Popen[bytes] | None = None

    @classmethod
    def of_child(cls, popen: subprocess.Popen[bytes]) -> Guard:
        """Return the guard that this process has just started."""
        return cls(HostProcess.of(popen.pid), popen)

    def runs(self) -> bool:
        """Return whether it has not ended."""
        if self.popen is not None:
            return self.popen.poll() is None
        return self.process.is_alive()


class Supervisor(Follower):
    """Follows the hosts of one cluster, and keeps what they have told last.

    Parameters
    ----------
    launch : Launch
        What the first host was told.
    guard : Guard, optional
        Who looks after them; nobody where they have failed before.
    why : str, optional
        What is known to be wrong with a cluster without a guard.
    bounds : Bounds
        How long it may take for what it does.
    listener : Listener
        Who is told of the cluster.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        guard: Guard | None,
        why: str | None,
        bounds: Bounds,
        listener: Listener,
    ) -> None:
        super().__init__(before_it_tells(launch), bounds.call, listener)
        self.is_own = guard is not None and guard.popen is not None
        self._launch = launch
        self._folder = cluster_folder(launch.id)
        self._guard = guard
        self._bounds = bounds
        self._why = why
        self._has_gone = False
        self._marking: asyncio.Task[None] | None = None
        # Who follows it removes what is left, or who ends it: the one after the other.
        self._removing = asyncio.Lock()
        self._removals = SharedThreads("remove", lambda _: self._remove_at_once())

    @property
    def python(self) -> str | None:
        """The path of the Python that the hosts run with; that of this server if not given."""
        return self._launch.python

    def begin_again(self, guard: Guard) -> None:
        """Follow the hosts of another guard, after those of the one before have failed."""
        self._guard, self._why = guard, None
        self._has_answered = self._shown.said_goodbye = False
        # One that somebody else has started there stays theirs.
        self.is_own = self.is_own or (
            guard.popen is not None and self._launch.owner.kind is OwnerKind.SERVER
        )
        self._over.clear()
        self._wake.set()
        self._show_not_up("Restarting", "The cluster is started again.")

    async def secrets(self) -> frozenset[str]:
        """Return what the host's log must not tell, as far as this process can know it."""
        newest = self.newest.spec

        def all_of_them() -> Iterator[Any]:
            yield newest.model_dump(mode="json")
            # Who has found it failed has been told of no change.
            yield from stored_specs(self._folder)

        return await secrets_for_log(None, await asyncio.to_thread(mentioned_in, all_of_them()))

    async def restart(self) -> Cluster:
        """Have a host that runs closed and started again, and return the cluster.

        One that does not answer is killed, which its guard takes for an accident.

        Raises
        ------
        NotRunning
            The cluster is being stopped, or has failed.
        HostNotResponding
            There is no host to be found yet.
        """
        self._refuse_when_stopping()
        client = await self._reach()
        try:
            await client.restart()
        except HostNotResponding:
            self._log.warning("Killing the host of cluster %r, to be started again", self.id)
            await asyncio.to_thread(client.connection.process.kill)
        return self.newest

    async def stop(self) -> None:
        """Begin to stop the cluster; nothing of it is left in the end.

        That it is to stop is on disk when this returns: whoever comes after this server goes on.

        Raises
        ------
        NotStored
            It cannot be noted; the cluster stops all the same.
        """
        if self._marking is None or (self._marking.done() and self._marking.exception()):
            self._marking = asyncio.create_task(self._mark_stopped(), name=f"mark {self.id}")
        if self._ending is None or self._ending.done():
            self._ending = asyncio.create_task(self._end(self._marking), name=f"end {self.id}")
            self._shown.stopping()
        else:
            # What is tried again from time to time is tried now.
            self._wake.set()
        await asyncio.wait({self._marking})
        self._marking.result()

    async def _mark_stopped(self) -> None:
        marking = asyncio.wrap_future(_marks.begin(str(self._folder)))
        try:
            await asyncio.wait({marking}, timeout=self._bounds.call)
            if not marking.done():
                raise OSError(f"it takes longer than {self._bounds.call:g} s")
            marking.result()
        except FileNotFoundError:
            # It has gone already.
            return
        except OSError as error:
            why = f"cluster {self.id!r} stops, but that cannot be stored: {error.strerror or error}"
            self._log.error("%s", why)
            raise NotStored(f"{why}; what dies before it has stopped is started again") from error
        finally:
            # It goes on, and may be waited for again.
            marking.cancel()

    async def close(self, *, kill: bool) -> None:
        """Let go of the cluster, within a bounded time.

        Parameters
        ----------
        kill : bool
            Whether the host is given some seconds to end, and killed then; otherwise it goes on.
        """
        tasks = {task for task in (self._following, self._ending) if task is not None}
        if kill:
            _, late = await asyncio.wait(tasks, timeout=self._bounds.farewell)
            if late and self._guard is not None:
                self._log.warning("Killing the host of cluster %r", self.id)
                await asyncio.to_thread(self._guard.process.end, 0)
                self._wake.set()
                await asyncio.wait(tasks, timeout=self._bounds.grace)
        if self._marking is not None:
            tasks.add(self._marking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._let_go()

    # Following

    async def _follow(self) -> None:
        try:
            while not self._has_gone:
                guard, status = self._guard, None
                if guard is not None:
                    await self._follow_hosts(guard)
                    status = guard.popen.poll() if guard.popen is not None else None
                    if self._folder.exists():
                        # Nothing is left where it has gone. Where the guard was killed, its
                        # host may be closing.
                        await asyncio.to_thread(guard.process.end, self._bounds.grace)
                await self._conclude(status)
                while self._over.is_set():
                    await self._look_for_guard()
        except Exception:
            self._log.exception("Lost track of cluster %r", self.id)
            self._show_unreachable("this server has lost track of the cluster; its log says more")

    async def _follow_hosts(self, guard: Guard) -> None:
        """Follow one host after the other, until their guard has ended."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._bounds.start, _FIRST_LOOK
        while guard.runs():
            connection = self._read_connection()
            if connection is not None and connection.is_alive():
                await self._follow_host(connection)
                if guard.runs():
                    self._show_not_up(
                        "Restarting", "The cluster's host has died; another one starts."
                    )
                deadline, pause = loop.time() + self._bounds.start, _FIRST_LOOK
                continue
            if loop.time() > deadline:
                message = f"it could not be reached for {self._bounds.start:g} seconds"
                if self.is_own and not self._has_answered:
                    self._why = message
                    # Not asked: it would take its log with it.
                    await asyncio.to_thread(guard.process.end, 0)
                    return
                self._show_unreachable(message)
            # Nothing tells of a new file in a way that all platforms and file systems have.
            await self._pause(pause)
            pause = min(pause * 1.5, _NEXT_LOOK)

    def _read_connection(self) -> Connection | None:
        try:
            connection = read_connection(self.id)
        except ClusterNotFound:
            return None
        return connection if connection.nonce == self._launch.nonce else None

    def _show_not_up(self, reason: str, message: str) -> None:
        """Show a cluster whose host is being started again; what it tells comes later."""
        if self._ending is None and not self._shown.said_goodbye and self._folder.exists():
            self._shown.replace(not_up(self.pushed, reason, message))

    # Ending

    async def _end(self, marking: asyncio.Task[None]) -> None:
        """Bring the cluster to its end, by all means; who follows it sees to the rest."""
        assert self._following is not None
        await asyncio.wait({marking})
        self._wake.set()
        guard = self._guard
        try:
            if guard is not None and guard.runs() and await self._ask_to_stop():
                await asyncio.wait({self._following}, timeout=self._bounds.stop)
            if guard is not None and guard.runs():
                # One that has not opened its socket yet is asked by a signal only.
                grace = self._bounds.grace if self._has_answered else self._bounds.stop
                await asyncio.to_thread(guard.process.end, grace)
            self._wake.set()
            await asyncio.wait({self._following}, timeout=self._bounds.call)
            if not self._has_gone and (guard is None or not guard.runs()):
                await self._remove()
        except Exception:
            self._log.exception("Cluster %r could not be stopped in order", self.id)

    async def _ask_to_stop(self) -> bool:
        if self._client is None:
            return False
        try:
            await self._client.stop()
        except SpecClusterError as error:
            self._log.warning("Cluster %r cannot be asked to stop: %r", self.id, error.message)
            # Where it can only not note that it is to stop, it stops all the same.
            return isinstance(error, NotStored)
        return True

    async def _conclude(self, status: int | None) -> None:
        """Say how it is, now that no guard is there.

        Parameters
        ----------
        status : int, optional
            With which the guard has ended, where that is known.
        """
        stopped = (
            self._ending is not None
            or self._shown.said_goodbye
            or not self._folder.exists()
            or is_stopped(self._folder)
        )
        if stopped:
            await self._remove()
        else:
            await asyncio.to_thread(remove_ways, self.id, self._launch.nonce)
            said = await self._last_words()
            if not self._has_gone:
                self._show_failed(status, said)
                self._over.set()

    async def _look_for_guard(self) -> None:
        """Wait for what ends a failure: a person here, or anybody elsewhere."""
        await self._pause(_FAILED_LOOK)
        if not self._over.is_set():
            return
        if self._ending is not None or not self._folder.exists():
            self._over.clear()
            await self._remove()
        elif (found := await asyncio.to_thread(find_guard, self._folder)) is not None:
            self.begin_again(Guard(found))

    async def _last_words(self) -> list[str]:
        """Return the end of the host's log, without secrets."""
        known = await self.secrets()
        return await asyncio.to_thread(last_log_lines, self._folder, known=known)

    def _show_failed(self, status: int | None, said: list[str]) -> None:
        how = self._why or how_it_ended(status)
        self._log.error("Cluster %r has failed: %r", self.id, f"The cluster's host {how}.")
        self._shown.replace(failed(self.pushed, how, said))

    async def _remove(self) -> None:
        """Remove what is left of the cluster, however often that has to be tried, and forget it."""
        if self._marking is not None:
            # It would write into the folder.
            await asyncio.wait({self._marking})
        pause, said = _FIRST_REMOVAL, None
        async with self._removing:
            while not self._has_gone:
                try:
                    await asyncio.wrap_future(self._removals.begin(self.id))
                    self._has_gone = True
                except (OSError, SpecClusterError) as error:
                    self.is_left_over = True
                    # Once, and not with every try.
                    if str(error) != said:
                        said = str(error)
                        self._log.error("Cluster %r cannot be removed: %s", self.id, said)
                        self._shown.stopping()
                        self._shown.replace(not_removed(self.pushed, said))
                    await self._pause(pause)
                    pause = min(pause * 2, _LAST_REMOVAL)
                else:
                    self._say_gone()

    def _remove_at_once(self) -> None:
        """Remove what is left, in a thread.

        Raises
        ------
        OSError, SpecClusterError
            Something stays.
        """
        guard = self._guard
        # A folder that has gone says that no process is left.
        if guard is not None and self._folder.exists() and not guard.process.end(0):
            pids = ", ".join(str(process.pid) for process in guard.process.session())
            raise StartFailed(f"these processes cannot be killed: {pids}")
        remove_cluster(self.id, self._launch.nonce)

    def _say_gone(self) -> None:
        self._forget(self.id)
        self._shown.end()
        if self._shown.why_ended is not None:
            self._log.warning("Cluster %r has gone: %r", self.id, self._shown.why_ended)
        else:
            self._log.info("Cluster %r has gone", self.id)
