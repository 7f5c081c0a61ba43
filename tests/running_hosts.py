"""Real hosts in places of their own, and the proof that nothing of them is left."""

from __future__ import annotations

import asyncio
import datetime
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import pytest

from speccluster_lab.errors import ClusterNotFound, HostNotResponding
from speccluster_lab.link import guard
from speccluster_lab.link.client import HostClient
from speccluster_lab.link.connections import Connection, read_connection
from speccluster_lab.link.files import open_private_log
from speccluster_lab.link.launch import HOST_LOG, Launch, reserve, start_host, write_launch
from speccluster_lab.link.processes import HostProcess
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.api import API_PREFIX, Cluster, Owner, OwnerKind
from speccluster_lab.spec.lifetimes import Lifetimes
from speccluster_lab.spec.limits import Limits
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.policies import PolicyOverlay
from speccluster_lab.spec.templates import StartMethod, shipped_templates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from speccluster_lab.link.spare import SpareHost

ROOT = Path(__file__).parents[1]
SECONDS = 60.0

# Not read from the entry points: the package need not be installed to be tested.
WORKER_CLASSES = frozenset(
    {"distributed.Nanny", "distributed.Worker", "speccluster_lab.MultiWorker"}
)

T = TypeVar("T")


# Runs the guard's program otherwise than it is; its own arguments follow.
CHANGED_GUARD = """
import sys
namespace = {"__name__": "guard"}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), namespace)
namespace.update(%s)
sys.exit(namespace["main"](sys.argv[2:]))
"""


def start_guarded(folder: Path, command: list[str], **changes: Any) -> subprocess.Popen[bytes]:
    """Start a program as a host; ``changes`` are constants of the guard that it gets."""
    if not changes:
        return start_host(folder, command=command)
    changed = CHANGED_GUARD % repr(changes)
    # Of nobody else, as a real one is; what is not is not read.
    with open(open_private_log(folder / HOST_LOG), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", changed, guard.__file__, str(folder), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class UnixConnection(http.client.HTTPConnection):
    """Not our own client, so that what it does cannot hide what the host does."""

    def __init__(self, path: str) -> None:
        super().__init__("host", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass
class Answer:
    """What a host has answered."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass
class RunningHost:
    """A host that a test has started, under its guard."""

    launch: Launch
    folder: Path
    process: subprocess.Popen[bytes]
    leader: HostProcess
    _connection: Connection | None = field(default=None, init=False)

    @property
    def id(self) -> str:
        return self.launch.id

    @property
    def log(self) -> str:
        return (self.folder / HOST_LOG).read_text()

    @property
    def connection(self) -> Connection:
        """How it is reached; waits until it can be."""
        if self._connection is None:
            self._connection = asyncio.run(self._connected())
        return self._connection

    async def _connected(self, other_than: Connection | None = None) -> Connection:
        async with asyncio.timeout(SECONDS):
            while True:
                with suppress(ClusterNotFound):
                    connection = read_connection(self.id)
                    if connection != other_than:
                        return connection
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.01)

    def reconnected(self) -> Connection:
        """Return how it is reached once its guard has started it again."""
        before, self._connection = self.connection, None
        self._connection = asyncio.run(self._connected(other_than=before))
        return self._connection

    def ask(self, what: Callable[[HostClient], Awaitable[T]]) -> T:
        """Return what a call of our own client gives."""

        async def main() -> T:
            client = HostClient(self.connection)
            try:
                async with asyncio.timeout(SECONDS):
                    return await what(client)
            finally:
                client.close()

        self.connection  # noqa: B018  (found outside the loop)
        return asyncio.run(main())

    def get(self) -> Cluster:
        return self.ask(lambda client: client.get())

    def until(self, there: Callable[[Cluster], bool]) -> Cluster:
        """Return the cluster once ``there`` holds for it."""

        async def look(client: HostClient) -> Cluster:
            while client.connection.is_alive():
                # One that has a lot to do may be silent for too long.
                with suppress(HostNotResponding):
                    async with aclosing(client.events()) as events:
                        async for _ in events:
                            cluster = await client.get()
                            if there(cluster):
                                return cluster
            raise AssertionError("the host has ended")

        try:
            return self.ask(look)
        except TimeoutError:
            raise AssertionError(self._seen(there)) from None

    def _seen(self, there: Callable[[Cluster], bool]) -> str:
        """Return what there is to see of one that did not become what a test waits for."""
        cluster = self.get()
        if there(cluster):
            return f"it came, and nobody was told:\n{self.log}"
        events = self.request("GET", "/events").text
        return f"{cluster.model_dump_json(indent=1)}\n{events}\n{self.log}"

    def until_running(self) -> Cluster:
        def there(cluster: Cluster) -> bool:
            return cluster.phase == "running" and cluster.generation == cluster.observed_generation

        return self.until(there)

    def request(
        self,
        method: str,
        path: str = "",
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        prefix: str | None = None,
    ) -> Answer:
        """Send one request as it is; a body that is no bytes is sent as JSON."""
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = UnixConnection(self.connection.socket)
        try:
            place = f"{API_PREFIX}/clusters/{self.id}" if prefix is None else prefix
            connection.request(
                method,
                place + path,
                sent,
                {"X-SpecCluster-Nonce": self.launch.nonce, **(headers or {})},
            )
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()

    def ended(self) -> int:
        """Return the exit status of the guard, once it has ended."""
        return self.process.wait(SECONDS)

    def left(self) -> list[psutil.Process]:
        """Return what is left of it once it has ended.

        Python's own resource tracker ends when the host has; only that is waited for.
        """
        psutil.wait_procs([one for one in self.processes() if _is_leaving(one)], timeout=5)
        return self.processes()

    def processes(self) -> list[psutil.Process]:
        """Return the guard, the host and all that it has started."""
        return self.leader.session()


class Hosts:
    """Starts hosts, and sees to their end."""

    def __init__(self) -> None:
        self.started: list[RunningHost] = []

    def start(
        self,
        template: str = "threads",
        *,
        id: str = "test-cluster",
        entries: int | None = None,
        spec: ClusterSpec | dict[str, Any] | None = None,
        display_name: str = "Test cluster",
        allowed: frozenset[str] = WORKER_CLASSES,
        max_workers: int = 8,
        start_method: StartMethod | None = None,
        preimport: Sequence[str] = (),
        bind: str | None = None,
        lifetimes: Lifetimes | None = None,
        limits: Limits | None = None,
        policy: PolicyOverlay | None = None,
        age: float = 0.0,
        script: str | None = None,
        spare: SpareHost | None = None,
    ) -> RunningHost:
        """Start a host, without waiting for it; as ``python -c script folder`` if need be.

        Or have one that waits for a cluster run it, which it must.
        """
        made_from = shipped_templates()[template]
        trusted = made_from.make_spec({})
        if isinstance(spec, dict):
            spec = ClusterSpec.model_validate(spec)
        wanted = spec or trusted
        if entries is not None:
            wanted = wanted.with_entries(entries)
        launch = Launch(
            id=id,
            display_name=display_name,
            template=template,
            owner=Owner(kind=OwnerKind.COMMAND),
            created=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age),
            nonce=secrets.token_urlsafe(32),
            spec=wanted,
            trusted=trusted,
            admission=Admission(worker_classes=allowed, max_workers=max_workers),
            start_method=start_method or made_from.start_method,
            preimport=[*made_from.preimport, *preimport],
            bind=bind,
            lifetimes=lifetimes or Lifetimes(),
            limits=limits or Limits(),
            policy=policy or PolicyOverlay(),
        )
        folder = reserve(id)
        write_launch(folder, launch)
        # -c: instead of the program that it would be.
        command = None if script is None else [sys.executable, "-c", script, str(folder)]
        process = start_host(folder, command=command) if spare is None else spare.take(folder)
        assert process is not None, "the spare host does not answer"
        host = RunningHost(launch, folder, process, HostProcess.of(process.pid))
        self.started.append(host)
        return host

    def end(self) -> None:
        """End all hosts as a server does, and check that nothing is left of any."""
        for host in self.started:
            if host.process.poll() is None:
                host.process.terminate()
        for host in self.started:
            try:
                host.ended()
            finally:
                left = host.left()
                host.leader.end(0)
            assert left == [], f"processes were left: {left}"


def _is_leaving(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return True
    # One that is in the middle of its exit has no command line any more.
    return not command or any("resource_tracker" in part for part in command)


def _files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if not path.is_dir())


def _of_hosts(session: Path) -> list[str]:
    """Return what they have left among temporary files, where other programs have some as well."""
    found = [file for ours in session.glob("speccluster-lab*") for file in _files(ours)]
    # Of those by which distributed's workers keep out of each other's way.
    return [file for file in found if not file.endswith(("global.lock", "purge.lock"))]


@contextmanager
def hosts_in(folder: Path) -> Iterator[Hosts]:
    """Give a place where hosts can be started, and check that they leave it as it was."""
    # The path of a socket has to be short, which the folder of a test is not.
    session = Path(tempfile.mkdtemp(prefix="slt-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(session))
        patch.setenv("TMPDIR", str(session))
        patch.setattr(tempfile, "tempdir", str(session))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        patch.setenv("JUPYTER_DATA_DIR", str(folder / "data"))
        patch.setenv("DASK_TEMPORARY_DIRECTORY", str(folder / "dask"))
        patch.setenv("DASK_CONFIG", str(folder / "dask-config"))
        path = os.environ.get("PYTHONPATH", "")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests/host"), path]))
        hosts = Hosts()
        try:
            yield hosts
            hosts.end()
            assert _of_hosts(session) == [], "sockets were left"
            assert _files(folder / "runtime") == [], "connection files were left"
            assert _files(folder / "data") == [], "files of clusters were left"
            scratch = folder / "dask/dask-scratch-space"
            # A worker that is killed between two steps of distributed's leaves its folder, empty
            # and without the lock by which those of the dead are known.
            left = [one for one in scratch.glob("worker-*") if one.is_file() or any(one.iterdir())]
            assert left == [], "files of workers were left"
        finally:
            for host in hosts.started:
                host.leader.end(0)
            shutil.rmtree(session)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with hosts_in(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """One host with one thread worker, for all tests of a module; they leave it as it was."""
    with hosts_in(tmp_path_factory.mktemp("hosts")) as found:
        host = found.start(allowed=WORKER_CLASSES | {"nowhere.Nothing", "os.path.join", "dict"})
        host.until_running()
        yield host
