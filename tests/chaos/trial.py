"""One trial: a real server, a real cluster, a fault, and what comes of it."""

import time
import urllib.error
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from cells import Cell, Fault, Moment, Victim
from distributed import Client, Future
from nothing_left import processes_of
from running_servers import Server, is_whole

from speccluster_lab.client import connect
from speccluster_lab.errors import ClusterNotFound
from speccluster_lab.link.connections import read_connection
from speccluster_lab.link.guard import SPARE

STOPPED_SECONDS = 10.0
BOUND = 60.0
ENTRIES = 2
MORE_ENTRIES = 4
ADAPTIVE = {"minimum": 2, "maximum": 3}
LOOK_SECONDS = 0.05


@dataclass
class Kept:
    """What is to be there still after the server has died (promise P5)."""

    cluster: dict[str, Any]
    events: list[dict[str, Any]]
    client: Client
    future: Future


@dataclass
class Trial:
    """Does one cell.

    Parameters
    ----------
    cell : Cell
        What is to be done.
    server : Server
        Running; and running again in the end.
    folder : Path
        Its state.
    marker : Path
        The folder of sockets, by which its processes are known.
    """

    cell: Cell
    server: Server
    folder: Path
    marker: Path
    ends: ExitStack = field(default_factory=ExitStack)
    _victim: psutil.Process | None = None
    _addresses: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return "-".join(self.cell).lower()

    def run(self) -> float:
        """Return how many seconds after the fault all was as it should be."""
        with self.ends:
            return self._run()

    def _run(self) -> float:
        kept = self._come_to_the_moment()
        victim = self._find_victim()
        if self.cell.moment in (Moment.STEADY, Moment.SCALING):
            self._addresses = _addresses_in(self.server.call("GET", f"/clusters/{self.id}"))
            assert len(self._addresses) == ENTRIES
        if self.cell.moment is Moment.SCALING:
            self.server.call("POST", f"/clusters/{self.id}/scale", {"entries": MORE_ENTRIES})
        if self.cell.moment is Moment.DELETING:
            self.server.call("DELETE", f"/clusters/{self.id}")
        self._do(victim)
        self._victim = victim
        since = time.monotonic()
        if self.cell.victim is Victim.SERVER and self.cell.fault is not Fault.STOP:
            self.server.start()
        _until(self._is_as_it_should_be, "it does not converge")
        took = time.monotonic() - since
        if kept is not None:
            self._check(kept)
        self.ends.close()
        self._leave_nothing()
        return took

    def _come_to_the_moment(self) -> Kept | None:
        self.server.clusters(0)
        spec = {"workers": {str(number): _ENTRY for number in range(ENTRIES)}, "worker": _ENTRY}
        body = {"template": "local", "name": self.id, "spec": spec}
        self.server.call("POST", "/clusters", body)
        if self.cell.moment is Moment.STARTING:
            return None
        self.server.clusters(1)
        if self.cell.victim is not Victim.SERVER or self.cell.ends_cluster:
            return None
        if self.cell.moment is Moment.STEADY:
            self.server.call("PUT", f"/clusters/{self.id}/adaptive", ADAPTIVE)
            # What is listed is what the host has told, which takes a moment.
            _until(
                lambda: self.server.call("GET", f"/clusters/{self.id}")["adaptive"] == ADAPTIVE,
                "it is not adaptive",
            )
        client = self.ends.enter_context(self.ends.enter_context(connect(self.id)).get_client())
        future = client.submit(sum, [1, 2])
        assert future.result(timeout=BOUND) == 3
        (cluster,) = self.server.clusters(1)
        events = self.server.call("GET", f"/clusters/{self.id}/events")
        return Kept(cluster, events, client, future)

    def _check(self, kept: Kept) -> None:
        (cluster,) = self.server.clusters(1)
        for same in ("id", "scheduler", "adaptive", "created", "owner"):
            assert cluster[same] == kept.cluster[same], same
        assert kept.client.submit(abs, kept.future).result(timeout=BOUND) == 3
        events = self.server.call("GET", f"/clusters/{self.id}/events")
        assert events[: len(kept.events)] == kept.events

    # -- whom it meets -----------------------------------------------------------------------

    def _find_victim(self) -> psutil.Process:
        match self.cell.victim:
            case Victim.SERVER:
                assert self.server.process is not None
                return psutil.Process(self.server.process.pid)
            case Victim.HOST:
                return self._host()
            case Victim.WORKER:
                _until(lambda: bool(self._workers()), "no worker starts")
                return self._workers()[0]

    def _host(self) -> psutil.Process:
        def is_there() -> bool:
            with suppress(ClusterNotFound):
                return read_connection(self.id).is_alive()
            return False

        _until(is_there, "its host does not start")
        return psutil.Process(read_connection(self.id).pid)

    def _workers(self) -> list[psutil.Process]:
        """Return what has been forked for entries that have begun to start."""
        cluster = self.server.call("GET", f"/clusters/{self.id}")
        if all(entry["phase"] == "pending" for entry in cluster["workers"]):
            return []
        forked = []
        for process in self._host().children(recursive=True):
            with suppress(psutil.Error):
                parent = process.parent()
                if parent is not None and "multiprocessing.forkserver" in " ".join(
                    parent.cmdline()
                ):
                    forked.append(process)
        return forked

    def _do(self, victim: psutil.Process) -> None:
        # One that has gone by itself meanwhile cannot be harmed.
        with suppress(psutil.NoSuchProcess):
            match self.cell.fault:
                case Fault.KILL:
                    victim.kill()
                case Fault.END:
                    victim.terminate()
                case Fault.STOP:
                    victim.suspend()
                    try:
                        psutil.wait_procs([victim], timeout=STOPPED_SECONDS)
                    finally:
                        victim.resume()
        if self.cell.victim is Victim.SERVER and self.cell.fault is not Fault.STOP:
            assert self.server.process is not None
            self.server.process.wait(BOUND)

    # -- what comes of it --------------------------------------------------------------------

    def _is_as_it_should_be(self) -> bool:
        with suppress(urllib.error.URLError, OSError):
            found = self.server.call("GET", "/clusters")
            if self.cell.ends_cluster:
                return not found and not self._files()
            return len(found) == 1 and self._is_right(found[0]) and self._is_made_up_for(found[0])
        return False

    def _is_made_up_for(self, cluster: dict[str, Any]) -> bool:
        """Whether what was ended has gone, and there is another one in its place.

        A listing that is right can still be the one from before the fault.
        """
        assert self._victim is not None
        stay = self._addresses & _addresses_in(cluster)
        match self.cell.victim:
            case Victim.WORKER if self.cell.fault is not Fault.STOP:
                entries = MORE_ENTRIES if self.cell.moment is Moment.SCALING else ENTRIES
                workers = self._workers()
                replaced = not self._addresses or len(stay) < ENTRIES
                return replaced and len(workers) == entries and self._victim not in workers
            case Victim.HOST if self.cell.fault is not Fault.STOP:
                return not stay and self._host() != self._victim
            case _:
                return True

    def _is_right(self, cluster: dict[str, Any]) -> bool:
        entries = MORE_ENTRIES if self.cell.moment is Moment.SCALING else ENTRIES
        wanted = len(cluster["spec"]["workers"]) == cluster["counts"]["registered"] == entries
        settled = cluster["observed_generation"] == cluster["generation"]
        return is_whole(cluster) and wanted and settled and cluster["unexpected"] == []

    def _leave_nothing(self) -> None:
        if not self.cell.ends_cluster:
            self.server.call("DELETE", f"/clusters/{self.id}")
        self.server.clusters(0)
        _until(lambda: not self._files(), "files are left")
        assert self.server.process is not None
        server = self.server.process.pid

        def left() -> list[psutil.Process]:
            # In this order, so that a host that is just being made ready is not taken for left.
            found = processes_of(self.marker, wait=0)
            stay = _server_and_spare(server)
            return [one for one in found if one not in stay]

        _until(lambda: not left(), "processes are left")

    def _files(self) -> list[Path]:
        sockets = (path for path in self.marker.rglob("*") if not path.is_dir())
        return [
            # What waits for the next cluster has its own.
            *(path for path in sockets if not path.parent.name.startswith("spare-")),
            *self.folder.glob("data/speccluster-lab/*/clusters/*"),
            *self.folder.glob("runtime/speccluster-lab/*/*.json"),
            # What workers write: with the user's data, where they have spilled.
            *self.folder.glob("dask/dask-scratch-space/worker-*"),
        ]


_ENTRY = {"cls": "distributed.Nanny", "options": {"nthreads": 1}}


def _addresses_in(cluster: dict[str, Any]) -> frozenset[str]:
    """Return where the workers are that the scheduler has."""
    members = (member for entry in cluster["workers"] for member in entry["members"])
    return frozenset(member["address"] for member in members if member["address"] is not None)


def _server_and_spare(pid: int) -> list[psutil.Process]:
    """Return what is there without any cluster: a server, and the host that it keeps ready."""
    server = psutil.Process(pid)
    found = [server]
    for child in server.children():
        with suppress(psutil.NoSuchProcess):
            if SPARE in child.cmdline():
                found += [child, *child.children(recursive=True)]
    return found


def _until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + BOUND
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(LOOK_SECONDS)
