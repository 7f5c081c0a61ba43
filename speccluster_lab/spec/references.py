"""Values that a spec names instead of holding them: ``{"$env": NAME}`` and ``{"$file": PATH}``.

So that a secret stands in the environment or in a file of who runs the cluster, and nowhere else:
what is stored, shown and sent is the reference (`threats.md`, row 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from speccluster_lab.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Reference", "Source", "reference_in", "references_in"]


class Source(StrEnum):
    """Where a value is read from."""

    ENVIRONMENT = "$env"
    FILE = "$file"


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands for a value.

    Parameters
    ----------
    source : Source
        Where it is read from.
    name : str
        The variable's name, or the file's path.
    """

    source: Source
    name: str

    def __str__(self) -> str:
        return f"{self.source.value} {self.name!r}"


def reference_in(value: Any) -> Reference | None:
    """Return the reference that a value is, if it is one.

    Raises
    ------
    InvalidInput
        It is neither a reference nor anything else.
    """
    if not isinstance(value, dict):
        return None
    found = [source for source in Source if source in value]
    if not found:
        return None
    name = value[found[0]]
    if len(value) > 1 or not isinstance(name, str) or not name or "\0" in name:
        raise InvalidInput(
            f"a reference is {{{found[0].value!r}: …}} with a text and nothing beside it"
        )
    return Reference(found[0], name)


def references_in(value: Any, place: str) -> Iterator[tuple[str, Reference]]:
    """Yield the references in JSON values, each with where it stands, as a dotted path.

    Raises
    ------
    InvalidInput
        One is malformed; ``field`` says where.
    """
    try:
        reference = reference_in(value)
    except InvalidInput as error:
        error.field = place
        raise
    if reference is not None:
        yield place, reference
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from references_in(one, f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from references_in(one, f"{place}.{number}")
