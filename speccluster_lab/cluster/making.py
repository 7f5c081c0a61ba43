"""From an entry of the spec to a worker: how it is made, and where the cluster keeps it."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import distributed

from speccluster_lab.cluster.classes import Given, Recipe
from speccluster_lab.cluster.reading import AfterReading
from speccluster_lab.references import secret_values
from speccluster_lab.spec.names import HOLDER_PREFIX

if TYPE_CHECKING:
    from speccluster_lab.cluster.form import Desired, Form

__all__ = ["Making"]

MAX_RECIPES: Final = 256


class Making(distributed.SpecCluster):
    """The part of a cluster that makes its workers.

    Parameters
    ----------
    given : Given
        Options for silent specs.
    **stock
        As :class:`distributed.SpecCluster` takes them.
    """

    def __init__(self, *, given: Given, **stock: Any) -> None:
        self._given = given
        self._recipes: dict[Form, Recipe] = {}
        super().__init__(**stock)

    def make_worker(self, desired: Desired) -> Any:
        """Return a new instance of an entry, not started."""
        scheduler: Any = self.scheduler
        address = getattr(scheduler, "contact_address", None) or scheduler.address
        instance = self._recipe(desired.form).make(desired.key, address)
        with suppress(TypeError):
            self._created.add(instance)
        return instance

    def runs_here(self, desired: Desired) -> bool:
        """Return whether the members of an entry are processes of this machine."""
        return self._recipe(desired.form).runs_here

    def _recipe(self, form: Form) -> Recipe:
        recipe = self._recipes.get(form)
        if recipe is None:
            if len(self._recipes) >= MAX_RECIPES:
                self._recipes.clear()
            recipe = self._recipes[form] = Recipe.of(form.entry, self._given)
        return recipe

    def secrets_of(self, desired: Desired) -> frozenset[str]:
        """Return what no text about an entry may tell."""
        return secret_values(desired.form.entry.get("options") or {})

    def worker_started(self, desired: Desired, instance: Any) -> None:
        """Note that an instance is up."""
        if str(desired.key).startswith(HOLDER_PREFIX):
            return
        if isinstance(instance, AfterReading):
            instance = instance.made
        # A class need not take it, and may refuse it in its own way.
        with suppress(Exception):
            instance._cluster = weakref.ref(self)
        self.workers[desired.key] = instance

    def worker_gone(self, desired: Desired) -> None:
        """Note that an instance is not to be used any more."""
        self.workers.pop(desired.key, None)
