"""Values that a spec names instead of holding them, and where they come to be."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from speccluster_lab import SpecCluster, references
from speccluster_lab.errors import InvalidInput
from speccluster_lab.references import (
    LOG_FILES,
    MAX_BYTES,
    names_files,
    read_files,
    secrets_for_log,
    with_values,
)

from .conftest import cluster_of, entry, observed, run, until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SECRET = "canary-4711"


def test_values_are_read_and_the_rest_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCL_TOKEN", SECRET)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text("of a file\n")
    thing = object()
    options = {
        "nthreads": 1,
        "thing": thing,
        "env": {"A": {"$env": "SCL_TOKEN"}, "B": "b"},
        "list": [{"$file": "~/token"}, {"plain": 1}],
        "tuple": ({"$env": "SCL_TOKEN"}, [{"$file": "~/token"}]),
    }
    found = with_values(options, asyncio.run(read_files(options)))
    assert names_files(options)
    assert names_files({"tuple": options["tuple"]})
    assert not names_files({**options, "list": [], "tuple": ()})
    assert found == {
        "nthreads": 1,
        "thing": thing,
        "env": {"A": SECRET, "B": "b"},
        "list": ["of a file", {"plain": 1}],
        "tuple": (SECRET, ["of a file"]),
    }
    # What one worker does to its options is not for the next.
    found["env"]["B"] = found["list"][1]["plain"] = 2
    assert options["env"]["B"] == "b"
    assert options["list"][1] == {"plain": 1}


def test_what_cannot_be_read_is_said_and_waits_for_nobody(tmp_path: Path) -> None:
    def why(name: str) -> str:
        with pytest.raises(InvalidInput) as caught:
            asyncio.run(read_files({"env": {"A": {"$file": str(tmp_path / name)}}}))
        assert caught.value.field == "env.A"
        return caught.value.message

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(b"a" * (MAX_BYTES + 1))
    (tmp_path / "most").write_bytes(b"a" * MAX_BYTES)
    (tmp_path / "binary").write_bytes(b"canary\xff")
    assert "No such file" in why("nothing")
    assert "it is no file" in why("pipe")
    assert "directory" in why(".")
    assert "longer than" in why("long")
    assert "canary" not in why("binary")
    most = str(tmp_path / "most")
    assert asyncio.run(read_files({"a": {"$file": most}})) == {most: "a" * MAX_BYTES}
    with pytest.raises(InvalidInput, match="no environment variable 'SCL_NONE'"):
        with_values({"env": {"A": {"$env": "SCL_NONE"}}})


class Quoting:
    """A worker that quotes its options when it fails, be it made or be it started."""

    def __init__(self, scheduler: str, *, name: str, at_once: bool, password: str) -> None:
        self._text = f"cannot log in as {name} with {password!r}"
        if at_once:
            raise ValueError(self._text)

    def __await__(self) -> Generator[Any, None, None]:
        yield from asyncio.sleep(0).__await__()
        raise ValueError(self._text) from OSError(self._text)

    async def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("kind", ["plain", "$env", "$file"])
def test_what_fails_does_not_tell_the_value(
    kind: str,
    at_once: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SCL_TOKEN", SECRET)
    (tmp_path / "token").write_text(SECRET)
    named = {"$env": "SCL_TOKEN", "$file": str(tmp_path / "token")}
    password = SECRET if kind == "plain" else {kind: named[kind]}
    options = {"at_once": at_once, "password": password}

    async def test() -> None:
        async with cluster_of({"a": {"cls": Quoting, "options": options}}) as cluster:
            await until(lambda: cluster.entries()[0].attempts > 0)
            (found,) = cluster.entries()
            assert "cannot log in as a with '***'" in str(found.message)
            assert SECRET not in str(found.message)
            assert not [one for one in cluster.events() if SECRET in str(one)]

    run(test)
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("speccluster_lab")]
    assert any("cannot log in" in one for one in ours)
    assert SECRET not in "".join(ours)


def test_a_worker_gets_the_value_and_the_document_keeps_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"$env": "SCL_PLACE"}

    async def test() -> None:
        async with cluster_of({"a": entry(local_directory=place)}) as cluster:
            await until(lambda: cluster.entries()[0].attempts > 0)
            assert "SCL_PLACE" in str(cluster.entries()[0].message)
            monkeypatch.setenv("SCL_PLACE", str(tmp_path))
            await observed(cluster)
            worker: Any = cluster.workers["a"]
            assert Path(worker.local_directory).is_relative_to(tmp_path)
            assert cluster.document().workers["a"].options["local_directory"] == place
            assert str(tmp_path) not in cluster.document().model_dump_json()

    run(test)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, list[str]]]:
    """Have the file ``slow`` be read only when it is told to, and note who reads."""
    told, threads = threading.Event(), []
    text_of = references._text_of

    def read(path: Path) -> str:
        threads.append(threading.current_thread().name)
        if path.name == "slow":
            assert told.wait(60)
        return text_of(path)

    monkeypatch.setattr(references, "_text_of", read)
    yield told, threads
    told.set()


def test_a_file_that_is_never_read_holds_up_nobody_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hanging: tuple[threading.Event, list[str]],
) -> None:
    told, threads = hanging
    monkeypatch.setattr(references, "READ_SECONDS", 0.2)
    (tmp_path / "slow").write_text(str(tmp_path))
    place = {"$file": str(tmp_path / "slow")}
    specs = {"a": entry(local_directory=place), "b": entry(local_directory=place), "c": entry()}

    async def test() -> None:
        async with cluster_of(specs) as cluster:
            await until(
                lambda: all(one.attempts > 1 for one in cluster.entries() if one.name in "ab")
            )
            (a, _, c) = cluster.entries()
            assert "option local_directory" in str(a.message)
            assert "it takes longer than 0.2 s" in str(a.message)
            assert c.phase == "running"
            # However often it was tried.
            assert len(threads) == 1
            assert threading.main_thread().name not in threads
            told.set()
            await observed(cluster)
            worker: Any = cluster.workers["a"]
            assert Path(worker.local_directory).is_relative_to(tmp_path)

    run(test)


def test_what_a_log_must_not_tell(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hanging: tuple[threading.Event, list[str]],
) -> None:
    _, threads = hanging
    monkeypatch.setattr(references, "READ_SECONDS", 2)
    monkeypatch.setenv("SCL_TOKEN", f"{SECRET}-of-a-variable")
    files = {name: tmp_path / name for name in ("slow", "token", "gone", "long")}
    files["slow"].write_text(SECRET)
    files["token"].write_text(f"{SECRET}-of-a-file\n")
    files["long"].write_bytes(b"a" * (MAX_BYTES + 1))
    env: dict[str, Any] = {name: {"$file": str(file)} for name, file in files.items()}
    env |= {"A": {"$env": "SCL_TOKEN"}, "B": {"$env": "SCL_NONE"}, "C_TOKEN": f"{SECRET}-as-it-is"}
    wrong = {"odd": {"$env": 1}, "two": {"$env": "SCL_TOKEN", "$file": "/"}}
    spec = {"workers": {"0": {"options": {"env": env, **wrong, "list": [env]}}}}

    async def read() -> frozenset[str]:
        async with asyncio.timeout(10):
            return await secrets_for_log(spec)

    kinds = ("of-a-variable", "of-a-file", "as-it-is")
    for _ in range(2):
        assert asyncio.run(read()) >= {f"{SECRET}-{kind}" for kind in kinds}
    # All but the slow one are read anew, off the loop.
    assert len(threads) == 7
    assert set(threads) == {"read"}


def test_a_log_is_told_although_many_files_are_never_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hanging: tuple[threading.Event, list[str]],
) -> None:
    _, threads = hanging
    monkeypatch.setattr(references, "READ_SECONDS", 0.2)
    folders = [tmp_path / str(number) for number in range(2 * LOG_FILES)]
    spec = {"list": [{"$file": str(folder / "slow")} for folder in folders]}
    for _ in range(2):
        asyncio.run(secrets_for_log(spec))
    assert len(threads) == LOG_FILES


def test_an_entry_goes_while_its_file_is_read(
    tmp_path: Path, hanging: tuple[threading.Event, list[str]]
) -> None:
    _, threads = hanging
    (tmp_path / "slow").write_text(str(tmp_path))
    specs = {"a": entry(local_directory={"$file": str(tmp_path / "slow")})}

    async def test() -> None:
        async with cluster_of(specs) as cluster:
            await until(lambda: len(threads) == 1)
            cluster.scale(0)
            await observed(cluster)
            assert cluster.entries() == []

    run(test)


def test_a_schedulers_file_that_is_never_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hanging: tuple[threading.Event, list[str]],
) -> None:
    monkeypatch.setattr(references, "READ_SECONDS", 0.2)
    host = {"$file": str(tmp_path / "slow")}
    scheduler = {"cls": "distributed.Scheduler", "options": {"host": host, "dashboard": False}}

    async def test() -> None:
        cluster = SpecCluster(scheduler=scheduler, asynchronous=True)
        with pytest.raises(InvalidInput, match=r"option host: .+ longer than") as caught:
            await cluster._start()
        await cluster.close()
        assert caught.value.field == "host"

    run(test)


def test_the_scheduler_gets_the_value_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCL_HOST", "127.0.0.1")
    scheduler = {
        "cls": "distributed.Scheduler",
        "options": {"host": {"$env": "SCL_HOST"}, "dashboard": False},
    }

    async def test() -> None:
        async with cluster_of({}, scheduler=scheduler) as cluster:
            assert "//127.0.0.1:" in cluster.scheduler_address
            assert cluster.document().scheduler.options["host"] == {"$env": "SCL_HOST"}

    run(test)
