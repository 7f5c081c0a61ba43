"""Waiting for what a cluster comes to, by following its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.client.awaiting import follow, is_settled, within
from speccluster_lab.client.reaching import Reaching
from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.api import ClusterPhase

if TYPE_CHECKING:
    from collections.abc import Callable

    from speccluster_lab.spec.api import Cluster

__all__ = ["SCHEDULER_SECONDS", "Waiting"]

SCHEDULER_SECONDS: Final = 60.0


class Waiting(Reaching):
    """The part of a handle that waits for its cluster."""

    def wait(
        self,
        phase: str | None = None,
        timeout: float = SCHEDULER_SECONDS,
        *,
        generation: int | None = None,
    ) -> Any:
        """Wait until all workers that are wanted are there, or for what is given instead.

        Parameters
        ----------
        phase : str, optional
            One of ``starting running degraded stopping failed``. A cluster is ``running`` before
            its workers are there.
        timeout : float
            Seconds to wait.
        generation : int, optional
            Of the desired state that all workers are to be there of; a later one will do. With
            a phase, both.

        Raises
        ------
        StartFailed
            It is ``failed``, and not going to be anything else.
        TimedOut
            It has not come to that.
        InvalidInput
            There is no such phase or generation.
        """
        if phase is None and generation is None:
            return self.sync(self._wait_for_all, timeout)
        return self.sync(self._wait, _phase(phase), _generation(generation), timeout)

    def wait_for_workers(self, n_workers: int, timeout: float = SCHEDULER_SECONDS) -> Any:
        """Wait until so many workers are there, whatever is wanted; dask's clusters have it too.

        Parameters
        ----------
        n_workers : int
            How many.
        timeout : float
            Seconds to wait.

        Raises
        ------
        StartFailed
            The cluster has failed.
        TimedOut
            There are not so many.
        InvalidInput
            It is no number of workers.
        """
        if type(n_workers) is not int or n_workers < 1:
            raise InvalidInput(
                f"{n_workers!r} is no number of workers from 1 on", field="n_workers"
            )
        otherwise = f"cluster {self.id!r} has not got {n_workers} workers"
        return self.sync(
            self._until, lambda cluster: cluster.counts.registered >= n_workers, timeout, otherwise
        )

    async def _wait_for_all(self, seconds: float) -> None:
        wanted = (await self._refresh()).generation
        otherwise = f"cluster {self.id!r} has not all of its workers"
        await self._until(lambda cluster: is_settled(cluster, wanted), seconds, otherwise)

    async def _wait(
        self, phase: ClusterPhase | None, generation: int | None, seconds: float
    ) -> None:
        def there(cluster: Cluster) -> bool:
            come_about = generation is None or cluster.observed_generation >= generation
            return come_about and (phase is None or cluster.phase is phase)

        wanted = [] if phase is None else [phase.value]
        wanted += [] if generation is None else [f"at generation {generation}"]
        await self._until(there, seconds, f"cluster {self.id!r} is not {' and '.join(wanted)}")

    async def _until(
        self, there: Callable[[Cluster], bool], seconds: float, otherwise: str
    ) -> None:
        await within(seconds, follow(self._reach(), there, self._refresh), otherwise)


def _phase(name: str | None) -> ClusterPhase | None:
    try:
        return None if name is None else ClusterPhase(name)
    except ValueError:
        known = ", ".join(one.value for one in ClusterPhase)
        raise InvalidInput(f"{name!r} is no phase; there are: {known}", field="phase") from None


def _generation(number: object) -> int | None:
    if number is None or (type(number) is int and number >= 0):
        return number
    raise InvalidInput(f"{number!r} is no generation, which is a number", field="generation")
