"""Values of the options that dask's own workers take, checked before anything is started.

distributed takes any value and fails later, in the worker's process; or, for some, never says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from speccluster_lab.spec.references import reference_in
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DASK_WORKERS",
    "MAX_THREADS",
    "MemorySize",
    "check_worker_options",
    "worker_options_schema",
]

MAX_THREADS: Final = 4096

# The classes of which it is known what their options mean.
DASK_WORKERS: Final = frozenset(
    {"distributed.Nanny", "distributed.Worker", "speccluster_lab.MultiWorker"}
)


def _in_one_voice(message: str) -> WrapValidator:
    """Say once what is wrong, where each kind of value would have its own say."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(message) from None

    return WrapValidator(validate)


_Bytes = Annotated[int, Field(ge=0, le=2**60, strict=True)]
_BytesText = Annotated[
    str, StringConstraints(max_length=32, pattern=r"^\d+(\.\d+)? ?([kKmMgGtTpP][iI]?)?[bB]?$")
]
_Duration = Annotated[
    Annotated[float, Field(gt=0, le=1e9, strict=True, allow_inf_nan=False)]
    | Annotated[
        str,
        StringConstraints(
            max_length=32,
            pattern=r"^\d+(\.\d+)? ?(ms|s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)?$",
        ),
    ],
    _in_one_voice('must be a number of seconds, or text such as "5 minutes"'),
]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]

MemorySize = Annotated[
    _Bytes | _BytesText, _in_one_voice('must be a number of bytes, or text such as "6 GiB"')
]


class _WorkerOptions(BaseModel):
    """The options that are known; a class may take more."""

    model_config = ConfigDict(extra="ignore", strict=True, defer_build=True)

    nthreads: Annotated[int, Field(ge=1, le=MAX_THREADS)] | None = None
    memory_limit: Annotated[
        Literal["auto"]
        | _Bytes
        | Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
        | _BytesText
        | None,
        _in_one_voice(
            'must be a number of bytes, text such as "6 GiB", a share of the machine from 0 to 1, '
            'or "auto"'
        ),
    ] = None
    resources: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None = None
    local_directory: _Text | None = None
    host: _Text | None = None
    interface: _Text | None = None
    protocol: _Text | None = None
    death_timeout: _Duration | None = None
    heartbeat_interval: _Duration | None = None
    lifetime: _Duration | None = None
    lifetime_stagger: _Duration | None = None
    lifetime_restart: bool | None = None


def check_worker_options(cls: str, options: Mapping[str, Any], *, place: str) -> None:
    """Refuse options that one of dask's worker classes could not start with.

    Parameters
    ----------
    cls : str
        The import path; of classes other than :data:`DASK_WORKERS` nothing is known.
    options : mapping
        The options as JSON values.
    place : str
        Where they stand in the request, as a dotted path.

    Raises
    ------
    InvalidInput
        With ``field`` naming the option.
    """
    if cls not in DASK_WORKERS:
        return
    try:
        # What is read when the worker is made cannot be looked at before.
        said = {name: value for name, value in options.items() if reference_in(value) is None}
        _WorkerOptions.model_validate(said)
    except ValidationError as error:
        raise invalid_input(error, prefix=place) from None


def worker_options_schema() -> dict[str, Any]:
    """Return the JSON Schema of each option that is known, by its name."""
    properties: dict[str, Any] = _WorkerOptions.model_json_schema()["properties"]
    return properties
