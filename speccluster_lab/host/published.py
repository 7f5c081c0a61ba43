"""A cluster of somebody else's process, such as a notebook's kernel, served as a host serves its.

Its API has a thread and an event loop of its own, so that it answers whatever the process does:
how the cluster is from what the cluster's loop has told last, and what is to be changed from that
loop itself, where that comes to it in time.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import datetime
import logging
import os
import secrets
import threading
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from distributed.core import Status

from speccluster_lab.cluster.history import MAX_TRANSITIONS
from speccluster_lab.errors import NotRunning, OwnedElsewhere, StartFailed, TimedOut
from speccluster_lab.host.app import make_app
from speccluster_lab.host.asked import Asked
from speccluster_lab.host.control import Control, known_from
from speccluster_lab.host.dashboard import dashboard_of
from speccluster_lab.host.events import events_of
from speccluster_lab.host.generations import followed_by
from speccluster_lab.host.passing import ElsewhereServed, PassedOn
from speccluster_lab.host.sockets import listening
from speccluster_lab.host.stream import Stream
from speccluster_lab.link.connections import Connection, remove_connection, write_connection
from speccluster_lab.link.launch import Launch, reserve_for
from speccluster_lab.link.owner import owner_here, printable
from speccluster_lab.link.paths import socket_path
from speccluster_lab.link.remains import remove_socket
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import MAX_GENERATIONS, ClusterPhase
from speccluster_lab.spec.names import id_from_name

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest

    from speccluster_lab.cluster import SpecCluster
    from speccluster_lab.cluster.history import Transition
    from speccluster_lab.host.control import ClientCertificates
    from speccluster_lab.host.store import Desired
    from speccluster_lab.spec.api import Cluster, Event, EventsQuery, Generation, Log, LogQuery
    from speccluster_lab.spec.models import ClusterSpec

__all__ = ["Published"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long the cluster's loop may be busy before a change is not made.
BUSY_SECONDS: Final = 2.0
BEGIN_SECONDS: Final = 15.0
FAREWELL_SECONDS: Final = 1.0
END_SECONDS: Final = 3.0
# Between two looks at the cluster on its own loop: at least this, and as many times what one has
# taken, for the loop is its owner's.
INTERVAL: Final = 0.1
SHARE: Final = 20


class _OwnersControl(Control):
    """Stands over a cluster whose owner may ask for anything, and does."""

    def trusted(self, spec: ClusterSpec) -> ClusterSpec:
        """Return what the owner says now, or has said before: others may repeat it."""
        return spec if self.cluster.has_wanted(spec) else self.cluster.document()

    @property
    def admission(self) -> Admission:
        """As many workers as there are wanted already are never too many."""
        wanted = self.cluster.members_after(len(self.cluster.worker_spec))
        most = max(self._launch.admission.max_workers, wanted)
        return self._launch.admission.model_copy(update={"max_workers": most})


class Published:
    """Serves the API of a cluster of this process, and is what its handlers ask.

    Parameters
    ----------
    cluster : SpecCluster
        The cluster; it has a scheduler.
    certificates : ClientCertificates
        Of its clients.
    name : str or None
        What its owner calls it.
    """

    launch: Launch

    def __init__(
        self, cluster: SpecCluster, certificates: ClientCertificates, name: str | None
    ) -> None:
        self.stream = Stream(self.document)
        self.sending: set[asyncio.Task[None]] = set()
        self._cluster = cluster
        self._certificates = certificates
        self._name = name
        self._owner = owner_here()
        self._pid = os.getpid()
        # Of the cluster's loop.
        self._loop = asyncio.get_running_loop()
        self._control: Control | None = None
        self._pages: ElsewhereServed | None = None
        self._told = 0
        self._wanted: Desired | None = None
        self._due: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self._unsubscribe: Callable[[], None] | None = None
        self._closing: asyncio.Task[None] | None = None
        # Of the API's.
        self._api: asyncio.AbstractEventLoop | None = None
        self._document: Cluster | None = None
        self._events: deque[Transition] = deque(maxlen=MAX_TRANSITIONS)
        self._earlier: deque[Generation] = deque(maxlen=MAX_GENERATIONS)
        self._is_stopping = False
        self._ending = asyncio.Event()
        self._served: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()

    # -- on the cluster's loop ---------------------------------------------------------------

    async def begin(self) -> None:
        """Serve it from now on.

        Raises
        ------
        StartFailed, NameInUse
            It cannot be served.
        """
        id, folder = await asyncio.to_thread(reserve_for, self._name)
        try:
            await self._begin(id, folder)
        except OSError as error:
            self._tell(self._ending.set)
            raise StartFailed(f"cluster {id!r} cannot be published: {error!r}") from error
        except BaseException:
            self._tell(self._ending.set)
            raise
        self._unsubscribe = self._cluster.subscribe(self._changed)
        self._changed()

    async def _begin(self, id: str, folder: Path) -> None:
        try:
            spec = self._cluster.document()
            self.launch = Launch(
                id=id,
                display_name=_display_name(self._name, id),
                template=None,
                owner=self._owner,
                created=datetime.datetime.now(datetime.UTC),
                nonce=secrets.token_urlsafe(32),
                spec=spec,
                trusted=spec,
                admission=Admission(),
            )
            known = await asyncio.to_thread(known_from, self.launch)
            self._control = _OwnersControl(
                self.launch, known, self._cluster, self._certificates, self._changed
            )
            make = dashboard_of(self._cluster)
            self._pages = None if make is None else ElsewhereServed(make)
            self._document = self._control.document()
            self._remember(self._control)
            thread = threading.Thread(target=self._run, name=f"API of {id}", daemon=True)
            # First: this process may end before it is found.
            _living.add(self)
            thread.start()
            await asyncio.wait_for(asyncio.wrap_future(self._served), BEGIN_SECONDS)
        finally:
            # By now it can be found by its connection.
            await asyncio.shield(asyncio.to_thread(folder.rmdir))

    async def end(self) -> None:
        """Serve it no longer, and wait until that is done, but not for long."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._due is not None:
            self._due.cancel()
        self._tell(self._ending.set)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                if self._pages is not None:
                    await self._pages.close()
                await asyncio.wrap_future(self._ended)

    def _changed(self) -> None:
        if self._due is None:
            at = max(self._loop.time() + INTERVAL, self._not_before)
            self._due = self._loop.call_at(at, self._report)

    def _report(self) -> None:
        """Tell the API how the cluster is."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        assert self._control is not None
        began = self._loop.time()
        try:
            document = self._control.document()
            earlier = self._remember(self._control)
        except Exception:
            # What a spec holds is its owner's; the next change may make it good.
            logger.exception("Cluster %r cannot be shown as it is now", self.launch.id)
            return
        finally:
            self._not_before = began + SHARE * (self._loop.time() - began)
        news = self._cluster.events(self._told)
        self._told = news[-1].seq if news else self._told
        self._tell(self._take, document, news, earlier)

    def _remember(self, control: Control) -> Generation | None:
        """Keep what is wanted now; return what was before, where that was not told yet.

        What its owner changes several times between two reports is one change.
        """
        known = 0 if self._wanted is None else self._wanted.generation
        if known == self._cluster.generation:
            return None
        self._wanted, earlier = followed_by(self._wanted, control.desired())
        self._cluster.remember()
        return earlier

    async def _answer(self, call: Callable[[Control], Awaitable[T]]) -> T:
        if self._control is None or self._cluster.status != Status.running:
            raise NotRunning(f"cluster {self.launch.id!r} is not running")
        # What the owner has changed just now comes before what this changes.
        self._cluster._align_soon()
        if self._due is not None:
            self._report()
        answer = await call(self._control)
        # In this order: how the cluster is after it is told before it is answered.
        self._report()
        return answer

    async def _close(self) -> None:
        try:
            await self._cluster.close_from_outside("somebody has stopped it from outside")
        except Exception:
            logger.exception("Cluster %r did not close well", self.launch.id)

    def _begin_to_close(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._close(), name=f"close {self.launch.id}")

    # -- on the API's loop -------------------------------------------------------------------

    def document(self) -> Cluster:
        """Return the cluster as it was when its loop has told last."""
        assert self._document is not None
        if self._is_stopping:
            return self._document.model_copy(update={"phase": ClusterPhase.STOPPING})
        return self._document

    def dashboard(self) -> Callable[[HTTPServerRequest], HTTPMessageDelegate] | None:
        """Return what hands requests over to the loop of the scheduler, where that is here."""
        return None if self._pages is None else partial(PassedOn, hand_over=self._hand_over)

    def _hand_over(self, connection: socket.socket) -> bool:
        pages = self._pages
        return pages is not None and self._carry_over(lambda: pages.take(connection))

    async def ask(self, call: Callable[[Control], Awaitable[T]]) -> T:
        """Return what a call of the cluster gives, made on the cluster's own loop.

        Raises
        ------
        NotRunning
            The cluster is being closed.
        TimedOut
            Its loop has been busy, with a cell that runs or other work; the call was not made.
        """
        asked = Asked(lambda: self._answer(call))
        if self._is_stopping or not self._carry_over(asked.begin):
            raise NotRunning(f"cluster {self.launch.id!r} is stopping")
        if not await asked.has_begun(BUSY_SECONDS):
            raise TimedOut(
                f"cluster {self.launch.id!r} runs on an event loop that is busy, perhaps with a "
                "cell of its notebook; nothing was changed, and it can be asked again"
            )
        return await asked.result()

    async def events(self, query: EventsQuery) -> list[Event]:
        """Return what has happened, oldest first."""
        found = [one for one in self._events if one.seq > query.since][: query.limit]
        return await asyncio.to_thread(events_of, found, 0)

    async def generations(self) -> list[Generation]:
        """Return the earlier desired states, newest first, as far as they are kept."""
        return list(reversed(self._earlier))

    async def log(self, query: LogQuery) -> Log:
        """Return the end of a worker's log, or of the scheduler's: the process is its owner's."""
        return await self.ask(lambda control: control.log(query))

    async def stop(self) -> None:
        """Have the cluster closed as soon as its loop comes to it; harmless when that has begun."""
        if not self._is_stopping:
            self._is_stopping = True
            self._carry_over(self._begin_to_close)
            self.stream.changed()

    async def restart(self) -> None:
        """Refuse: who has made it is the only one who can make it again.

        Raises
        ------
        OwnedElsewhere
            Always.
        """
        raise OwnedElsewhere(
            f"cluster {self.launch.id!r} belongs to {self._owner.detail}, and can be started again "
            "only there"
        )

    def _carry_over(self, call: Callable[[], None]) -> bool:
        """Have the cluster's loop call something; return whether there is that loop."""
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            # It has been closed.
            return False
        return True

    def _take(
        self, document: Cluster, news: Sequence[Transition], earlier: Generation | None
    ) -> None:
        self._document = document
        self._events.extend(news)
        if earlier is not None:
            self._earlier.append(earlier)
        self.stream.changed()

    async def _serve(self) -> None:
        self._api = asyncio.get_running_loop()
        id = self.launch.id
        # What leads to one of this name that was killed.
        remove_connection(id)
        with listening(socket_path(id)) as listener:
            server = make_app(self)
            server.add_socket(listener)
            write_connection(Connection.here(id, self.launch.nonce, listener.getsockname()))
            try:
                self._served.set_result(None)
                await self._ending.wait()
                # First of all: this process may have little time left.
                remove_connection(id)
                self.stream.end()
                if self.sending:
                    await asyncio.wait(self.sending, timeout=FAREWELL_SECONDS)
            finally:
                remove_connection(id)
                server.stop()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await server.close_all_connections()

    # -- in other threads --------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._served.done():
                logger.exception("Cluster %r is not served any more", self.launch.id)
            else:
                self._served.set_exception(error)
        finally:
            self._ended.set_result(None)

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        """Have the API's loop call something, if there still is one."""
        if self._api is not None:
            with suppress(RuntimeError):
                self._api.call_soon_threadsafe(call, *arguments)

    def leave(self) -> None:
        """Serve it no longer, for this process ends."""
        # A child that was forked has the object, and none of what it stands for.
        if os.getpid() == self._pid:
            self._tell(self._ending.set)
            try:
                self._ended.result(END_SECONDS)
            except TimeoutError:
                # Its thread ends with this process, and could not do it.
                remove_connection(self.launch.id)
                remove_socket(self.launch.id)


_living: weakref.WeakSet[Published] = weakref.WeakSet()


@atexit.register
def _leave() -> None:
    for published in list(_living):
        published.leave()


def _display_name(name: str | None, id: str) -> str:
    """Return what people see: the name, with a number where it has been taken by another."""
    if name is None:
        return id.replace("-", " ").capitalize()
    stem = id_from_name(name, frozenset())
    number = id.removeprefix(f"{stem}-")
    return printable(name, 100) + (f" ({number})" if number != id else "")
