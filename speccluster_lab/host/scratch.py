"""Where distributed's parts have what they put on disk, and look for modules first of all.

By default that is a folder for all users of the machine: whoever has made it before can exchange
what a worker has spilled, and what any of these processes imports.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import dask.config

from speccluster_lab.host.schedulerclass import with_part
from speccluster_lab.link.paths import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["in_usual_place", "usual_place"]

# Several that change it at the same time would each put back what another has set.
_changing = threading.RLock()


def usual_place() -> str:
    """Return where those have their folders that are not told another place.

    Raises
    ------
    StartFailed
        Somebody else holds the place.
    """
    return dask.config.get("temporary-directory") or str(temporary_folder())


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Have this process put temporary files in a folder.

    That is where distributed puts its own if dask's configuration says nothing, which is left as
    it is: nannies hand it on, also to other machines.
    """
    with _changing:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield
        finally:
            tempfile.tempdir = before


class _InUsualPlace:
    """Has the folder of a scheduler, which takes no option for it, in the usual place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        place = usual_place()
        is_configured = place == dask.config.get("temporary-directory")
        with nullcontext() if is_configured else _temporary_files_in(place):
            super().__init__(*args, **options)


def in_usual_place(cls: Callable[..., Any]) -> Callable[..., Any]:
    """Return a scheduler class like ``cls`` that has its folder in the usual place.

    Parameters
    ----------
    cls : type
        One whose scheduler is not in this process is returned as it is.
    """
    return with_part(cls, _InUsualPlace)
