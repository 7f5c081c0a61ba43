"""Dask clusters described by a spec, kept as described, seen in JupyterLab.

The public names are imported when they are first used, because the Jupyter server imports this
package at every start and must not pay for ``distributed``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speccluster_lab.client import ClusterHandle, connect, launch, list_clusters
    from speccluster_lab.cluster import MultiWorker, SpecCluster, reconciled
    from speccluster_lab.reconcile import Policy

__all__ = [
    "ClusterHandle",
    "MultiWorker",
    "Policy",
    "SpecCluster",
    "connect",
    "launch",
    "list_clusters",
    "reconciled",
]

_HOMES = {
    "ClusterHandle": "speccluster_lab.client",
    "MultiWorker": "speccluster_lab.cluster",
    "Policy": "speccluster_lab.reconcile",
    "SpecCluster": "speccluster_lab.cluster",
    "connect": "speccluster_lab.client",
    "launch": "speccluster_lab.client",
    "list_clusters": "speccluster_lab.client",
    "reconciled": "speccluster_lab.cluster",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("speccluster_lab")
        except PackageNotFoundError:
            # A source tree on PYTHONPATH, not installed.
            return "0+unknown"
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # What this file imports for itself helps nobody who looks for a name.
    private = {"Any", "TYPE_CHECKING", "annotations", "importlib"}
    return sorted({*globals(), *__all__, "__version__"} - private)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "speccluster-lab"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from speccluster_lab.server import SpecClusterLab

    return [{"module": "speccluster_lab.server", "app": SpecClusterLab}]
