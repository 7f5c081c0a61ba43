"""A host without a cluster, which does wrong what it is told to do wrong.

``python fake_host.py <folder>``, with ``FAKE_HOST`` in its environment as one of the names of
:data:`MODES`; scaling it to one of the sizes of :data:`TRICKS` makes it do wrong later.
"""

import asyncio
import datetime
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from speccluster_lab.errors import (
    ClusterNotFound,
    EntryNotFound,
    MemberNotFound,
    SpecClusterError,
    StaleGeneration,
)
from speccluster_lab.link.connections import (
    NONCE_HEADER,
    Connection,
    remove_connection,
    write_connection,
)
from speccluster_lab.link.guard import AGAIN
from speccluster_lab.link.launch import Launch, is_stopped, read_launch
from speccluster_lab.link.logs import host_log
from speccluster_lab.link.paths import socket_path
from speccluster_lab.spec.api import (
    API_PREFIX,
    Adapt,
    Adaptive,
    Cluster,
    ClusterPhase,
    Condition,
    ConditionStatus,
    EntryPhase,
    Event,
    EventsQuery,
    Generation,
    Log,
    LogQuery,
    LogSource,
    Member,
    PatchEvent,
    PatchOperation,
    Plan,
    PlanRequest,
    Scale,
    SnapshotEvent,
    Stake,
)
from speccluster_lab.spec.lifetimes import ENDED
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.validation import parse_body, parse_if_match, parse_query

MODES = ("good", "slow", "silent", "exits", "other_nonce", "refuses", "mute")
DIE, HANG, CONFUSE, HANG_UP, ORPHAN, DEAF, LEAVE, GROW, GAP, AGED = range(41, 51)
TRICKS = (DIE, HANG, CONFUSE, HANG_UP, ORPHAN, DEAF, LEAVE, GROW, GAP, AGED)

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def hang() -> None:
    print("hanging", flush=True)
    time.sleep(600)


class FakeHost:
    def __init__(self, folder: Path, launch: Launch) -> None:
        self.folder = folder
        self.launch = launch
        self.readers: set[Events] = set()
        self.ended = asyncio.Event()
        self.cluster = Cluster(
            id=launch.id,
            display_name=launch.display_name,
            template=launch.template,
            owner=launch.owner,
            phase=ClusterPhase.RUNNING,
            generation=1,
            observed_generation=1,
            created=datetime.datetime.now(datetime.UTC),
            spec=launch.spec,
        )

    def change(self, **values: object) -> None:
        self.cluster = self.cluster.model_copy(update=values)
        document = self.cluster.model_dump(mode="json")
        patch = [
            PatchOperation(op="replace", path=f"/{name}", value=document[name]) for name in values
        ]
        for reader in self.readers:
            reader.send_patch(patch)

    def scale(self, entries: int) -> None:
        readers = tuple(self.readers)
        if entries == HANG_UP:
            # What changes is not told any more.
            self.readers.clear()
        spec = self.cluster.spec.with_entries(min(entries, 5))
        self.change(spec=spec, generation=self.cluster.generation + 1)
        loop = asyncio.get_running_loop()
        match entries:
            case size if size == DIE:
                print("ValueError: the last words", flush=True)
                loop.call_later(0.1, os._exit, 7)
            case size if size == HANG:
                loop.call_later(0.1, hang)
            case size if size == DEAF:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                loop.call_later(0.1, hang)
            case size if size == CONFUSE:
                for reader in self.readers:
                    reader.send_patch([PatchOperation(op="remove", path="/workers/99")])
            case size if size == HANG_UP:
                for reader in readers:
                    reader.close()
            case size if size == GAP:
                self.cluster = self.cluster.model_copy(update={"observed_generation": 77})
                for reader in self.readers:
                    reader.seq += 1
            case size if size == ORPHAN:
                subprocess.Popen(SLEEPER)
            case size if size == GROW:
                self.grow()
            case size if size == LEAVE:
                self.stop()
            case size if size == AGED:
                self.change(
                    conditions=[
                        Condition(
                            type=ENDED,
                            status=ConditionStatus.TRUE,
                            reason="MaxLifetime",
                            message="It was too old\n",
                            since=datetime.datetime.now(datetime.UTC),
                        )
                    ]
                )
                self.stop()

    def grow(self) -> None:
        """Show two unexpected members, and change the first one of them."""
        first = Member(name="odd", tasks=1)
        add = PatchOperation(op="add", path="/unexpected/0", value=first.model_dump(mode="json"))
        steps = [[add], [PatchOperation(op="replace", path="/unexpected/0/tasks", value=2)]]
        second = PatchOperation(op="add", path="/unexpected/1", value=add.value)
        self.cluster = self.cluster.model_copy(
            update={"unexpected": [first.model_copy(update={"tasks": 2}), first]}
        )
        for patch in [
            [PatchOperation(op="replace", path="/unexpected", value=[])],
            *steps,
            [second],
        ]:
            for reader in self.readers:
                reader.send_patch(patch)

    def stop(self) -> None:
        # As one does that had something to tell when it was asked.
        self.change(phase=ClusterPhase.RUNNING)
        self.change(phase=ClusterPhase.STOPPING)
        asyncio.get_running_loop().call_later(0.1, self.ended.set)


class Handler(RequestHandler):
    def initialize(self, host: FakeHost) -> None:
        self.host = host

    async def prepare(self) -> None:
        if self.request.headers.get(NONCE_HEADER) != self.host.launch.nonce:
            raise ClusterNotFound("another nonce")
        if os.environ["FAKE_HOST"] == "refuses":
            raise ClusterNotFound("there is no cluster here")
        if os.environ["FAKE_HOST"] == "mute":
            await asyncio.sleep(600)

    def write_error(self, status_code: int, **kwargs: object) -> None:
        error = kwargs["exc_info"][1]
        assert isinstance(error, SpecClusterError), error
        self.set_status(error.status)
        self.finish(error.to_dict())

    def answer(self, status: int = 202) -> None:
        self.set_status(status)
        self.finish(self.host.cluster.model_dump_json())


class One(Handler):
    def get(self, id: str) -> None:
        self.answer(200)

    def delete(self, id: str) -> None:
        self.host.stop()
        self.answer()


class Spec(Handler):
    def put(self, id: str) -> None:
        if parse_if_match(self.request.headers.get("If-Match")) != self.host.cluster.generation:
            raise StaleGeneration("it has changed")
        spec = parse_body(ClusterSpec, self.request.body)
        self.host.change(spec=spec, generation=self.host.cluster.generation + 1)
        self.answer()


class Size(Handler):
    def post(self, id: str) -> None:
        self.host.scale(parse_body(Scale, self.request.body).entries or 0)
        self.answer()


class PlanOf(Handler):
    def post(self, id: str) -> None:
        request = parse_body(PlanRequest, self.request.body)
        plan = Plan(
            start=["new one<br>"],
            replace=[],
            retire=request.remove or [],
            at_stake=Stake(keys=3, nbytes=2**40),
            stuck=False,
        )
        self.finish(plan.model_dump_json())


class Range(Handler):
    def put(self, id: str) -> None:
        adapt = parse_body(Adapt, self.request.body)
        adaptive = Adaptive(minimum=adapt.minimum, maximum=adapt.maximum)
        self.host.change(adaptive=adaptive)
        self.answer()

    def delete(self, id: str) -> None:
        self.host.change(adaptive=None)
        self.answer()


class Retry(Handler):
    def post(self, id: str, name: str) -> None:
        if name != "new one<br>":
            raise EntryNotFound(f"there is no entry {name!r}")
        self.answer()


class Restart(Handler):
    def post(self, id: str) -> None:
        self.answer()
        asyncio.get_running_loop().call_later(0.05, os._exit, AGAIN)


class Timeline(Handler):
    def get(self, id: str) -> None:
        query = parse_query(EventsQuery, self.request.query_arguments)
        first = query.since + 1
        events = [
            Event(
                seq=seq,
                time=self.host.cluster.created,
                entry="0",
                from_=EntryPhase.LOST,
                to=None,
                reason="Why",
                message="<b>",
            )
            for seq in range(first, min(first + query.limit, 6))
        ]
        self.finish(b"[" + b",".join(one.model_dump_json().encode() for one in events) + b"]")


class Generations(Handler):
    def get(self, id: str) -> None:
        cluster = self.host.cluster
        one = Generation(generation=1, time=cluster.created, spec=cluster.spec)
        self.finish(b"[" + one.model_dump_json().encode() + b"]")


class LogOf(Handler):
    def get(self, id: str) -> None:
        query = parse_query(LogQuery, self.request.query_arguments)
        if query.member is None:
            self.finish(host_log(self.host.folder, query).model_dump_json())
            return
        if query.member != "a <b>&c":
            raise MemberNotFound(f"there is no {query.member!r}")
        lines = ["one", "<script>alert(1)</script>"][-query.tail :]
        log = Log(source=LogSource.WORKER, lines=lines, complete=query.tail > 1, cursor="worker:")
        self.finish(log.model_dump_json())


class Events(Handler, WebSocketHandler):
    def open(self) -> None:
        self.seq = 0
        self.host.readers.add(self)
        event = SnapshotEvent(seq=0, snapshot=[self.host.cluster])
        self.write_message(event.model_dump_json())

    def send_patch(self, patch: list[PatchOperation]) -> None:
        self.seq += 1
        event = PatchEvent(seq=self.seq, cluster=self.host.cluster.id, patch=patch)
        self.write_message(event.model_dump_json(by_alias=True, exclude_unset=True))

    def on_close(self) -> None:
        self.host.readers.discard(self)


async def main(folder: Path) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    if is_stopped(folder):
        remove_connection(folder.name)
        socket_path(folder.name).unlink(missing_ok=True)
        return
    launch = read_launch(folder)
    mode = os.environ["FAKE_HOST"]
    if mode == "exits":
        print("Traceback: nothing works <img src=x onerror=alert(1)> \x1b[31m", flush=True)
        sys.exit(3)
    host = FakeHost(folder, launch)
    guard = os.getppid()

    def heed() -> None:
        if os.getppid() != guard:
            os._exit(1)
        host.stop()

    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, heed)
    arguments = {"host": host}
    cluster = f"{API_PREFIX}/clusters/([^/]+)"
    app = Application(
        [
            (cluster, One, arguments),
            (f"{cluster}/spec", Spec, arguments),
            (f"{cluster}/scale", Size, arguments),
            (f"{cluster}/plan", PlanOf, arguments),
            (f"{cluster}/adaptive", Range, arguments),
            (f"{cluster}/entries/([^/]+)/(?:retry|restart)", Retry, arguments),
            (f"{cluster}/restart", Restart, arguments),
            (f"{cluster}/events", Timeline, arguments),
            (f"{cluster}/generations", Generations, arguments),
            (f"{cluster}/logs", LogOf, arguments),
            (f"{API_PREFIX}/events", Events, arguments),
        ]
    )
    server = HTTPServer(app)
    path = socket_path(launch.id)
    path.unlink(missing_ok=True)
    server.add_socket(bind_unix_socket(str(path), mode=0o600))
    if mode == "slow":
        await asyncio.sleep(1.5)
    if mode != "silent":
        write_connection(
            Connection(
                id=launch.id,
                pid=os.getpid(),
                start_time=psutil.Process().create_time(),
                nonce=launch.nonce if mode != "other_nonce" else "x" * 32,
                socket=str(path),
                version="0",
            )
        )
    await host.ended.wait()
    if mode != "other_nonce":
        remove_connection(launch.id)
    os.unlink(path)
    shutil.rmtree(folder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
