"""One cluster: following its host from start to end, and saying how it is."""

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
from speccluster_lab.link.launch import find_guard, last_log_lines
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
    from pathlib import Path

    from speccluster_lab.link.connections import Connection
    from speccluster_lab.link.launch import Launch
    from speccluster_lab.link.processes import HostProcess
    from speccluster_lab.spec.api import Patch
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["Bounds", "Child", "Supervisor"]

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
_FIRST_RETRY: Final = 0.1
_LAST_RETRY: Final = 2.0
_STEADY_SECONDS: Final = 5.0


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
class Child:
    """A host that is a child of this process."""

    popen: subprocess.Popen[bytes]
    process: HostProcess


class Supervisor:
    """Follows one host, and keeps what it has told last.

    Parameters
    ----------
    launch : Launch
        What the host was told.
    child : Child, optional
        The host, when it was started by this process.
    connection : Connection, optional
        How it is reached, when it was there before.
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
        child: Child | None,
        connection: Connection | None,
        bounds: Bounds,
        publish: Callable[[str, Patch], None],
        forget: Callable[[str], object],
        log: logging.Logger,
    ) -> None:
        self.id = launch.id
        self.is_own = child is not None
        self._launch = launch
        self._folder = cluster_folder(launch.id)
        self._popen = child.popen if child is not None else None
        self._process = child.process if child is not None else _leader(self._folder, connection)
        self._connection = connection
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
        self._wake = asyncio.Event()
        self._said_goodbye = False
        self._is_there = True
        self._unanswered: str | None = None
        self._following: asyncio.Task[None] | None = None
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

    def stop(self) -> None:
        """Begin to stop the cluster; nothing of it is left in the end."""
        if self._ending is not None and not self._ending.done():
            return
        self._wake.set()
        self._replace(self._cluster.model_copy(update={"phase": ClusterPhase.STOPPING}))
        self._ending = asyncio.create_task(self._end(), name=f"end {self.id}")

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
            if late:
                self._log.warning("Killing the host of cluster %r", self.id)
                await asyncio.to_thread(self._process.end, 0)
                self._wake.set()
                await asyncio.wait(tasks, timeout=self._bounds.grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            self._client.close()

    async def _reach(self) -> HostClient:
        assert self._following is not None
        connecting = asyncio.ensure_future(self._connected.wait())
        await asyncio.wait(
            {connecting, self._following},
            timeout=self._bounds.call,
            return_when=asyncio.FIRST_COMPLETED,
        )
        connecting.cancel()
        if self._following.done():
            raise NotRunning(f"the host of cluster {self.id!r} has ended")
        if self._client is None:
            raise HostNotResponding(f"cluster {self.id!r} does not answer yet")
        return self._client

    # Following

    async def _follow(self) -> None:
        try:
            connection = self._connection or await self._find_connection()
            if connection is not None:
                self._client = HostClient(connection, timeout=self._bounds.call)
                self._connected.set()
                await self._read_until_gone(self._client)
            await self._conclude()
        except Exception:
            self._log.exception("Lost track of cluster %r", self.id)
            self._show_unreachable("this server has lost track of the cluster; its log says more")

    def _host_runs(self) -> bool:
        if self._popen is not None:
            return self._popen.poll() is None
        return self._process.is_alive()

    async def _find_connection(self) -> Connection | None:
        """Wait for the host's connection file; return nothing when it never comes."""
        deadline = asyncio.get_running_loop().time() + self._bounds.start
        pause = _FIRST_LOOK
        while self._host_runs():
            connection = self._read_connection()
            if connection is not None:
                return connection
            if asyncio.get_running_loop().time() > deadline:
                self._unanswered = f"it could not be reached for {self._bounds.start:g} seconds"
                # Not asked: it would take its log with it.
                await asyncio.to_thread(self._process.end, 0)
                return None
            # Nothing tells of a new file in a way that all platforms and file systems have.
            await self._pause(pause)
            pause = min(pause * 1.5, _NEXT_LOOK)
        return None

    def _read_connection(self) -> Connection | None:
        try:
            connection = read_connection(self.id)
        except ClusterNotFound:
            return None
        return connection if connection.nonce == self._launch.nonce else None

    async def _read_until_gone(self, client: HostClient) -> None:
        loop = asyncio.get_running_loop()
        pause, failures = _FIRST_RETRY, 0
        while True:
            since = loop.time()
            try:
                async with aclosing(client.events()) as events:
                    async for event in events:
                        self._take(event)
                        failures = 0
                message = "the host has closed the stream of its events"
            except SpecClusterError as error:
                message = error.message
            if not self._host_runs():
                return
            failures += 1
            if failures > 1:
                # Once can be the host's last breath, or a hiccup.
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

    # Ending

    async def _end(self) -> None:
        """Bring the host to its end, by all means; who follows it sees to the rest, if it can."""
        assert self._following is not None
        try:
            if self._host_runs() and await self._ask_to_stop():
                await asyncio.wait({self._following}, timeout=self._bounds.stop)
            if self._host_runs():
                # One that has not opened its socket yet is asked by a signal only.
                grace = self._bounds.grace if self._client is not None else self._bounds.stop
                if not await asyncio.to_thread(self._process.end, grace):
                    self._log.error("Cluster %r has processes that cannot be killed", self.id)
            self._wake.set()
            await asyncio.wait({self._following}, timeout=self._bounds.call)
            if self._is_there and not self._host_runs():
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

    async def _conclude(self) -> None:
        """Say how the host has ended, which it has."""
        status = self._popen.poll() if self._popen is not None else None
        # Workers are of no use without their scheduler.
        await asyncio.to_thread(self._process.end, 0)
        stopped = (
            self._ending is not None
            or self._said_goodbye
            or self._cluster.phase is ClusterPhase.STOPPING
            or not self._folder.exists()
        )
        if stopped:
            await self._remove()
        else:
            await asyncio.to_thread(self._remove_ways)
            self._show_failed(status)

    def _show_failed(self, status: int | None) -> None:
        message = f"The cluster's host {self._unanswered or _how_it_ended(status)}."
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
        """Remove what leads to a host that has ended."""
        if self._read_connection() is not None:
            remove_connection(self.id)
        socket_path(self.id).unlink(missing_ok=True)


def _whole(cluster: Cluster) -> Patch:
    # A document of its own: the one that changes are applied to changes while this one waits.
    return [PatchOperation(op="add", path="", value=cluster.model_dump(mode="json"))]


def _leader(folder: Path, connection: Connection | None) -> HostProcess:
    assert connection is not None, "a host is a child, or can be reached"
    return find_guard(folder) or connection.process


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
            return f"was ended by {signal.Signals(-status).name}"
        case _:
            return f"has ended with status {status}"


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else " " for character in line)
