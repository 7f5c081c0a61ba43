"""Workers that register under other names than their entries expect are theirs all the same."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, Worker
from distributed.deploy.ssh import SSHCluster
from distributed.deploy.ssh import Worker as SSHWorker
from distributed.deploy.subprocess import SubprocessWorker

from speccluster_lab.cluster import watch
from speccluster_lab.cluster.view import RemoteView
from speccluster_lab.spec.api import EntryPhase

from .conftest import QUICK, cluster_of, condition, entry, names, observed, phases, run, until

if TYPE_CHECKING:
    from speccluster_lab.cluster import SpecCluster


class Unnamed:
    """Gives its worker no name, so that it is known by its address, and says where it is."""

    runs_here = True
    says = "worker_address"

    def __init__(self, scheduler: str, name: Any, **options: Any) -> None:
        self.worker = Worker(scheduler, nthreads=1, host="127.0.0.1", **options)

    def __await__(self) -> Any:
        return self._start().__await__()

    async def _start(self) -> None:
        await self.worker
        setattr(self, self.says, self.worker.address)

    async def close(self) -> None:
        await self.worker.close()


class UnnamedAtItsAddress(Unnamed):
    """Says it as ``distributed.deploy.ssh`` says where its scheduler is."""

    says = "address"

    def __init__(self, scheduler: str, name: Any, **options: Any) -> None:
        super().__init__(scheduler, name, **options)
        self.address = "127.0.0.1"


class UnnamedAndLate(Unnamed):
    """Is up before its worker has registered."""

    async def _start(self) -> None:
        await self.worker.listen("tcp://127.0.0.1:0")
        self.worker_address = self.worker.address
        self._coming = asyncio.ensure_future(self.worker.start())


class UnnamedAndSilent(Unnamed):
    """Says only long after its start where its worker is."""

    async def _start(self) -> None:
        await self.worker
        asyncio.get_running_loop().call_later(0.3, self._say)

    def _say(self) -> None:
        self.worker_address = self.worker.address


class Job:
    """Is up as soon as it is submitted; its workers come one by one, and are numbered."""

    made: list[Job] = []  # noqa: RUF012

    def __init__(self, scheduler: str, name: Any, processes: int, delay: float = 0.05) -> None:
        self.made.append(self)
        self.delay = delay
        self.workers = [
            Worker(scheduler, nthreads=1, host="127.0.0.1", name=f"{name}-{number}")
            for number in range(processes)
        ]

    def __await__(self) -> Any:
        return self._start().__await__()

    async def _start(self) -> None:
        self._coming = asyncio.ensure_future(self._come())

    async def _come(self) -> None:
        for worker in reversed(self.workers):
            await asyncio.sleep(self.delay)
            await worker

    async def close(self) -> None:
        self._coming.cancel()
        await asyncio.gather(*(worker.close() for worker in self.workers))


def job(processes: int = 3, **options: Any) -> dict[str, Any]:
    return {"cls": Job, "options": {"processes": processes, **options}}


def members(cluster: SpecCluster) -> dict[str, list[str]]:
    """Return the members of each entry that are there, by the names that are shown."""
    return {
        one.name: sorted(member.name for member in one.members if member.address is not None)
        for one in cluster.entries()
    }


def shown(cluster: SpecCluster) -> int:
    return sum(map(len, members(cluster).values()))


def shown_as_they_are(cluster: SpecCluster) -> bool:
    assert condition(cluster, "UnexpectedNames") is None
    assert cluster.unexpected() == []
    counts = cluster.counts()
    assert counts.expected == counts.registered == len(names(cluster))
    return sorted(name for own in members(cluster).values() for name in own) == names(cluster)


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    Job.made.clear()


@pytest.fixture(params=[False, True], ids=["in process", "remote"])
def _either_view(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(watch, "view_of", lambda _, rpc: RemoteView(rpc))


async def data_on_each(cluster: SpecCluster, client: Client) -> list[Any]:
    """Put something of its own on each worker."""
    workers = [worker.address for worker in cluster.scheduler.workers.values()]
    return [await client.scatter(address, workers=[address]) for address in workers]


@pytest.mark.usefixtures("_either_view")
@pytest.mark.parametrize(
    "cls",
    [Unnamed, UnnamedAtItsAddress, UnnamedAndLate, UnnamedAndSilent],
    ids=lambda c: c.__name__,
)
def test_a_worker_is_taken_where_its_entry_says_that_it_is(
    cls: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only of one that says it late an event has nothing to tell.
    monkeypatch.setattr(watch, "PERIOD", 0.1 if cls is UnnamedAndSilent else 60.0)
    monkeypatch.setattr(watch, "LONGEST_PERIOD", 60.0)

    async def test() -> None:
        form = {"cls": cls, "options": {}}
        async with (
            cluster_of({0: form, 1: form, 2: form}, worker=form) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            assert phases(cluster) == dict.fromkeys("012", EntryPhase.RUNNING)
            assert all(name.startswith("tcp://") for name in names(cluster))
            assert shown_as_they_are(cluster)
            for name, (member,) in members(cluster).items():
                assert member == cluster.workers[int(name)].worker.address
            kept = await data_on_each(cluster, client)
            values = await client.gather(kept)
            instances = dict(cluster.workers)
            cluster.scale(1)
            await observed(cluster)
            assert len(names(cluster)) == 1
            assert shown_as_they_are(cluster)
            assert await client.gather(kept) == values
            assert dict(cluster.workers).items() <= instances.items()

    run(test)


def test_an_entry_expects_what_its_spec_says_as_soon_as_it_is_closed() -> None:
    async def test() -> None:
        form = {"cls": Unnamed, "options": {}}
        policy = replace(QUICK, max_unavailable=2)
        async with cluster_of({"a": form, "b": job(2)}, policy=policy) as cluster:
            await until(lambda: shown(cluster) == 3)
            await observed(cluster)
            first = members(cluster)
            assert first["b"] == ["b-0", "b-1"]
            for key in ("a", "b"):
                cluster.worker_spec[key] = {"cls": Nowhere, "options": {}}
            cluster._align()
            await until(lambda: {one.attempts > 1 for one in cluster.entries()} == {True})
            assert [[m.name for m in one.members] for one in cluster.entries()] == [["a"], ["b"]]
            assert cluster.unexpected() == []
            cluster.worker_spec.update({"a": entry(), "b": form})
            await observed(cluster)
            assert members(cluster)["a"] == ["a"]
            assert members(cluster)["b"] != first["a"]
            assert shown_as_they_are(cluster)
            assert cluster._executor.taken().keys() == {"b"}

    run(test)


@pytest.mark.usefixtures("_either_view")
def test_workers_with_numbers_are_taken_as_they_come() -> None:
    async def test() -> None:
        async with (
            cluster_of({"job-7": job(3), "job": job(1)}) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await until(lambda: shown(cluster) == 4)
            await observed(cluster)
            assert members(cluster) == {
                "job-7": ["job-7-0", "job-7-1", "job-7-2"],
                "job": ["job-0"],
            }
            assert shown_as_they_are(cluster)
            assert cluster._executor.members_of("job-7")[0] == "job-7-2", "as they came"
            kept = await data_on_each(cluster, client)
            values = await client.gather(kept)
            cluster.remove_entries(["job-7-0", "job-7-1", "job"])
            await observed(cluster)
            assert list(cluster.worker_spec) == ["job-7"], "not all of its members were named"
            assert await client.gather(kept) == values
            del cluster.worker_spec["job-7"]
            cluster.worker_spec["other"] = entry()
            await observed(cluster)
            assert names(cluster) == ["other"]
            assert await client.gather(kept) == values

    run(test)


def test_entries_are_let_go_by_the_names_that_their_workers_have() -> None:
    async def test() -> None:
        async with cluster_of({"a": job(2), "b": job(2)}) as cluster:
            await until(lambda: shown(cluster) == 4)
            assert cluster.members_by_entry() == {"a": ("a-1", "a-0"), "b": ("b-1", "b-0")}
            assert cluster.owners_of_members()["b-0"] == "b"
            cluster.remove_entries(["b-0", "b-1"])
            await observed(cluster)
            assert names(cluster) == ["a-0", "a-1"]

    run(test)


def test_a_numbered_worker_that_goes_is_missed() -> None:
    async def test() -> None:
        async with cluster_of({"a": job(2)}) as cluster:
            await until(lambda: shown(cluster) == 2)
            await observed(cluster)
            (first,) = Job.made
            await first.workers[0].close()
            await until(lambda: cluster.entries()[0].reason == "MembersGone")
            assert cluster.entries()[0].message == "the scheduler has lost a-0"
            # It does not come back, so that the job is replaced.
            await until(lambda: len(Job.made) == 2 and shown(cluster) == 2)
            await until(lambda: phases(cluster) == {"a": EntryPhase.RUNNING})
            assert shown_as_they_are(cluster)

    run(test)


def test_a_worker_that_no_event_has_told_of_is_taken_as_well() -> None:
    async def test() -> None:
        async with cluster_of(worker=job(2)) as cluster:
            hear = cluster._update_worker_status
            cluster._update_worker_status = lambda op, msg: None  # type: ignore[method-assign]
            cluster._watch.period = 0.1
            cluster.scale(2)
            await observed(cluster)
            await until(lambda: shown(cluster) == 4)
            assert shown_as_they_are(cluster)
            cluster._update_worker_status = hear  # type: ignore[method-assign]

    run(test)


def test_a_stranger_with_a_number_is_not_taken_where_names_are_as_expected() -> None:
    async def test() -> None:
        spec = {
            "says": entry(),
            "silent": {"cls": Silent, "options": {}},
            "pair": {**job(2), "group": ["-0", "-1"]},
            "one": {**job(1, delay=60), "group": ["-0"]},
        }
        strangers = ["-0", "one-0-0", "pair-0-0", "pair-7", "says-0", "silent-0"]
        async with cluster_of(spec) as cluster:
            await until(lambda: shown(cluster) == 4)
            address = cluster.scheduler.address
            async with AsyncExitStack() as there:
                for name in strangers:
                    await there.enter_async_context(Worker(address, name=name, host="127.0.0.1"))
                await until(lambda: len(cluster.unexpected()) == len(strangers))
                assert sorted(member.name for member in cluster.unexpected()) == strangers
                assert members(cluster) == {
                    "says": ["says"],
                    "silent": ["silent"],
                    "pair": ["pair-0", "pair-1"],
                    "one": [],
                }
            await until(lambda: cluster.unexpected() == [])

    run(test)


def test_what_is_taken_is_found_without_looking_at_all_entries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with cluster_of({name: job(1, delay=60) for name in "abcdefgh"}) as cluster:
            await until(lambda: set(phases(cluster).values()) == {EntryPhase.WAITING})
            adoption, looked = cluster._executor._actions.adoption, []
            look = adoption.look
            monkeypatch.setattr(adoption, "look", lambda one: looked.append(one.name) or look(one))
            async with Worker(cluster.scheduler.address, name="c-5", host="127.0.0.1"):
                await until(lambda: members(cluster)["c"] == ["c-5"])
                assert looked == ["c"]

    run(test)


class Silent:
    """Names its worker as is expected, and does not say where it is."""

    def __init__(self, scheduler: str, name: Any) -> None:
        self._worker = Worker(scheduler, name=name, nthreads=1, host="127.0.0.1")

    def __await__(self) -> Any:
        return self._worker.__await__()

    async def close(self) -> None:
        await self._worker.close()


class Nowhere:
    """Cannot be made."""

    def __init__(self, scheduler: str, name: Any) -> None:
        raise OSError("nowhere")


class FakeSSH:
    """What ``distributed.deploy.ssh`` uses of ``asyncssh``: commands, run on this machine."""

    def __init__(self) -> None:
        self._processes: list[asyncio.subprocess.Process] = []

    async def connect(self, host: str, **options: Any) -> FakeSSH:
        return self

    async def run(self, command: str) -> Any:
        return SimpleNamespace(exit_status=0)

    async def create_process(self, command: str) -> Any:
        process = await asyncio.create_subprocess_shell(
            f"exec {command}", stderr=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert process.stderr is not None
        lines = process.stderr
        self._processes.append(process)

        async def readline() -> str:
            return (await lines.readline()).decode()

        def kill() -> None:
            if process.returncode is None:
                process.terminate()

        return SimpleNamespace(kill=kill, stderr=SimpleNamespace(readline=readline))

    def close(self) -> None:
        pass

    async def end(self) -> None:
        """Wait until all commands have ended."""
        await asyncio.gather(*(process.communicate() for process in self._processes))


def ssh_spec(monkeypatch: pytest.MonkeyPatch, ssh: FakeSSH) -> dict[Any, Any]:
    """Return the workers of the spec that ``SSHCluster`` makes."""
    options = {"nthreads": 1, "host": "127.0.0.1", "death_timeout": 25}
    made: list[dict[Any, Any]] = []
    monkeypatch.setattr(
        "distributed.deploy.ssh.SpecCluster", lambda workers, *_, **more: made.append(workers)
    )
    SSHCluster(["127.0.0.1"] * 3, worker_options=options)
    monkeypatch.setitem(sys.modules, "asyncssh", ssh)
    (workers,) = made
    assert {one["cls"] for one in workers.values()} == {SSHWorker}
    return workers


def started_by_a_command() -> dict[Any, Any]:
    options = {"worker_kwargs": {"host": "127.0.0.1", "nthreads": 1}}
    return {key: {"cls": SubprocessWorker, "options": options} for key in (0, 1)}


@pytest.mark.parametrize("how", ["ssh", "subprocess"])
def test_two_workers_of_one_host_are_told_apart(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their classes say neither where the worker is nor give it the name that they get."""

    async def test() -> None:
        ssh = FakeSSH()
        spec = ssh_spec(monkeypatch, ssh) if how == "ssh" else started_by_a_command()
        async with (
            cluster_of(spec) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            await observed(cluster)
            assert names(cluster) == ["0", "1"]
            assert shown_as_they_are(cluster)
            kept = await data_on_each(cluster, client)
            values = await client.gather(kept)
            del cluster.worker_spec[0]
            await observed(cluster)
            assert names(cluster) == ["1"]
            assert await client.gather(kept) == values
            assert phases(cluster) == {"1": EntryPhase.RUNNING}
        await ssh.end()

    run(test)
