"""The life of a host: from the launch file until nothing of the cluster is left."""

from __future__ import annotations

import asyncio
import datetime
import gc
import logging
import math
import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from speccluster_lab.errors import (
    InvalidClass,
    InvalidInput,
    NotRunning,
    NotStored,
    SpecClusterError,
    StartFailed,
)
from speccluster_lab.host.app import make_app
from speccluster_lab.host.control import Control, known_from
from speccluster_lab.host.events import EventStore
from speccluster_lab.host.forkserver import end_prepared, forkserver_for, sockets_in
from speccluster_lab.host.leftovers import remove_leftovers
from speccluster_lab.host.lifetime import LifetimeWatch, look_at
from speccluster_lab.host.logend import LogEnd
from speccluster_lab.host.processes import descendants, end_processes
from speccluster_lab.host.sockets import listening, remove_dead_socket
from speccluster_lab.host.store import Desired, Store
from speccluster_lab.host.stream import Stream
from speccluster_lab.link.connections import Connection, remove_connection, write_connection
from speccluster_lab.link.guard import AGAIN, NO_USE
from speccluster_lab.link.launch import Launch, is_stopped, mark_stopped, read_launch
from speccluster_lab.link.logs import host_log, last_lines_in_short, stored_specs
from speccluster_lab.link.paths import scratch_folder, socket_path
from speccluster_lab.references import mentioned_in, secret_values, secrets_for_log
from speccluster_lab.spec.api import Cluster, ClusterPhase, Condition, ConditionStatus
from speccluster_lab.spec.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest

    from speccluster_lab.cluster import SpecCluster
    from speccluster_lab.host.lifetime import Seen
    from speccluster_lab.references import Mentioned
    from speccluster_lab.spec.api import Adaptive, Event, EventsQuery, Generation, Log, LogQuery
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["Host", "run_host"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

CLOSE_SECONDS: Final = 20.0
CANCEL_SECONDS: Final = 2.0
FAREWELL_SECONDS: Final = 1.0
STORE_SECONDS: Final = 2.0
EXIT_SECONDS: Final = 2.0
# Less than a server waits for an answer.
BEGIN_SECONDS: Final = 8.0

GUARD_SECONDS: Final = 1.0

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _End(Enum):
    """Why a host ends."""

    STOP = "the cluster is to stop"
    RESTART = "the cluster is to start again"
    UNGUARDED = "the guard has gone; nothing would end the workers if this process died"


class Host:
    """Runs one cluster, and is what the API's handlers ask.

    Parameters
    ----------
    folder : Path
        The cluster's state folder; its guard removes it when the cluster has been stopped.
    launch : Launch
        What the folder says is to be run.
    store : Store
        What is kept of it,
    desired : Desired
        and what that says is wanted.
    """

    def __init__(self, folder: Path, launch: Launch, store: Store, desired: Desired) -> None:
        self.launch = launch
        self._store = store
        self._desired = desired
        self.stream = Stream(self.document, queued_events=launch.limits.queued_events)
        self.history = EventStore(folder)
        self.sending: set[asyncio.Task[None]] = set()
        self._folder = folder
        self._known = known_from(launch)
        self._earlier: Mentioned | None = None
        self._control: Control | None = None
        self._forkserver = forkserver_for(launch)
        self._keeping: asyncio.Task[None] | None = None
        self._failure: Condition | None = None
        self._begun = asyncio.Event()
        self._guard = os.getppid()
        self._end: _End | None = None
        self._noting: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._heeding: asyncio.Task[None] | None = None
        self._lifetime = LifetimeWatch(launch.lifetimes, self._look, self._note, self._stop)
        self._log_end = LogEnd(self._last_lines, self.stream.changed)

    def document(self) -> Cluster:
        """Return the cluster as it is."""
        failure = [] if self._failure is None else [self._failure]
        failure[:0] = [*self._store.conditions, *self.history.conditions]
        if self._lifetime.condition is not None:
            failure.append(self._lifetime.condition)
        if self._control is None:
            return Cluster(
                **self._known,
                phase=self._phase(),
                conditions=failure,
                generation=self._desired.generation,
                observed_generation=0,
                adaptive=self._desired.adaptive,
                spec=self._desired.spec,
            )
        cluster = self._control.document()
        conditions = [*self._log_end.added_to(cluster.conditions), *failure]
        return cluster.model_copy(update={"phase": self._phase(), "conditions": conditions})

    def _phase(self) -> ClusterPhase:
        if self._end is _End.STOP:
            return ClusterPhase.STOPPING
        if self._failure is not None or self._end is _End.UNGUARDED:
            return ClusterPhase.FAILED
        if self._end is _End.RESTART:
            return ClusterPhase.STARTING
        return ClusterPhase.STARTING if self._control is None else self._control.cluster.phase

    def dashboard(self) -> Callable[[HTTPServerRequest], HTTPMessageDelegate] | None:
        """Return what takes the requests to dask's dashboard, where this process has it."""
        if self._control is None:
            return None
        # Here, for it imports what not every host needs.
        from speccluster_lab.host.dashboard import WhenMade, dashboard_of

        make = dashboard_of(self._control.cluster)
        return None if make is None else partial(WhenMade, make)

    async def ask(self, call: Callable[[Control], Awaitable[T]]) -> T:
        """Return what a call of the cluster gives, once the cluster can be asked.

        Bounded: a start that takes longer is said by whatever needs the cluster.

        Raises
        ------
        NotRunning
            The cluster has not come up yet, or is stopping.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._begun.wait()
        ends = self._end is not None or self._failure is not None
        if self._control is None or ends:
            raise NotRunning(f"cluster {self.launch.id!r} is {self._phase().value}")
        return await call(self._control)

    async def events(self, query: EventsQuery) -> list[Event]:
        """Return what has happened, oldest first."""
        return await self.history.since(query.since, query.limit)

    async def generations(self) -> list[Generation]:
        """Return the earlier desired states, newest first."""
        return await self._store.generations()

    async def log(self, query: LogQuery) -> Log:
        """Return the end of this process's log, or of a worker's."""
        if query.member is not None:
            return await self.ask(lambda control: control.log(query))
        known = await self._secrets()
        return await asyncio.to_thread(host_log, self._folder, query, known)

    async def _last_lines(self) -> list[str]:
        known = await self._secrets()
        return await asyncio.to_thread(last_lines_in_short, self._folder, known=known)

    async def _secrets(self) -> frozenset[str]:
        """Return what is not to be told out of this process's log."""
        # Processes before this one have written it too, and have had what this one has not.
        if self._earlier is None:
            self._earlier = await asyncio.to_thread(mentioned_in, stored_specs(self._folder))
        return await secrets_for_log(self._spec(), self._earlier)

    def _spec(self) -> dict[str, Any]:
        return self._wanted().model_dump(mode="json")

    def _wanted(self) -> ClusterSpec:
        """Return what the cluster is made from, also what of it could not be stored."""
        control = self._control
        return self._desired.spec if control is None else control.cluster.document()

    async def stop(self) -> None:
        """Begin to stop; harmless when that has begun already.

        Noted on disk when this returns, so that the cluster is not started again if this process
        dies while it stops.

        Raises
        ------
        NotStored
            It cannot be noted; the cluster stops all the same.
        """
        # Once for all who ask at the same time; two that write it would be in each other's way.
        if self._noting is None or (self._noting.done() and self._noting.exception()):
            self._noting = asyncio.create_task(asyncio.to_thread(mark_stopped, self._folder))
        try:
            await asyncio.shield(self._noting)
        except OSError as error:
            raise NotStored(
                f"cluster {self.launch.id!r} stops, but that cannot be stored: {error.strerror}; "
                "it is started again if its process dies before it has stopped"
            ) from error
        finally:
            self._begin_to_end(_End.STOP)

    async def _stop(self) -> None:
        """Begin to stop where nobody waits for an answer."""
        try:
            await self.stop()
        except NotStored as error:
            logger.error("%s", error.message)

    async def restart(self) -> None:
        """Begin to end and to be started again; harmless when an end has begun already."""
        self._begin_to_end(_End.RESTART)

    def _begin_to_end(self, why: _End) -> None:
        # A stop that comes while it is about to start again is a stop.
        if self._end is None or (why is _End.STOP and self._end is _End.RESTART):
            logger.info("Host of cluster %r ends: %s", self.launch.id, why.value)
            self._end = why
            self._ending.set()
            self._begun.set()
            self.stream.changed()

    def _heed_signal(self) -> None:
        if os.getppid() != self._guard:
            # It is the kernel that says so.
            self._begin_to_end(_End.UNGUARDED)
        elif self._heeding is None:
            self._heeding = asyncio.create_task(self._stop())

    def _look(self) -> Seen:
        cluster = None if self._control is None else self._control.cluster
        return look_at(self.launch, self.stream, cluster)

    async def _live(self) -> None:
        try:
            await self._lifetime.watch()
        except Exception:
            logger.exception("Cluster %r does not end by itself any more", self.launch.id)

    def _note(self, reason: str, message: str) -> None:
        if self._control is not None:
            self._control.cluster._note(reason, message)
        self.stream.changed()

    async def _watch_guard(self) -> None:
        """Notice the end of the guard where the kernel does not tell."""
        while os.getppid() == self._guard:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(GUARD_SECONDS)
        self._begin_to_end(_End.UNGUARDED)

    async def run(self) -> int:
        """Run until the end, and return the exit status, which says to the guard what is next.

        Raises
        ------
        StartFailed
            The socket could not be opened.
        NameInUse
            Another host listens on it.
        """
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._heed_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
        if self._forkserver is not None:
            # First of all: it imports while this process does. And not before this: what it
            # forks has the signals blocked that are blocked here.
            self._keeping = asyncio.create_task(self._forkserver.keep())
        else:
            await end_prepared()
        id = self.launch.id
        with listening(socket_path(id)) as listener, sockets_in(scratch_folder(id)):
            server = make_app(self)
            server.add_socket(listener)
            write_connection(Connection.here(id, self.launch.nonce, listener.getsockname()))
            living = asyncio.create_task(self._live())
            watching = None
            if sys.platform != "linux":
                watching = asyncio.create_task(self._watch_guard())
            try:
                starting = asyncio.create_task(self._start())
                await self._ending.wait()
                await _bounded(living, 0.0)
                await _bounded(starting, 0.0)
                clean = await self._end_cluster()
                await _bounded(self.history.close(), STORE_SECONDS)
                if self._end is _End.STOP:
                    self.stream.end()
                if self.sending:
                    await asyncio.wait(self.sending, timeout=FAREWELL_SECONDS)
            finally:
                # From here on nobody finds us any more.
                remove_connection(self.launch.id)
                server.stop()
                if watching is not None:
                    watching.cancel()
            await _bounded(server.close_all_connections(), FAREWELL_SECONDS)
        if self._end is _End.RESTART:
            return AGAIN
        return 0 if clean and self._end is _End.STOP else 1

    async def _start(self) -> None:
        try:
            # In a thread: requests are answered while this takes its third of a second.
            await asyncio.to_thread(_import_start)
            from speccluster_lab.host.keyfiles import KeyFiles
            from speccluster_lab.host.start import make_cluster

            launch, desired = self.launch, self._desired
            certificates = await asyncio.to_thread(self._store.certificates, launch.id)
            keys = await asyncio.to_thread(KeyFiles, certificates, self._folder)
            cluster = make_cluster(
                launch.id,
                desired.spec,
                keys,
                self._forkserver,
                launch.bind,
                launch.limits.concurrent_starts,
                launch.policy,
            )
            cluster.generation = desired.generation
            self._control = Control(
                launch,
                self._known,
                cluster,
                certificates,
                self.stream.changed,
                self._store.save,
            )
            cluster.subscribe(self.stream.changed)
            cluster.subscribe(self.history.changed)
            if await self.history.follow(cluster.events):
                cluster._note("HostRestarted", "the cluster's process had ended, and runs again")
            self.stream.changed()
            cluster.check(desired.spec)
            if desired.adaptive is not None:
                _adapt(cluster, desired.adaptive)
            self._begun.set()
            # Only the scheduler: a worker that cannot start is tried again by the cluster, and
            # shown there.
            await cluster._start()
            logger.info("Cluster %r has started", self.launch.id)
        except SpecClusterError as error:
            logger.error("Cluster %r cannot start: %r", self.launch.id, error.message)
            self._fail(error, error.message)
        except Exception as error:
            logger.exception("Cluster %r failed to start", self.launch.id)
            cause = _root_of(error)
            self._fail(cause, f"the scheduler could not be started: {cause}")
        self._begun.set()
        self.stream.changed()

    def _fail(self, error: BaseException, message: str) -> None:
        self._failure = Condition(
            type="InvalidClass" if isinstance(error, InvalidClass) else "StartFailed",
            status=ConditionStatus.TRUE,
            reason=type(error).__name__,
            message=redact(message, secret_values(self._spec())),
            since=datetime.datetime.now(datetime.UTC),
        )

    async def _end_cluster(self) -> bool:
        ours = await asyncio.to_thread(descendants)
        if self._control is not None:
            await _bounded(self._close_cluster(self._control.cluster), CLOSE_SECONDS)
        if self._keeping is not None:
            await _bounded(self._keeping, 0.0)
        left = await asyncio.to_thread(lambda: end_processes(ours | descendants()))
        if left:
            logger.error("Processes that could not be ended: %s", sorted(p.pid for p in left))
        # A disk that hangs is not to hold the end.
        await _bounded(asyncio.to_thread(remove_leftovers, self._wanted()), CLOSE_SECONDS)
        return not left

    async def _close_cluster(self, cluster: SpecCluster) -> None:
        try:
            closing = cluster.close()
            if closing is not None:
                await closing
        except Exception:
            logger.exception("Cluster %r did not close well", self.launch.id)


def _adapt(cluster: SpecCluster, adaptive: Adaptive) -> None:
    """Go on with adaptive scaling; without it where it cannot be had with what is wanted."""
    try:
        cluster.adapt(
            minimum=adaptive.minimum,
            maximum=math.inf if adaptive.maximum is None else adaptive.maximum,
        )
    except InvalidInput as error:
        # An earlier version has stored what this one refuses.
        logger.warning(
            "Cluster %r goes on without adaptive scaling: %r", cluster.name, error.message
        )
        cluster._note("AdaptiveEnded", f"adaptive scaling has ended: {error.message}")


def _root_of(error: BaseException) -> BaseException:
    """Return what an error comes from; distributed wraps it more than once."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _import_start() -> None:
    import speccluster_lab.host.start  # noqa: F401

    # What is imported stays as long as this process. Full collections hold up the loop; they are
    # not to look at it.
    gc.freeze()


async def _bounded(work: Coroutine[Any, Any, object] | asyncio.Task[Any], seconds: float) -> None:
    """Wait for ``work``, at most ``seconds``; then cancel it, and wait for that no longer either.

    ``asyncio.timeout`` would wait for ever where the cancellation is swallowed, which happens in
    distributed's communication.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        if seconds:
            logger.warning("Gave up after %g s: %s", seconds, getattr(work, "__qualname__", work))
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        raise error


def _exit_soon(status: int) -> None:
    """End this process whatever threads of tasks still run."""
    watchdog = threading.Timer(EXIT_SECONDS, os._exit, [status])
    watchdog.daemon = True
    watchdog.start()


def _tidy_up(folder: Path) -> None:
    """Remove what led to a host that has died while it stopped, and what its workers wrote."""
    id = folder.name
    with suppress(StartFailed):
        remove_dead_socket(socket_path(id))
        shutil.rmtree(scratch_folder(id), ignore_errors=True)
    remove_connection(id)
    try:
        spec = Store(folder).load(read_launch(folder)).spec
    except (StartFailed, OSError) as error:
        logger.warning("Where its workers have written is not known: %s", error)
    else:
        remove_leftovers(spec)
    logger.info("Cluster %r has stopped; what its host has left was removed", id)


async def _run_cluster(folder: Path) -> int:
    # Not in a thread, which would have the signals blocked that are blocked until it can be
    # stopped, and would pass that on to whatever is started in it later.
    launch = read_launch(folder)
    if folder.name != launch.id:
        raise StartFailed(f"the launch of cluster {launch.id!r} lies in {str(folder)!r}")
    logger.info("Host %d of cluster %r", os.getpid(), launch.id)
    store = Store(folder)
    desired = store.load(launch)
    return await Host(folder, launch, store, desired).run()


async def _run(folder: Path) -> int:
    status = 1
    try:
        if is_stopped(folder):
            await _bounded(asyncio.to_thread(_tidy_up, folder), CLOSE_SECONDS)
            status = 0
        else:
            status = await _run_cluster(folder)
    except SpecClusterError as error:
        logger.error("%s", error.message)
        status = NO_USE
    except OSError:
        logger.exception("The host cannot run")
    finally:
        _exit_soon(status)
    return status


def run_host(folder: Path) -> int:
    """Run the cluster of ``folder`` until it ends; return the exit status.

    Parameters
    ----------
    folder : Path
        The cluster's state folder.
    """
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.captureWarnings(True)
    return asyncio.run(_run(folder))
