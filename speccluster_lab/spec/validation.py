"""From bytes, or from what pydantic found wrong with a value, to an error that names the field."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from speccluster_lab.errors import (
    InvalidInput,
    MalformedBody,
    MalformedHeader,
    PreconditionRequired,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["invalid_input", "parse_body", "parse_if_match", "parse_query"]

M = TypeVar("M", bound=BaseModel)


def invalid_input(error: ValidationError, *, prefix: str = "") -> InvalidInput:
    """Return the first finding of ``error`` as an :class:`InvalidInput`.

    Where something is missing, a name beside it that is not known comes first: it may be what is
    missing, misspelt.

    Parameters
    ----------
    error : pydantic.ValidationError
        What a model refused.
    prefix : str
        Where the model stands in the request, as a dotted path.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    first = found[0]
    if first["type"] == "missing":
        beside = (one for one in found if one["loc"][:-1] == first["loc"][:-1])
        first = next((one for one in beside if one["type"] == "extra_forbidden"), first)
    path = [str(part) for part in first["loc"] if part != "[key]"]
    field = ".".join([prefix, *path] if prefix else path)
    message = first["msg"].removeprefix("Value error, ")
    return InvalidInput(f"{field}: {message}" if field else message, field=field or None)


def parse_body(model: type[M], body: bytes) -> M:
    """Return the request that ``body`` holds.

    Parameters
    ----------
    model : type
        The request's model.
    body : bytes
        JSON in UTF-8.

    Raises
    ------
    MalformedBody
        ``body`` is not a JSON object.
    InvalidInput
        It is, but not one of this model; ``field`` says where.
    """
    try:
        document: Any = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise MalformedBody("the body must be a JSON object")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise invalid_input(error) from None


def parse_query(model: type[M], arguments: Mapping[str, Sequence[bytes]]) -> M:
    """Return what the query of an address asks for.

    Parameters
    ----------
    model : type
        The query's model.
    arguments : mapping
        The values of each name. Names that the model does not have are not ours, such as the
        token of a Jupyter server; of several values the last one counts.

    Raises
    ------
    InvalidInput
        A value is not acceptable; ``field`` says which.
    """
    given = {
        name: values[-1].decode("utf-8", "replace")
        for name, values in arguments.items()
        if name in model.model_fields and values
    }
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise invalid_input(error) from None


def parse_if_match(header: str | None) -> int:
    """Return the generation that an ``If-Match`` header names.

    Parameters
    ----------
    header : str, optional
        The header's value; ``*`` is refused, for it would overwrite what nobody has seen.

    Raises
    ------
    PreconditionRequired
        There is no such header.
    MalformedHeader
        It is not one generation in double quotes.
    """
    if header is None:
        raise PreconditionRequired('this needs If-Match: "<generation>"', field="If-Match")
    # ASCII digits only, and fewer than would be slow to read.
    found = re.fullmatch(r'"([0-9]{1,18})"', header.strip())
    if found is None:
        raise MalformedHeader("If-Match must be one generation in double quotes", field="If-Match")
    return int(found[1])


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")
