"""The handle: what a notebook or a script holds of a cluster that runs in a host of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import warnings
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, cast
from urllib.parse import urlsplit

from distributed import Client
from distributed.core import Status
from distributed.utils import LoopRunner, NoOpAwaitable, SyncMethodMixin
from distributed.versions import VersionMismatchWarning
from pydantic import ValidationError

from speccluster_lab.client.display import as_html, as_text, in_short
from speccluster_lab.client.finding import find, known_servers
from speccluster_lab.client.security import ClientSecurity
from speccluster_lab.errors import (
    ClusterNotFound,
    HostNotResponding,
    InvalidInput,
    NotRunning,
    SpecClusterError,
    StartFailed,
    TimedOut,
    Unreachable,
)
from speccluster_lab.link.interpreters import this_interpreter
from speccluster_lab.link.remote import RemoteClient, base_url
from speccluster_lab.spec.api import (
    API_PREFIX,
    DASHBOARD_PAGE,
    MAX_EVENTS,
    Cluster,
    ClusterPhase,
    Condition,
    Credentials,
    EventsQuery,
    OwnerKind,
    PlanRequest,
    Scale,
)
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Generator, Mapping

    from distributed.security import Security

    from speccluster_lab.link.api import ApiClient
    from speccluster_lab.spec.api import Entry, Environment, Event, Generation, Member, Plan
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["ClusterHandle", "connect"]

CONNECT_SECONDS: Final = 10.0
SCHEDULER_SECONDS: Final = 60.0
SHUTDOWN_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.05

_STATUSES: Final = {
    ClusterPhase.STARTING: Status.starting,
    ClusterPhase.RUNNING: Status.running,
    ClusterPhase.DEGRADED: Status.running,
    ClusterPhase.UNREACHABLE: Status.running,
    ClusterPhase.STOPPING: Status.closing,
    ClusterPhase.FAILED: Status.failed,
}


def connect(
    id: str,
    *,
    server: str | None = None,
    token: str | None = None,
    asynchronous: bool = False,
    timeout: float = CONNECT_SECONDS,
) -> Any:
    """Return a handle of a cluster of this user.

    It is looked for on this machine first, and then at the Jupyter servers that this process
    belongs to: JupyterHub's, and the one that has started this kernel.

    Parameters
    ----------
    id : str
        The cluster's, as the panel shows it.
    server : str, optional
        The URL of the Jupyter server that shows it, to go through that one and nowhere else.
    token : str, optional
        What that server knows you by; ``JUPYTERHUB_API_TOKEN`` of the environment if not given.
    asynchronous : bool
        Whether the handle is to be used on the running event loop. It is to be awaited then, or
        used with ``async with``.
    timeout : float
        Seconds that a host which has just been launched may take to answer.

    Returns
    -------
    ClusterHandle
        Connected, unless ``asynchronous``.

    Raises
    ------
    ClusterNotFound
        There is none of this id; the message names those that there are, and who was asked.
    HostNotResponding
        It is there, but its process does not answer.

    Examples
    --------
    >>> cluster = connect("brave-otter")  # doctest: +SKIP
    >>> client = cluster.get_client()  # doctest: +SKIP
    """
    handle = ClusterHandle(
        id, server=server, token=token, asynchronous=asynchronous, timeout=timeout
    )
    if not asynchronous:
        try:
            handle.sync(handle._start)
        except BaseException:
            handle.close()
            raise
    return handle


class ClusterHandle(SyncMethodMixin):
    """A cluster that runs in a host of its own; made by :func:`connect`.

    Works like a dask cluster: ``Client(handle)``, ``handle.scale(4)``. Everywhere but on an event
    loop its methods and attributes ask the host and wait for the answer; a handle made with
    ``asynchronous=True`` has the same methods to be awaited, and its attributes are those of the
    last answer (:meth:`refresh` gets a new one).

    Leaving it, by :meth:`close` or at the end of a ``with`` block, leaves the cluster running;
    :meth:`shutdown` stops it.

    Notes
    -----
    ``Client.shutdown`` closes the cluster object that it was given, and so only detaches as well.

    Parameters
    ----------
    id : str
        The cluster's.
    server, token : str, optional
        As :func:`connect` takes them.
    asynchronous : bool
        Whether it is used on the running event loop.
    timeout : float
        Seconds that the host may take to come up.
    """

    def __init__(
        self,
        id: str,
        *,
        server: str | None = None,
        token: str | None = None,
        asynchronous: bool = False,
        timeout: float = CONNECT_SECONDS,
    ) -> None:
        self.id = id
        self._server, self._token = server, token
        self._asynchronous = asynchronous
        self._timeout = timeout
        self._loop_runner = LoopRunner(asynchronous=asynchronous)
        self._loop_runner.start()
        self.loop = self._loop_runner.loop
        self._host: ApiClient | None = None
        self._cluster: Cluster | None = None
        self._credentials: Credentials | None = None
        self._security: Security | None = None
        self._closed = False

    # -- life --------------------------------------------------------------------------------

    async def _start(self) -> Self:
        if self._host is None and not self._closed:
            self._host = await find(self.id, self._timeout, self._server, self._token)
            cluster = await self._refresh()
            _warn_of_versions(cluster)
            if cluster.scheduler.address is not None:
                with suppress(NotRunning):
                    await self._get_credentials()
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._start().__await__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return await self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def close(self, timeout: float | None = None) -> Any:
        """Leave the cluster, which goes on.

        Parameters
        ----------
        timeout : float, optional
            Not used; ``Client`` gives it to what it closes.
        """
        self._closed = True
        if self._host is not None:
            self._host.close()
        if self.asynchronous:
            # On the loop itself, which cannot wait for its own end; Client.shutdown comes here
            # with a handle that is not asynchronous, whose owner still has to close it.
            return NoOpAwaitable()
        self._loop_runner.stop()
        return None

    def shutdown(self, timeout: float = SHUTDOWN_SECONDS) -> Any:
        """Stop the cluster, and wait until nothing of it is left.

        Parameters
        ----------
        timeout : float
            Seconds to wait.

        Raises
        ------
        TimedOut
            It is still there.
        HostNotResponding
            Its process is there, but does not answer.
        """
        if self._closed:
            return NoOpAwaitable() if self.asynchronous else None
        if self.asynchronous:
            return self._shutdown(timeout)
        self.sync(self._shutdown, timeout)
        self.close()
        return None

    async def _shutdown(self, seconds: float) -> None:
        host = self._reach()
        await _within(seconds, self._end(host), f"cluster {self.id!r} has not stopped")
        if self._asynchronous:
            self.close()

    async def _end(self, host: ApiClient) -> None:
        await host.exists()
        try:
            self._cluster = await host.stop()
        except (HostNotResponding, ClusterNotFound):
            # Somebody else may have stopped it meanwhile, which is what was wanted.
            if await host.exists():
                raise
        while await host.exists():
            with suppress(HostNotResponding, ClusterNotFound):
                async with aclosing(host.events()) as events:
                    async for _ in events:
                        pass
            # The stream ends before the process does, which nobody else can await.
            await asyncio.sleep(_LOOK_SECONDS)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a ClusterHandle cannot be pickled, for it holds a key; call "
            f"speccluster_lab.connect({self.id!r}) where it is needed"
        )

    # -- the cluster as it is ----------------------------------------------------------------

    def refresh(self) -> Any:
        """Ask the host how the cluster is; attributes are those of this answer from then on."""
        return self.sync(self._refresh_quietly)

    async def _refresh_quietly(self) -> None:
        await self._refresh()

    async def _refresh(self) -> Cluster:
        self._cluster = cluster = await self._reach().get()
        return cluster

    def _reach(self) -> ApiClient:
        if self._closed:
            raise NotRunning(f"this handle of cluster {self.id!r} has been closed")
        if self._host is None:
            raise NotRunning(f"this handle of cluster {self.id!r} has not been awaited")
        return self._host

    def _now(self) -> Cluster:
        self._reach()
        if not self.asynchronous:
            self.sync(self._refresh)
        if self._cluster is None:
            raise NotRunning(f"this handle of cluster {self.id!r} has not been awaited")
        return self._cluster

    @property
    def name(self) -> str:
        """The cluster's id; dask's name for it."""
        return self.id

    @property
    def phase(self) -> ClusterPhase:
        """Where the cluster is."""
        return self._now().phase

    @property
    def conditions(self) -> list[Condition]:
        """Why it is there."""
        return list(self._now().conditions)

    @property
    def generation(self) -> int:
        """How often the desired state has been changed."""
        return self._now().generation

    @property
    def environment(self) -> Environment | None:
        """The Python that the cluster runs with, and its versions of what dask compares."""
        return self._now().environment

    @property
    def worker_spec(self) -> dict[str, dict[str, Any]]:
        """The entries that are wanted, by name: a copy, as in :class:`distributed.SpecCluster`."""
        return {name: entry.model_dump() for name, entry in self._now().spec.workers.items()}

    @property
    def workers(self) -> dict[str, Entry]:
        """The entries as they stand, by name."""
        return {entry.name: entry for entry in self._now().workers}

    @property
    def members(self) -> dict[str, Member]:
        """The dask workers that entries are expected to have, by name.

        One that is not there has no address.
        """
        return {one.name: one for entry in self._now().workers for one in entry.members}

    @property
    def status(self) -> Status:
        """What :class:`distributed.Client` looks at; ``closed`` once this handle is."""
        if self._closed:
            return Status.closed
        return _STATUSES[self._now().phase]

    # -- the way to the scheduler ------------------------------------------------------------

    @property
    def scheduler_address(self) -> str:
        """Where the scheduler is; waits until there is one, up to a minute."""
        return self._known_credentials().address

    @property
    def dashboard_link(self) -> str | None:
        """Where dask's dashboard is, through a Jupyter server; :attr:`no_dashboard` says why not.

        A path on the server that shows the notebook, or a URL of the one that the handle was
        made for: the dashboard has no port of its own, where anybody on the machine could see it.
        """
        return None if self.no_dashboard else self._dashboard_link()

    @property
    def no_dashboard(self) -> str | None:
        """Why there is no :attr:`dashboard_link`; ``None`` where there is one."""
        # For people who look at a client of a handle that was closed as well.
        if self._cluster is None or not self._closed:
            self._now()
        if self._cluster is not None and not self._cluster.scheduler.dashboard:
            return "the scheduler is not there, or has no dashboard that its host serves"
        if self._cluster is not None and self._cluster.owner.kind is OwnerKind.NOTEBOOK:
            return "the cluster is a notebook's, and shows its dashboard there"
        if self._dashboard_link() is None:
            return (
                "dashboards are shown by a Jupyter server, and this process does not belong to "
                "one; open the cluster's card in JupyterLab, or connect with server=..."
            )
        return None

    def _dashboard_link(self) -> str | None:
        page = f"{API_PREFIX}/clusters/{self.id}/{DASHBOARD_PAGE}".lstrip("/")
        if isinstance(self._host, RemoteClient):
            return self._host.server + page
        servers = known_servers()
        # A path: this process does not know by which name a browser calls the server.
        return urlsplit(base_url(servers[0].url)).path + page if servers else None

    @property
    def security(self) -> Security:
        """What a client connects with."""
        self._known_credentials()
        return cast("Security", self._security)

    def _known_credentials(self) -> Credentials:
        if self._credentials is None:
            self._reach()
            if self.asynchronous:
                raise NotRunning(
                    f"the scheduler of cluster {self.id!r} is not known yet: "
                    "await the handle's wait() first"
                )
            self.sync(self._get_credentials)
        return cast("Credentials", self._credentials)

    async def _get_credentials(self) -> None:
        if self._credentials is not None:
            return
        what = f"the scheduler of cluster {self.id!r} has not come up"
        await self._until(
            lambda cluster: cluster.scheduler.address is not None, SCHEDULER_SECONDS, what
        )
        credentials = await self._reach().credentials()
        _check_reachable(self.id, credentials)
        self._security = ClientSecurity(credentials)
        self._credentials = credentials

    def get_client(self, **options: Any) -> Any:
        """Return a client that is connected to the cluster; waits for the scheduler if need be.

        Parameters
        ----------
        **options
            Other arguments of :class:`distributed.Client`.

        Raises
        ------
        StartFailed
            The scheduler could not be started.
        TimedOut
            It has not come up within a minute.
        """
        self._reach()
        if self.asynchronous:
            return self._get_client(options)
        self.sync(self._get_credentials)
        return Client(self, **options)

    async def _get_client(self, options: Mapping[str, Any]) -> Client:
        await self._get_credentials()
        return cast("Client", await Client(self, **{"asynchronous": True, **options}))

    # -- what can be asked of it -------------------------------------------------------------

    def scale(
        self,
        n: int | None = None,
        *,
        workers: int | None = None,
        cores: int | None = None,
        memory: int | str | None = None,
    ) -> Any:
        """Set the size of the cluster, in exactly one unit; what is surplus moves its data first.

        Parameters
        ----------
        n : int, optional
            Entries.
        workers : int, optional
            Members; rounded up to whole entries.
        cores : int, optional
            Threads; rounded up to whole entries.
        memory : int or str, optional
            Bytes, or text such as ``"6 GiB"``; rounded up to whole entries.

        Raises
        ------
        InvalidInput
            Not exactly one unit, or a size that the cluster cannot have.
        NotRunning
            The cluster is starting or stopping.
        """
        given = _given(entries=n, workers=workers, cores=cores, memory=memory)
        try:
            scale = Scale.model_validate(given)
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._scale, scale)

    async def _scale(self, scale: Scale) -> None:
        self._cluster = await self._reach().scale(scale)

    def plan(
        self,
        spec: ClusterSpec | Mapping[str, Any] | None = None,
        *,
        n: int | None = None,
        workers: int | None = None,
        cores: int | None = None,
        memory: int | str | None = None,
        remove: Collection[str] | None = None,
    ) -> Any:
        """Return what a change would do, and what data is at stake; changes nothing.

        Parameters
        ----------
        spec : ClusterSpec or mapping, optional
            A whole new desired state.
        n, workers, cores, memory : optional
            A size, as :meth:`scale` takes it.
        remove : collection of str, optional
            Names of entries that are to go.

        Returns
        -------
        Plan

        Raises
        ------
        InvalidInput
            Not exactly one change, or one that would be refused.
        NotRunning
            The cluster is starting or stopping.
        """
        size = _given(entries=n, workers=workers, cores=cores, memory=memory)
        names = None if remove is None else [str(name) for name in remove]
        try:
            request = PlanRequest.model_validate(
                _given(spec=spec, scale=size or None, remove=names)
            )
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._plan, request)

    async def _plan(self, request: PlanRequest) -> Plan:
        return await self._reach().plan(request)

    def retry(self, entry: str) -> Any:
        """Try an entry again now, whatever its backoff says.

        Parameters
        ----------
        entry : str
            Its name.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        NotRunning
            The cluster is starting or stopping.
        """
        return self.sync(self._retry, str(entry))

    async def _retry(self, entry: str) -> None:
        self._cluster = await self._reach().retry(entry)

    def restart_entry(self, entry: str) -> Any:
        """Have an entry made anew although its spec says the same; its data moves first.

        Parameters
        ----------
        entry : str
            Its name.

        Raises
        ------
        EntryNotFound
            There is no such entry.
        NotRunning
            The cluster is starting or stopping.
        """
        return self.sync(self._restart_entry, str(entry))

    async def _restart_entry(self, entry: str) -> None:
        self._cluster = await self._reach().restart_entry(entry)

    def events(self, since: int = 0) -> Any:
        """Return what has happened to the cluster and its entries, oldest first.

        Parameters
        ----------
        since : int
            Only what came after the event of this number; the oldest are not kept for ever.

        Returns
        -------
        list of Event
        """
        try:
            query = EventsQuery(since=since, limit=MAX_EVENTS)
        except ValidationError as error:
            raise invalid_input(error) from None
        return self.sync(self._events, query)

    async def _events(self, query: EventsQuery) -> list[Event]:
        found: list[Event] = []
        while True:
            page = await self._reach().timeline(query)
            found.extend(page)
            if len(page) < query.limit:
                return found
            query = EventsQuery(since=page[-1].seq, limit=query.limit)

    def generations(self) -> Any:
        """Return the desired states that the cluster had before, newest first.

        Returns
        -------
        list of Generation
        """
        return self.sync(self._generations)

    async def _generations(self) -> list[Generation]:
        return await self._reach().generations()

    def wait(self, phase: str = "running", timeout: float = SCHEDULER_SECONDS) -> Any:
        """Wait until the cluster is in a phase.

        Parameters
        ----------
        phase : str
            One of ``starting running degraded stopping failed``.
        timeout : float
            Seconds to wait.

        Raises
        ------
        StartFailed
            It is ``failed``, and not going to be anything else.
        TimedOut
            It is still in another phase.
        """
        try:
            wanted = ClusterPhase(phase)
        except ValueError:
            known = ", ".join(one.value for one in ClusterPhase)
            raise InvalidInput(
                f"{phase!r} is no phase; there are: {known}", field="phase"
            ) from None
        return self.sync(self._wait, wanted, timeout)

    async def _wait(self, wanted: ClusterPhase, seconds: float) -> None:
        def there(cluster: Cluster) -> bool:
            return cluster.phase is wanted

        await self._until(there, seconds, f"cluster {self.id!r} is not {wanted.value}")
        if self._cluster is not None and self._cluster.scheduler.address is not None:
            with suppress(NotRunning):
                await self._get_credentials()

    async def _until(
        self, there: Callable[[Cluster], bool], seconds: float, otherwise: str
    ) -> None:
        await _within(seconds, self._follow(there), otherwise)

    async def _follow(self, there: Callable[[Cluster], bool]) -> None:
        host = self._reach()
        while True:
            try:
                async with aclosing(host.events()) as events:
                    async for _ in events:
                        cluster = await self._refresh()
                        if there(cluster):
                            return
                        _check_hope(cluster)
            except HostNotResponding:
                # A call waits longer, for a host that has a lot to do.
                await self._refresh()

    # -- how it is shown ---------------------------------------------------------------------

    def __repr__(self) -> str:
        if self._closed:
            return f"<{type(self).__name__} {self.id!r}: closed>"
        if self._cluster is None:
            return f"<{type(self).__name__} {self.id!r}: not awaited>"
        return f"<{type(self).__name__} {self.id!r}: {in_short(self._cluster)}>"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        cluster, note = self._to_show()
        if cluster is None:
            return {"text/plain": repr(self)}
        return {"text/plain": as_text(cluster, note), "text/html": as_html(cluster, note)}

    def _repr_html_(self) -> str | None:
        """Return the HTML of the bundle; ``Client`` shows it as a part of its own."""
        return self._repr_mimebundle_().get("text/html", "")

    def _to_show(self) -> tuple[Cluster | None, str | None]:
        """Return the newest that is known, and why that may be old. Showing never fails."""
        if self._closed:
            return self._cluster, "This handle has been closed; this is how the cluster was then."
        try:
            return self._now(), None
        except SpecClusterError as error:
            return self._cluster, f"This is how the cluster was before: {error.message}"


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _warn_of_versions(cluster: Cluster) -> None:
    """Say before anything fails in an odd way that the two sides differ."""
    here = this_interpreter()
    theirs = {} if cluster.environment is None else cluster.environment.versions
    differ = [
        f"{name} {version} there and {here.versions[name]} here"
        for name, version in theirs.items()
        if here.versions.get(name, version) != version
    ]
    if differ:
        warnings.warn(
            f"cluster {cluster.id!r} runs with other versions: {', '.join(differ)}",
            VersionMismatchWarning,
            stacklevel=2,
        )


def _check_reachable(id: str, credentials: Credentials) -> None:
    """Raise when a scheduler listens for its own machine only, and that is not this one."""
    machine = credentials.machine
    host = urlsplit(credentials.address).hostname or ""
    try:
        only_there = ipaddress.ip_address(host).is_loopback
    except ValueError:
        only_there = host == "localhost"
    if only_there and machine not in ("", socket.gethostname()):
        raise Unreachable(
            f"the scheduler of cluster {id!r} listens on {machine!r} for that machine only, and "
            f"this is {socket.gethostname()!r}; use a template whose `bind` names an interface "
            "that can be reached from here"
        )


def _check_hope(cluster: Cluster) -> None:
    """Raise when a cluster will not come to any other phase."""
    match cluster.phase:
        case ClusterPhase.FAILED:
            why = cluster.conditions[-1].message if cluster.conditions else "no reason known"
            raise StartFailed(f"cluster {cluster.id!r} has failed: {why}")
        case ClusterPhase.STOPPING:
            raise NotRunning(f"cluster {cluster.id!r} is stopping")
        case _:
            pass


async def _within(seconds: float, work: Awaitable[None], otherwise: str) -> None:
    """Wait for ``work``, and say what has not come about when the time is over."""
    try:
        async with asyncio.timeout(seconds) as limit:
            await work
    except TimeoutError:
        # A host that does not answer is a TimeoutError as well, with a better message.
        if not limit.expired():
            raise
        raise TimedOut(f"{otherwise} after {seconds:g} s") from None
