"""Earlier desired states of a cluster, a file each; the newest ones are kept.

A file each, because a change must cost what it costs, and not what all earlier ones have cost.
"""

from __future__ import annotations

import datetime
import logging
import os
from typing import TYPE_CHECKING

from pydantic import ValidationError

from speccluster_lab.link.files import (
    make_private_folder,
    read_private_file,
    remove_unfinished,
    write_private_file,
)
from speccluster_lab.link.launch import GENERATIONS_FOLDER
from speccluster_lab.spec.api import MAX_GENERATIONS, Generation

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from speccluster_lab.host.store import Desired

__all__ = ["followed_by", "read_generations", "write_generations"]

logger = logging.getLogger(__name__)


def followed_by(before: Desired | None, desired: Desired) -> tuple[Desired, Generation | None]:
    """Return what is wanted with its time, and what was wanted before if that is an earlier one.

    Parameters
    ----------
    before : Desired or None
        What was wanted,
    desired : Desired
        and what is.
    """
    now, earlier = datetime.datetime.now(datetime.UTC), None
    if before is None:
        since: datetime.datetime | None = now
    elif before.generation >= desired.generation:
        since = before.since
    else:
        since = now
        earlier = Generation(
            generation=before.generation, time=before.since or now, spec=before.spec
        )
    return desired.model_copy(update={"since": since}), earlier


def write_generations(folder: Path, generations: Iterable[Generation]) -> None:
    """Keep earlier desired states, and no more than may be kept; waits for the disk.

    Parameters
    ----------
    folder : Path
        The cluster's.
    generations : iterable of Generation
        Those that are new.

    Raises
    ------
    OSError
        They cannot be written.
    """
    place = make_private_folder(folder / GENERATIONS_FOLDER)
    for one in generations:
        file = place / f"{one.generation}.json"
        remove_unfinished(file)
        write_private_file(file, one.model_dump_json().encode())
    numbers = _numbers(place)
    for number in numbers[:-MAX_GENERATIONS]:
        (place / f"{number}.json").unlink(missing_ok=True)


def read_generations(folder: Path, before: int) -> list[Generation]:
    """Return the earlier desired states, newest first; waits for the disk.

    One that cannot be used is left out, with a warning in the log.

    Parameters
    ----------
    folder : Path
        The cluster's.
    before : int
        The generation that is wanted now: what was written when the host died before that was
        acknowledged is none of the earlier ones.
    """
    place = folder / GENERATIONS_FOLDER
    found = []
    for number in reversed([one for one in _numbers(place) if one < before][-MAX_GENERATIONS:]):
        try:
            one = Generation.model_validate_json(read_private_file(place / f"{number}.json"))
        except OSError as error:
            logger.warning("Left out generation %d: %s", number, error)
        except ValidationError as error:
            # What a garbled file holds is not shown.
            logger.warning("Left out generation %d: %d errors", number, error.error_count())
        else:
            found.append(one)
    return found


def _numbers(place: Path) -> list[int]:
    try:
        names = os.listdir(place)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdecimal())
