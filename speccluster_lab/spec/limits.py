"""What one cluster's process and its API may take up."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from speccluster_lab.spec.models import Document

__all__ = ["DEFAULT_BODY_BYTES", "DEFAULT_QUEUED_EVENTS", "MAX_BODY_BYTES", "Limits"]

DEFAULT_BODY_BYTES: Final = 256 * 1024
DEFAULT_QUEUED_EVENTS: Final = 256
# A file of a cluster may have sixteen times that, and holds a spec twice.
MAX_BODY_BYTES: Final = 1024 * 1024


class Limits(Document):
    """What a cluster's process and its API may take up.

    Parameters
    ----------
    body_bytes : int
        Bytes that the body of a request may have.
    queued_events : int
        Changes that wait for a reader that is slow, before it gets a snapshot instead.
    concurrent_starts : int, optional
        Entries that may start at a time; what suits the way they are started if not given.
    """

    body_bytes: int = Field(default=DEFAULT_BODY_BYTES, ge=1024, le=MAX_BODY_BYTES)
    queued_events: int = Field(default=DEFAULT_QUEUED_EVENTS, ge=1, le=100_000)
    concurrent_starts: int | None = Field(default=None, ge=1, le=10_000)
