"""The notebook's side: handles of clusters that run in hosts of their own.

===============  ======================================================================
``handle``       :class:`ClusterHandle`, which quacks like a dask cluster, and ``connect``
``listing``      the clusters that there are
``display``      how a cluster is shown, as text and as HTML
===============  ======================================================================
"""

from speccluster_lab.client.handle import ClusterHandle, connect
from speccluster_lab.client.listing import ClusterSummary, list_clusters

__all__ = ["ClusterHandle", "ClusterSummary", "connect", "list_clusters"]
