"""Clusters that show all that the panel can say, for pictures and for checks of how it looks."""

from __future__ import annotations

from typing import Any, Final

from feed import GIB, cluster, condition, entry, ghost, member, moment

__all__ = ["everything"]

_LAST_LINES: Final = """\
2026-11-02 09:14:07,114 - distributed.nanny - ERROR - Failed to start process
ModuleNotFoundError: no module named 'geo'
RuntimeError: Nanny failed to start."""


def everything() -> list[dict[str, Any]]:
    """Return one cluster for each thing that can be wrong, or right."""
    return [_healthy(), _busy(), _failing(), _adaptive(), _of_notebook()]


def _healthy() -> dict[str, Any]:
    entries = [
        entry("0", [member(f"0-{i}", memory_used=i * GIB, tasks=4 * i) for i in range(3)]),
        entry("1", [member("1-0"), member("1-1", memory_used=3.6 * GIB), ghost("1-2")], "degraded"),
    ]
    entries[1]["message"] = "1-2 has gone; the entry restarts it"
    return cluster("brave-otter", entries, phase="degraded", unexpected=[member("stranger")])


def _busy() -> dict[str, Any]:
    entries = [entry(str(i), [ghost(str(i))], "waiting") for i in range(5)]
    entries += [entry(str(i), [member(str(i))]) for i in range(5, 9)]
    return cluster(
        "nightly-etl",
        entries,
        phase="starting",
        template="slurm",
        generation=2,
        created=moment(-200),
        owner={"kind": "command", "detail": None},
    )


def _failing() -> dict[str, Any]:
    why = "ModuleNotFoundError: no module named 'geo'"
    bad = entry("3", [ghost("3")], "backoff", message=why, attempts=5, next_retry=moment(32))
    said = f"3: start failed 5 times: {why}. The end of the host's log:\n{_LAST_LINES}"
    conditions = [condition("Degraded", said)]
    entries = [entry(str(i), [member(str(i))]) for i in range(3)] + [bad]
    return cluster("probe", entries, phase="degraded", template="local", conditions=conditions)


def _adaptive() -> dict[str, Any]:
    soon = "The cluster ends in 10 minutes: nobody has used it for 50 minutes"
    return cluster(
        "wide-heron",
        [entry("0", [member("0-0"), member("0-1"), member("0-2")])],
        adaptive={"minimum": 1, "maximum": 12},
        conditions=[condition("EndingSoon", soon)],
    )


def _of_notebook() -> dict[str, Any]:
    owner = {"kind": "notebook", "detail": "studies/2026/explore.ipynb"}
    message = "the host has exited: killed by signal 9"
    return cluster(
        "shy-marten",
        [],
        phase="failed",
        template=None,
        owner=owner,
        conditions=[condition("HostExited", message)],
    )
