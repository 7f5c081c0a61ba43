"""The end that comes by itself: of a cluster that is idle, that nobody wants, or that is too old.

:class:`Lifetime` decides, with the time passed in; :class:`LifetimeWatch` looks at a cluster now
and then, and says in a condition what is coming. The end never comes without that having stood
there for a while, however late it is noticed that it is due: after the machine has slept, say.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from speccluster_lab.spec.api import Condition, ConditionStatus
from speccluster_lab.spec.lifetimes import ENDED, ENDING_SOON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from speccluster_lab.cluster import SpecCluster
    from speccluster_lab.host.stream import Stream
    from speccluster_lab.link.launch import Launch
    from speccluster_lab.spec.lifetimes import Lifetimes

__all__ = [
    "EndReason",
    "Ending",
    "Lifetime",
    "LifetimeWatch",
    "Seen",
    "in_words",
    "look_at",
]

logger = logging.getLogger(__name__)

NOTICE_SECONDS: Final = 300.0
NOTICE_SHARE: Final = 0.2
LOOK_SECONDS: Final = 5.0
_LOOKS_PER_NOTICE: Final = 4

# What a scheduler has beside those that are connected to it.
_NO_CLIENTS: Final = frozenset({"fire-and-forget"})


class EndReason(StrEnum):
    """Why a cluster stops by itself."""

    IDLE = "Idle"
    ORPHANED = "Orphaned"
    MAX_LIFETIME = "MaxLifetime"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a cluster has found.

    Parameters
    ----------
    age : float
        Seconds since it was made.
    works : bool
        Whether it has tasks to compute.
    activity : hashable
        Another one whenever somebody has done something with it.
    is_wanted : bool
        Whether somebody follows it, or a client is connected.
    contact : hashable
        Another one whenever somebody has asked something.
    """

    age: float
    works: bool
    activity: Hashable
    is_wanted: bool
    contact: Hashable


@dataclass(frozen=True, slots=True)
class Ending:
    """An end that is near.

    Parameters
    ----------
    reason : EndReason
        Why it comes.
    at : float
        When, on the clock that was passed in.
    limit : float
        Seconds that there were until then.
    """

    reason: EndReason
    at: float
    limit: float


class _Countdown:
    """One reason to end; its notice is given in time, and taken back when there is time again."""

    def __init__(self, reason: EndReason, limit: float) -> None:
        self.notice = min(NOTICE_SECONDS, limit * NOTICE_SHARE)
        self._reason = reason
        self._limit = limit
        self._at: float | None = None

    def look(self, now: float, used: float) -> Ending | None:
        if self._limit - used > self.notice:
            self._at = None
            return None
        if self._at is None:
            # From now on, and not from when it should have been noticed.
            self._at = now + self.notice
        return Ending(self._reason, self._at, self._limit)


class Lifetime:
    """Decides when a cluster ends; pure, the time is passed in.

    Parameters
    ----------
    limits : Lifetimes
        What it may have.
    """

    def __init__(self, limits: Lifetimes) -> None:
        given = {
            EndReason.IDLE: limits.idle_timeout,
            EndReason.ORPHANED: limits.orphan_timeout,
            EndReason.MAX_LIFETIME: limits.max_lifetime,
        }
        self._countdowns = {
            reason: _Countdown(reason, limit)
            for reason, limit in given.items()
            if limit is not None
        }
        self._activity: Hashable = None
        self._contact: Hashable = None
        self._active = self._touched = -math.inf

    @property
    def notice(self) -> float | None:
        """The shortest notice in seconds; none where the cluster never ends by itself."""
        return min((one.notice for one in self._countdowns.values()), default=None)

    def look(self, now: float, seen: Seen) -> Ending | None:
        """Return the end that is near; nothing when there is time.

        Parameters
        ----------
        now : float
            Seconds of a clock that only goes forward.
        seen : Seen
            What the cluster looks like.
        """
        if seen.works or seen.activity != self._activity or self._active == -math.inf:
            self._activity, self._active = seen.activity, now
        # What computes is wanted by somebody, who may come back for it.
        touched = seen.is_wanted or seen.works or seen.contact != self._contact
        if touched or self._touched == -math.inf:
            self._contact, self._touched = seen.contact, now
        used = {
            EndReason.IDLE: now - self._active,
            EndReason.ORPHANED: now - self._touched,
            EndReason.MAX_LIFETIME: seen.age,
        }
        near = (one.look(now, used[reason]) for reason, one in self._countdowns.items())
        return min((one for one in near if one is not None), key=lambda one: one.at, default=None)


class LifetimeWatch:
    """Looks at a cluster now and then, says what is coming, and ends it when that has come.

    Parameters
    ----------
    limits : Lifetimes
        What it may have.
    look : callable
        Looks at the cluster.
    tell : callable
        Takes a reason and a message whenever :attr:`condition` has changed.
    end : callable
        Ends the cluster.
    """

    def __init__(
        self,
        limits: Lifetimes,
        look: Callable[[], Seen],
        tell: Callable[[str, str], None],
        end: Callable[[], Awaitable[object]],
    ) -> None:
        self.condition: Condition | None = None
        """What is coming, while something is."""
        self._lifetime = Lifetime(limits)
        self._look = look
        self._tell = tell
        self._end = end
        self._near: Ending | None = None

    async def watch(self) -> None:
        """Look until the end has come; returns at once where it never does."""
        notice = self._lifetime.notice
        if notice is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            near = self._lifetime.look(now, self._look())
            if near != self._near:
                self._near = near
                self._say(near, now)
            if near is not None and now >= near.at:
                break
            # Nothing tells of the time that passes.
            await asyncio.sleep(min(LOOK_SECONDS, notice / _LOOKS_PER_NOTICE))
        why = _why(near)
        logger.warning("The cluster stops by itself: %s", why)
        self._set(ENDED, near.reason, f"The cluster has stopped by itself: {why}.")
        await self._end()

    def _say(self, near: Ending | None, now: float) -> None:
        if near is None:
            self.condition = None
            self._tell("EndPutOff", "the cluster does not stop by itself: it is used again")
            return
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=near.at - now)
        self._set(
            ENDING_SOON,
            near.reason,
            f"The cluster stops at {at:%H:%M:%S} UTC: {_why(near)}.{_REMEDIES[near.reason]}",
        )

    def _set(self, kind: str, reason: EndReason, message: str) -> None:
        self.condition = Condition(
            type=kind,
            status=ConditionStatus.TRUE,
            reason=reason,
            message=message,
            since=datetime.datetime.now(datetime.UTC),
        )
        self._tell(kind, message)


_REMEDIES: Final = {
    EndReason.IDLE: " A task, or a change of the cluster, puts that off.",
    EndReason.ORPHANED: " Whoever asks for it, or connects a client, puts that off.",
    EndReason.MAX_LIFETIME: " Nothing puts that off: what it holds will be lost.",
}


def _why(near: Ending) -> str:
    limit = in_words(near.limit)
    match near.reason:
        case EndReason.IDLE:
            return f"it has had nothing to do for its idle timeout of {limit}"
        case EndReason.ORPHANED:
            return f"nobody has asked for it for its orphan timeout of {limit}"
        case EndReason.MAX_LIFETIME:
            return f"it has been there for its longest lifetime of {limit}"


def in_words(seconds: float) -> str:
    """Return a time span as people say it, such as ``1 h 30 min``."""
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"d": days, "h": hours, "min": minutes, "s": rest}
    return " ".join(f"{number} {unit}" for unit, number in parts.items() if number)


def look_at(launch: Launch, stream: Stream, cluster: SpecCluster | None) -> Seen:
    """Return what a cluster looks like.

    Parameters
    ----------
    launch : Launch
        What says when it was made, which a host that is started again does not change.
    stream : Stream
        What is read by those who follow it.
    cluster : SpecCluster or None
        The cluster, once there is one. One whose scheduler runs elsewhere works for all that is
        known.
    """
    age = (datetime.datetime.now(datetime.UTC) - launch.created).total_seconds()
    scheduler = None if cluster is None else cluster.scheduler
    counter = getattr(scheduler, "transition_counter", None)
    works, clients = scheduler is not None, frozenset[str]()
    activity: Hashable = None
    if cluster is not None and scheduler is not None and counter is not None:
        works = bool(
            scheduler.queued
            or scheduler.unrunnable
            or any(worker.processing for worker in scheduler.workers.values())
        )
        clients = frozenset(scheduler.clients) - _NO_CLIENTS
        activity = (counter, clients, cluster.generation)
    return Seen(
        age=age,
        works=works,
        activity=activity,
        is_wanted=bool(clients) or bool(stream.feed),
        contact=stream.asked,
    )
