"""The clusters that this server knows: made, found, listed, passed on to their hosts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from speccluster_lab.errors import (
    ClusterNotFound,
    NameInUse,
    NotRunning,
    SpecClusterError,
)
from speccluster_lab.link.connections import Connection
from speccluster_lab.link.creation import Maker, check_room, create, wish_for
from speccluster_lab.link.dashboard import fetch_page, open_stream
from speccluster_lab.link.feed import Feed
from speccluster_lab.link.launch import Launch, read_launch, start_host
from speccluster_lab.link.logs import host_log
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.server.classes import KnownClasses
from speccluster_lab.server.discovery import Discovery, Guarded
from speccluster_lab.server.following import Listener
from speccluster_lab.server.published import Published
from speccluster_lab.server.pythons import check_python
from speccluster_lab.server.secrets import Secrets
from speccluster_lab.server.spares import Spares
from speccluster_lab.server.supervisor import Bounds, Guard, Supervisor
from speccluster_lab.server.templates import Templates
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    CreateCluster,
    CredentialsRequest,
    Owner,
    OwnerKind,
)
from speccluster_lab.spec.limits import Limits

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jupyter_client.kernelspec import KernelSpecManager
    from tornado.websocket import WebSocketClientConnection

    from speccluster_lab.link.dashboard import Page
    from speccluster_lab.server.following import Follower
    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.api import (
        Adapt,
        Credentials,
        Event,
        EventsQuery,
        Generation,
        Log,
        LogQuery,
        Plan,
        PlanRequest,
        Scale,
        WorkerClass,
    )
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["ClusterManager"]

# They leave the machine: a day is enough for a kernel, and little for who finds them later.
CREDENTIALS_SECONDS: Final = 24 * 3600
_LOOK_SECONDS: Final = 1.0
# Its file is there as well; but a host that is busy, or reads what it must not tell, is not to be
# passed over before it counts as silent.
_LOG_SECONDS: Final = 7.0


class ClusterManager:
    """Knows the clusters by id, and keeps what their hosts have told last.

    Parameters
    ----------
    admission : Admission
        What requests may ask for.
    max_clusters : int
        How many clusters there may be at a time.
    log : logging.Logger
        Jupyter's.
    bounds : Bounds, optional
        How long hosts may take for what they do.
    orphan_timeout : float, optional
        Seconds after which a cluster that nobody asks for stops by itself, unless its template
        says otherwise; never if not given.
    limits : Limits, optional
        What a cluster's process and the API may take up.
    kernels : KernelSpecManager, optional
        Who knows the kernels with whose Python a cluster may run.
    spare_host : bool
        Whether a host is kept ready for the next cluster while somebody looks.
    """

    def __init__(
        self,
        admission: Admission,
        max_clusters: int,
        log: logging.Logger,
        bounds: Bounds | None = None,
        orphan_timeout: float | None = None,
        limits: Limits | None = None,
        kernels: KernelSpecManager | None = None,
        *,
        spare_host: bool = False,
    ) -> None:
        self.admission = admission
        self.max_clusters = max_clusters
        self.bounds = bounds or Bounds()
        self.limits = limits or Limits()
        self.feed = Feed(self._pushed, self.limits.queued_events)
        self._log = log
        self._kernels = kernels
        self._maker = Maker(Owner(kind=OwnerKind.SERVER), admission, orphan_timeout, self.limits)
        self._followers: dict[str, Follower] = {}
        self._listener = Listener(self.feed.publish, self._followers.pop, log)
        self._making = asyncio.Lock()
        self._classes = KnownClasses(admission)
        self.templates = Templates(admission)
        self.spares = Spares(log, wanted=spare_host)
        self.secrets = Secrets()
        self._discovery = Discovery(admission, log)
        self._has_looked = asyncio.Event()
        self._looking = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    def clusters(self) -> list[Cluster]:
        """Return all clusters, as their hosts have told last."""
        return [follower.newest for follower in self._followers.values()]

    def get(self, id: str) -> Cluster:
        """Return one cluster, as its host has told last.

        Raises
        ------
        ClusterNotFound
            There is none of this id.
        """
        return self._find(id).newest

    def count_running(self) -> int:
        """Return how many clusters have neither failed nor ended."""
        return sum(
            one.newest.phase is not ClusterPhase.FAILED and not one.is_left_over
            for one in self._followers.values()
        )

    async def classes(self, id: str | None) -> list[WorkerClass]:
        """Return the worker classes that specs may name, as a cluster's interpreter has them.

        Parameters
        ----------
        id : str or None
            The cluster's; the interpreter is this one if not given, or if the cluster is none of
            our hosts': what others publish does not say which program we start.

        Raises
        ------
        ClusterNotFound
            There is none of this id.
        UnfitInterpreter
            The interpreter does not answer.
        """
        follower = None if id is None else self._find(id)
        python = follower.python if isinstance(follower, Supervisor) else None
        return await self._classes.of(python)

    async def create(self, request: CreateCluster) -> Cluster:
        """Make a cluster from a template, and return it; its host is starting.

        Raises
        ------
        TooManyClusters, TemplateNotFound, InvalidInput, ClassNotAllowed, NameInUse
            What is asked for cannot be had; nothing was started.
        StartFailed
            The host's process could not be started.
        """
        wish = await asyncio.to_thread(wish_for, request, self.admission, self._kernels)
        if self._closed:
            raise NotRunning("this server is ending")
        await check_python(wish)
        # One at a time, so that two requests never count the same free place.
        async with self._making:
            if self._closed:
                raise NotRunning("this server is ending")
            # A folder that nobody can remove is not to keep new ones from coming.
            there = sum(not one.is_left_over for one in self._followers.values())
            check_room(there, self.max_clusters)
            if request.name in {cluster.display_name for cluster in self.clusters()}:
                raise NameInUse(f"there is a cluster {request.name!r} already", field="name")
            taken = frozenset(self._followers)
            take = self.spares.take
            launch, popen = await asyncio.to_thread(create, wish, self._maker, taken, take)
            self.spares.want()
            supervisor = self._supervise(launch, Guard.of_child(popen))
        self._log.info("Started cluster %r under process %d", launch.id, popen.pid)
        return supervisor.newest

    async def scale(self, id: str, scale: Scale) -> Cluster:
        """Set the size of a cluster, and return it as its host then sees it.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding, InvalidInput
            The latter as the host refuses it.
        """
        return await self._find(id).write(lambda host: host.scale(scale))

    async def replace_spec(self, id: str, spec: ClusterSpec, if_generation: int) -> Cluster:
        """Replace the desired state of a cluster, and return it as its host then sees it.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding, StaleGeneration, InvalidInput
            The latter as the host refuses it.
        """
        return await self._find(id).write(lambda host: host.replace_spec(spec, if_generation))

    async def plan(self, id: str, request: PlanRequest) -> Plan:
        """Return what a change of a cluster would do; it is not made.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding, TimedOut, InvalidInput
            The latter as the host refuses the change.
        """
        return await self._find(id).ask(lambda host: host.plan(request))

    async def adapt(self, id: str, adapt: Adapt) -> Cluster:
        """Have adaptive scaling of a cluster keep to a range, and return the cluster.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding, InvalidInput
            The latter as the host refuses it.
        """
        return await self._find(id).write(lambda host: host.adapt(adapt))

    async def end_adaptive(self, id: str) -> Cluster:
        """End adaptive scaling of a cluster, and return the cluster, which keeps its size.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding, InvalidInput
            Nothing was changed; the latter where the spec would then be too large to be stored.
        """
        return await self._find(id).write(lambda host: host.end_adaptive())

    async def retry(self, id: str, entry: str) -> Cluster:
        """Try an entry of a cluster again now, and return the cluster.

        Raises
        ------
        ClusterNotFound, EntryNotFound, NotRunning, HostNotResponding
            Nothing was tried.
        """
        return await self._find(id).write(lambda host: host.retry(entry))

    async def restart_entry(self, id: str, entry: str) -> Cluster:
        """Have an entry of a cluster made anew, and return the cluster.

        Raises
        ------
        ClusterNotFound, EntryNotFound, NotRunning, HostNotResponding
            Nothing was begun.
        """
        return await self._find(id).write(lambda host: host.restart_entry(entry))

    async def events(self, id: str, query: EventsQuery) -> list[Event]:
        """Return what has happened to a cluster, oldest first.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding
            There is nobody to ask.
        """
        return await self._find(id).ask(lambda host: host.timeline(query))

    async def generations(self, id: str) -> list[Generation]:
        """Return the desired states that a cluster had before, newest first.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding
            There is nobody to ask.
        """
        return await self._find(id).ask(lambda host: host.generations())

    async def log(self, id: str, query: LogQuery) -> Log:
        """Return the end of a log of a cluster.

        A host's own is told by the host as long as it answers: nobody else knows all that it has
        read for its spec, and so what to hide. Otherwise it is read from its file.

        Raises
        ------
        ClusterNotFound, MemberNotFound, NotRunning, HostNotResponding, TimedOut
            There is none, or nobody who tells it.
        """
        follower = self._find(id)
        if query.member is not None or not isinstance(follower, Supervisor):
            return await follower.ask(lambda host: host.log(query))
        if follower.answers:
            # An answer that it refuses, or that this version does not understand, is none.
            with suppress(TimeoutError, SpecClusterError):
                async with asyncio.timeout(_LOG_SECONDS):
                    return await follower.ask(lambda host: host.log(query))
        known = await follower.secrets()
        return await asyncio.to_thread(host_log, cluster_folder(id), query, known)

    async def credentials(self, id: str, request: CredentialsRequest) -> Credentials:
        """Return a client's certificate for a cluster; it expires.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding
            There is none.
        """
        asked = request
        if asked.lifetime is None:
            asked = CredentialsRequest(lifetime=CREDENTIALS_SECONDS)
        return await self._find(id).ask(lambda host: host.credentials(asked))

    async def dashboard_page(self, id: str, path: str, query: Mapping[str, str]) -> Page:
        """Return a page of a cluster's dashboard; see :func:`fetch_page`.

        Raises
        ------
        ClusterNotFound, PageNotFound, NotRunning, HostNotResponding
            There is none.
        """
        seconds = self.bounds.call
        return await self._find(id).ask(
            lambda host: fetch_page(host.connection, path, query, seconds)
        )

    async def dashboard_stream(
        self, id: str, path: str, protocols: Sequence[str]
    ) -> WebSocketClientConnection:
        """Return a websocket of a cluster's dashboard; see :func:`open_stream`.

        Raises
        ------
        ClusterNotFound, PageNotFound, NotRunning, HostNotResponding
            There is none.
        """
        seconds = self.bounds.call
        return await self._find(id).ask(
            lambda host: open_stream(host.connection, path, protocols, seconds)
        )

    async def restart(self, id: str) -> Cluster:
        """Begin to start a cluster again as it is wanted, and return it.

        One that has failed is given another guard; one that runs is closed before.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding
            Nothing was begun.
        StartFailed
            The host's process could not be started.
        """
        follower = self._find(id)
        if not follower.has_failed:
            return await follower.restart()
        # One at a time, so that two requests never start two of them.
        async with self._making:
            if self._closed or self._find(id) is not follower:
                raise NotRunning(f"cluster {id!r} is being stopped")
            if isinstance(follower, Supervisor) and follower.has_failed:
                follower.begin_again(await asyncio.to_thread(_start_guard, cluster_folder(id)))
        return follower.newest

    async def stop(self, id: str) -> Cluster:
        """Begin to stop a cluster, and return it.

        It ends, whatever its host does: one that does not answer is killed in the end. Not so
        where that is a notebook, or another program that has published its cluster.

        Raises
        ------
        ClusterNotFound
            There is none of this id.
        HostNotResponding
            The program that has published it does not answer.
        NotStored
            It stops, but that cannot be noted on disk.
        """
        follower = self._find(id)
        await follower.stop()
        return follower.newest

    async def attach(self) -> None:
        """Look for clusters that others have started, whether they run or have failed."""
        try:
            await self._attach()
        finally:
            self._has_looked.set()

    async def has_looked(self) -> None:
        """Wait until clusters that were there before this server have been looked for once."""
        await self._has_looked.wait()

    async def _attach(self) -> None:
        async with self._looking:
            found = await asyncio.to_thread(self._discovery.look, frozenset(self._followers))
            if not found:
                return
            # What is being launched by this server right now is there, and not known yet.
            async with self._making:
                for one in found:
                    if one.id not in self._followers and not self._closed:
                        await self._follow_found(one)

    async def _follow_found(self, found: Guarded | Connection) -> None:
        self._log.info("Found cluster %r", found.id)
        match found:
            case Guarded(launch, guard, is_to_stop, why):
                follower = self._supervise(launch, None if guard is None else Guard(guard), why)
                if is_to_stop:
                    await follower.stop()
            case Connection():
                self._follow(Published(found, self.bounds.call, self._listener))

    def watch(self) -> None:
        """Look again every second from now on; harmless when that has begun already."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="look for clusters")

    async def _watch(self) -> None:
        said = None
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.attach()
                said = None
            except (OSError, SpecClusterError) as error:
                # Once, and not every second.
                if str(error) != said:
                    self._log.error("Cannot look for clusters of others: %s", error)
                said = str(error)

    async def close(self, *, stop_clusters: bool) -> None:
        """Let go of all clusters; always ends, within some ten seconds.

        Parameters
        ----------
        stop_clusters : bool
            Whether those that this server has started are stopped, and killed where they do not
            stop in time.
        """
        self._closed = True
        ending_spare = asyncio.create_task(self.spares.close())
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        # What is being launched right now is waited for, so that it is stopped too.
        with suppress(TimeoutError):
            async with asyncio.timeout(self.bounds.farewell), self._making:
                pass
        followers = list(self._followers.values())
        own = [one for one in followers if one.is_own] if stop_clusters else []
        # What cannot be noted on disk is stopped all the same, and killed if need be.
        with suppress(TimeoutError):
            async with asyncio.timeout(self.bounds.farewell):
                await asyncio.gather(*(one.stop() for one in own), return_exceptions=True)
        results = await asyncio.gather(
            *(one.close(kill=one in own) for one in followers), return_exceptions=True
        )
        for follower, result in zip(followers, results, strict=True):
            if isinstance(result, Exception):
                self._log.error("Cluster %r did not stop", follower.id, exc_info=result)
        await ending_spare
        self.feed.close()

    def _find(self, id: str) -> Follower:
        try:
            return self._followers[id]
        except KeyError:
            raise ClusterNotFound(f"there is no cluster {id!r}") from None

    def _pushed(self) -> list[Cluster]:
        return [follower.pushed for follower in self._followers.values()]

    def _supervise(self, launch: Launch, guard: Guard | None, why: str | None = None) -> Supervisor:
        supervisor = Supervisor(
            launch, guard=guard, why=why, bounds=self.bounds, listener=self._listener
        )
        self._follow(supervisor)
        return supervisor

    def _follow(self, follower: Follower) -> None:
        self._followers[follower.id] = follower
        follower.start()


def _start_guard(folder: Path) -> Guard:
    return Guard.of_child(start_host(folder, python=read_launch(folder).python))
