"""The process that runs exactly one cluster and serves its API on a unix socket.

================  =====================================================================
``__main__``      ``python -m speccluster_lab.host <folder>``
``life``          :class:`~speccluster_lab.host.life.Host`: from the launch file until nothing
                  is left
``app``           the HTTP API
``store``         what the next host of the same cluster needs to know
``events``        what has happened, stored
``stream``        the events that the websocket sends
``start``         making the cluster; the only module here that imports ``distributed``
``certificates``  the cluster's own authority, and a certificate for each role
================  =====================================================================
"""
