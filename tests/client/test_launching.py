"""Starting a cluster from a notebook or a script."""

from __future__ import annotations

import asyncio
import json
import sys
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pytest

from speccluster_lab import launch
from speccluster_lab.errors import InvalidInput, NameInUse, TemplateNotFound, TooManyClusters
from speccluster_lab.link.launch import (
    mark_stopped,
    names_in_use,
    read_launch,
    reserve,
    write_launch,
)
from speccluster_lab.link.paths import cluster_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from running_hosts import Hosts

    Configure = Callable[..., None]


def test_launch(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    with launch("threads", "My ETL", nthreads=3) as handle:
        try:
            assert handle.id == "my-etl"
            handle.wait()
            assert [one.nthreads for one in handle.members.values()] == [3]
            with handle.get_client() as client:
                assert client.submit(sum, [1, 2]).result() == 3
            told = handle.sync(handle._refresh)
            assert (told.owner.kind, told.template) == ("command", "threads")
            assert told.environment.python == sys.executable
            assert read_launch(cluster_folder("my-etl")).python == sys.executable
            with pytest.raises(NameInUse) as caught:
                launch("threads", name="My ETL")
            assert caught.value.field == "name"
        finally:
            handle.shutdown()
    assert names_in_use() == frozenset()


def test_launch_with_await(hosts: Hosts) -> None:
    async def main() -> None:
        async with await launch("threads", asynchronous=True) as handle:
            try:
                await handle.wait()
            finally:
                await handle.shutdown()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("wanted", "error", "field"),
    [
        ({"template": "nope"}, TemplateNotFound, "template"),
        ({"template": "Not a name"}, InvalidInput, "template"),
        ({"template": "threads", "name": " "}, InvalidInput, "name"),
        ({"template": "threads", "nthreads": 0}, InvalidInput, "fields.nthreads"),
        ({"template": "threads", "nope": 1}, InvalidInput, "fields.nope"),
        ({"template": "threads", "kernel": "nope"}, InvalidInput, "kernel"),
    ],
)
def test_what_cannot_be_launched(
    hosts: Hosts, wanted: dict[str, Any], error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as caught:
        launch(wanted.pop("template"), **wanted)
    assert caught.value.field == field  # type: ignore[attr-defined]
    assert names_in_use() == frozenset()


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Write a configuration for Jupyter, in a place of its own."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))

    def write(**settings: Any) -> None:
        file = tmp_path / "jupyter_server_config.json"
        file.write_text(json.dumps({"SpecClusterLab": settings}))

    return write


def test_there_are_as_many_as_may_be(hosts: Hosts, configure: Configure) -> None:
    configure(max_clusters=1, max_concurrent_starts=3, orphan_timeout=None)
    with launch("threads") as handle:
        try:
            told = read_launch(cluster_folder(handle.id))
            assert told.limits.concurrent_starts == 3
            assert told.lifetimes.orphan_timeout is None
            with pytest.raises(TooManyClusters, match="there may be 1"):
                launch("threads")
            configure(max_clusters=2)
            with launch("threads") as another:
                another.shutdown()
            left = reserve("left")
            write_launch(left, told.model_copy(update={"id": "left", "display_name": "Left"}))
            with pytest.raises(TooManyClusters, match="there are 2 clusters"):
                launch("threads")
            # One that has ended, and whose folder nobody could remove, takes no place; its name is
            # not to be had as long as that is there.
            mark_stopped(left)
            with pytest.raises(NameInUse):
                launch("threads", name="Left")
            with launch("threads") as another:
                another.shutdown()
            rmtree(left)
        finally:
            handle.shutdown()


def test_it_may_have_as_many_workers_as_are_configured(hosts: Hosts, configure: Configure) -> None:
    configure(max_workers=2)
    with launch("threads") as handle:
        try:
            handle.scale(2)
            with pytest.raises(InvalidInput, match="more than the 2"):
                handle.scale(3)
        finally:
            handle.shutdown()
