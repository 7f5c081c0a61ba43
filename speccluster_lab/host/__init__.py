"""Serving the API of one cluster on a unix socket: by a process of its own, or by its owner's.

================  =====================================================================
``__main__``      ``python -m speccluster_lab.host <folder>``
``life``          :class:`~speccluster_lab.host.life.Host`: from the launch file until nothing
                  is left
``app``           the HTTP API, by its paths
``handlers``      what answers each of them
``control``       what the API asks of one cluster
``sockets``       the unix socket that it is served on
``processes``     ending what a host has started
``store``         what the next host of the same cluster needs to know
``generations``   earlier desired states, stored
``events``        what has happened, stored
``lifetime``      the end that comes by itself
``dashboard``     dask's dashboard, on the socket of the API
``stream``        the events that the websocket sends
``start``         making the cluster; with ``nannies``, which it imports, all of a host that
                  imports ``distributed``
``forkserver``    the process that workers are forked from, and what follows when it dies
``preimport``     what that process imports beside ``distributed``
``nannies``       how nannies start workers: by the forkserver, or by spawn where they must
``published``     the same for a cluster of a notebook, or of any other program
``publisher``     whether and how such a cluster may be served
``asked``         carrying what is asked over to the cluster's own event loop
``passing``       carrying over whole connections, for the dashboard
``owner``         which notebook or program that is
``certificates``  the cluster's own authority, and a certificate for each role
``keyfiles``      the files from which ``distributed`` reads them
================  =====================================================================
"""
