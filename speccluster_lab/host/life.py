"""The life of a host: from the launch file until nothing of the cluster is left."""

from __future__ import annotations

import asyncio
import datetime
import logging
import math
import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import psutil

import speccluster_lab
from speccluster_lab.errors import (
    EntryNotFound,
    InvalidClass,
    InvalidInput,
    NameInUse,
    NotRunning,
    SpecClusterError,
    StaleGeneration,
    StartFailed,
    TimedOut,
)
from speccluster_lab.host.app import make_app
from speccluster_lab.host.events import EventStore
from speccluster_lab.host.forkserver import forkserver_for
from speccluster_lab.host.store import Desired, Store
from speccluster_lab.host.stream import Stream
from speccluster_lab.link.connections import Connection, remove_connection, write_connection
from speccluster_lab.link.guard import AGAIN, NO_USE
from speccluster_lab.link.interpreters import this_interpreter
from speccluster_lab.link.launch import Launch, is_stopped, mark_stopped, read_launch
from speccluster_lab.link.paths import socket_path
from speccluster_lab.spec.api import (
    Adaptive,
    Cluster,
    ClusterPhase,
    Condition,
    ConditionStatus,
    Credentials,
    Environment,
    Plan,
    Stake,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator
    from pathlib import Path

    from speccluster_lab.cluster import SpecCluster
    from speccluster_lab.cluster.preview import Preview
    from speccluster_lab.host.certificates import Certificates
    from speccluster_lab.spec.api import (
        Adapt,
        CredentialsRequest,
        Event,
        EventsQuery,
        PlanRequest,
        Scale,
    )
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["Host", "run_host"]

logger = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 20.0
CANCEL_SECONDS: Final = 2.0
TERMINATE_SECONDS: Final = 3.0
KILL_SECONDS: Final = 5.0
FAREWELL_SECONDS: Final = 1.0
STORE_SECONDS: Final = 2.0
EXIT_SECONDS: Final = 2.0
# Less than a server waits for an answer.
BEGIN_SECONDS: Final = 8.0
PLAN_SECONDS: Final = 8.0

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
        self.stream = Stream(self.document)
        self.history = EventStore(folder)
        self.sending: set[asyncio.Task[None]] = set()
        self._folder = folder
        self._cluster: SpecCluster | None = None
        self._certificates: Certificates | None = None
        here = this_interpreter()
        self._environment = Environment(python=here.path, versions=here.versions)
        self._forkserver = forkserver_for(launch)
        self._keeping: asyncio.Task[None] | None = None
        self._failure: Condition | None = None
        self._begun = asyncio.Event()
        self._guard = os.getppid()
        self._end: _End | None = None
        self._ending = asyncio.Event()
        self._heeding: asyncio.Task[None] | None = None

    def document(self) -> Cluster:
        """Return the cluster as it is."""
        launch, cluster = self.launch, self._cluster
        failure = [] if self._failure is None else [self._failure]
        failure[:0] = self._store.conditions
        fixed: dict[str, Any] = {
            "id": launch.id,
            "display_name": launch.display_name,
            "template": launch.template,
            "owner": launch.owner,
            "created": launch.created,
            "environment": self._environment,
            "phase": self._phase(),
        }
        if cluster is None:
            return Cluster(
                **fixed,
                conditions=failure,
                generation=self._desired.generation,
                observed_generation=0,
                adaptive=self._desired.adaptive,
                spec=self._desired.spec,
            )
        return Cluster(
            **fixed,
            conditions=[*cluster.conditions, *failure],
            generation=cluster.generation,
            observed_generation=cluster.observed_generation,
            adaptive=_adaptive(cluster),
            scheduler=cluster.scheduler_status(),
            counts=cluster.counts(),
            spec=cluster.document(),
            workers=cluster.entries(),
            unexpected=cluster.unexpected(),
        )

    def _phase(self) -> ClusterPhase:
        if self._end is _End.STOP:
            return ClusterPhase.STOPPING
        if self._failure is not None or self._end is _End.UNGUARDED:
            return ClusterPhase.FAILED
        if self._end is _End.RESTART:
            return ClusterPhase.STARTING
        return ClusterPhase.STARTING if self._cluster is None else self._cluster.phase

    async def begun(self) -> None:
        """Wait until the cluster can be changed, or it is known that it never can be.

        Bounded: a start that takes longer is said by whatever needs the cluster.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._begun.wait()

    async def _changed(self) -> Cluster:
        """Take in that a person or a program has changed what is wanted; return the cluster.

        Raises
        ------
        NotStored
            It cannot be written to disk.
        """
        cluster = self._running()
        self.stream.changed()
        spec, adapted = cluster.document(), cluster.made_by_adaptive()
        kept = {name: entry for name, entry in spec.workers.items() if name not in adapted}
        await self._store.save(
            Desired(
                generation=cluster.generation,
                spec=spec.model_copy(update={"workers": kept}),
                adaptive=_adaptive(cluster),
            )
        )
        return self.document()

    async def replace_spec(self, spec: ClusterSpec, if_generation: int) -> Cluster:
        """Replace the desired state, and return the cluster.

        Parameters
        ----------
        spec : ClusterSpec
            The new one.
        if_generation : int
            The generation that the caller has seen.

        Raises
        ------
        NotRunning
            The cluster has not come up yet, or is stopping.
        StaleGeneration
            The desired state has changed since.
        InvalidInput
            The spec asks for what is not allowed or cannot be.
        """
        cluster = self._running()
        if if_generation != cluster.generation:
            raise StaleGeneration(
                f"the spec has changed: this is generation {cluster.generation}, and the change "
                f"is based on generation {if_generation}",
                field="If-Match",
            )
        self.launch.admission.check(spec, trusted=self.launch.trusted, prefix="")
        cluster.apply(spec)
        return await self._changed()

    async def scale(self, scale: Scale) -> Cluster:
        """Set the size of the cluster, and return the cluster.

        Raises
        ------
        NotRunning
            The cluster has not come up yet, or is stopping.
        InvalidInput
            That many are not allowed, or the cluster cannot be scaled in this unit.
        """
        cluster = self._running()
        cluster.set_entries(self._entries_for(cluster, scale))
        return await self._changed()

    def _entries_for(self, cluster: SpecCluster, scale: Scale) -> int:
        """Return how many entries have a size; refuse one that is not allowed."""
        entries = cluster.entries_for(scale)
        unit = next(iter(scale.model_dump(exclude_none=True)))
        self.launch.admission.check_number(cluster.members_after(entries), field=unit)
        return entries

    async def plan(self, request: PlanRequest) -> Plan:
        """Return what a change would do, which is not made.

        Raises
        ------
        NotRunning
            The cluster has not come up yet, or is stopping.
        InvalidInput
            The change would be refused.
        TimedOut
            The scheduler has not said in time what data there is.
        """
        cluster = self._running()
        try:
            async with asyncio.timeout(PLAN_SECONDS):
                preview = await self._preview(cluster, request)
        except TimeoutError as error:
            if isinstance(error, SpecClusterError):
                raise
            raise TimedOut(
                f"the scheduler of cluster {self.launch.id!r} has not said what data there is"
            ) from error
        return Plan(
            start=list(preview.start),
            replace=list(preview.replace),
            retire=list(preview.retire),
            at_stake=Stake(keys=preview.stake.keys, nbytes=preview.stake.nbytes),
            stuck=preview.stuck,
        )

    async def _preview(self, cluster: SpecCluster, request: PlanRequest) -> Preview:
        admission, trusted = self.launch.admission, self.launch.trusted
        if request.spec is not None:
            admission.check(request.spec, trusted=trusted, prefix="spec")
            with _within("spec"):
                return await cluster.preview(spec=request.spec)
        if request.scale is not None:
            with _within("scale"):
                self._entries_for(cluster, request.scale)
                return await cluster.preview(scale=request.scale)
        return await cluster.preview(remove=request.remove or [])

    async def adapt(self, adapt: Adapt) -> Cluster:
        """Have adaptive scaling keep to a range, and return the cluster.

        Raises
        ------
        NotRunning
            The cluster has not come up yet, or is stopping.
        InvalidInput
            That many are not allowed, or there is nothing to make entries from.
        """
        cluster, admission = self._running(), self.launch.admission
        if not cluster.new_spec:
            raise InvalidInput("the cluster has no worker form to make entries from")
        maximum = admission.max_workers if adapt.maximum is None else adapt.maximum
        admission.check_number(maximum, field="maximum")
        # The minimum is kept with whole entries, if need be with more than the maximum.
        members = cluster.members_per_entry()
        least = -(-adapt.minimum // members) * members
        admission.check_number(least, field="minimum")
        cluster.adapt(minimum=adapt.minimum, maximum=maximum)
        return await self._changed()

    async def end_adaptive(self) -> Cluster:
        """End adaptive scaling, and return the cluster, which keeps its size.

        Raises
        ------
        NotRunning
            The cluster has not come up yet, or is stopping.
        """
        self._running().end_adaptive()
        return await self._changed()

    def retry(self, entry: str) -> Cluster:
        """Try an entry again now, whatever its backoff says, and return the cluster.

        Raises
        ------
        NotRunning
            The cluster has not come up yet, or is stopping.
        EntryNotFound
            There is no such entry.
        """
        try:
            self._running().retry(entry)
        except InvalidInput as error:
            raise EntryNotFound(error.message) from None
        self.stream.changed()
        return self.document()

    async def events(self, query: EventsQuery) -> list[Event]:
        """Return what has happened, oldest first."""
        return await self.history.since(query.since, query.limit)

    def credentials(self, request: CredentialsRequest) -> Credentials:
        """Return what a client connects with.

        Parameters
        ----------
        request : CredentialsRequest
            For how long.

        Raises
        ------
        NotRunning
            The scheduler is not there.
        """
        from speccluster_lab.host.start import dashboard_link

        cluster, certificates = self._running(), self._certificates
        address = cluster.scheduler_status().address
        if address is None or certificates is None:
            raise NotRunning(f"the scheduler of cluster {self.launch.id!r} is not there yet")
        client = certificates.client
        if request.lifetime is not None:
            client = certificates.client_for(datetime.timedelta(seconds=request.lifetime))
        return Credentials(
            address=address,
            machine=socket.gethostname(),
            dashboard_link=dashboard_link(cluster),
            ca=certificates.authority,
            certificate=client.certificate,
            key=client.key,
        )

    async def stop(self) -> None:
        """Begin to stop; harmless when that has begun already.

        Noted on disk when this returns, so that the cluster is not started again if this process
        dies while it stops.
        """
        if self._end is not _End.STOP:
            try:
                await asyncio.to_thread(mark_stopped, self._folder)
            except OSError as error:
                logger.error("That the cluster is to stop cannot be noted: %s", error)
            self._begin_to_end(_End.STOP)

    def restart(self) -> None:
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
            self._heeding = asyncio.create_task(self.stop())

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
        with _bound(socket_path(self.launch.id)) as listener:
            server = make_app(self)
            server.add_socket(listener)
            write_connection(self._connection(listener))
            watching = None
            if sys.platform != "linux":
                watching = asyncio.create_task(self._watch_guard())
            try:
                starting = asyncio.create_task(self._start())
                await self._ending.wait()
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

    def _connection(self, listener: socket.socket) -> Connection:
        process = psutil.Process()
        return Connection(
            id=self.launch.id,
            pid=process.pid,
            start_time=process.create_time(),
            nonce=self.launch.nonce,
            socket=listener.getsockname(),
            version=speccluster_lab.__version__,
        )

    def _running(self) -> SpecCluster:
        ends = self._end is not None or self._failure is not None
        if self._cluster is None or ends:
            raise NotRunning(f"cluster {self.launch.id!r} is {self._phase().value}")
        return self._cluster

    async def _start(self) -> None:
        try:
            # In a thread: requests are answered while this takes its third of a second.
            await asyncio.to_thread(_import_start)
            from speccluster_lab.host.start import make_cluster

            id, desired = self.launch.id, self._desired
            self._certificates = await asyncio.to_thread(self._store.certificates, id)
            cluster = make_cluster(
                id, desired.spec, self._certificates, self._forkserver, self.launch.bind
            )
            cluster.generation = desired.generation
            self._cluster = cluster
            cluster.subscribe(self.stream.changed)
            cluster.subscribe(self.history.changed)
            if await self.history.follow(cluster.events):
                cluster._note("HostRestarted", "the cluster's process had ended, and runs again")
            self.stream.changed()
            cluster.check(desired.spec)
            if desired.adaptive is not None:
                maximum = desired.adaptive.maximum
                cluster.adapt(
                    minimum=desired.adaptive.minimum,
                    maximum=math.inf if maximum is None else maximum,
                )
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
            message=message,
            since=datetime.datetime.now(datetime.UTC),
        )

    async def _end_cluster(self) -> bool:
        ours = await asyncio.to_thread(_descendants)
        if self._cluster is not None:
            await _bounded(self._close_cluster(self._cluster), CLOSE_SECONDS)
        if self._keeping is not None:
            await _bounded(self._keeping, 0.0)
        left = await asyncio.to_thread(lambda: _end_processes(ours | _descendants()))
        if left:
            logger.error("Processes that could not be ended: %s", sorted(p.pid for p in left))
        return not left

    async def _close_cluster(self, cluster: SpecCluster) -> None:
        try:
            closing = cluster.close()
            if closing is not None:
                await closing
        except Exception:
            logger.exception("Cluster %r did not close well", self.launch.id)


def _adaptive(cluster: SpecCluster) -> Adaptive | None:
    limits = cluster.adaptive_range()
    return None if limits is None else Adaptive(minimum=limits[0], maximum=limits[1])


@contextmanager
def _within(part: str) -> Iterator[None]:
    """Let what is refused say in which part of the request it stands."""
    try:
        yield
    except InvalidInput as error:
        error.field = f"{part}.{error.field}" if error.field else part
        raise


def _root_of(error: BaseException) -> BaseException:
    """Return what an error comes from; distributed wraps it more than once."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _import_start() -> None:
    import speccluster_lab.host.start  # noqa: F401


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


@contextmanager
def _bound(path: Path) -> Iterator[socket.socket]:
    """Listen on a unix socket of mode 0600, which is removed in the end."""
    _remove_dead_socket(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        listener.setblocking(False)
        before = os.umask(0o177)
        try:
            listener.bind(os.fspath(path))
        except OSError as error:
            raise StartFailed(f"the socket {str(path)!r} cannot be opened: {error}") from error
        finally:
            os.umask(before)
        try:
            listener.listen(128)
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _remove_dead_socket(path: Path) -> None:
    """Remove what a host that was killed has left, but not the socket of one that lives."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise StartFailed(f"the socket {str(path)!r} cannot be opened: {error}") from error
    raise NameInUse(f"another host listens on {str(path)!r} already", field="name")


def _descendants() -> set[psutil.Process]:
    """Return what this process has started; what has lost its parent is the guard's to end."""
    return set(psutil.Process().children(recursive=True))


def _end_processes(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """End processes, first by asking; return those that are still there."""
    left = [process for process in processes if not _is_resource_tracker(process)]
    for ask, seconds in (("terminate", TERMINATE_SECONDS), ("kill", KILL_SECONDS)):
        # Those that are on their way out need no asking.
        _, left = psutil.wait_procs(left, timeout=0)
        for process in left:
            logger.warning("Process %d is still there: %s", process.pid, ask)
            with suppress(psutil.NoSuchProcess):
                getattr(process, ask)()
        _, left = psutil.wait_procs(left, timeout=seconds)
    return left


def _is_resource_tracker(process: psutil.Process) -> bool:
    """Return whether this is multiprocessing's own helper, which ends when this process does."""
    try:
        return any("multiprocessing.resource_tracker" in part for part in process.cmdline())
    except psutil.Error:
        return False


def _exit_soon(status: int) -> None:
    """End this process whatever threads of tasks still run."""
    watchdog = threading.Timer(EXIT_SECONDS, os._exit, [status])
    watchdog.daemon = True
    watchdog.start()


def _tidy_up(id: str) -> None:
    """Remove what led to a host that has died while it stopped."""
    _remove_dead_socket(socket_path(id))
    remove_connection(id)
    logger.info("Cluster %r has stopped; what its host has left was removed", id)


async def _run_cluster(folder: Path) -> int:
    launch = await asyncio.to_thread(read_launch, folder)
    if folder.name != launch.id:
        raise StartFailed(f"the launch of cluster {launch.id!r} lies in {str(folder)!r}")
    logger.info("Host %d of cluster %r", os.getpid(), launch.id)
    store = Store(folder)
    desired = await asyncio.to_thread(store.load, launch)
    return await Host(folder, launch, store, desired).run()


async def _run(folder: Path) -> int:
    status = 1
    try:
        if is_stopped(folder):
            await asyncio.to_thread(_tidy_up, folder.name)
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
