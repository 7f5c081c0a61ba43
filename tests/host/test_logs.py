"""What the processes of a real cluster have written, through the API of its host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
from running_hosts import WORKER_CLASSES

from speccluster_lab.errors import InvalidInput, MemberNotFound
from speccluster_lab.spec.api import LogQuery, LogSource
from speccluster_lab.spec.models import ClusterSpec

if TYPE_CHECKING:
    from running_hosts import Hosts, RunningHost

    from speccluster_lab.spec.api import Cluster, Log


def read(
    host: RunningHost, member: str | None = None, tail: int = 500, after: str | None = None
) -> Log:
    query = LogQuery(member=member, tail=tail, after=after)
    return host.ask(lambda client: client.log(query))


def test_the_hosts_own(shared_host: RunningHost) -> None:
    log = read(shared_host)
    assert (log.source, log.complete) == (LogSource.HOST, True)
    assert any("Cluster 'test-cluster' has started" in line for line in log.lines)
    last = read(shared_host, tail=2)
    assert (len(last.lines), last.complete) == (2, False)
    # Asking is told there as well.
    new = read(shared_host, after=log.cursor)
    assert new.continues
    assert not set(new.lines) & set(log.lines)


@pytest.mark.parametrize("tail", ["0", "-1", "10001", "x"])
def test_how_much_is_bounded(shared_host: RunningHost, tail: str) -> None:
    answer = shared_host.request("GET", f"/logs?tail={tail}")
    assert (answer.status, answer.body["field"]) == (422, "tail")


def test_a_cursor_is_bounded(shared_host: RunningHost) -> None:
    answer = shared_host.request("GET", f"/logs?after={'a' * 4097}")
    assert (answer.status, answer.body["field"]) == (422, "after")
    for odd in ("", "x", "host:0:0", "worker:", "\x00", "host:" + "9" * 4000):
        assert read(shared_host, "0", after=odd).lines
        assert read(shared_host, after=odd).lines


def test_whose_is_bounded(shared_host: RunningHost) -> None:
    answer = shared_host.request("GET", f"/logs?member={'a' * 1025}")
    assert (answer.status, answer.body["field"]) == (422, "member")
    for name in ("nobody", "<img src=x onerror=alert(1)>", "../0", "\x00"):
        with pytest.raises(MemberNotFound) as caught:
            read(shared_host, name)
        assert not isinstance(caught.value, InvalidInput)


def test_a_workers(shared_host: RunningHost) -> None:
    log = read(shared_host, "0")
    assert log.source is LogSource.WORKER
    assert any("Start worker at" in line for line in log.lines)
    assert len(read(shared_host, "0", 3).lines) == 3


def test_each_has_its_own_although_they_share_a_process(hosts: Hosts) -> None:
    """The nannies are in the host, and so are workers without one."""
    group = {
        "cls": "speccluster_lab.MultiWorker",
        "options": {"nthreads": 1, "processes": 2, "memory_limit": "1 GiB"},
        "group": ["-0", "-1"],
    }
    thread = {"cls": "distributed.Worker", "options": {"nthreads": 1}}
    spec = {"worker": None, "workers": {"g": group, "a": thread, "b": thread}}
    host = hosts.start(spec=spec)
    cluster = host.until(lambda cluster: cluster.counts.registered == 4)
    addresses = {one.name: one.address for entry in cluster.workers for one in entry.members}
    for name, of_a_start in (
        ("g-0", "Start Nanny at"),
        ("g-1", "Start Nanny at"),
        ("a", "Start worker at"),
        ("b", "Start worker at"),
    ):
        assert len([line for line in read(host, name).lines if of_a_start in line]) == 1, name
    for name, other in (("a", "b"), ("b", "a")):
        text = "\n".join(read(host, name).lines)
        assert str(addresses[name]) in text
        assert str(addresses[other]) not in text

    # Its end is told from a thread that knows neither.
    listening_at(host, str(addresses["g-1"])).kill()
    host.until(
        lambda cluster: (
            cluster.counts.registered == 4
            and all(
                one.address != addresses["g-1"]
                for entry in cluster.workers
                for one in entry.members
            )
        )
    )
    told = {
        name: [one for one in read(host, name).lines if "killed by signal" in one]
        for name in ("g-0", "g-1")
    }
    assert (len(told["g-0"]), len(told["g-1"])) == (0, 1)


def listening_at(host: RunningHost, address: str) -> psutil.Process:
    port = int(address.rpartition(":")[2])
    (found,) = (
        process
        for process in host.processes()
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    )
    return found


def test_of_an_entry_with_a_group_and_one_that_never_starts(hosts: Hosts) -> None:
    secret = "canary-4711"
    spec = {
        "worker": None,
        "workers": {
            "g": {
                "cls": "speccluster_lab.MultiWorker",
                "options": {"nthreads": 1, "processes": 2, "memory_limit": "1 GiB"},
                "group": ["-0", "-1"],
            },
            "bad": {
                "cls": "difficult_workers.Tells",
                "options": {"password": secret},
            },
        },
    }
    host = hosts.start(spec=spec, allowed=WORKER_CLASSES | {"difficult_workers.Tells"})
    host.until(
        lambda cluster: (
            cluster.counts.registered == 2
            and any(one.name == "bad" and one.attempts > 0 for one in cluster.workers)
        )
    )
    both = read(host, "g")
    assert both.source is LogSource.WORKER
    for name in ("g-0", "g-1"):
        own = [line for line in both.lines if line.startswith(f"{name}: ")]
        assert any("Start worker at" in line for line in own)
        alone = read(host, name)
        assert any("Start worker at" in line for line in alone.lines)
        # The nanny's as well.
        assert any("distributed.nanny" in line for line in alone.lines)
    nothing = read(host, "g", after=both.cursor)
    assert (nothing.lines, nothing.continues, nothing.complete) == ([], True, False)
    # From one whose cursor it is to the other, which has not been told of.
    other = read(host, "g-1", after=read(host, "g-0").cursor)
    assert any("Start worker at" in line for line in other.lines)

    why = read(host, "bad")
    assert why.source is LogSource.FAILURE
    more = read(host, "bad", after=why.cursor)
    assert (more.source, more.continues) == (LogSource.FAILURE, True)
    assert not set(more.lines) & {line for line in why.lines if "StartFailed" in line}
    assert any("RuntimeError: it is *** <b>" in line for line in why.lines)
    assert secret not in str(why)
    assert secret in host.log
    assert secret not in str(read(host))


QUICK_TO_TRY_AGAIN = """
import sys
from pathlib import Path
from speccluster_lab.host import life
from speccluster_lab.spec.policies import PolicyOverlay
given = PolicyOverlay.given
PolicyOverlay.given = lambda self: given(self) | {"backoff_first": 0.05}
sys.exit(life.run_host(Path(sys.argv[1])))
"""


def test_the_condition_of_what_fails_again_and_again_has_the_last_lines(hosts: Hosts) -> None:
    secret = "canary-4711"
    cls = "difficult_workers.PrintsElsewhere"
    bad = {"cls": cls, "options": {"nthreads": 1, "password": secret}}
    spec = {"worker": None, "workers": {"bad": bad}}
    host = hosts.start("local", spec=spec, allowed=frozenset({cls}), script=QUICK_TO_TRY_AGAIN)
    begins = " The end of the host's log:\n"
    cluster = host.until(lambda cluster: begins in _degraded(cluster))
    why, _, text = _degraded(cluster).partition(begins)
    assert why.startswith("bad: start failed ")
    lines = text.split("\n")
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 500
    assert all(line.isprintable() for line in lines)
    assert any(line.startswith("no <b>model</b>\ufffd for *** xxx") for line in lines), text
    assert secret in host.log
    assert secret not in text
    # As soon as it is not so any more, nothing is said of it.
    host.ask(lambda client: client.replace_spec(ClusterSpec(), cluster.generation))
    assert _degraded(host.until_running()) == ""


def _degraded(cluster: Cluster) -> str:
    """Return why a cluster says that it is degraded, if it does."""
    return "".join(one.message for one in cluster.conditions if one.type == "Degraded")
