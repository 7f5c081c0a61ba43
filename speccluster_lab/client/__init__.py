"""The notebook's side: handles of clusters that run in hosts of their own.

===============  ======================================================================
``handle``       :class:`ClusterHandle`, which quacks like a dask cluster, and ``connect``
``reaching``     its parts: connecting, asking and leaving,
``state``        how the cluster is,
``waiting``      waiting for what it comes to,
``scheduler``    the way to the scheduler, and clients,
``dashboard``    where dask's dashboard is,
``changing``     having the cluster changed,
``history``      what was before,
``stopping``     and its end
``finding``      the way to a cluster: its host, or a Jupyter server that shows it
``listing``      the clusters that there are
``security``     what its client connects with
``display``      how a cluster is shown, as text and as HTML
===============  ======================================================================
"""

from speccluster_lab.client.handle import ClusterHandle, connect
from speccluster_lab.client.listing import ClusterSummary, list_clusters

__all__ = ["ClusterHandle", "ClusterSummary", "connect", "list_clusters"]
