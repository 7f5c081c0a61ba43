"""Why something is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["HOLDS_ACTOR", "NO_ROOM", "Failure"]

# Nobody can take the data, so its workers go on as if nothing had been asked of them.
NO_ROOM: Final = "NoRoomForData"
# Nobody could take it, however much room there were; its workers go on all the same.
HOLDS_ACTOR: Final = "HoldsActor"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an entry is not as it should be: one word for a program, a sentence for a person."""

    reason: str
    message: str
