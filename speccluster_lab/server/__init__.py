"""Jupyter's side: the REST API, the event stream, and looking after the hosts.

===============  ======================================================================
``extension``    the :class:`SpecClusterLab` extension and its settings
``handlers``     the REST API
``events``       the websocket
``feed``         handing changes to the websocket's readers
``manager``      the clusters that this server knows
``supervisor``   one of them: following its host from start to end
===============  ======================================================================

Nothing here imports ``distributed``: JupyterLab must not start slower for having this.
"""

from speccluster_lab.server.extension import SpecClusterLab

__all__ = ["SpecClusterLab"]
