"""Doing it: ``SpecCluster`` and the worker classes that come with it."""

from speccluster_lab.cluster.classes import Given
from speccluster_lab.cluster.multiworker import MultiWorker
from speccluster_lab.cluster.reconciled import reconciled
from speccluster_lab.cluster.speccluster import SpecCluster

__all__ = ["Given", "MultiWorker", "SpecCluster", "reconciled"]
