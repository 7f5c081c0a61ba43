"""The worker classes that specs may name, as they are found and kept."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from speccluster_lab.link.classes import ask_classes

if TYPE_CHECKING:
    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.api import WorkerClass

__all__ = ["KnownClasses"]


class KnownClasses:
    """What interpreters have said of the classes that are allowed here.

    Parameters
    ----------
    admission : Admission
        Which these are.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._found: dict[str, list[WorkerClass]] = {}
        self._asking = asyncio.Lock()

    async def of(self, python: str | None) -> list[WorkerClass]:
        """Return the classes as an interpreter has them; it is asked once.

        Parameters
        ----------
        python : str or None
            The path of its program; that of this server if not given.

        Raises
        ------
        UnfitInterpreter
            It does not answer; it is asked again the next time.
        """
        path = python or sys.executable
        # One at a time: each of them imports dask.
        async with self._asking:
            if path not in self._found:
                asked = await asyncio.to_thread(ask_classes, path, self._admission.worker_classes)
                self._found[path] = [self._marked(one) for one in asked]
        return self._found[path]

    def _marked(self, found: WorkerClass) -> WorkerClass:
        """Return a class with those of its options marked that only templates may set."""
        properties: dict[str, Any] = found.options.get("properties", {})
        marked = {
            name: {**schema, "readOnly": True} if self._admission.is_for_templates(name) else schema
            for name, schema in properties.items()
        }
        return found.model_copy(update={"options": {**found.options, "properties": marked}})
