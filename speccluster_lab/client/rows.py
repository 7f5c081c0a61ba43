"""A cluster as rows with keys, and what has changed from one state of them to the next.

What a widget shows, and no more: no address and no spec ever reach a notebook. Numbers are
rounded to what is shown, so that nothing is said to have changed that nobody would see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CLUSTER", "Rows", "changes", "rows_of"]

Rows = dict[str, dict[str, Any]]

CLUSTER: Final = ""
_MIB: Final = 2**20


def rows_of(cluster: Mapping[str, Any]) -> Rows:
    """Return what is shown of a cluster, by key.

    The cluster itself has the key ``""``; an entry ``e`` and its name; a member ``m`` and its
    name; the members that nobody expects are counted, with ``u``.

    Parameters
    ----------
    cluster : mapping
        Its document, as JSON.
    """
    counts = cluster["counts"]
    rows: Rows = {
        CLUSTER: {
            "id": cluster["id"],
            "created": cluster["created"],
            "name": cluster["display_name"],
            "phase": cluster["phase"],
            "wanted": len(cluster["spec"]["workers"]),
            "scales": cluster["spec"]["worker"] is not None,
            "expected": counts["expected"],
            "registered": counts["registered"],
            "threads": counts["nthreads"],
            "used": _mebibytes(counts["memory_used"]),
            "limit": _mebibytes(counts["memory_limit"]),
            "adaptive": _range(cluster["adaptive"]),
            "problems": _problems(cluster["conditions"]),
        }
    }
    for entry in cluster["workers"]:
        rows[f"e{entry['name']}"] = {
            "name": entry["name"],
            "phase": entry["phase"],
            "why": entry["message"],
        }
        for member in entry["members"]:
            rows[f"m{member['name']}"] = _member(member, entry["name"])
    for number, member in enumerate(cluster["unexpected"]):
        rows[f"u{number}"] = _member(member, None)
    return rows


def _member(member: Mapping[str, Any], entry: str | None) -> dict[str, Any]:
    is_there = member["address"] is not None
    cpu = member["cpu"]
    return {
        "name": member["name"],
        "of": entry,
        "status": (member["status"] or "running") if is_there else None,
        "threads": member["nthreads"],
        "used": _mebibytes(member["memory_used"]),
        "limit": _mebibytes(member["memory_limit"]),
        "cpu": None if cpu is None else round(100 * cpu),
        "tasks": member["tasks"],
    }


def _mebibytes(size: int | None) -> int | None:
    return None if size is None else round(size / _MIB)


def _range(adaptive: Mapping[str, Any] | None) -> list[int | None] | None:
    return None if adaptive is None else [adaptive["minimum"], adaptive["maximum"]]


def _problems(conditions: list[Mapping[str, Any]]) -> list[str]:
    """Return what a person should know beside the numbers."""
    return [
        one["message"]
        for one in conditions
        if one["message"] and (one["status"] == "True") is not (one["type"] == "Ready")
    ]


def changes(before: Rows, after: Rows) -> dict[str, Any] | None:
    """Return what makes one state of the rows the other.

    Returns
    -------
    dict or None
        ``set`` has the fields that are others by key, all of them for a row that is new; new rows
        come after those that there are. ``gone`` has the keys of rows that are not there any more.
        Without either nothing has changed; ``None`` when the order is another.
    """
    kept = [key for key in before if key in after]
    if list(after) != kept + [key for key in after if key not in before]:
        return None
    changed = {
        key: {name: value for name, value in row.items() if name not in old or old[name] != value}
        for key, row in after.items()
        if (old := before.get(key, {})) != row
    }
    gone = [key for key in before if key not in after]
    return {**({"set": changed} if changed else {}), **({"gone": gone} if gone else {})}
