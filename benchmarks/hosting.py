"""What hosting a cluster costs a Jupyter server: ours beside ``dask-labextension``.

Each side is a Jupyter server in a process of its own, with one extension. Two rows are measured
against something else, for the peer does not do the same: the server's own latency against that of
a server whose cluster has nothing to do with Jupyter, and an idle cluster against a stock
``LocalCluster``.

    python benchmarks/hosting.py --peer .make/peer/bin/python --only post --rounds 6
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import uuid
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import distributed
import psutil
from jupyter import Probe, Server, api_of, jupyter_server, processes_under, started
from measure import NotDone
from report import Results
from rows import Figure, Medians, Row, Samples, Side, Target
from turns import add_usual_options, conclude, count, take_turns

import speccluster_lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main"]

SIDES: Final = (
    Side("stock", distributed.LocalCluster),
    Side("ours", speccluster_lab.SpecCluster),
)
LIMIT: Final = 600.0
API: Final = "/speccluster-lab/api/v1"
PAUSE: Final = 0.01
CALLS: Final = 300
CLUSTERS: Final = 5
IDLE_SECONDS: Final = 20.0
CLUSTER_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Setting:
    """How much of everything.

    Parameters
    ----------
    peer : str
        The interpreter that has ``dask-labextension``.
    tasks : int
        That a client maps while the server is asked how it is.
    workers : int
        Of the idle cluster.
    """

    peer: str
    tasks: int
    workers: int


# -- servers and clusters --------------------------------------------------------------------------


@contextmanager
def _ours() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with jupyter_server(sys.executable, "speccluster_lab", folder, {}) as server:
            yield server


def _with_spare(server: Server, ready: bool) -> None:
    """Wait until a host is ready for the next cluster, or see to it that none is.

    What it has started imports; ready it is when that has come to rest.
    """

    def used() -> list[float]:
        guards = [one for one in server.process.children() if "--spare" in one.cmdline()]
        if not ready:
            for guard in guards:
                guard.kill()
            return []
        parts = [part for guard in guards for part in guard.children(recursive=True)]
        return [part.cpu_times().user for part in parts]

    if ready:
        _until(lambda: len(used()) == 3, "no host is kept ready")
        last: list[float] = []
        while (now := used()) != last:
            last = now
            time.sleep(1.0)
    else:
        used()


@contextmanager
def _peers(setting: Setting, workers: int) -> Iterator[Server]:
    factory = {"kwargs": {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0"}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "dask.json"
        config.write_text(json.dumps({"labextension": {"factory": factory}}))
        extra = {"DASK_CONFIG": str(config)}
        with jupyter_server(setting.peer, "dask_labextension", folder, extra) as server:
            yield server


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + CLUSTER_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise NotDone(what)
        time.sleep(PAUSE)


def _our_cluster(server: Server, workers: int) -> str:
    """Make a cluster of so many workers, and return its path once they have registered."""
    api = api_of(server)
    id = api("POST", f"{API}/clusters", {"template": "local"})["id"]
    path = f"{API}/clusters/{id}"
    _until(lambda: api("GET", path)["phase"] == "running", "the cluster does not start")
    api("POST", f"{path}/scale", {"workers": workers})
    _until(lambda: _count(api, path) == workers, f"{workers} workers have not registered")
    api.close()
    return path


# -- the server's own latency ----------------------------------------------------------------------

WORKERS: Final = 2
P99 = Figure("latency", "GET /api/status, p99", "wall", share=0.99)
P50 = Figure("latency", "GET /api/status, p50", "wall")
SERVER_CPU = Figure("latency", "CPU of the Jupyter server meanwhile")
PEER_P99 = Figure("latency", "GET /api/status, p99, with dask-labextension", "wall", share=0.99)
PEER_P50 = Figure("latency", "GET /api/status, p50, with dask-labextension", "wall")
PEER_CPU = Figure("latency", "CPU of the Jupyter server meanwhile, with dask-labextension")

_ALONE: Final = f"""
import sys, distributed
cluster = distributed.LocalCluster(
    n_workers={WORKERS}, threads_per_worker=1, dashboard_address=":0"
)
print(cluster.scheduler_address, flush=True)
sys.stdin.readline()
cluster.close()
"""
# What is secret comes by the standard input.
_LOAD: Final = """
import json, sys
from distributed import Client, Security, wait
given = json.loads(sys.stdin.readline())
secure = {"tls_ca_file": given["ca"], "tls_client_cert": given["certificate"],
          "tls_client_key": given["key"], "require_encryption": True} if "ca" in given else None
client = Client(given["address"], security=Security(**secure) if secure else None)
print("ready", flush=True)
sys.stdin.readline()
futures = client.map(abs, range(given["tasks"]))
wait(futures)
print("done", flush=True)
"""


async def _under_load(server: Server, python: str, given: dict[str, Any], tasks: int) -> Probe:
    """Ask a server how it is while a client maps tasks onto a cluster."""
    load = await started(_LOAD, python=python)
    assert load.stdin is not None
    assert load.stdout is not None
    try:
        load.stdin.write(json.dumps({**given, "tasks": tasks}).encode() + b"\n")
        await _expect(load.stdout, b"ready")
        with Probe(server) as probe:
            load.stdin.write(b"\n")
            await _expect(load.stdout, b"done")
        return probe
    finally:
        with suppress(ProcessLookupError):
            load.kill()
        await load.wait()


async def _expect(stream: asyncio.StreamReader, word: bytes) -> None:
    said = (await stream.readline()).strip()
    if said != word:
        raise NotDone(f"the load says {said!r} instead of {word!r}")


async def _latency(side: Side, setting: Setting) -> Samples:
    if side.ours:
        with _ours() as server:
            path = await asyncio.to_thread(_our_cluster, server, WORKERS)
            api = api_of(server)
            given = api("POST", f"{path}/credentials", {})
            api.close()
            probe = await _under_load(server, sys.executable, given, setting.tasks)
        return {P99: probe.took, P50: probe.took, SERVER_CPU: [probe.cpu]}
    with _ours() as server:
        alone = await started(_ALONE, python=sys.executable)
        assert alone.stdin is not None
        assert alone.stdout is not None
        address = (await alone.stdout.readline()).decode().strip()
        probe = await _under_load(server, sys.executable, {"address": address}, setting.tasks)
        await alone.communicate(b"\n")
    with _peers(setting, WORKERS) as server:
        api = api_of(server)
        model = await asyncio.to_thread(api, "PUT", f"/dask/clusters/{uuid.uuid4()}")
        api.close()
        given = {"address": model["scheduler_address"]}
        peer = await _under_load(server, setting.peer, given, setting.tasks)
    return {
        P99: probe.took, P50: probe.took, SERVER_CPU: [probe.cpu],
        PEER_P99: peer.took, PEER_P50: peer.took, PEER_CPU: [peer.cpu],
    }  # fmt: skip


def _latency_targets(_: Setting, medians: Medians) -> Iterator[Target]:
    yield Target("p99, against a scheduler outside of Jupyter", 1.5, medians.ratio(P99))


# -- making a cluster, and asking for it -----------------------------------------------------------

ANSWERED = Figure("post", "POST (the peer: PUT) is answered", "wall")
REGISTERED = Figure("post", "its one worker has registered", "wall")
ALONE = Figure("post", "the same where no host is ready", "wall")
CALL = Figure("call", "GET one cluster, p50", "wall")
CALL_P99 = Figure("call", "GET one cluster, p99", "wall", share=0.99)


def _post(side: Side, setting: Setting) -> Samples:
    if not side.ours:
        took = _put_peers(setting)
        return {ANSWERED: took, REGISTERED: took, ALONE: took}
    samples: dict[Figure, list[float]] = {ANSWERED: [], REGISTERED: [], ALONE: []}
    with _ours() as server:
        api = api_of(server)
        # The first one stands for somebody who looks: from then on there is to be one.
        for number in range(1 + 2 * CLUSTERS):
            ready = number % 2 == 0 and number > 0
            if number:
                _with_spare(server, ready)
            began = time.perf_counter()
            path = f"{API}/clusters/" + api("POST", f"{API}/clusters", {"template": "local"})["id"]
            answered = time.perf_counter() - began
            _until(lambda: _count(api, path) == 1, "no worker")  # noqa: B023
            if number:
                samples[ANSWERED].append(answered)
                samples[REGISTERED if ready else ALONE].append(time.perf_counter() - began)
            api("DELETE", path)
            _until(lambda: not api("GET", f"{API}/clusters"), "the cluster does not end")
        api.close()
    return samples


def _put_peers(setting: Setting) -> list[float]:
    took = []
    with _peers(setting, 1) as server:
        api = api_of(server)
        for _ in range(CLUSTERS):
            began = time.perf_counter()
            # It answers when all is there.
            path = f"/dask/clusters/{uuid.uuid4()}"
            workers = api("PUT", path)["workers"]
            took.append(time.perf_counter() - began)
            if workers != 1:
                raise NotDone(f"the peer has {workers} workers")
            api("DELETE", path)
        api.close()
    return took


def _count(api: Callable[..., Any], path: str) -> int:
    return int(api("GET", path)["counts"]["registered"])


def _post_targets(_: Setting, medians: Medians) -> Iterator[Target]:
    yield Target("POST is answered", 0.05, medians.ours[ANSWERED], "s")
    yield Target("the first worker, against dask-labextension", 1.0, medians.ratio(REGISTERED))


def _call(side: Side, setting: Setting) -> Samples:
    took = []
    with _ours() if side.ours else _peers(setting, 1) as server:
        api = api_of(server)
        if side.ours:
            path = _our_cluster(server, 1)
        else:
            path = f"/dask/clusters/{uuid.uuid4()}"
            api("PUT", path)
        for _ in range(CALLS):
            began = time.perf_counter()
            api("GET", path)
            took.append(time.perf_counter() - began)
        api.close()
    return {CALL: took, CALL_P99: took}


def _call_targets(_: Setting, medians: Medians) -> Iterator[Target]:
    yield Target("GET one cluster, p50", 0.005, medians.ours[CALL], "s")
    yield Target("GET one cluster, p99", 0.05, medians.ours[CALL_P99], "s")


STUCK = Figure("stuck", "GET of it, of another and of all, p50", "wall")
STUCK_P99 = Figure("stuck", "GET of it, of another and of all, p99", "wall", share=0.99)
_UNREACHABLE_SECONDS: Final = 5.0


def _stuck(side: Side, setting: Setting) -> Samples:
    if not side.ours:
        # Its clusters have no process of their own that could be stopped.
        return {}
    took = []
    with _ours() as server:
        api = api_of(server)
        paths = [_our_cluster(server, 1) for _ in range(2)]
        host = _host_of(server, paths[0])
        host.suspend()
        stopped = time.monotonic()
        try:
            # Before the server has noticed, and after.
            while not (is_known := api("GET", paths[0])["phase"] == "unreachable") or (
                time.monotonic() < stopped + 2 * _UNREACHABLE_SECONDS
            ):
                for path in (*paths, f"{API}/clusters"):
                    began = time.perf_counter()
                    api("GET", path)
                    took.append(time.perf_counter() - began)
                    time.sleep(PAUSE)
                if not is_known and time.monotonic() > stopped + _UNREACHABLE_SECONDS:
                    raise NotDone(f"not shown as unreachable after {_UNREACHABLE_SECONDS:g} s")
        finally:
            host.resume()
        api.close()
    return {STUCK: took, STUCK_P99: took}


def _host_of(server: Server, path: str) -> psutil.Process:
    folder = Path(server.process.environ()["JUPYTER_RUNTIME_DIR"]) / "speccluster-lab"
    connection = json.loads((folder / f"{path.rpartition('/')[2]}.json").read_bytes())
    return psutil.Process(connection["pid"])


def _stuck_targets(_: Setting, medians: Medians) -> Iterator[Target]:
    yield Target("GET while a host is stopped, p99", 0.1, medians.ours[STUCK_P99], "s")


# -- importing -------------------------------------------------------------------------------------

IMPORT = Figure("import", "the extension, beyond jupyter_server", "wall")
_IMPORT: Final = """
import sys, time
import jupyter_server.serverapp
began = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - began)
"""


async def _import(side: Side, setting: Setting) -> Samples:
    python = sys.executable if side.ours else setting.peer
    module = "speccluster_lab.server" if side.ours else "dask_labextension"
    took = []
    # The first time it may have to be compiled.
    for _ in range(1 + CLUSTERS):
        process = await started(_IMPORT, module, python=python)
        answer, _ = await process.communicate()
        took.append(float(answer))
    return {IMPORT: took[1:]}


def _import_targets(_: Setting, medians: Medians) -> Iterator[Target]:
    yield Target("importing the extension", 0.1, medians.ours[IMPORT], "s")


# -- an idle cluster -------------------------------------------------------------------------------

IDLE = Figure("idle", f"CPU of all its processes in {IDLE_SECONDS:g} s")
MEMORY = Figure("idle", "memory of all its processes (PSS)", unit="MiB")

_IDLE: Final = """
import sys, distributed
cluster = distributed.LocalCluster(
    n_workers=int(sys.argv[1]), threads_per_worker=1, dashboard_address=":0"
)
cluster.wait_for_workers(int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
cluster.close()
"""


async def _idle(side: Side, setting: Setting) -> Samples:
    async with AsyncExitStack() as ends:
        if side.ours:
            server = ends.enter_context(_ours())
            await asyncio.to_thread(_our_cluster, server, setting.workers)
            processes = processes_under(server.process)
        else:
            alone = await started(_IDLE, str(setting.workers), python=sys.executable)
            assert alone.stdout is not None
            ends.push_async_callback(alone.communicate, b"\n")
            await _expect(alone.stdout, b"ready")
            this = psutil.Process(alone.pid)
            processes = [this, *processes_under(this)]
        # What has been started a moment ago is not idle yet.
        await asyncio.sleep(IDLE_SECONDS / 4)
        began = _spent(processes)
        await asyncio.sleep(IDLE_SECONDS)
        cpu = _spent(processes) - began
        memory = sum(one.memory_full_info().pss for one in processes) / 2**20
    return {IDLE: [cpu], MEMORY: [memory]}


def _spent(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in processes)


def _idle_targets(_: Setting, medians: Medians) -> Iterator[Target]:
    yield Target("CPU of an idle cluster, against LocalCluster", 1.1, medians.ratio(IDLE))


# -- all of it -------------------------------------------------------------------------------------


def _in_thread(work: Callable[[Side, Setting], Samples]) -> Callable[[Side, Setting], Any]:
    async def run(side: Side, setting: Setting) -> Samples:
        return await asyncio.to_thread(work, side, setting)

    return run


ROWS: Final = {
    "latency": Row("the server is asked while tasks run", _latency, _latency_targets),
    "post": Row("a cluster of one worker is made", _in_thread(_post), _post_targets),
    "call": Row("a cluster is asked for", _in_thread(_call), _call_targets),
    "stuck": Row("the host of a cluster is stopped", _in_thread(_stuck), _stuck_targets),
    "import": Row("the extension is imported", _import, _import_targets),
    "idle": Row("a cluster has nothing to do", _idle, _idle_targets),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and say by the exit status whether it went well.

    Returns
    -------
    int
        See :func:`turns.conclude`.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_usual_options(parser, ROWS, rounds=6)
    add = parser.add_argument
    add("--peer", default=sys.executable, metavar="PYTHON", help="that has dask-labextension")
    add("--tasks", type=count, default=100_000, metavar="N", help="100,000 if not given")
    add("--workers", type=count, default=16, metavar="N", help="of the idle cluster: 16")
    options = parser.parse_args(arguments)
    results = Results(Setting(options.peer, options.tasks, options.workers), ROWS)
    names = [name for name in ROWS if not options.only or name in options.only]
    take_turns(results, names, SIDES, options.rounds, LIMIT)
    return conclude(results, options)


if __name__ == "__main__":
    sys.exit(main())
