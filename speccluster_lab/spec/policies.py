"""What a template may say of how its clusters are kept."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from speccluster_lab.spec.lifetimes import Seconds
from speccluster_lab.spec.models import Document

__all__ = ["PolicyOverlay"]


class PolicyOverlay(Document):
    """The limits that the reconciler keeps to, as far as they are not the usual ones.

    They are those of ``speccluster_lab.reconcile.Policy``.
    """

    max_unavailable: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        strict=True,
        description="Entries that a roll-out may take away at once.",
    )
    max_surge: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        strict=True,
        description="Entries that a roll-out may have beyond those of the spec.",
    )
    scheduler_timeout: Seconds | None = Field(
        default=None, description="Seconds that the scheduler may take to start."
    )
    start_timeout: Seconds | None = Field(
        default=None, description="Seconds that awaiting a worker may take."
    )
    arrival_timeout: Seconds | None = Field(
        default=None,
        description="Seconds that the members of a started entry may take to register, wherever "
        "they run.",
    )
    lost_timeout: Seconds | None = Field(
        default=None,
        description="Seconds that members may be gone before their entry is replaced.",
    )
    retire_timeout: Seconds | None = Field(
        default=None, description="Seconds that moving an entry's data may stand still."
    )
    close_timeout: Seconds | None = Field(
        default=None, description="Seconds that closing one worker may take."
    )
    restart_scheduler: bool | None = Field(
        default=None,
        description="Whether a scheduler that died is started again, with all entries.",
    )

    @model_validator(mode="after")
    def _replaces_something(self) -> Self:
        if self.max_unavailable == 0 and not self.max_surge:
            raise ValueError("max_surge has to be 1 or more where max_unavailable is 0")
        return self

    def given(self) -> dict[str, Any]:
        """Return what is said, by the names that ``Policy`` has for it."""
        said = self.model_dump(exclude_none=True)
        if self.arrival_timeout is not None:
            # A queue's job has no deadline unless one is said.
            said["arrival_timeout_elsewhere"] = self.arrival_timeout
        return said
