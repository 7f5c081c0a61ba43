"""The notebook's side: handles of clusters that run in hosts of their own, and the command line.

===============  ======================================================================
``handle``       :class:`ClusterHandle`, which quacks like a dask cluster, and ``connect``
``reaching``     its parts: connecting, asking and leaving,
``state``        how the cluster is,
``waiting``      waiting for what it comes to,
``scheduler``    the way to the scheduler, and clients,
``dashboard``    where dask's dashboard is,
``changing``     having the cluster changed,
``draft``        its entries as a dict that is changed and applied,
``history``      what was before,
``stopping``     its end,
``showing``      and how it is displayed
``launching``    ``launch``: a new cluster and its handle
``making``       starting a cluster's process from here
``awaiting``     waiting until a cluster comes to something
``finding``      the way to a cluster: its host, or a Jupyter server that shows it
``survey``       which clusters there are, and how they are
``listing``      the same for a notebook
``security``     what its client connects with
``display``      how a cluster is shown, as text and as HTML
``tables``       and what is listed of it,
``widget``       and live, in a notebook,
``rows``         of what it tells its page,
``following``    from where it knows,
``ownwidget``    and that of a cluster of this very process
``plain``        text of anybody's, as it may be shown
``command``      ``jupyter speccluster``
===============  ======================================================================

The public names are imported when they are first used: they need ``distributed``, and the command
line does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from speccluster_lab.client.handle import ClusterHandle, connect
    from speccluster_lab.client.launching import launch
    from speccluster_lab.client.listing import list_clusters
    from speccluster_lab.client.survey import ClusterSummary

__all__ = ["ClusterHandle", "ClusterSummary", "connect", "launch", "list_clusters"]

_HOMES: Final = {
    "ClusterHandle": "handle",
    "ClusterSummary": "survey",
    "connect": "handle",
    "launch": "launching",
    "list_clusters": "listing",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
