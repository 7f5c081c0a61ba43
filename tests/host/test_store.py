"""What is stored of a cluster: when it is acknowledged, and what is done with what is garbled."""

from __future__ import annotations

import asyncio
import datetime
import errno
import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from speccluster_lab.errors import NotStored
from speccluster_lab.host import store as store_module
from speccluster_lab.host.store import CERTIFICATES_FILE, Desired, Store
from speccluster_lab.link.files import set_aside, write_private_file
from speccluster_lab.link.launch import DESIRED_FILE, GENERATIONS_FOLDER
from speccluster_lab.spec.api import Adaptive
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from pathlib import Path

FIRST = ClusterSpec.model_validate({"workers": {"0": {"cls": "distributed.Worker"}}})


CREATED = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)


class FirstLaunch:
    """As much of a launch as a store looks at."""

    id = "one"
    spec = FIRST
    created = CREATED


def load(folder: Path) -> tuple[Store, Desired]:
    store = Store(folder)
    return store, store.load(FirstLaunch)  # type: ignore[arg-type]


def desired(generation: int, entries: int = 2) -> Desired:
    form = {"cls": "distributed.Worker"}
    return Desired(
        generation=generation,
        spec=ClusterSpec.model_validate({"workers": {str(n): form for n in range(entries)}}),
        adaptive=Adaptive(minimum=1, maximum=3),
    )


def but_for_its_time(one: Desired) -> Desired:
    return one.model_copy(update={"since": None})


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def mode(file: Path) -> int:
    return stat.S_IMODE(file.lstat().st_mode)


def test_in_the_beginning_it_is_what_was_launched(tmp_path: Path) -> None:
    store, first = load(tmp_path)
    assert first == Desired(generation=1, spec=FIRST, since=CREATED)
    assert store.conditions == []
    assert files(tmp_path) == []


async def test_what_is_saved_is_there_for_the_next_one(tmp_path: Path) -> None:
    store, _ = load(tmp_path)
    await store.save(desired(7))
    assert mode(tmp_path / DESIRED_FILE) == 0o600
    assert but_for_its_time(load(tmp_path)[1]) == desired(7)


async def test_changes_that_come_together_are_written_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def write(file: Path, content: bytes) -> None:
        begun.set()
        go_on.wait(10)
        written.append(json.loads(content)["generation"])
        write_private_file(file, content)

    monkeypatch.setattr(store_module, "write_private_file", write)
    store, _ = load(tmp_path)
    saving = [asyncio.create_task(store.save(desired(2)))]
    await asyncio.to_thread(begun.wait, 10)
    saving += [asyncio.create_task(store.save(desired(number))) for number in range(3, 8)]
    await asyncio.sleep(0.05)
    assert not any(one.done() for one in saving)
    go_on.set()
    await asyncio.gather(*saving)
    # Those that have waited are in the newest one.
    assert written == [2, 7]
    assert load(tmp_path)[1].generation == 7


async def test_one_that_gives_up_waiting_does_not_let_the_next_one_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = 0
    begun, go_on = threading.Event(), threading.Event()

    def write(file: Path, content: bytes) -> None:
        nonlocal writing
        writing += 1
        begun.set()
        go_on.wait(10)
        assert writing == 1
        write_private_file(file, content)
        writing -= 1

    monkeypatch.setattr(store_module, "write_private_file", write)
    store, _ = load(tmp_path)
    first = asyncio.create_task(store.save(desired(2)))
    await asyncio.to_thread(begun.wait, 10)
    first.cancel()
    second = asyncio.create_task(store.save(desired(3)))
    await asyncio.sleep(0.05)
    go_on.set()
    await second
    assert first.cancelled()
    assert load(tmp_path)[1].generation == 3


async def test_a_change_that_cannot_be_stored_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = load(tmp_path)
    await store.save(desired(2))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(NotStored, match="No space left on device"):
            await store.save(desired(3))
    assert load(tmp_path)[1].generation == 2
    assert files(tmp_path) == [DESIRED_FILE, GENERATIONS_FOLDER]
    # It is stored with the next one.
    await store.save(desired(3))
    assert load(tmp_path)[1].generation == 3


GARBLED = {
    "empty": b"",
    "truncated": desired(7).model_dump_json().encode()[:-9],
    "no json": b"\xff\x00",
    "a list": b"[]",
    "another": b'{"generation": 0, "spec": {}}',
    "more": b'{"generation": 3, "spec": {}, "secret": "canary"}',
}


@pytest.mark.parametrize("how", GARBLED)
def test_what_is_garbled_is_set_aside_and_said(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_private_file(tmp_path / DESIRED_FILE, GARBLED[how])
    store, found = load(tmp_path)
    assert but_for_its_time(found) == Desired(generation=1, spec=FIRST)
    (condition,) = store.conditions
    assert (condition.type, condition.reason) == ("StateSetAside", "Garbled")
    assert "desired.json.bad-1" in condition.message
    assert "first spec" in condition.message
    assert files(tmp_path) == [f"{DESIRED_FILE}.bad-1"]
    assert (tmp_path / f"{DESIRED_FILE}.bad-1").read_bytes() == GARBLED[how]
    assert "set aside" in caplog.text
    assert "canary" not in caplog.text + condition.message


def _another_owner(file: Path, patch: pytest.MonkeyPatch) -> None:
    # As another user sees it; becoming one needs to be root.
    owner = file.stat().st_uid
    patch.setattr(os, "geteuid", lambda: owner + 1)


def _let_in(file: Path, patch: pytest.MonkeyPatch) -> None:
    file.chmod(0o604)


def _link(file: Path, patch: pytest.MonkeyPatch) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))


def _folder(file: Path, patch: pytest.MonkeyPatch) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("change", [_another_owner, _let_in, _link, _folder])
def test_what_is_not_ours_is_set_aside_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    write_private_file(tmp_path / DESIRED_FILE, desired(7).model_dump_json().encode())
    change(tmp_path / DESIRED_FILE, monkeypatch)
    store, found = load(tmp_path)
    assert found.generation == 1
    assert [one.reason for one in store.conditions] == ["NotTrusted"]
    assert not os.path.lexists(tmp_path / DESIRED_FILE)
    assert os.path.lexists(tmp_path / f"{DESIRED_FILE}.bad-1")
    # And not once more.
    assert load(tmp_path)[0].conditions == []


def test_a_disk_that_fails_is_no_reason_to_forget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private_file(tmp_path / DESIRED_FILE, desired(7).model_dump_json().encode())

    def fail(*arguments: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(OSError, match="Input/output"):
            load(tmp_path)
    assert load(tmp_path)[1].generation == 7


def test_what_is_set_aside_is_bounded(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for number in range(6):
        if number == 1:
            file.mkdir()
            (file / "something").touch()
        else:
            file.write_text(str(number))
        set_aside(file)
    assert files(tmp_path) == ["file.bad-1", "file.bad-2", "file.bad-3"]
    assert [(tmp_path / name).read_text() for name in files(tmp_path)] == ["3", "4", "5"]


def test_what_an_interrupted_write_has_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / f".{DESIRED_FILE}.123.tmp").write_text("{")
    (tmp_path / f".{CERTIFICATES_FILE}.123.tmp").write_text("{")
    (tmp_path / ".stopped.123.tmp").touch()
    load(tmp_path)
    assert files(tmp_path) == [".stopped.123.tmp"]


# -- certificates ------------------------------------------------------------------------------


def test_certificates_are_those_that_there_were(tmp_path: Path) -> None:
    store, _ = load(tmp_path)
    made = store.certificates("one")
    assert mode(tmp_path / CERTIFICATES_FILE) == 0o600
    assert load(tmp_path)[0].certificates("one") == made
    assert store.conditions == []


def _changed(content: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(content), **changes}).encode()


def test_certificates_that_do_not_fit_are_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "another"
    folder.mkdir()
    other = json.loads(load(folder)[0].certificates("one").to_json())
    made = load(tmp_path)[0].certificates("one")
    good = made.to_json()
    stored = json.loads(good)
    cases = [
        b"",
        good[:-30],
        b"[]",
        b'{"authority": 3}',
        _changed(good, authority=other["authority"]),
        _changed(good, worker=other["worker"]),
        _changed(good, worker={**stored["worker"], "key": stored["client"]["key"]}),
        _changed(good, client={"certificate": "x"}),
        _changed(good, scheduler=None),
    ]
    for case in cases:
        write_private_file(tmp_path / CERTIFICATES_FILE, case)
        store, _ = load(tmp_path)
        new = store.certificates("one")
        assert new != made
        assert [one.reason for one in store.conditions] == ["Garbled"]
        assert "new certificates" in store.conditions[0].message
        assert load(tmp_path)[0].certificates("one") == new
    assert "PRIVATE" not in caplog.text
    assert len(files(tmp_path)) == 5


def test_certificates_that_cannot_be_stored_are_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module, "write_private_file", full)
    assert load(tmp_path)[0].certificates("one").client.key
    assert files(tmp_path) == []
