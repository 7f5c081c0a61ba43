"""Whose a record is where workers share a process."""

from __future__ import annotations

import logging

from speccluster_lab.cluster.logowners import OF_ALL

from .conftest import cluster_of, entry, observed, run


def test_what_nobody_of_a_process_logs_is_in_the_log_of_each_and_said_to_be() -> None:
    async def test() -> None:
        logger = logging.getLogger("distributed.worker")
        async with cluster_of({"a": entry(), "b": entry()}) as cluster:
            await observed(cluster)
            logger.warning("by nobody")
            for name in ("a", "b"):
                lines = (await cluster.log(name, 500)).text.splitlines()
                assert sum("Start worker at" in line for line in lines) == 1
                (told,) = (line for line in lines if "by nobody" in line)
                assert told.startswith(OF_ALL)
                assert not any(line.startswith(OF_ALL) for line in lines if line is not told)

    run(test)
