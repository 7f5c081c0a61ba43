"""What was wanted of a cluster before: how much of it is kept, and what becomes of garbage."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from typing import TYPE_CHECKING, NoReturn

from test_store import CREATED, FIRST, desired, load

from speccluster_lab.host import generations as generations_module
from speccluster_lab.link.files import write_private_file
from speccluster_lab.link.launch import GENERATIONS_FOLDER
from speccluster_lab.spec.api import MAX_GENERATIONS, Generation, Scale

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from running_hosts import Hosts

    from speccluster_lab.link.client import HostClient


def numbers(found: list[Generation]) -> list[int]:
    return [one.generation for one in found]


async def test_each_change_leaves_what_was_wanted_before(tmp_path: Path) -> None:
    store, _ = load(tmp_path)
    assert await store.generations() == []
    for generation in (2, 3):
        await store.save(desired(generation, entries=generation))
    found = await store.generations()
    assert numbers(found) == [2, 1]
    assert found[1] == Generation(generation=1, time=CREATED, spec=FIRST)
    assert len(found[0].spec.workers) == 2
    assert found[0].time > CREATED
    # A host that is started again has them, and goes on.
    again, _ = load(tmp_path)
    assert await again.generations() == found
    await again.save(desired(4))
    third = (await again.generations())[0]
    assert (third.generation, len(third.spec.workers)) == (3, 3)
    assert third.time > found[0].time


async def test_what_is_no_new_generation_leaves_nothing(tmp_path: Path) -> None:
    """Such as the range of adaptive scaling."""
    store, _ = load(tmp_path)
    await store.save(desired(2))
    before = load(tmp_path)[1].since
    await store.save(desired(2))
    assert numbers(await store.generations()) == [1]
    assert load(tmp_path)[1].since == before


async def test_changes_that_are_written_together_are_all_there(tmp_path: Path) -> None:
    store, _ = load(tmp_path)
    await asyncio.gather(*(store.save(desired(number)) for number in range(2, 9)))
    assert numbers(await store.generations()) == [7, 6, 5, 4, 3, 2, 1]


async def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    store, _ = load(tmp_path)
    for number in range(2, MAX_GENERATIONS + 5):
        await store.save(desired(number))
    last = MAX_GENERATIONS + 3
    assert numbers(await store.generations()) == list(range(last, last - MAX_GENERATIONS, -1))
    assert len(list((tmp_path / GENERATIONS_FOLDER).iterdir())) == MAX_GENERATIONS


async def test_what_is_garbled_or_not_ours_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, _ = load(tmp_path)
    for number in range(2, 7):
        await store.save(desired(number))
    place = tmp_path / GENERATIONS_FOLDER
    (place / "2.json").write_bytes(b'{"secret": "canary"')
    (place / "3.json").chmod(0o644)
    (place / "4.json").unlink()
    (place / "4.json").symlink_to(place / "5.json")
    for name in ("x.json", "-1.json", "\u0665.json", ".5.json.1.tmp"):
        (place / name).touch()
    assert numbers(await store.generations()) == [5, 1]
    assert "canary" not in caplog.text
    assert caplog.text.count("Left out generation") == 3
    # What a host has written that died before the change was acknowledged was never wanted.
    write_private_file(place / "6.json", (place / "5.json").read_bytes())
    assert numbers(await store.generations()) == [5, 1]


async def test_a_change_counts_whether_or_not_the_one_before_can_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(file: Path, content: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    store, _ = load(tmp_path)
    monkeypatch.setattr(generations_module, "write_private_file", full)
    await store.save(desired(2))
    assert load(tmp_path)[1].generation == 2
    assert await store.generations() == []
    assert "Earlier desired states cannot be stored" in caplog.text


def test_a_host_tells_what_was_wanted_before_also_after_its_death(hosts: Hosts) -> None:
    host = hosts.start()
    host.until_running()

    async def scale(client: HostClient) -> list[Generation]:
        assert await client.generations() == []
        for entries in (2, 3, 1):
            await client.scale(Scale(entries=entries))
        return await client.generations()

    found = host.ask(scale)
    assert [(one.generation, len(one.spec.workers)) for one in found] == [(3, 3), (2, 2), (1, 1)]
    assert found[2].time == host.launch.created
    os.kill(host.connection.pid, signal.SIGKILL)
    host.reconnected()
    assert host.ask(lambda client: client.generations()) == found
