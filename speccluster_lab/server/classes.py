"""The worker classes that specs may name, as they are found and kept."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.link import classes
from speccluster_lab.link.classes import ask_classes
from speccluster_lab.server.pythons import answer_of
from speccluster_lab.threads import SharedThreads

if TYPE_CHECKING:
    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.api import WorkerClass

__all__ = ["KnownClasses"]

# For several editors that open together; who opens one after a package was changed sees that.
_KEPT_SECONDS: Final = 20.0


class KnownClasses:
    """What interpreters have said of the classes that are allowed here.

    Parameters
    ----------
    admission : Admission
        Which these are.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._found: dict[str, tuple[float, list[WorkerClass]]] = {}
        self._asking = SharedThreads(
            "ask classes", lambda python: ask_classes(python, admission.worker_classes)
        )

    async def of(self, python: str | None) -> list[WorkerClass]:
        """Return the classes as an interpreter has them, or had them a moment ago.

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
        since, found = self._found.get(path, (-math.inf, []))
        if time.monotonic() - since > _KEPT_SECONDS:
            asked = await answer_of(self._asking, path, classes.ASK_SECONDS)
            found = [self._marked(one) for one in asked]
            self._found[path] = (time.monotonic(), found)
        return found

    def _marked(self, found: WorkerClass) -> WorkerClass:
        """Return a class with those of its options marked that only templates may set."""
        properties: dict[str, Any] = found.options.get("properties", {})
        marked = {
            name: {**schema, "readOnly": True} if self._admission.is_for_templates(name) else schema
            for name, schema in properties.items()
        }
        return found.model_copy(update={"options": {**found.options, "properties": marked}})
