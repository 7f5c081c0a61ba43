"""The table of phases and transitions in the documentation of ``reconcile``."""

from __future__ import annotations

from speccluster_lab import reconcile


def documented_transitions() -> set[tuple[str, str]]:
    """Return from where to where an entry goes, as the documentation has it.

    A row may name several phases that an entry comes from, one a line; a line without a phase on
    its left goes on with what is on its right.
    """
    heading, _, below = (reconcile.__doc__ or "").partition("from        to             when\n")
    assert below, f"no table in {heading}"
    rule, *rows = below.splitlines()
    found: set[tuple[str, str]] = set()
    target = ""
    for row in rows[: rows.index(rule)]:
        sources, to = row[:12].strip().strip(","), row[12:27].strip()
        target = to or target
        if sources:
            found.add((sources, target))
    return found
