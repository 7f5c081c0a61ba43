"""The command line: starting clusters, their size, their entries, and their end."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from command_line import cli

from speccluster_lab.link.files import open_private_log
from speccluster_lab.link.guard import GUARD_FILE
from speccluster_lab.link.launch import (
    HOST_LOG,
    names_in_use,
    read_launch,
    reserve,
    write_launch,
)
from speccluster_lab.link.paths import cluster_folder, connection_file
from speccluster_lab.spec.api import Cluster

if TYPE_CHECKING:
    from command_line import Here
    from running_hosts import Hosts, RunningHost


def test_start_scale_and_stop(place: Hosts, here: Here) -> None:
    done = cli(
        "start", "threads", "--name", "My ETL", "--set", "nthreads=3", "--wait", "60", "--json"
    )
    assert done.data == {
        "id": "my-etl",
        "display_name": "My ETL",
        "template": "threads",
        "phase": "running",
    }
    try:
        launch = read_launch(cluster_folder("my-etl"))
        assert (launch.owner.kind, launch.python) == ("command", sys.executable)
        assert launch.lifetimes.orphan_timeout == 24 * 3600
        taken = cli("start", "threads", "--name", "My ETL", "--json")
        assert (taken.status, taken.error["code"]) == (1, "name_in_use")

        grown = cli("scale", "my-etl", "2", "--wait", "--json").data
        assert [one["members"][0]["nthreads"] for one in grown["workers"]] == [3, 3]
        assert len(cli("scale", "my-etl", "--cores", "1", "--json").data["spec"]["workers"]) == 1
        for size in (["-1"], ["1", "--cores", "2"], [], ["--memory", "lots"], ["1000"]):
            assert here("scale", "my-etl", *size).status == 2
    finally:
        done = cli("stop", "my-etl")
    assert (done.status, "Stopped my-etl." in done.out) == (0, True)
    assert "my-etl" not in names_in_use()


@pytest.mark.parametrize(
    ("arguments", "status", "field"),
    [
        (["nope"], 3, "template"),
        (["threads", "--set", "nope=1"], 2, "fields.nope"),
        (["threads", "--set", "nthreads=x"], 2, "fields.nthreads"),
        (["threads", "--set", "nthreads=0"], 2, "fields.nthreads"),
        (["threads", "--set", "nthreads"], 2, "set"),
        (["threads", "--name", "a\nb"], 2, "name"),
        (["threads", "--kernel", "nope"], 2, "kernel"),
    ],
)
def test_what_cannot_be_started(
    place: Hosts, here: Here, arguments: list[str], status: int, field: str
) -> None:
    before = names_in_use()
    done = here("start", *arguments, "--json")
    assert (done.status, done.error["field"]) == (status, field)
    assert names_in_use() == before


def test_adapt(running: RunningHost, here: Here) -> None:
    limits = ("--minimum", "1", "--maximum", "3")
    assert json.loads(here("adapt", running.id, *limits, "--json").out)["adaptive"] == {
        "minimum": 1,
        "maximum": 3,
    }
    assert "keeps to 1 to 3 workers" in here("show", running.id).out
    for wrong, field in (
        (["--minimum", "3", "--maximum", "1"], None),
        (["--minimum", "-1"], "minimum"),
        (["--maximum", "1000"], "maximum"),
        (["--off", "--maximum", "2"], "off"),
    ):
        done = here("adapt", running.id, *wrong, "--json")
        assert (done.status, done.error.get("field")) == (2, field)
    done = here("adapt", running.id, "--off", "--wait")
    assert (done.status, "Adaptive scaling is off" in done.out) == (0, True)
    assert running.get().adaptive is None
    assert here("scale", running.id, "1", "--wait").status == 0


def test_restart(running: RunningHost, here: Here) -> None:
    before = running.get()
    (entry,) = before.workers
    done = here("restart", running.id, entry.name, "--wait", "--json")
    assert done.status == 0, done.err
    after = Cluster.model_validate_json(done.out)
    assert after.workers[0].members[0].address not in (None, entry.members[0].address)
    assert "is made anew" in here("restart", running.id, entry.name, "--wait").out


@pytest.mark.parametrize("verb", ["restart", "retry"])
def test_an_entry_that_is_not_there(running: RunningHost, here: Here, verb: str) -> None:
    done = here(verb, running.id, "unknown", "--json")
    assert (done.status, done.error["code"]) == (3, "entry_not_found")


def test_an_entry_that_fails_is_shown_and_tried_again(place: Hosts, here: Here) -> None:
    entry = {"cls": "difficult_workers.NeverStarts", "options": {}}
    spec = {"worker": entry, "workers": {"0": entry}}
    host = place.start(id="failing-entry", spec=spec)
    host.until(lambda cluster: [one.attempts for one in cluster.workers] == [2])
    shown = here("show", host.id).out
    assert "0 of 1 worker" in shown
    assert "not there" in shown
    (why,) = (line for line in shown.splitlines() if line.startswith("0: "))
    assert "this worker never starts" in why
    late = here("retry", host.id, "0", "--wait", "0.2", "--json")
    assert (late.status, late.error["code"]) == (4, "timed_out")

    def failures() -> int:
        return sum(one.to == "backoff" for one in host.ask(lambda client: client.timeline()))

    # It counts from the beginning again.
    host.until(lambda cluster: cluster.workers[0].attempts > 0)
    assert host.get().workers[0].attempts < failures()
    assert cli("stop", host.id).status == 0


@pytest.mark.parametrize("guard", ["found", "not found"])
def test_one_that_hangs_is_killed_only_when_asked(place: Hosts, guard: str) -> None:
    host = place.start(id="hanging")
    host.until_running()
    if guard == "not found":
        (host.folder / GUARD_FILE).write_bytes(b"\xff")
        # It has been there for a while.
        os.utime(host.folder, (0, 0))
    os.kill(host.connection.pid, signal.SIGSTOP)
    done = cli("stop", "hanging", "--timeout", "0.5", "--json")
    assert (done.status, done.error["code"]) == (4, "host_not_responding")
    assert "--force" in done.error["message"]
    assert "does not answer" in cli("doctor").out
    forced = cli("stop", "hanging", "--timeout", "0.5", "--force", "--json")
    assert forced.data == {"id": "hanging", "stopped": True}
    host.ended()
    assert not connection_file("hanging").exists()


def test_one_that_has_failed_is_seen_and_removed(place: Hosts, running: RunningHost) -> None:
    folder = reserve("failing")
    write_launch(folder, running.launch.model_copy(update={"id": "failing"}))
    said = "ImportError: no such module\n2026-11-28 06:05:46 WARNING guard: that was once too often"
    with open(open_private_log(folder / HOST_LOG), "w") as stream:
        stream.write(said)
    # It has been there for a while, and nobody looks after it.
    os.utime(folder, (0, 0))
    (one,) = (one for one in cli("list", "--json").data if one["id"] == "failing")
    assert one["phase"] == "failed"
    (finding,) = (
        one for one in json.loads(cli("doctor", "--json").out) if one["what"] == "cluster failing"
    )
    assert finding["state"] == "problem"
    assert "no such module" in finding["message"]
    assert "stop failing" in finding["mend"]
    done = cli("events", "failing", "--json")
    assert (done.status, done.error["code"]) == (1, "start_failed")
    assert cli("stop", "failing").status == 0
    assert not folder.exists()
