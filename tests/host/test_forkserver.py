"""How real hosts start the processes of workers, and what happens when that goes wrong."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from difficult_workers import about_this_worker
from distributed.core import Status

from speccluster_lab.client import connect
from speccluster_lab.host import forkserver, nannies, preimport
from speccluster_lab.host.forkserver import (
    MOST_FAILURES,
    Forkserver,
    RunningForkserver,
    sockets_in,
)
from speccluster_lab.host.start import CONCURRENT_SPAWNS
from speccluster_lab.link.launch import HOST_LOG
from speccluster_lab.spec.templates import StartMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from running_hosts import Hosts, RunningHost

    from speccluster_lab.spec.api import Cluster

ALL_AGAIN_SECONDS = 10.0


def forkservers(host: RunningHost) -> list[psutil.Process]:
    """Return the forkservers of a host: what has been forked looks the same."""
    found = []
    for child in psutil.Process(host.connection.pid).children():
        # One that has just been killed has none any more.
        with suppress(psutil.Error):
            if any("multiprocessing.forkserver" in part for part in child.cmdline()):
                found.append(child)
    return found


def tell(host: RunningHost) -> dict[str, dict[str, Any]]:
    """Return what the workers of a host tell of themselves, by their addresses."""
    with connect(host.id) as handle, handle.get_client() as client:
        told: dict[str, dict[str, Any]] = client.run(about_this_worker)
        return told


def reasons(host: RunningHost) -> list[str]:
    return [event["reason"] for event in host.request("GET", "/events").body]


def entry(cls: str = "distributed.Nanny", **options: Any) -> dict[str, Any]:
    return {"cls": cls, "options": {"nthreads": 1, "memory_limit": "1 GiB", **options}}


@pytest.fixture
def make_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what writes a module that hosts and workers can import."""

    def make(name: str, text: str) -> None:
        folder = tmp_path / "modules"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        path = os.environ["PYTHONPATH"]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), path]))

    return make


# -- how they are started ------------------------------------------------------------------------


def test_workers_are_forked_from_what_has_imported_what_they_need(hosts: Hosts) -> None:
    host = hosts.start("local", entries=3)
    host.until_running()
    (server,) = forkservers(host)
    told = tell(host).values()
    assert [one["parent"] for one in told] == [server.pid] * 3
    for one in told:
        # Ours, and not the list of distributed's own, which begins with pandas.
        assert "speccluster_lab.host.preimport" in one["modules"]
        assert "pandas" not in one["modules"]
        # What the process that they come from must have begun with, or it would be too late.
        assert one["began_with"]["OMP_NUM_THREADS"] == "1"
        assert one["began_with"]["MALLOC_TRIM_THRESHOLD_"] == "65536"
        assert not any(name.startswith("SPECCLUSTER") for name in one["environ"])
        # The host blocks signals while it starts, which is inherited.
        assert one["blocked"] == set()
    # Nor has any thread of it that may start another forkserver, which could not be ended then.
    tasks = Path(f"/proc/{host.connection.pid}/task").glob("*/status")
    assert {re.findall(r"SigBlk:\s*(\w+)", task.read_text())[0] for task in tasks} == {"0" * 16}
    assert len({one["random"] for one in told}) == 3
    assert len({one["hash"] for one in told}) == 1
    # Nor has the host imported it, to see whether the forkserver could.
    maps = psutil.Process(host.connection.pid).memory_maps()
    assert not any("pandas" in one.path for one in maps)


def test_what_dask_is_configured_to_set_before_reaches_the_workers(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON", "{'MKL_NUM_THREADS': 5}")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    host = hosts.start("local")
    host.until_running()
    (told,) = tell(host).values()
    assert told["parent"] == forkservers(host)[0].pid
    found = {name: told["began_with"].get(f"{name}_NUM_THREADS") for name in ("MKL", "OPENBLAS")}
    assert found == {"MKL": "5", "OPENBLAS": "7"}


def test_a_template_may_have_them_spawned(hosts: Hosts) -> None:
    entries = CONCURRENT_SPAWNS + 2
    host = hosts.start(
        "local", entries=entries, max_workers=entries, start_method=StartMethod.SPAWN
    )
    host.until_running()
    assert forkservers(host) == []
    assert {one["parent"] for one in tell(host).values()} == {host.connection.pid}
    # As many at a time as there are cores: then the first ones are there soon.
    assert most_at_once(host, "starting") == CONCURRENT_SPAWNS


def most_at_once(host: RunningHost, phase: str) -> int:
    """Return how many entries have been in a phase together."""
    now: set[str] = set()
    most = 0
    for event in host.request("GET", "/events").body:
        now.discard(event["entry"])
        if event["to"] == phase:
            now.add(event["entry"])
        most = max(most, len(now))
    return most


def test_where_no_worker_has_a_process_there_is_no_forkserver(hosts: Hosts) -> None:
    host = hosts.start("threads")
    etag = host.until_running().generation
    assert forkservers(host) == []
    # Until one has.
    spec = host.get().spec.model_dump(mode="json")
    spec["workers"]["process"] = entry()
    headers = {"If-Match": f'"{etag}"'}
    assert host.request("PUT", "/spec", spec, headers=headers).status == 202
    host.until_running()
    assert len(forkservers(host)) == 1


def test_a_worker_that_is_to_begin_with_another_environment_is_spawned(hosts: Hosts) -> None:
    own = "difficult_workers.OwnEnvironment"
    host = hosts.start(
        spec={
            "worker": entry(),
            "workers": {"a": entry(), "b": entry(own), "c": entry(env={"A_NAME": "a value"})},
        }
    )
    host.until_running()
    (server,) = forkservers(host)
    told = tell(host)
    address = {worker.members[0].name: worker.members[0].address for worker in host.get().workers}
    a, b, c = (told[address[name]] for name in "abc")
    assert (a["parent"], a["began_with"]["OMP_NUM_THREADS"]) == (server.pid, "1")
    assert (b["parent"], b["began_with"]["OMP_NUM_THREADS"]) == (host.connection.pid, "3")
    # Nothing that has been imported reads a variable that comes after the imports of a nanny.
    assert (c["parent"], c["environ"]["A_NAME"]) == (server.pid, "a value")


def test_what_is_preimported_may_have_read_the_environment(
    hosts: Hosts, make_module: Callable[[str, str], None]
) -> None:
    make_module("reads_a_name", "import os\nNAME = os.environ.get('A_NAME')\n")
    host = hosts.start(
        spec={"worker": entry(), "workers": {"a": entry(), "b": entry(env={"A_NAME": "b"})}},
        preimport=["reads_a_name"],
    )
    host.until_running()
    (server,) = forkservers(host)
    assert {one["parent"] for one in tell(host).values()} == {server.pid, host.connection.pid}
    with connect(host.id) as handle, handle.get_client() as client:
        names = client.run(lambda: __import__("reads_a_name").NAME)
    assert set(names.values()) == {None, "b"}


def test_one_is_known_before_it_has_anything_to_show(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Between the start of a process and that of its program there is a moment like this.
    monkeypatch.setattr(psutil.Process, "cmdline", lambda process: [])
    monkeypatch.setattr(psutil.Process, "environ", lambda process: {})
    with sockets_in(tmp_path / "sockets"):
        running = Forkserver()._launch({"A_NAME": "a value"})
        try:
            assert running.has({"A_NAME": "a value"})
            assert not running.has({"A_NAME": "another"})
            assert running.process.ppid() == os.getpid()
        finally:
            running.process.kill()
            running.process.wait(ALL_AGAIN_SECONDS)


# -- what is imported beforehand -----------------------------------------------------------------


def test_what_a_template_preimports_is_there_and_what_cannot_be_is_said(
    hosts: Hosts, make_module: Callable[[str, str], None]
) -> None:
    make_module("is_fine", "")
    make_module("is_broken", "raise RuntimeError('not today')")
    make_module("leaves", "raise SystemExit(3)")
    make_module("starts_a_thread", "import threading, time\nthreading.Timer(600, print).start()\n")
    modules = ["is_broken", "nowhere.at_all", "leaves", "starts_a_thread", "is_fine"]
    host = hosts.start("local", preimport=modules)
    host.until_running()
    (told,) = tell(host).values()
    assert told["parent"] == forkservers(host)[0].pid
    assert "is_fine" in told["modules"]
    said = [
        event["message"]
        for event in host.request("GET", "/events").body
        if event["reason"] == "PreimportFailed"
    ]
    assert said == [
        "is_broken cannot be imported: RuntimeError: not today",
        "nowhere.at_all cannot be imported: ModuleNotFoundError: No module named 'nowhere'",
        "leaves cannot be imported: SystemExit: 3",
        "starts_a_thread starts threads, which workers will not have",
    ]


def test_a_preimport_that_ends_the_forkserver_costs_only_itself(
    hosts: Hosts, make_module: Callable[[str, str], None]
) -> None:
    make_module("ends_it", "import os\nos._exit(3)\n")
    host = hosts.start("local", preimport=["ends_it"])
    host.until_running()
    (told,) = tell(host).values()
    assert told["parent"] == forkservers(host)[0].pid
    assert "ForkserverFailed" in reasons(host)


def test_a_worker_has_next_to_nothing_left_to_import(
    hosts: Hosts, make_module: Callable[[str, str], None]
) -> None:
    make_module("comes_last", "import sys\nBEFORE = set(sys.modules)\n")
    host = hosts.start("local", preimport=["comes_last"])
    host.until_running()
    with connect(host.id) as handle, handle.get_client() as client:
        # Text, which needs no module of its own.
        (left,) = client.run(
            eval, "set(__import__('sys').modules) - __import__('comes_last').BEFORE"
        ).values()
    assert len(left) < 10, left


IMPATIENT = """
import sys
from pathlib import Path
from speccluster_lab.host import forkserver, life
forkserver.READY_SECONDS = 2
give_up = forkserver.Forkserver._without_imports
def with_patience(self):
    # The next one is not to fail because the machine is busy.
    forkserver.READY_SECONDS = 60
    return give_up(self)
forkserver.Forkserver._without_imports = with_patience
sys.exit(life.run_host(Path(sys.argv[1])))
"""


def test_a_preimport_that_hangs_costs_only_itself(
    hosts: Hosts, make_module: Callable[[str, str], None]
) -> None:
    make_module("hangs", "import time\ntime.sleep(600)\n")
    host = hosts.start("local", preimport=["hangs"], script=IMPATIENT)
    host.until_running()
    (told,) = tell(host).values()
    assert told["parent"] == forkservers(host)[0].pid
    assert "ForkserverFailed" in reasons(host)


# -- when it dies --------------------------------------------------------------------------------


def all_again(before: Cluster) -> Callable[[Cluster], bool]:
    """Return whether every member of a cluster is there, under an address that it did not have."""
    known = {member.address for worker in before.workers for member in worker.members}

    def there(cluster: Cluster) -> bool:
        members = [member for worker in cluster.workers for member in worker.members]
        return cluster.phase == "running" and not any(
            member.address is None or member.address in known for member in members
        )

    return there


def all_from_ours(host: RunningHost) -> Callable[[Cluster], bool]:
    """Return whether every member of a cluster was forked by what this host itself has started."""

    def there(cluster: Cluster) -> bool:
        listening: set[int] = set()
        # What is looked at may end meanwhile.
        with suppress(psutil.Error):
            for server in forkservers(host):
                if preimport.VARIABLE in server.environ():
                    for worker in server.children():
                        listening.update(port.laddr.port for port in worker.net_connections())
        addresses = [member.address for worker in cluster.workers for member in worker.members]
        return cluster.phase == "running" and all(
            address is not None and int(address.rpartition(":")[2]) in listening
            for address in addresses
        )

    return there


@pytest.mark.parametrize(("template", "entries", "workers"), [("local", 6, 6), ("grouped", 2, 6)])
def test_all_workers_are_back_soon_after_the_forkserver_was_killed(
    hosts: Hosts, template: str, entries: int, workers: int
) -> None:
    host = hosts.start(template, entries=entries, max_workers=workers)
    before = host.until_running()
    for _ in range(2):
        (server,) = forkservers(host)
        killed = monotonic()
        server.kill()
        after = host.until(all_again(before))
        assert monotonic() - killed < ALL_AGAIN_SECONDS
        assert after.counts.registered == workers
        (another,) = forkservers(host)
        told = tell(host).values()
        assert {one["parent"] for one in told} == {another.pid}
        assert all("speccluster_lab.host.preimport" in one["modules"] for one in told)
        before = after
    assert reasons(host).count("ForkserverDied") == 2


# As many a Python is built, and as many a container has it.
WITHOUT_PIDFD = """
import os, sys
from pathlib import Path
del os.pidfd_open
from speccluster_lab.host import life
sys.exit(life.run_host(Path(sys.argv[1])))
"""


def test_its_end_is_noticed_where_the_kernel_does_not_tell(hosts: Hosts) -> None:
    host = hosts.start("local", entries=2, script=WITHOUT_PIDFD)
    before = host.until_running()
    (server,) = forkservers(host)
    server.kill()
    # Until that is seen, workers may come from one that multiprocessing starts by itself.
    are_again, are_from_ours = all_again(before), all_from_ours(host)
    host.until(lambda cluster: are_again(cluster) and are_from_ours(cluster))
    assert reasons(host).count("ForkserverDied") == 1
    (another,) = forkservers(host)
    assert {one["parent"] for one in tell(host).values()} == {another.pid}
    host.request("DELETE")
    assert host.ended() == 0
    assert not another.is_running()


def test_a_worker_that_does_not_notice_is_ended_with_the_forkserver(hosts: Hosts) -> None:
    host = hosts.start("local")
    before = host.until_running()
    (server,) = forkservers(host)
    (worker,) = server.children()
    # It cannot see that it is not looked after any more.
    worker.suspend()
    server.kill()
    host.until(all_again(before))
    assert psutil.wait_procs([worker], timeout=ALL_AGAIN_SECONDS)[1] == []


def test_one_that_is_killed_before_it_is_ready_is_replaced(
    hosts: Hosts, make_module: Callable[[str, str], None], tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    make_module("sitecustomize", _IN_FORKSERVERS + _WAITS_FOR % str(go_on))
    host = hosts.start("local", entries=2)
    host.get()
    deadline = monotonic() + ALL_AGAIN_SECONDS
    while not (found := forkservers(host)):
        assert monotonic() < deadline
    found[0].kill()
    go_on.touch()
    host.until_running()
    assert {one["parent"] for one in tell(host).values()} == {forkservers(host)[0].pid}
    assert reasons(host).count("ForkserverFailed") == 1


# The first of its forkservers is dead when it is asked; multiprocessing starts another then.
TOO_LATE = """
import sys
from pathlib import Path
import psutil
from speccluster_lab.host import forkserver, life
ask = forkserver._ask_for_troubles
def ask_too_late():
    forkserver._ask_for_troubles = ask
    first = forkserver._forkserver_of_this_process()
    first.kill()
    while first.status() != psutil.STATUS_ZOMBIE:
        pass
    return ask()
forkserver._ask_for_troubles = ask_too_late
sys.exit(life.run_host(Path(sys.argv[1])))
"""


def test_one_that_is_dead_when_it_is_asked_is_replaced_by_one_of_ours(hosts: Hosts) -> None:
    host = hosts.start("local", entries=2, script=TOO_LATE)
    # The one that multiprocessing starts may have workers running before it is ended.
    host.until(all_from_ours(host))
    (ours,) = forkservers(host)
    assert {one["parent"] for one in tell(host).values()} == {ours.pid}
    assert reasons(host).count("ForkserverFailed") == 1
    assert "ForkserverDied" not in reasons(host)


def test_where_none_comes_up_workers_are_spawned(
    hosts: Hosts, make_module: Callable[[str, str], None]
) -> None:
    # What the forkserver imports first, and nobody else.
    make_module("sitecustomize", _IN_FORKSERVERS + "    os._exit(3)")
    host = hosts.start("local", entries=2)
    host.until_running()
    assert forkservers(host) == []
    assert {one["parent"] for one in tell(host).values()} == {host.connection.pid}
    assert reasons(host).count("ForkserverFailed") == MOST_FAILURES + 1


_IN_FORKSERVERS = """
import os, sys
if any("multiprocessing.forkserver" in part for part in sys.orig_argv):
"""

_WAITS_FOR = """
    import time
    while not os.path.exists(%r):
        time.sleep(0.01)
"""


def test_one_of_which_no_fork_lives_is_replaced(
    hosts: Hosts, make_module: Callable[[str, str], None]
) -> None:
    make_module("crashes", "import os; os.register_at_fork(after_in_child=lambda: os._exit(3))")
    host = hosts.start("local", preimport=["crashes"])
    host.until_running()
    (told,) = tell(host).values()
    assert told["parent"] == forkservers(host)[0].pid
    assert reasons(host).count("ForkserverFailed") == 1


def test_one_that_cannot_be_kept_is_said(hosts: Hosts) -> None:
    host = hosts.start("local", entries=2, script=NOT_KEPT)
    host.until_running()
    assert {one["parent"] for one in tell(host).values()} == {host.connection.pid}
    assert reasons(host).count("ForkserverFailed") == 1


NOT_KEPT = """
import sys
from pathlib import Path
from speccluster_lab.host import forkserver, life
def no_room():
    raise MemoryError
forkserver._ask_for_troubles = no_room
sys.exit(life.run_host(Path(sys.argv[1])))
"""


def test_what_has_lost_its_forkserver_is_ended_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # This process stands for a guard.
    monkeypatch.setattr(os, "getppid", os.getpid)

    def start(*names: str) -> subprocess.Popen[bytes]:
        sleep = [*names, "-c", "import time; time.sleep(60)"]
        return subprocess.Popen(sleep, executable=sys.executable)

    forked = [
        start("python", "-Xmultiprocessing.forkserver"),
        start("dask worker [tls://]"),
    ]
    other = start("python")
    try:
        forkserver._kill_orphans(os.getpid() + 1)
        with pytest.raises(subprocess.TimeoutExpired):
            forked[0].wait(0.2)
        forkserver._kill_orphans(os.getpid())
        assert [one.wait(10) for one in forked] == [-signal.SIGKILL] * 2
        assert other.poll() is None
    finally:
        for one in (*forked, other):
            one.kill()
            one.wait()


def test_it_ends_with_its_host(hosts: Hosts) -> None:
    host = hosts.start("local", entries=2)
    host.until_running()
    (server,) = forkservers(host)
    family = [server, *server.children()]
    psutil.Process(host.connection.pid).kill()
    assert psutil.wait_procs(family, timeout=ALL_AGAIN_SECONDS)[1] == []
    # Its guard has it started again, with another one.
    host.reconnected()
    host.until_running()
    assert forkservers(host) != [server]


def test_it_is_ended_before_what_does_not_end_is_looked_for(hosts: Hosts) -> None:
    host = hosts.start("local")
    host.until_running()
    (server,) = forkservers(host)
    with (host.folder / HOST_LOG).open() as log:
        host.request("DELETE")
        assert host.ended() == 0
        assert "is still there" not in log.read()
    assert not server.is_running()


# -- a restart that the death of the forkserver spoils -------------------------------------------


class ANanny:
    """What is needed of one to start its worker."""

    def __init__(self, *results: Status | Exception) -> None:
        self.status = Status.running
        self.env = self.pre_spawn_env = {"A_NAME": "a value"}
        self.results = list(results)
        self.closed = False

    async def instantiate(self) -> Status:
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    async def close(self, reason: str) -> None:
        self.closed = True


def start_again(nanny: ANanny, monkeypatch: pytest.MonkeyPatch) -> tuple[Status, int]:
    """Have a worker started again by a forkserver of which each try finds another."""
    tries: list[RunningForkserver] = []

    class AForkserver(Forkserver):
        async def get(self) -> RunningForkserver:
            tries.append(RunningForkserver(psutil.Process(), {"A_NAME": "a value"}))
            tries[-1].gone.set()
            return tries[-1]

    async def main() -> Status:
        monkeypatch.setattr(nannies, "_forkserver", AForkserver())
        nannies.dask_setup(nanny)  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            return await nanny.instantiate()

    return asyncio.run(main()), len(tries)


def test_a_start_that_meets_a_dying_forkserver_is_tried_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nanny = ANanny(Status.failed, Status.running)
    assert start_again(nanny, monkeypatch) == (Status.running, 2)
    assert not nanny.closed


def test_a_nanny_whose_worker_does_not_come_back_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its status would say for ever that it runs, and its entry be replaced late.
    nanny = ANanny(Status.failed, Status.failed)
    assert start_again(nanny, monkeypatch) == (Status.failed, 2)
    assert nanny.closed
    # A first start fails to whoever waits for it.
    nanny = ANanny(Status.failed, Status.failed)
    nanny.status = Status.starting
    assert start_again(nanny, monkeypatch) == (Status.failed, 2)
    assert not nanny.closed


def test_a_nanny_whose_start_raises_is_closed_where_it_has_had_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nanny = ANanny(EOFError())
    with pytest.raises(EOFError):
        start_again(nanny, monkeypatch)
    assert nanny.closed
    nanny = ANanny(EOFError())
    nanny.status = Status.starting
    with pytest.raises(EOFError):
        start_again(nanny, monkeypatch)
    assert not nanny.closed
