"""A host that is kept ready while somebody looks, and taken by the next cluster."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from nothing_left import processes_of
from serving import Api, Wait, until

from speccluster_lab.link.launch import find_guard
from speccluster_lab.link.paths import cluster_folder
from speccluster_lab.server.spares import Spares

if TYPE_CHECKING:
    from pathlib import Path

    from traitlets.config import Config

    from speccluster_lab.server import SpecClusterLab
    from speccluster_lab.server.manager import ClusterManager


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speccluster_lab.server.spares.PAUSE", 0.05)


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    jp_server_config.SpecClusterLab.spare_host = True
    return jp_server_config


async def spare_of(manager: ClusterManager, *, other_than: int | None = None) -> int:
    """Return the guard of the host that is ready, once there is one with all that it has."""

    def pid() -> int | None:
        spare = manager.spares._spare
        return None if spare is None else spare.pid

    await until(lambda: pid() not in {None, other_than}, 60)
    found = pid()
    assert found is not None
    await until(lambda: len(psutil.Process(found).children(recursive=True)) == 3, 60)
    return found


def guard_of(id: str) -> int:
    guard = find_guard(cluster_folder(id))
    assert guard is not None
    return guard.pid


async def test_the_next_cluster_takes_it(
    api: Api, manager: ClusterManager, wait_for: Wait, jp_ws_fetch: Any, own_folders: Path
) -> None:
    assert processes_of(own_folders, 0.0) == []
    page = await jp_ws_fetch("speccluster-lab", "api", "v1", "events")
    first = await spare_of(manager)
    made = [api("POST", "/clusters", {"template": "threads", "name": name}) for name in "ab"]
    answers = await asyncio.gather(*made)
    assert [answer.status for answer in answers] == [201, 201]
    for id in "ab":
        await wait_for(id, "running")
    guards = {guard_of("a"), guard_of("b")}
    assert first in guards
    assert len(guards) == 2
    second = await spare_of(manager, other_than=first)
    assert second not in guards
    for id in "ab":
        await api("DELETE", f"/clusters/{id}")
        await wait_for(id, None)
    page.close()


async def test_it_is_missed_by_nobody(
    api: Api, manager: ClusterManager, wait_for: Wait, jp_ws_fetch: Any
) -> None:
    page = await jp_ws_fetch("speccluster-lab", "api", "v1", "events")
    spare = await spare_of(manager)
    psutil.Process(spare).send_signal(signal.SIGKILL)
    answer = await api("POST", "/clusters", {"template": "threads", "name": "a"})
    assert answer.status == 201
    await wait_for("a", "running")
    assert guard_of("a") != spare
    await api("DELETE", "/clusters/a")
    await wait_for("a", None)
    page.close()


async def test_it_ends_with_the_server(
    manager: ClusterManager, jp_ws_fetch: Any, extension: SpecClusterLab, own_folders: Path
) -> None:
    page = await jp_ws_fetch("speccluster-lab", "api", "v1", "events")
    await spare_of(manager)
    page.close()
    await extension.stop_extension()
    assert processes_of(own_folders) == []
    manager.spares.want()
    assert manager.spares._pause is None


async def test_where_none_is_wanted_none_is_made(
    manager: ClusterManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr("speccluster_lab.server.spares.SpareHost", lambda: made.append(1))
    for wanted in (False, True):
        spares = Spares(manager._log, wanted=wanted)
        spares.want()
        spares.want()
        await asyncio.sleep(0.2)
        await spares.close()
        assert len(made) == wanted
