"""The way between a cluster's host and those who talk to it.

===============  ======================================================================
``files``        folders and files that only this user can reach
``paths``        where things are
``connections``  connection files: how a host is found
``processes``    a host's process and its session
``launch``       reserving an id, and starting a host for it
``guard``        the program that starts the host, and lets nothing outlive it
``client``       the typed HTTP client of one host
``dashboard``    dask's dashboard behind a host
===============  ======================================================================
"""
