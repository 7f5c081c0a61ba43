"""What a host has on disk, so that the next one for the same cluster goes on where it was.

Each of these files is in the cluster's folder:

=======================  ==============================================================
``launch.json``          what the first host was told; never changed
``desired.json``         the desired state, from the first change on
``generations/``         earlier desired states; see :mod:`.generations`
``certificates.json``    the cluster's certificates and their keys
``keys/``                the same for ``distributed``; see :mod:`.keyfiles`
``events*.jsonl``        what has happened; see :mod:`.events`
``host*.log``            the log, which the guard keeps short
``guard.pid``            who the guard is
``stopped``              there once the cluster is to end
``*.bad-1`` ...          what could not be used
=======================  ==============================================================
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import AwareDatetime, Field, ValidationError

from speccluster_lab.errors import NotStored
from speccluster_lab.host.generations import followed_by, read_generations, write_generations
from speccluster_lab.link.files import (
    read_private_file,
    remove_unfinished,
    set_aside,
    write_private_file,
)
from speccluster_lab.link.launch import DESIRED_FILE
from speccluster_lab.spec.api import Adaptive, Condition, ConditionStatus, Generation
from speccluster_lab.spec.models import ClusterSpec, Document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from speccluster_lab.host.certificates import Certificates
    from speccluster_lab.link.launch import Launch

__all__ = ["CERTIFICATES_FILE", "Desired", "Store"]

logger = logging.getLogger(__name__)

CERTIFICATES_FILE: Final = "certificates.json"

T = TypeVar("T")


class Desired(Document):
    """What is wanted of a cluster, as it was acknowledged last.

    Parameters
    ----------
    generation : int
        Of the desired state.
    spec : ClusterSpec
        Without the entries that adaptive scaling has made: it makes them again.
    adaptive : Adaptive, optional
        The range that adaptive scaling keeps to, where it is on.
    since : datetime, optional
        When this generation began; with a time zone.
    """

    generation: int = Field(ge=1)
    spec: ClusterSpec
    adaptive: Adaptive | None = None
    since: AwareDatetime | None = None


class Store:
    """The files of one cluster that only its host writes.

    A file that is garbled, or that somebody else could have written, is set aside and said in a
    condition; the host goes on with what there was in the beginning.

    Parameters
    ----------
    folder : Path
        The cluster's.
    """

    def __init__(self, folder: Path) -> None:
        self.conditions: list[Condition] = []
        self._folder = folder
        self._writing = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()
        self._newest: Desired | None = None
        self._earlier: list[Generation] = []
        self._number = self._written = 0

    def load(self, launch: Launch) -> Desired:
        """Return what is wanted, which waits for the disk: to be called in a thread.

        Parameters
        ----------
        launch : Launch
            What was wanted in the beginning.
        """
        for name in (DESIRED_FILE, CERTIFICATES_FILE):
            remove_unfinished(self._folder / name)
        stored = self._read(
            DESIRED_FILE, Desired.model_validate_json, "the cluster has its first spec again"
        )
        self._newest = stored or Desired(generation=1, spec=launch.spec, since=launch.created)
        return self._newest

    async def save(self, desired: Desired) -> None:
        """Write what is wanted; it is on disk when this returns.

        Raises
        ------
        NotStored
            It cannot be written.
        """
        self._number += 1
        self._newest, earlier = followed_by(self._newest, desired)
        if earlier is not None:
            self._earlier.append(earlier)
        writing = asyncio.create_task(self._write(self._number), name="write desired.json")
        self._under_way.add(writing)
        writing.add_done_callback(self._under_way.discard)
        # One who stops waiting must not let the next one write at the same time.
        await asyncio.shield(writing)

    async def generations(self) -> list[Generation]:
        """Return the earlier desired states, newest first, as far as they are kept."""
        current = 1 if self._newest is None else self._newest.generation
        async with self._writing:
            return await asyncio.to_thread(read_generations, self._folder, current)

    async def _write(self, number: int) -> None:
        async with self._writing:
            if self._written >= number or self._newest is None:
                # What came after it has been written meanwhile.
                return
            number, content = self._number, self._newest.model_dump_json().encode()
            earlier, self._earlier = self._earlier, []
            try:
                await asyncio.to_thread(self._write_files, earlier, content)
            except OSError as error:
                self._earlier[:0] = earlier
                raise NotStored(
                    f"the change was made, but cannot be stored: {error.strerror}; it is lost if "
                    "the cluster's process ends"
                ) from error
            self._written = number

    def _write_files(self, earlier: list[Generation], content: bytes) -> None:
        if earlier:
            try:
                write_generations(self._folder, earlier)
            except OSError as error:
                # What is wanted counts; what was wanted is for who wants to look.
                logger.warning("Earlier desired states cannot be stored: %s", error)
        write_private_file(self._folder / DESIRED_FILE, content)

    def certificates(self, id: str) -> Certificates:
        """Return the cluster's certificates, made when there are none.

        Waits for the disk: to be called in a thread.

        Parameters
        ----------
        id : str
            The cluster's.
        """
        from speccluster_lab.host.certificates import Certificates

        stored = self._read(
            CERTIFICATES_FILE, Certificates.from_json, "the cluster has new certificates"
        )
        if stored is not None:
            return stored
        made = Certificates.issue(id)
        try:
            write_private_file(self._folder / CERTIFICATES_FILE, made.to_json())
        except OSError as error:
            # The next host makes others.
            logger.warning("The cluster's certificates cannot be stored: %s", error)
        return made

    def _read(self, name: str, parse: Callable[[bytes], T], instead: str) -> T | None:
        file = self._folder / name
        try:
            return parse(read_private_file(file))
        except FileNotFoundError:
            return None
        except (PermissionError, ValueError) as error:
            # What a garbled file holds is not shown.
            garbled = isinstance(error, ValidationError) or not isinstance(error, OSError)
            why = "is garbled" if garbled else f"cannot be trusted ({error})"
        there = set_aside(file)
        message = f"{name} {why} and was set aside as {there.name}; {instead}."
        logger.error("Cluster in %r: %s", str(self._folder), message)
        self.conditions.append(
            Condition(
                type="StateSetAside",
                status=ConditionStatus.TRUE,
                reason="Garbled" if garbled else "NotTrusted",
                message=message,
                since=datetime.datetime.now(datetime.UTC),
            )
        )
        return None
