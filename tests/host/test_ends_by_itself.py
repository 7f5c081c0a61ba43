"""When a cluster ends by itself: decided with a clock of the test, and seen on real hosts."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from typing import Any

import pytest
from running_hosts import Hosts, RunningHost

from speccluster_lab import connect
from speccluster_lab.host.lifetime import (
    NOTICE_SECONDS,
    Ending,
    EndReason,
    Lifetime,
    LifetimeWatch,
    Seen,
    in_words,
)
from speccluster_lab.spec.api import Cluster, Condition
from speccluster_lab.spec.lifetimes import ENDED, ENDING_SOON, Lifetimes

QUIET = Seen(age=0.0, works=False, activity=0, is_wanted=False, contact=0)


def aged(seconds: float) -> Seen:
    return replace(QUIET, age=seconds)


def test_without_limits_nothing_ends() -> None:
    lifetime = Lifetime(Lifetimes())
    assert lifetime.notice is None
    assert lifetime.look(0.0, QUIET) is None
    assert lifetime.look(1e9, aged(1e9)) is None


def test_an_idle_cluster_is_given_notice_and_then_ends() -> None:
    lifetime = Lifetime(Lifetimes(idle_timeout=100.0))
    assert lifetime.look(1000.0, QUIET) is None
    assert lifetime.look(1079.0, QUIET) is None
    ending = Ending(EndReason.IDLE, at=1100.0, limit=100.0)
    assert lifetime.look(1080.0, QUIET) == ending
    # It does not recede.
    assert lifetime.look(1099.0, QUIET) == ending


@pytest.mark.parametrize(
    "used", [replace(QUIET, works=True), replace(QUIET, activity=1)], ids=["works", "activity"]
)
def test_what_is_used_is_not_idle(used: Seen) -> None:
    lifetime = Lifetime(Lifetimes(idle_timeout=100.0))
    lifetime.look(0.0, QUIET)
    assert lifetime.look(90.0, QUIET) is not None
    assert lifetime.look(91.0, used) is None
    # From then on it has all of its time again.
    after = replace(used, works=False)
    assert lifetime.look(170.0, after) is None
    ending = lifetime.look(171.0, after)
    assert ending is not None
    assert ending.at == 191.0


def test_to_be_followed_is_no_activity() -> None:
    lifetime = Lifetime(Lifetimes(idle_timeout=100.0))
    lifetime.look(0.0, QUIET)
    assert lifetime.look(90.0, replace(QUIET, is_wanted=True, contact=7)) is not None


@pytest.mark.parametrize(
    "wanted",
    [replace(QUIET, is_wanted=True), replace(QUIET, contact=1), replace(QUIET, works=True)],
    ids=["followed", "asked", "works"],
)
def test_what_is_wanted_is_no_orphan(wanted: Seen) -> None:
    lifetime = Lifetime(Lifetimes(orphan_timeout=100.0))
    lifetime.look(0.0, QUIET)
    ending = lifetime.look(90.0, QUIET)
    assert ending is not None
    assert ending.reason is EndReason.ORPHANED
    assert lifetime.look(95.0, wanted) is None
    left = replace(wanted, works=False, is_wanted=False)
    assert lifetime.look(174.0, left) is None
    assert lifetime.look(175.0, left) is not None


def test_a_long_timeout_gives_some_minutes_and_a_short_one_its_share() -> None:
    assert Lifetime(Lifetimes(max_lifetime=86400.0)).notice == NOTICE_SECONDS
    assert Lifetime(Lifetimes(max_lifetime=10.0)).notice == 2.0
    assert Lifetime(Lifetimes(max_lifetime=10.0, idle_timeout=86400.0)).notice == 2.0


def test_the_age_counts_from_when_it_was_made_whatever_it_does() -> None:
    lifetime = Lifetime(Lifetimes(max_lifetime=1000.0))
    busy = Seen(age=799.0, works=True, activity=1, is_wanted=True, contact=1)
    assert lifetime.look(5.0, busy) is None
    ending = lifetime.look(6.0, replace(busy, age=800.0))
    assert ending == Ending(EndReason.MAX_LIFETIME, at=206.0, limit=1000.0)


def test_the_end_that_is_overdue_is_given_notice_as_well() -> None:
    """After the machine has slept, or the host was started again."""
    lifetime = Lifetime(Lifetimes(max_lifetime=1000.0))
    ending = lifetime.look(5.0, aged(9999.0))
    assert ending is not None
    assert ending.at == 205.0


def test_the_nearest_end_is_told() -> None:
    lifetime = Lifetime(Lifetimes(max_lifetime=1000.0, idle_timeout=100.0))
    lifetime.look(0.0, aged(700.0))
    idle = lifetime.look(85.0, aged(785.0))
    assert idle is not None
    assert idle.reason is EndReason.IDLE
    # The other comes as soon as this one is put off.
    oldest = lifetime.look(105.0, replace(aged(805.0), activity=1))
    assert oldest is not None
    assert oldest.reason is EndReason.MAX_LIFETIME


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "0.5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (5400, "1 h 30 min"),
        (86400, "1 d"),
        (90000.4, "1 d 1 h"),
    ],
)
def test_a_time_span_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


class Watched:
    """What a watch tells, and what it looks at."""

    def __init__(self, limits: Lifetimes) -> None:
        self.seen = QUIET
        self.told: list[tuple[str, str]] = []
        self.news: asyncio.Queue[str] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.watch = LifetimeWatch(limits, lambda: self.seen, self.tell, self.end)
        self.task = asyncio.create_task(self.watch.watch())

    def tell(self, reason: str, message: str) -> None:
        self.told.append((reason, message))
        self.news.put_nowait(reason)

    async def end(self) -> None:
        self.ended.set()


def test_a_watch_says_what_comes_and_takes_it_back_and_ends() -> None:
    async def main() -> None:
        watched = Watched(Lifetimes(idle_timeout=1.0))
        async with asyncio.timeout(30):
            assert await watched.news.get() == ENDING_SOON
            condition = watched.watch.condition
            assert condition is not None
            assert (condition.type, condition.reason) == (ENDING_SOON, "Idle")
            assert "nothing to do for its idle timeout of 1 s" in condition.message
            watched.seen = replace(QUIET, activity=1)
            assert await watched.news.get() == "EndPutOff"
            assert watched.watch.condition is None
            assert not watched.ended.is_set()
            await watched.ended.wait()
            await watched.task
        assert [reason for reason, _ in watched.told] == [
            ENDING_SOON,
            "EndPutOff",
            ENDING_SOON,
            ENDED,
        ]
        assert watched.told[-1][1].startswith("The cluster has stopped by itself")

    asyncio.run(main())


def test_a_watch_of_what_never_ends_looks_at_nothing() -> None:
    async def main() -> None:
        watched = Watched(Lifetimes())
        await asyncio.wait_for(watched.task, 5)
        assert watched.told == []
        assert not watched.ended.is_set()

    asyncio.run(main())


# -- real hosts ------------------------------------------------------------------------------


def ending(cluster: Cluster) -> Condition | None:
    return next((one for one in cluster.conditions if one.type == ENDING_SOON), None)


def has_ended_in_order(host: RunningHost) -> None:
    assert host.ended() == 0
    assert not host.folder.exists()
    assert host.left() == []


def test_an_idle_host_says_so_is_put_off_by_a_task_and_stops(hosts: Hosts) -> None:
    host = hosts.start(lifetimes=Lifetimes(idle_timeout=10.0))
    assert host.get().lifetimes == Lifetimes(idle_timeout=10.0)
    host.until_running()
    condition = ending(host.until(lambda cluster: ending(cluster) is not None))
    assert condition is not None
    assert condition.reason == "Idle"
    assert "idle timeout of 10 s" in condition.message
    with connect(host.id) as cluster, cluster.get_client() as client:
        future = client.submit(time.sleep, 4)
        host.until(lambda cluster: ending(cluster) is None)
        # A task that takes longer than it may be idle is no idleness.
        future.result(60)
    reasons = [event.reason for event in host.ask(lambda client: client.timeline())]
    assert reasons.count(ENDING_SOON) == reasons.count("EndPutOff") >= 1
    has_ended_in_order(host)


def test_a_host_is_no_orphan_while_somebody_asks(hosts: Hosts) -> None:
    host = hosts.start(lifetimes=Lifetimes(orphan_timeout=4.0))
    deadline = time.monotonic() + 6.0
    while time.monotonic() < deadline:
        # One request at a time, each with a connection of its own.
        assert host.request("GET").status == 200
        time.sleep(0.2)
    assert host.process.poll() is None
    has_ended_in_order(host)


def test_the_age_of_a_cluster_survives_its_host(hosts: Hosts) -> None:
    host = hosts.start(lifetimes=Lifetimes(max_lifetime=3600.0), age=3590.0)
    before = ending(host.until(lambda cluster: ending(cluster) is not None))
    assert before is not None
    assert before.reason == "MaxLifetime"
    assert "longest lifetime of 1 h" in before.message
    os.kill(host.connection.pid, signal.SIGKILL)
    host.reconnected()
    after = ending(host.until(lambda cluster: ending(cluster) is not None))
    assert after is not None
    assert after.reason == "MaxLifetime"


def test_a_host_that_is_too_old_stops_whoever_uses_it(hosts: Hosts) -> None:
    host = hosts.start(lifetimes=Lifetimes(max_lifetime=20.0), age=10.0)
    told: list[Any] = []

    async def follow(client: Any) -> None:
        async for event in client.events():
            told.append(event)

    host.ask(follow)
    assert "EndedByItself" in str(told)
    has_ended_in_order(host)
