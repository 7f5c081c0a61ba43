"""The desired state of a cluster, as it may be edited, and having the executor bring it about."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from distributed.core import Status

from speccluster_lab.cluster.executor import Executor
from speccluster_lab.cluster.making import Making
from speccluster_lab.cluster.ownloop import called_there, is_there, loop_of
from speccluster_lab.cluster.tracked import EntrySpec, WorkerSpecs
from speccluster_lab.cluster.wanted import Wanted
from speccluster_lab.cluster.watch import SchedulerWatch
from speccluster_lab.errors import InvalidInput, NotRunning

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from contextvars import Context

    import distributed

    from speccluster_lab.cluster.view import View
    from speccluster_lab.reconcile import Policy

__all__ = ["Aligned"]

logger = logging.getLogger(__name__)


class Aligned(Making):
    """The part of a cluster that takes over what its spec says, and says when that has changed.

    Parameters
    ----------
    scheduler : dict, optional
        What the spec says of it.
    policy : Policy
        The limits that the reconciler keeps to.
    **options
        As :class:`Making` takes them.
    """

    def __init__(self, *, scheduler: dict[str, Any] | None, policy: Policy, **options: Any) -> None:
        self._scheduler_document = scheduler
        self._wanted = Wanted()
        self._watch = SchedulerWatch(self)
        self._executor = Executor(
            self, self._wanted.entries, self._watch.membership, policy, self._changed
        )
        self._subscribers: dict[object, tuple[Callable[[], None], Context]] = {}
        self._refusal: InvalidInput | None = None
        self.generation = 0
        self.observed_generation = 0
        super().__init__(scheduler=scheduler, **options)

    @property
    def policy(self) -> Policy:
        """The limits that the reconciler keeps to."""
        return self._executor.policy

    @policy.setter
    @called_there
    def policy(self, policy: Policy) -> None:
        self._executor.policy = policy

    @property
    def worker_spec(self) -> WorkerSpecs:
        """The desired entries by name; a dict that may be edited in place, from any thread."""
        return self._wanted.specs

    @worker_spec.setter
    def worker_spec(self, entries: Mapping[Hashable, Any]) -> None:
        if entries is not self._wanted.specs:
            self._wanted.replace_specs(entries)

    @property
    def new_spec(self) -> EntrySpec | None:
        """The worker form, of which ``scale`` makes entries."""
        return self._wanted.form

    @new_spec.setter
    def new_spec(self, form: Mapping[str, Any] | None) -> None:
        self._wanted.form = None if form is None else EntrySpec(form).own()

    def _align(self, adapting: distributed.Adaptive | None = None) -> None:
        """Take over what has been changed in ``worker_spec``; costs as much as was changed.

        Raises
        ------
        InvalidInput
            Something in it cannot be; then all of it is left as it was, to be looked at again.
        """
        try:
            changes, by_owner = self._wanted.read(adapting)
        except InvalidInput as error:
            if str(error) != str(self._refusal):
                logger.warning("the spec is left as it was: %s", error)
            self._refusal = error
            self._changed()
            raise
        self._refusal = None
        if by_owner:
            self.generation += 1
        for name in changes:
            self._executor.want(name, self.generation)
        self._changed()

    def _correct_state(self) -> Any:
        """Align the workers to the spec.

        Returns
        -------
        awaitable
            Done when every start, retirement and closing has ended. It raises what the first
            start that failed meanwhile raised. Cancelling it cancels nothing else. Where no loop
            runs, in another thread than the cluster's, a :class:`concurrent.futures.Future`.
        """
        if is_there(self):
            return asyncio.ensure_future(self._settle())
        settling = asyncio.run_coroutine_threadsafe(self._settle(), loop_of(self))
        try:
            return asyncio.wrap_future(settling, loop=asyncio.get_running_loop())
        except RuntimeError:
            return settling

    async def _settle(self) -> None:
        if self.status in (Status.closing, Status.closed):
            return
        self._align()
        failures = await self._executor.idle()
        if self._watch.failure is not None:
            raise NotRunning(self._watch.failure.message)
        if failures:
            raise failures[0]

    def _align_soon(self, adapting: distributed.Adaptive | None = None) -> None:
        """Align, where only a condition can tell somebody what is wrong with the spec."""
        if self.status != Status.running:
            return
        with suppress(InvalidInput):
            self._align(adapting)

    def owner_of(self, member: str) -> str | None:
        """Return the entry of the spec that is to have a member."""
        return self._wanted.owner_of(member)

    def view(self) -> View:
        """Return the scheduler.

        Raises
        ------
        NotRunning
            There is none yet.
        """
        return self._watch.view

    def info(self, member: str) -> Mapping[str, Any]:
        """Return what the scheduler knows of a member, as ``Scheduler.identity`` has it."""
        return self._watch.info(member)

    # -- who is told -------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called, on the cluster's loop, after every change worth showing.

        Whoever has made the change, it is called as if by who subscribes, with its context.

        Returns
        -------
        callable
            Ends it, and nothing else, however often it is called.
        """
        one = object()
        self._subscribers[one] = callback, copy_context()
        return lambda: self._end_subscription(one)

    def _end_subscription(self, one: object) -> None:
        self._subscribers.pop(one, None)

    def _changed(self) -> None:
        if self._executor.settled and self._watch.running and self._watch.failure is None:
            self.observed_generation = self.generation
        for callback, context in list(self._subscribers.values()):
            try:
                # A copy, for it may change something itself, and be called once more meanwhile.
                context.copy().run(callback)
            except (Exception, asyncio.CancelledError):
                # Its own, of something that it has looked at: nobody is cancelled here.
                logger.exception("a subscriber failed")

    def _note(self, reason: str, message: str) -> None:
        self._executor.note(reason, message)
        self._changed()
