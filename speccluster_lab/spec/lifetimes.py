"""When a cluster stops by itself."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field

from speccluster_lab.spec.models import Document

__all__ = ["DEFAULT_ORPHAN_TIMEOUT", "ENDED", "ENDING_SOON", "Lifetimes", "Seconds"]

DEFAULT_ORPHAN_TIMEOUT: Final = 24 * 3600.0

ENDING_SOON: Final = "EndingSoon"
"""The type of the condition that says that a cluster is about to stop by itself."""

ENDED: Final = "EndedByItself"
"""The type of the condition that says that this has come; the last thing that is told of it."""

Seconds = Annotated[float, Field(gt=0, le=10 * 366 * 24 * 3600, allow_inf_nan=False)]


class Lifetimes(Document):
    """When a cluster stops by itself; never for a reason that is null."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    orphan_timeout: Seconds | None = Field(
        default=None,
        description="Seconds for which nobody has followed it, asked for it or been connected.",
    )
    idle_timeout: Seconds | None = Field(
        default=None, description="Seconds for which it has had nothing to do."
    )
    max_lifetime: Seconds | None = Field(
        default=None, description="Seconds from when it was made, whatever it does."
    )
