"""The spec of a published cluster, read and changed by others: what JSON cannot carry is kept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from published_clusters import ask, published, until
from running_hosts import SECONDS

from speccluster_lab import connect

if TYPE_CHECKING:
    from kernels import Kernel

MINE = """
class Mine(Worker):
    pass

class Secret:
    def __init__(self, worker):
        pass
    def __repr__(self):
        return "do not show me"

def make_class():
    class Inner(Mine):
        pass
    return Inner

options = {"nthreads": 1, "resources": {"A": 1.0}, "extensions": {"x": Secret}}
options["validate"] = float("inf")
entries = {
    0: {"cls": make_class(), "options": dict(options)},
    "b": {"cls": Mine, "options": dict(options)},
}
mine = dict(workers=entries, worker=entries["b"], publish=True)
"""


def until_wanted(id: str, entries: set[str]) -> Any:
    """Return the cluster once it shows what its owner has changed, which takes a moment."""
    deadline = time.monotonic() + SECONDS
    while (shown := ask(id, "GET")[1])["spec"]["workers"].keys() != entries:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return shown


def until_kept(handle: Any, number: int) -> Any:
    deadline = time.monotonic() + SECONDS
    while len(found := handle.generations()) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_what_json_cannot_carry_is_shown_as_such_and_kept(kernel: Kernel) -> None:
    kernel.run(MINE)
    with published(kernel, "SpecCluster(**mine)") as id:
        _, cluster = ask(id, "GET")
        spec = cluster["spec"]
        assert "do not show me" not in json.dumps(cluster)
        assert spec["workers"]["b"]["cls"] == "__main__.Mine"
        shown = spec["workers"]["0"]
        assert shown["cls"] == "__main__.make_class._locals_.Inner"
        assert shown["options"]["extensions"] == {"x": {"$object": "builtins.type"}}
        assert shown["options"]["validate"] == {"$object": "builtins.float"}

        known = {"If-Match": f'"{cluster["generation"]}"'}
        status, same = ask(id, "PUT", "/spec", spec, **known)
        assert (status, same["generation"]) == (202, cluster["generation"])
        before = kernel.value("cluster.workers[0].id")

        shown["options"]["nthreads"] = 2
        spec["workers"]["c"] = json.loads(json.dumps(spec["workers"]["b"]))
        status, edited = ask(id, "PUT", "/spec", spec, **known)
        assert (status, edited["generation"]) == (202, cluster["generation"] + 1)
        kernel.run("cluster.sync(cluster._correct_state)")
        assert kernel.value("cluster.worker_spec[0]['options']['nthreads']") == 2
        assert kernel.value("cluster.worker_spec[0]['cls'] is entries[0]['cls']")
        assert kernel.value("cluster.worker_spec['c']['cls'] is Mine")
        for name in ("0", "'c'"):
            kept = f"cluster.worker_spec[{name}]['options']['extensions']['x'] is Secret"
            assert kernel.value(kept)
        assert kernel.value("cluster.workers[0].id") != before
        assert kernel.value("{type(w).__name__ for w in cluster.workers.values()}") == {
            "Inner",
            "Mine",
        }

        known = {"If-Match": f'"{edited["generation"]}"'}
        shown["options"]["resources"] = {"$object": "builtins.dict"}
        status, refused = ask(id, "PUT", "/spec", spec, **known)
        assert (status, refused["field"]) == (422, "workers.0.options.resources")
        shown["options"].pop("resources")
        shown["cls"] = "__main__.Secret"
        status, refused = ask(id, "PUT", "/spec", spec, **known)
        assert (status, refused["code"]) == (422, "class_not_allowed")


def test_what_was_wanted_before_can_be_wanted_again(kernel: Kernel) -> None:
    kernel.run(MINE)
    made = "SpecCluster(**mine, silence_logs=50)"
    with published(kernel, made) as id, connect(id) as handle:
        _, first = ask(id, "GET")
        assert ask(id, "GET", "/generations") == (200, [])
        # Its owner changes it, and so do others.
        kernel.run("cluster.new_spec = {'cls': Worker}; cluster.scale(0); cluster.scale(1)")
        # One change or several: that depends on when they were looked at.
        earlier = until_kept(handle, 1)[-1]
        assert earlier.generation == first["generation"]
        assert earlier.spec.model_dump(mode="json") == first["spec"]
        assert ask(id, "POST", "/scale", {"entries": 0})[0] == 202
        kept = [one.spec.worker.cls for one in handle.generations()]
        assert (kept[0], kept[-1]) == ("distributed.Worker", "__main__.Mine")

        known = {"If-Match": f'"{ask(id, "GET")[1]["generation"]}"'}
        planned = ask(id, "POST", "/plan", {"spec": first["spec"]})
        assert (planned[0], planned[1]["start"]) == (200, ["0", "b"])
        status, again = ask(id, "PUT", "/spec", first["spec"], **known)
        assert (status, again["spec"]) == (202, first["spec"])
        # All that JSON cannot carry as well.
        until(id, 2)
        assert kernel.value("list(cluster.worker_spec)") == [0, "b"]
        assert kernel.value("cluster.worker_spec[0]['cls'] is entries[0]['cls']")
        for one in ("cluster.worker_spec[0]", "cluster.new_spec"):
            assert kernel.value(f"{one}['options']['extensions']['x'] is Secret")
        assert len(handle.generations()) == len(kept) + 1

        # What is like it and is not it has to be of what is there now.
        assert ask(id, "POST", "/scale", {"entries": 0})[0] == 202
        known = {"If-Match": f'"{ask(id, "GET")[1]["generation"]}"'}
        first["spec"]["workers"]["0"]["options"]["nthreads"] = 2
        status, refused = ask(id, "PUT", "/spec", first["spec"], **known)
        assert (status, refused["code"]) == (422, "class_not_allowed")


def test_entries_that_are_numbers_stay_numbers(kernel: Kernel) -> None:
    with published(kernel, "made(silence_logs=50)") as id:
        spec = ask(id, "GET")[1]["spec"]
        for name in ("7", "07", "b"):
            spec["workers"][name] = spec["worker"]
        status, cluster = ask(id, "PUT", "/spec", spec, **{"If-Match": '"1"'})
        assert (status, list(cluster["spec"]["workers"])) == (202, ["a", "7", "07", "b"])
        assert kernel.value("list(cluster.worker_spec)") == ["a", 7, "07", "b"]
        kernel.run(
            "cluster.worker_spec = {'1': entry, 'a': entry}; cluster.sync(cluster._correct_state)"
        )
        spec["workers"] = {name: spec["worker"] for name in ("1", "2", "7")}
        known = {"If-Match": f'"{until_wanted(id, {"1", "a"})["generation"]}"'}
        assert ask(id, "PUT", "/spec", spec, **known)[0] == 202
        # As their owner writes them, or has written them.
        assert kernel.value("list(cluster.worker_spec)") == ["1", "2", 7]
