"""One cluster: following its hosts, one after the other, and saying how it is."""

from __future__ import annotations

import asyncio
import datetime
import shutil
import signal
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import jsonpatch
from jsonpointer import JsonPointerException
from pydantic import ValidationError

from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    NotRunning,
    SpecClusterError,
)
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import read_connection, remove_connection
from speccluster_lab.link.launch import find_guard, is_stopped, last_log_lines, mark_stopped
from speccluster_lab.link.paths import cluster_folder, socket_path
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    Condition,
    ConditionStatus,
    Counts,
    Entry,
    EntryPhase,
    Member,
    OwnerKind,
    PatchEvent,
    PatchOperation,
    SchedulerStatus,
    SnapshotEvent,
)
from speccluster_lab.spec.names import member_names

if TYPE_CHECKING:
    import logging
    import subprocess
    from collections.abc import Awaitable, Callable

    from speccluster_lab.link.connections import Connection
    from speccluster_lab.link.launch import Launch
    from speccluster_lab.link.processes import HostProcess
    from speccluster_lab.spec.api import Patch
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["Bounds", "Guard", "Supervisor"]

# What jsonpatch raises for a patch that does not fit, its own errors and others.
_MISFITS: Final = (
    jsonpatch.JsonPatchException,
    JsonPointerException,
    LookupError,
    TypeError,
    ValidationError,
)
T = TypeVar("T")

_FIRST_LOOK: Final = 0.02
_NEXT_LOOK: Final = 0.25
_NEXT_BREATH: Final = 0.05
_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 2.0
_STEADY_SECONDS: Final = 5.0
_FAILED_LOOK: Final = 2.0
# Exit statuses above this are those of what was ended by a signal.
_SIGNALLED: Final = 128


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

    def runs(self) -> bool:
        """Return whether it has not ended."""
        if self.popen is not None:
            return self.popen.poll() is None
        return self.process.is_alive()


class Supervisor:
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
    publish : callable
        Takes the cluster's id and each change.
    forget : callable
        Takes the id when the cluster has gone.
    log : logging.Logger
        Jupyter's.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        guard: Guard | None,
        why: str | None,
        bounds: Bounds,
        publish: Callable[[str, Patch], None],
        forget: Callable[[str], object],
        log: logging.Logger,
    ) -> None:
        self.id = launch.id
        self.is_own = guard is not None and guard.popen is not None
        self._launch = launch
        self._folder = cluster_folder(launch.id)
        self._guard = guard
        self._bounds = bounds
        self._publish = publish
        self._forget = forget
        self._log = log

        self._cluster = _before_the_host_tells(launch)
        self._document: Any = self._cluster.model_dump(mode="json")
        self._seq = 0
        self._answered: Cluster | None = None
        self._client: HostClient | None = None
        self._connected = asyncio.Event()
        self._over = asyncio.Event()
        self._wake = asyncio.Event()
        self._has_answered = False
        self._said_goodbye = False
        self._is_there = True
        self._why = why
        self._following: asyncio.Task[None] | None = None
        self._marking: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    @property
    def pushed(self) -> Cluster:
        """The cluster as the published changes have made it."""
        return self._cluster

    @property
    def newest(self) -> Cluster:
        """The cluster as told last, be it by a change or by the answer to a call."""
        if self._answered is not None and self._answered.generation > self._cluster.generation:
            return self._answered
        return self._cluster

    def start(self) -> None:
        """Begin to follow."""
        self._publish(self.id, _whole(self._cluster))
        self._following = asyncio.create_task(self._follow(), name=f"follow {self.id}")

    async def write(self, call: Callable[[HostClient], Awaitable[Cluster]]) -> Cluster:
        """Pass a change on to the host, and return the cluster as the host then sees it.

        Raises
        ------
        NotRunning
            The host has ended, or the cluster is being stopped.
        HostNotResponding
            It does not answer in time.
        """
        if self._ending is not None:
            raise NotRunning(f"cluster {self.id!r} is being stopped")
        self._answered = answered = await self.ask(call)
        told = self._cluster
        if answered.generation == told.generation and told.phase is not ClusterPhase.STOPPING:
            # What has been told last does not know yet of a change that is none of the spec.
            return answered
        return self.newest

    async def ask(self, call: Callable[[HostClient], Awaitable[T]]) -> T:
        """Return what the host answers to a question.

        Raises
        ------
        NotRunning
            The host has ended.
        HostNotResponding
            It does not answer in time.
        """
        return await call(await self._reach())

    @property
    def has_failed(self) -> bool:
        """Whether nobody starts the host again but :meth:`begin_again`."""
        return self._over.is_set()

    def begin_again(self, guard: Guard) -> None:
        """Follow the hosts of another guard, after those of the one before have failed."""
        self._guard, self._why = guard, None
        self._has_answered = self._said_goodbye = False
        # One that somebody else has started there stays theirs.
        self.is_own = self.is_own or (
            guard.popen is not None and self._launch.owner.kind is OwnerKind.SERVER
        )
        self._over.clear()
        self._wake.set()
        self._show_not_up("Restarting", "The cluster is started again.")

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
        if self._ending is not None:
            raise NotRunning(f"cluster {self.id!r} is being stopped")
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
        """
        if self._ending is None or self._ending.done():
            self._marking = asyncio.create_task(self._mark_stopped(), name=f"mark {self.id}")
            self._ending = asyncio.create_task(self._end(self._marking), name=f"end {self.id}")
            self._replace(self._cluster)
        if self._marking is not None:
            await asyncio.wait({self._marking})

    async def _mark_stopped(self) -> None:
        try:
            await asyncio.to_thread(mark_stopped, self._folder)
        except FileNotFoundError:
            # It has gone already.
            return
        except OSError as error:
            self._log.error("That cluster %r is to stop cannot be noted: %s", self.id, error)

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
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._let_go()

    async def _reach(self) -> HostClient:
        assert self._following is not None
        events = [asyncio.ensure_future(one.wait()) for one in (self._connected, self._over)]
        await asyncio.wait(
            {*events, self._following},
            timeout=self._bounds.call,
            return_when=asyncio.FIRST_COMPLETED,
        )
        for one in events:
            one.cancel()
        if self._client is not None:
            return self._client
        if self._over.is_set() or self._following.done():
            raise NotRunning(f"the host of cluster {self.id!r} has ended")
        raise HostNotResponding(f"cluster {self.id!r} does not answer yet")

    # Following

    async def _follow(self) -> None:
        try:
            while self._is_there:
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

    async def _follow_host(self, connection: Connection) -> None:
        """Follow a host until it has died, however often its stream breaks off."""
        client = self._client = HostClient(connection, timeout=self._bounds.call)
        self._connected.set()
        try:
            await self._read_until_gone(client)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._connected.clear()
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _read_until_gone(self, client: HostClient) -> None:
        loop = asyncio.get_running_loop()
        pause, failures = _FIRST_RETRY, 0
        while True:
            since = loop.time()
            is_silent = False
            try:
                async with aclosing(client.events()) as events:
                    async for event in events:
                        self._take(event)
                        self._has_answered, failures = True, 0
                message = "the host has closed the stream of its events"
            except HostNotResponding as error:
                message, is_silent = error.message, True
            except SpecClusterError as error:
                message = error.message
            while self._said_goodbye and client.connection.is_alive():
                await self._pause(_NEXT_BREATH)
            if not client.connection.is_alive():
                return
            failures += 1
            if is_silent or failures > 1:
                # Once can be a hiccup.
                self._show_unreachable(message)
            if loop.time() - since > _STEADY_SECONDS:
                pause = _FIRST_RETRY
            await self._pause(pause)
            pause = min(pause * 2, _LAST_RETRY)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when there is something new to be done."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _take(self, event: SnapshotEvent | PatchEvent) -> None:
        match event:
            case SnapshotEvent(snapshot=[cluster]) if cluster.id == self.id:
                self._seq = event.seq
                self._replace(cluster)
            case SnapshotEvent(snapshot=[]):
                self._said_goodbye = True
            case PatchEvent(cluster=self.id, patch=[PatchOperation(op="remove", path="")]):
                self._said_goodbye = True
            case PatchEvent(cluster=self.id) if event.seq == self._seq + 1:
                self._seq = event.seq
                self._apply(event.patch)
            case _:
                # The next attempt begins with a snapshot.
                raise SpecClusterError(f"the host of cluster {self.id!r} sends a confused stream")

    def _apply(self, patch: Patch) -> None:
        # Dumped, and thereby copied: the readers' copy must not change with the document.
        operations = [one.model_dump(by_alias=True, exclude_unset=True) for one in patch]
        try:
            self._document = jsonpatch.apply_patch(self._document, operations, in_place=True)
            cluster = Cluster.model_validate(self._document)
        except _MISFITS as error:
            raise SpecClusterError(
                f"the host of cluster {self.id!r} sent a change that does not fit: "
                f"{type(error).__name__}"
            ) from None
        if self._ending is not None:
            self._replace(cluster)
        else:
            self._cluster = cluster
            self._publish(self.id, patch)

    def _replace(self, cluster: Cluster) -> None:
        """Take a cluster as it is now, whatever it was before."""
        if self._ending is not None:
            # The host may not know yet.
            cluster = cluster.model_copy(update={"phase": ClusterPhase.STOPPING})
        self._answered = None
        if cluster == self._cluster:
            return
        self._cluster = cluster
        self._document = cluster.model_dump(mode="json")
        self._publish(self.id, _whole(cluster))

    def _show_unreachable(self, message: str) -> None:
        if self._ending is not None or self._cluster.phase is ClusterPhase.UNREACHABLE:
            return
        self._log.warning("Cluster %r cannot be reached: %r", self.id, message)
        self._replace(
            self._cluster.model_copy(
                update={
                    "phase": ClusterPhase.UNREACHABLE,
                    "conditions": [_condition("Unreachable", "HostNotResponding", message)],
                }
            )
        )

    def _show_not_up(self, reason: str, message: str) -> None:
        """Show a cluster whose host is being started again; what it tells comes later."""
        if self._ending is None and not self._said_goodbye and self._folder.exists():
            spec = self._cluster.spec
            self._replace(
                self._cluster.model_copy(
                    update={
                        "phase": ClusterPhase.STARTING,
                        "conditions": [_condition("HostExited", reason, message)],
                        "scheduler": SchedulerStatus(status="closed"),
                        "workers": _entries(spec, EntryPhase.PENDING),
                        "counts": _counts(spec),
                        "unexpected": [],
                    }
                )
            )

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
                if not await asyncio.to_thread(guard.process.end, grace):
                    self._log.error("Cluster %r has processes that cannot be killed", self.id)
            self._wake.set()
            await asyncio.wait({self._following}, timeout=self._bounds.call)
            if self._is_there and (guard is None or not guard.runs()):
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
            return False
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
            or self._said_goodbye
            or not self._folder.exists()
            or is_stopped(self._folder)
        )
        if stopped:
            await self._remove()
        else:
            await asyncio.to_thread(self._remove_ways)
            self._guard = None
            self._show_failed(status)
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

    def _show_failed(self, status: int | None) -> None:
        message = f"The cluster's host {self._why or _how_it_ended(status)}."
        lines = [_printable(line) for line in last_log_lines(self._folder)]
        if lines:
            message += " The end of its log:\n" + "\n".join(lines)
        self._log.error("Cluster %r has failed: %r", self.id, message.partition(" The end")[0])
        self._replace(
            self._cluster.model_copy(
                update={
                    "phase": ClusterPhase.FAILED,
                    "conditions": [_condition("HostExited", "HostExited", message)],
                    "scheduler": SchedulerStatus(status="closed"),
                    "workers": _entries(self._cluster.spec, EntryPhase.LOST),
                    "counts": _counts(self._cluster.spec),
                    "unexpected": [],
                }
            )
        )

    async def _remove(self) -> None:
        """Remove what is left of the cluster, and forget it."""
        if self._marking is not None:
            # It would write into the folder.
            await asyncio.wait({self._marking})
        try:
            await asyncio.to_thread(self._remove_files)
        except (OSError, SpecClusterError) as error:
            self._log.error("Files of cluster %r are left: %s", self.id, error)
        self._is_there = False
        self._forget(self.id)
        self._publish(self.id, [PatchOperation(op="remove", path="")])
        self._log.info("Cluster %r has gone", self.id)

    def _remove_files(self) -> None:
        self._remove_ways()
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def _remove_ways(self) -> None:
        """Remove what leads to a host that has ended, unless another one is about to use it."""
        if find_guard(self._folder) is not None:
            return
        if self._read_connection() is not None:
            remove_connection(self.id)
        socket_path(self.id).unlink(missing_ok=True)


def _whole(cluster: Cluster) -> Patch:
    # A document of its own: the one that changes are applied to changes while this one waits.
    return [PatchOperation(op="add", path="", value=cluster.model_dump(mode="json"))]


def _before_the_host_tells(launch: Launch) -> Cluster:
    return Cluster(
        id=launch.id,
        display_name=launch.display_name,
        template=launch.template,
        owner=launch.owner,
        phase=ClusterPhase.STARTING,
        generation=1,
        observed_generation=0,
        created=launch.created,
        spec=launch.spec,
        counts=_counts(launch.spec),
        workers=_entries(launch.spec, EntryPhase.PENDING),
    )


def _entries(spec: ClusterSpec, phase: EntryPhase) -> list[Entry]:
    return [
        Entry(
            name=name,
            phase=phase,
            cls=entry.cls,
            generation=1,
            members=[Member(name=member) for member in member_names(name, entry.group)],
        )
        for name, entry in spec.workers.items()
    ]


def _counts(spec: ClusterSpec) -> Counts:
    members = sum(len(member_names(name, entry.group)) for name, entry in spec.workers.items())
    return Counts(entries=len(spec.workers), expected=members)


def _condition(type: str, reason: str, message: str) -> Condition:
    return Condition(
        type=type,
        status=ConditionStatus.TRUE,
        reason=reason,
        message=message,
        since=datetime.datetime.now(datetime.UTC),
    )


def _how_it_ended(status: int | None) -> str:
    match status:
        case None:
            return "has ended"
        case int() if status < 0:
            return f"has lost its guard, which was ended by {signal.Signals(-status).name}"
        case int() if status > _SIGNALLED:
            return f"was ended by {signal.Signals(status - _SIGNALLED).name}"
        case _:
            return f"has ended with status {status}"


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else " " for character in line)
