"""Where distributed's parts have what they put on disk, and look for modules first of all.

By default that is a folder for all users of the machine: whoever has made it before can exchange
what a worker has spilled, and what any of these processes imports.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import dask.config

from speccluster_lab.host.schedulerclass import with_part
from speccluster_lab.link.paths import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_usual_place", "usual_place"]

_PLACE: Final = "temporary-directory"
# Several that set it at the same time would each put back what another has set.
_setting = threading.Lock()


def usual_place() -> str:
    """Return where those have their folders that are not told another place.

    Raises
    ------
    StartFailed
        Somebody else holds the place.
    """
    return dask.config.get(_PLACE) or str(temporary_folder())


class _InUsualPlace:
    """Has the folder of a scheduler, which takes no option for it, in the usual place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # Only meanwhile: the configuration is its process's, and handed on to other machines.
        with _setting, dask.config.set({_PLACE: usual_place()}):
            super().__init__(*args, **options)


def in_usual_place(cls: Callable[..., Any]) -> Callable[..., Any]:
    """Return a scheduler class like ``cls`` that has its folder in the usual place.

    Parameters
    ----------
    cls : type
        One whose scheduler is not in this process is returned as it is.
    """
    return with_part(cls, _InUsualPlace)
