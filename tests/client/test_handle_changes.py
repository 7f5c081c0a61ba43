"""The handle, against a real host: having its cluster changed."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import distributed
import pytest

from speccluster_lab.errors import (
    EntryNotFound,
    InvalidInput,
    StaleGeneration,
)
from speccluster_lab.spec.api import Adaptive

if TYPE_CHECKING:
    from speccluster_lab.client import ClusterHandle

pytestmark = pytest.mark.usefixtures("no_loop_is_left")


def test_its_spec_is_a_copy(handle: ClusterHandle) -> None:
    spec = handle.worker_spec
    assert spec == {
        "0": {"cls": "distributed.Worker", "options": {"nthreads": 2, "memory_limit": "2 GiB"}}
    }
    before = copy.deepcopy(spec)
    spec["0"]["options"]["nthreads"] = 99
    spec["1"] = spec["0"]
    assert handle.worker_spec == before
    assert type(copy.deepcopy(spec)) is dict
    assert pickle.loads(pickle.dumps(spec)) == dict(spec)


def test_its_spec_is_edited_and_applied(handle: ClusterHandle) -> None:
    (name,) = handle.worker_spec
    first, other = handle.worker_spec, handle.worker_spec
    first[name]["options"]["nthreads"] = 1
    first[17] = {"cls": "distributed.Worker", "options": {"nthreads": 1}}  # type: ignore[index]
    plan = first.plan()
    assert (plan.start, plan.replace, plan.retire) == (["17"], [name], [])
    generation = handle.generation
    assert first.apply() is None
    assert handle.generation == generation + 1
    handle.wait(generation=generation + 1)
    assert {one.nthreads for one in handle.members.values()} == {1}
    assert sorted(handle.members) == sorted([name, "17"])
    # Somebody has changed it since that one was made.
    other.clear()
    with pytest.raises(StaleGeneration, match=f"generation {generation}"):
        other.apply()
    # This one knows what it has applied itself.
    del first[17]  # type: ignore[arg-type]
    first[name]["options"]["nthreads"] = 2
    first.apply()
    handle.wait("running", generation=generation + 2)
    assert {one.name: one.nthreads for one in handle.members.values()} == {name: 2}


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({}, "workers.new.cls"),
        ({"cls": distributed.Worker}, "workers.new.cls"),
        ({"cls": "os.system"}, "workers.new.cls"),
        (
            {"cls": "distributed.Worker", "options": {"nthreads": -1}},
            "workers.new.options.nthreads",
        ),
        ({"cls": "distributed.Worker", "options": {"preload": "x"}}, "workers.new.options.preload"),
    ],
)
def test_an_entry_that_cannot_be(handle: ClusterHandle, entry: dict[str, Any], field: str) -> None:
    generation = handle.generation
    spec = handle.worker_spec
    spec["new"] = entry
    with pytest.raises(InvalidInput) as caught:
        spec.apply()
    assert caught.value.field == field
    assert handle.generation == generation


def test_adapt(handle: ClusterHandle) -> None:
    assert handle.adaptive is None
    assert handle.adapt(minimum=1, maximum=3) is None
    assert handle.adaptive == Adaptive(minimum=1, maximum=3)
    assert handle.end_adaptive() is None
    assert handle.adaptive is None
    for wrong, field in (
        ({"minimum": 5, "maximum": 2}, None),
        ({"minimum": "x"}, "minimum"),
        ({"maximum": 1000}, "maximum"),
    ):
        with pytest.raises(InvalidInput) as caught:
            handle.adapt(**wrong)
        assert caught.value.field == field


@pytest.mark.parametrize(
    "size", [{"n": 2}, {"workers": 2}, {"cores": 3}, {"memory": "4 GiB"}, {"memory": 4 * 2**30}]
)
def test_scale(handle: ClusterHandle, size: dict[str, Any]) -> None:
    generation = handle.generation
    (first,) = handle.worker_spec
    handle.scale(**size)
    # What was asked for is there at once; what it brings, later.
    assert len(handle.worker_spec) == 2
    assert first in handle.worker_spec
    assert handle.generation == generation + 1
    with handle.get_client() as client:
        client.wait_for_workers(2, timeout=60)
        kept = client.map(lambda one: 2 * one, range(20), pure=False)
        assert client.gather(kept) == list(range(0, 40, 2))
        handle.scale(1)
        # The one that holds least goes, whichever that is.
        assert len(handle.worker_spec) == 1
        handle.sync(handle._until, lambda c: c.counts.expected == len(c.workers) == 1, 60, "?")
        assert {one.status for one in kept} == {"finished"}
        assert client.gather(kept) == list(range(0, 40, 2))


@pytest.mark.parametrize(
    ("size", "field"),
    [
        ({}, None),
        ({"n": 1, "cores": 1}, None),
        ({"n": -1}, "entries"),
        ({"n": 1.5}, "entries"),
        ({"n": 1000}, "entries"),
        ({"workers": 9}, "workers"),
        ({"memory": "lots"}, "memory"),
        ({"cores": "2"}, "cores"),
    ],
)
def test_a_size_that_cannot_be(
    handle: ClusterHandle, size: dict[str, Any], field: str | None
) -> None:
    generation = handle.generation
    with pytest.raises(InvalidInput) as caught:
        handle.scale(**size)
    assert (caught.value.field or "").partition(".")[0] == (field or "")
    assert handle.generation == generation


def test_plan(handle: ClusterHandle) -> None:
    generation = handle.generation
    (name,) = handle.worker_spec
    with handle.get_client() as client:
        kept = client.scatter(b"x" * 1000)
        plan = handle.plan(n=0)
        assert (plan.start, plan.replace, plan.retire) == ([], [], [name])
        assert (plan.at_stake.keys, plan.stuck) == (1, True)
        assert plan.at_stake.nbytes >= 1000
        assert handle.plan(remove={name}) == plan
        del kept
    assert len(handle.plan(cores=5).start) == 2
    spec = handle.sync(handle._refresh).spec
    assert handle.plan(spec).replace == []
    document = spec.model_dump()
    document["workers"][name]["options"]["nthreads"] = 1
    assert handle.plan(document).replace == [name]
    assert handle.generation == generation


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"n": 1, "cores": 1}, "scale"),
        ({"n": 1, "remove": ["0"]}, None),
        ({"n": -1}, "scale.entries"),
        ({"n": 1000}, "scale.entries"),
        ({"spec": {"workers": {"0": {}}}}, "spec.workers.0.cls"),
        ({"spec": "text"}, "spec"),
        ({"remove": ["unknown"]}, "remove"),
    ],
)
def test_a_plan_for_what_cannot_be(
    handle: ClusterHandle, change: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(InvalidInput) as caught:
        handle.plan(**change)
    assert caught.value.field == field


def test_retry(handle: ClusterHandle) -> None:
    (name,) = handle.worker_spec
    assert handle.retry(name) is None
    with pytest.raises(EntryNotFound, match="'unknown'"):
        handle.retry("unknown")


def test_restart(handle: ClusterHandle) -> None:
    (name,) = handle.worker_spec
    before = handle.members[name].address
    assert before is not None
    assert handle.restart(name) is None
    # Its generation is the same: what is waited for is that nothing is worn any more.
    handle.wait()
    assert handle.members[name].address not in (None, before)
    with pytest.raises(EntryNotFound, match="'unknown'"):
        handle.restart("unknown")
