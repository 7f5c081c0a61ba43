"""The options of worker classes as JSON Schemas, so that forms can be drawn and texts checked.

``python -m speccluster_lab.cluster.optionschemas`` reads import paths as a JSON list and prints
what it finds. It is a process of its own, because it imports what it is told to: the Jupyter server
knows classes as text only.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
import typing
from contextlib import redirect_stdout
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from speccluster_lab.cluster.classes import GroupChecked, resolve, taken_options
from speccluster_lab.errors import SpecClusterError
from speccluster_lab.spec.api import WorkerClass
from speccluster_lab.spec.options import DASK_WORKERS, worker_options_schema

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["describe_class", "options_schema"]

# What whoever makes an entry gives it: nobody else may say it, or has to.
_GIVEN: Final = frozenset({"group", "loop", "name", "scheduler_ip", "scheduler_port"})
_PARAMETER: Final = re.compile(r"^(\*{0,2}\w+(?:, ?\*{0,2}\w+)*)(?: ?:.*)?$")
_MARKUP: Final = re.compile(r"(?::\w+)?:\w+:`~?([^`]*)`|``([^`]*)``")
_COUNT: Final = "processes"


def describe_class(path: str) -> WorkerClass:
    """Return what can be said of a class.

    Parameters
    ----------
    path : str
        Where it is imported from.
    """
    try:
        cls: Any = resolve(path)
        taken = taken_options(cls)[0]
        return WorkerClass(
            cls=path,
            description=_summary(cls),
            options=options_schema(path, cls),
            count=_COUNT if isinstance(cls, GroupChecked) and _COUNT in taken else None,
        )
    except SpecClusterError as error:
        return WorkerClass(cls=path, error=error.message)


def options_schema(path: str, cls: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of the options that a class takes.

    What is known of dask's own options comes first, then what the class itself says of their
    types; the rest may be anything.

    Parameters
    ----------
    path : str
        Where it is imported from.
    cls : type
        The class.
    """
    taken, is_open = taken_options(cls)
    known = worker_options_schema() if path in DASK_WORKERS else {}
    leading = next(iter(taken), None)
    # What one class leaves unsaid, another that takes the same may say.
    described: dict[str, str] = {}
    for owner in (cls, *(owner for owner, _ in taken.values())):
        described = {**_descriptions(owner), **described}
    properties = {}
    for name, (owner, parameter) in taken.items():
        is_one = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if not is_one or name == leading or name in _GIVEN:
            continue
        schema = dict(known.get(name) or _schema_of(owner, parameter))
        # The name is what people know it by, and "null" is no option at all.
        schema.pop("title", None)
        schema.pop("default", None)
        if name in described:
            schema["description"] = described[name]
        if _is_plain(parameter.default):
            schema["default"] = parameter.default
        properties[name] = schema
    # Those that are known by a type of their own are what most people come for.
    order = sorted(properties, key=lambda name: (not _is_said(properties[name]), name not in known))
    return {
        "type": "object",
        "properties": {name: properties[name] for name in order},
        "additionalProperties": is_open,
    }


def _is_said(schema: dict[str, Any]) -> bool:
    return bool(schema.keys() - {"default", "description"})


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool)) and value not in (float("inf"), "")


def _schema_of(owner: Callable[..., Any], parameter: inspect.Parameter) -> dict[str, Any]:
    """Return what the type of a parameter says; nothing where it is none that JSON can carry."""
    if parameter.annotation is parameter.empty:
        return {}
    init = owner.__init__ if inspect.isclass(owner) else owner
    # By itself, for the type of another may be one that only type checkers find.
    alone = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        hints = typing.get_type_hints(alone, globalns=getattr(init, "__globals__", {}))
        schema = TypeAdapter(hints[parameter.name]).json_schema()
    # A type may be whatever Python its author has written.
    except (PydanticUserError, NameError, TypeError, AttributeError, SyntaxError):
        return {}
    return {} if "$defs" in schema or "$ref" in schema else schema


def _summary(cls: Callable[..., Any]) -> str:
    """Return the first sentence of a docstring."""
    paragraph = (inspect.getdoc(cls) or "").partition("\n\n")[0]
    return _marked(" ".join(paragraph.split()), 200)


@functools.cache
def _descriptions(cls: Callable[..., Any]) -> dict[str, str]:
    """Return what a docstring in numpy's style says of each parameter."""
    found: dict[str, str] = {}
    text = inspect.getdoc(cls) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+$|\Z)", text, re.M | re.S)
    names: list[str] = []
    for line in section[1].splitlines() if section else []:
        start = _PARAMETER.match(line)
        if start is not None:
            names = [name.strip(" *") for name in start[1].split(",")]
        elif line.startswith(" ") and line.strip():
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return {name: _marked(text, 400) for name, text in found.items()}


def _marked(text: str, length: int) -> str:
    """Return a text in which code has one mark on either side, and nothing else has any.

    What is cut off may have been the second one.
    """
    marked = _MARKUP.sub(lambda found: f"`{found[1] or found[2]}`", text)[:length]
    return marked if marked.count("`") % 2 == 0 else f"{marked}`"


def main() -> None:
    """Answer for the classes that are asked for on standard input."""
    paths: list[str] = json.load(sys.stdin)
    # What is imported may print.
    with redirect_stdout(sys.stderr):
        found = [describe_class(path) for path in paths]
    sys.stdout.write(json.dumps([one.model_dump(mode="json") for one in found]))


if __name__ == "__main__":
    main()
