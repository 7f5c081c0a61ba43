"""The clusters that this server knows: made, found, listed, passed on to their hosts."""

from __future__ import annotations

import asyncio
import datetime
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from speccluster_lab.errors import (
    ClusterNotFound,
    NameInUse,
    NotRunning,
    SpecClusterError,
    TooManyClusters,
)
from speccluster_lab.link.connections import list_connections
from speccluster_lab.link.feed import Feed
from speccluster_lab.link.launch import Launch, read_launch, reserve, start_host, write_launch
from speccluster_lab.link.paths import cluster_folder, clusters_folder, connections_folder
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.server.supervisor import Bounds, Child, Supervisor
from speccluster_lab.spec.api import (
    Cluster,
    ClusterPhase,
    CreateCluster,
    CredentialsRequest,
    Owner,
    OwnerKind,
)
from speccluster_lab.spec.names import id_from_name, suggest_id
from speccluster_lab.spec.templates import get_template

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable
    from pathlib import Path

    from speccluster_lab.link.connections import Connection
    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.api import (
        Adapt,
        Credentials,
        Event,
        EventsQuery,
        Plan,
        PlanRequest,
        Scale,
    )
    from speccluster_lab.spec.models import ClusterSpec
    from speccluster_lab.spec.templates import Template

__all__ = ["ClusterManager"]

_ATTEMPTS: Final = 5
# They leave the machine: a day is enough for a kernel, and little for who finds them later.
CREDENTIALS_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be launched, before it has an id."""

    name: str | None
    template: Template
    spec: ClusterSpec
    trusted: ClusterSpec
    taken: frozenset[str]


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
    """

    def __init__(
        self,
        admission: Admission,
        max_clusters: int,
        log: logging.Logger,
        bounds: Bounds | None = None,
    ) -> None:
        self.admission = admission
        self.max_clusters = max_clusters
        self.bounds = bounds or Bounds()
        self.feed = Feed(self._pushed)
        self._log = log
        self._supervisors: dict[str, Supervisor] = {}
        self._making = asyncio.Lock()
        self._closed = False

    def clusters(self) -> list[Cluster]:
        """Return all clusters, as their hosts have told last."""
        return [supervisor.newest for supervisor in self._supervisors.values()]

    def get(self, id: str) -> Cluster:
        """Return one cluster, as its host has told last.

        Raises
        ------
        ClusterNotFound
            There is none of this id.
        """
        return self._find(id).newest

    def count_running(self) -> int:
        """Return how many clusters have not failed."""
        return sum(cluster.phase is not ClusterPhase.FAILED for cluster in self.clusters())

    async def create(self, request: CreateCluster) -> Cluster:
        """Make a cluster from a template, and return it; its host is starting.

        Raises
        ------
        TooManyClusters, TemplateNotFound, InvalidInput, ClassNotAllowed, NameInUse
            What is asked for cannot be had; nothing was started.
        StartFailed
            The host's process could not be started.
        """
        template = get_template(request.template)
        spec = template.make_spec(request.fields, request.spec)
        trusted = template.make_spec(request.fields)
        self.admission.check(spec, trusted=trusted)
        # One at a time, so that two requests never count the same free place.
        async with self._making:
            if self._closed:
                raise NotRunning("this server is ending")
            if len(self._supervisors) >= self.max_clusters:
                raise TooManyClusters(
                    f"there are {len(self._supervisors)} clusters, and there may be "
                    f"{self.max_clusters}; stop one first"
                )
            if request.name in {cluster.display_name for cluster in self.clusters()}:
                raise NameInUse(f"there is a cluster {request.name!r} already", field="name")
            wish = _Wish(request.name, template, spec, trusted, frozenset(self._supervisors))
            launch, child = await asyncio.to_thread(self._launch, wish)
            supervisor = self._follow(launch, child=child)
        self._log.info("Started the host of cluster %r as process %d", launch.id, child.process.pid)
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
        ClusterNotFound, NotRunning, HostNotResponding
            Nothing was changed.
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

    async def events(self, id: str, query: EventsQuery) -> list[Event]:
        """Return what has happened to a cluster, oldest first.

        Raises
        ------
        ClusterNotFound, NotRunning, HostNotResponding
            There is nobody to ask.
        """
        return await self._find(id).ask(lambda host: host.timeline(query))

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

    def stop(self, id: str) -> Cluster:
        """Begin to stop a cluster, and return it.

        It ends, whatever its host does: one that does not answer is killed in the end.

        Raises
        ------
        ClusterNotFound
            There is none of this id.
        """
        supervisor = self._find(id)
        supervisor.stop()
        return supervisor.newest

    async def attach(self) -> None:
        """Find the clusters whose hosts are running already."""
        for launch, connection in await asyncio.to_thread(self._find_running):
            if launch.id not in self._supervisors and not self._closed:
                self._log.info("Found cluster %r, process %d", launch.id, connection.pid)
                self._follow(launch, connection=connection)

    async def close(self, *, stop_clusters: bool) -> None:
        """Let go of all clusters; always ends, within some ten seconds.

        Parameters
        ----------
        stop_clusters : bool
            Whether those that this server has started are stopped, and killed where they do not
            stop in time.
        """
        self._closed = True
        # What is being launched right now is waited for, so that it is stopped too.
        with suppress(TimeoutError):
            async with asyncio.timeout(self.bounds.farewell), self._making:
                pass
        supervisors = list(self._supervisors.values())
        own = [one for one in supervisors if one.is_own] if stop_clusters else []
        for supervisor in own:
            supervisor.stop()
        results = await asyncio.gather(
            *(one.close(kill=one in own) for one in supervisors), return_exceptions=True
        )
        for supervisor, result in zip(supervisors, results, strict=True):
            if isinstance(result, Exception):
                self._log.error("Cluster %r did not stop", supervisor.id, exc_info=result)
        self.feed.close()

    def _find(self, id: str) -> Supervisor:
        try:
            return self._supervisors[id]
        except KeyError:
            raise ClusterNotFound(f"there is no cluster {id!r}") from None

    def _pushed(self) -> list[Cluster]:
        return [supervisor.pushed for supervisor in self._supervisors.values()]

    def _follow(
        self, launch: Launch, *, child: Child | None = None, connection: Connection | None = None
    ) -> Supervisor:
        supervisor = Supervisor(
            launch,
            child=child,
            connection=connection,
            bounds=self.bounds,
            publish=self.feed.publish,
            forget=self._supervisors.pop,
            log=self._log,
        )
        self._supervisors[launch.id] = supervisor
        supervisor.start()
        return supervisor

    def _launch(self, wish: _Wish) -> tuple[Launch, Child]:
        """Reserve an id and start a host; runs in a thread, for it waits for the disk."""
        id, folder = self._reserve(wish)
        try:
            launch = Launch(
                id=id,
                display_name=wish.name or id.replace("-", " ").capitalize(),
                template=wish.template.name,
                owner=Owner(kind=OwnerKind.SERVER),
                created=datetime.datetime.now(datetime.UTC),
                nonce=secrets.token_urlsafe(32),
                spec=wish.spec,
                trusted=wish.trusted,
                admission=self.admission,
                start_method=wish.template.start_method,
                preimport=wish.template.preimport,
            )
            write_launch(folder, launch)
            popen = start_host(folder)
        except BaseException:
            shutil.rmtree(folder)
            raise
        return launch, Child(popen, HostProcess.of_child(popen.pid))

    def _reserve(self, wish: _Wish) -> tuple[str, Path]:
        for attempt in range(1, _ATTEMPTS + 1):
            taken = wish.taken | _names_in_use()
            id = id_from_name(wish.name, taken) if wish.name else suggest_id(taken)
            try:
                return id, reserve(id)
            except NameInUse:
                # Another server or a notebook was faster.
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _find_running(self) -> Iterable[tuple[Launch, Connection]]:
        found = []
        for connection in list_connections():
            try:
                launch = read_launch(cluster_folder(connection.id))
            except SpecClusterError as error:
                self._log.warning("Left out cluster %r: %s", connection.id, error)
                continue
            if launch.id == connection.id and launch.nonce == connection.nonce:
                found.append((launch, connection))
        return found


def _names_in_use() -> frozenset[str]:
    """Return the ids that folders and connection files of this machine reserve."""
    folders = {folder.name for folder in clusters_folder().iterdir()}
    return frozenset(folders | {file.stem for file in connections_folder().glob("*.json")})
