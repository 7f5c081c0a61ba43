"""Jupyter's side: the REST API, the event stream, and looking after the hosts.

===============  ======================================================================
``extension``    the :class:`SpecClusterLab` extension and its settings
``handlers``     the REST API
``events``       the websocket
``dashboard``    dask's dashboards, passed on from the hosts
``manager``      the clusters that this server knows
``discovery``    finding those that others have started
``supervisor``   one of them: its hosts, their guard, and its end
``published``    one that has no guard: a notebook's
``following``    following a host's stream, and passing calls on to it
``shown``        what has been told of a cluster, and handing changes of that on
``absence``      what is shown of a cluster while no host tells
===============  ======================================================================

Nothing here imports ``distributed``: JupyterLab must not start slower for having this.
"""

from speccluster_lab.server.extension import SpecClusterLab

__all__ = ["SpecClusterLab"]
