"""Templates: named documents from which a cluster's first spec is made.

The ones that ship are the YAML files of ``speccluster_lab/templates/``. In a template's spec,
``{"$field": "nthreads"}`` stands for the value of that field of the template's form.
"""

from __future__ import annotations

import functools
import math
from enum import StrEnum
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import (
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.lifetimes import Lifetimes, Seconds
from speccluster_lab.spec.models import ClusterSpec, Document, JsonObject, SpecOverlay
from speccluster_lab.spec.names import ClusterId, DisplayName
from speccluster_lab.spec.policies import PolicyOverlay
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "FieldType",
    "Preimport",
    "StartMethod",
    "Template",
    "TemplateField",
    "shipped_templates",
]


class FieldType(StrEnum):
    """What a template's field may hold."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"


_PYTHON_TYPES: Mapping[FieldType, type[int] | type[float] | type[str] | type[bool]] = (
    MappingProxyType(
        {
            FieldType.INTEGER: int,
            FieldType.NUMBER: float,
            FieldType.STRING: str,
            FieldType.BOOLEAN: bool,
        }
    )
)


class StartMethod(StrEnum):
    """How a host starts the processes of workers that run on its machine."""

    FORKSERVER = "forkserver"
    SPAWN = "spawn"


Preimport = Annotated[
    list[
        Annotated[
            str,
            StringConstraints(
                max_length=256, pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
            ),
        ]
    ],
    Field(
        max_length=64,
        description="Modules that are imported once, for all workers that are forked from there.",
    ),
]


# As large as every reader of JSON has them exactly.
_Integer = Annotated[int, Field(ge=-(2**53), le=2**53)]


class TemplateField(Document):
    """One field of a template's form."""

    type: FieldType
    title: str
    description: str = ""
    default: _Integer | FiniteFloat | str | bool
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None

    @model_validator(mode="after")
    def _bounds_are_of_numbers(self) -> Self:
        is_bounded = self.minimum is not None or self.maximum is not None
        if is_bounded and self.type in (FieldType.STRING, FieldType.BOOLEAN):
            raise ValueError("only a number has a minimum or a maximum")
        return self

    def check(self, name: str, value: object) -> object:
        """Return ``value`` if this field may hold it.

        Raises
        ------
        InvalidInput
            With ``field`` set to ``fields.<name>``.
        """
        kind: Any = _PYTHON_TYPES[self.type]
        low, high = self.minimum, self.maximum
        match self.type:
            case FieldType.NUMBER:
                kind = Annotated[kind, Field(ge=low, le=high, allow_inf_nan=False)]
            case FieldType.INTEGER:
                # Only whole numbers can be the bounds of one.
                low = None if low is None else math.ceil(low)
                high = None if high is None else math.floor(high)
                kind = Annotated[kind, Field(ge=low, le=high)]
            case FieldType.STRING | FieldType.BOOLEAN:
                pass
        adapter: TypeAdapter[object] = TypeAdapter(kind, config=ConfigDict(strict=True))
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise invalid_input(error, prefix=f"fields.{name}") from None


class Template(Document):
    """A named, validated document from which a cluster's first spec is made.

    Parameters
    ----------
    name : str
        What requests and people call it.
    title, description : str
        For the panel.
    initial : int
        Entries of the worker form that a new cluster has, unless the spec names its entries.
    fields : dict
        The form; each value is used where the spec says ``{"$field": name}``.
    spec : dict
        A :class:`ClusterSpec` document, with placeholders.
    start_method : StartMethod
        ``forkserver``, where the platform has it, is quick: workers are forked from a process that
        has their imports behind it. ``spawn`` gives each worker a new interpreter, for libraries
        that cannot be forked, or are installed while the cluster runs.
    preimport : list of str
        What the forkserver imports beside ``distributed``. Such a module must not start threads.
    kernel : str, optional
        The kernelspec with whose Python clusters run; that of the Jupyter server if not given,
    python : str, optional
        or the path of that Python.
    bind : str, optional
        Where scheduler and workers listen: the name of a network interface, or an address. Only
        this machine can reach them if not given; others need a certificate all the same.
    idle_timeout : float, optional
        Seconds after which a cluster that has nothing to do stops by itself.
    max_lifetime : float, optional
        Seconds after which a cluster stops by itself, whatever it does.
    orphan_timeout : float or "never", optional
        Seconds after which a cluster that nobody asks for stops by itself; the server's setting
        if not given.
    policy : PolicyOverlay, optional
        The limits that the reconciler keeps to, as far as they are not the usual ones.
    """

    name: ClusterId
    title: DisplayName
    description: str = ""
    initial: int = Field(default=1, ge=0, le=100_000)
    fields: dict[str, TemplateField] = Field(default_factory=dict)
    spec: JsonObject
    start_method: StartMethod = StartMethod.FORKSERVER
    preimport: Preimport = Field(default_factory=list)
    kernel: str | None = None
    python: str | None = None
    bind: str | None = Field(default=None, min_length=1, max_length=255)
    idle_timeout: Seconds | None = None
    max_lifetime: Seconds | None = None
    orphan_timeout: Seconds | Literal["never"] | None = None
    policy: PolicyOverlay = Field(default_factory=PolicyOverlay)

    @model_validator(mode="after")
    def _one_python(self) -> Self:
        if self.kernel is not None and self.python is not None:
            raise ValueError("give a kernel or a python, not both")
        return self

    @model_validator(mode="after")
    def _defaults_make_a_spec(self) -> Self:
        self.fill({})
        return self

    def lifetimes(self, orphan_timeout: float | None) -> Lifetimes:
        """Return when a cluster stops by itself.

        Parameters
        ----------
        orphan_timeout : float or None
            What the server says, in seconds.
        """
        match self.orphan_timeout:
            case "never":
                orphan_timeout = None
            case float(seconds):
                orphan_timeout = seconds
            case None:
                pass
        return Lifetimes(
            orphan_timeout=orphan_timeout,
            idle_timeout=self.idle_timeout,
            max_lifetime=self.max_lifetime,
        )

    def make_spec(
        self, values: Mapping[str, object], overlay: SpecOverlay | None = None
    ) -> ClusterSpec:
        """Return the first spec of a cluster.

        Parameters
        ----------
        values : mapping of str to object
            Values of fields; those not given take their defaults.
        overlay : SpecOverlay, optional
            Laid over the filled spec; unless it or the template names the entries, the cluster
            begins with ``initial`` entries of the resulting form.

        Raises
        ------
        InvalidInput
            A field that the template does not have, a value that it may not hold, or an overlay
            that leaves no valid spec.
        """
        spec = self.fill(values)
        if overlay is not None:
            try:
                spec = spec.laid_over(overlay)
            except ValidationError as error:
                raise invalid_input(error, prefix="spec") from None
            if overlay.workers is not None:
                return spec
        return spec if spec.workers else spec.with_entries(self.initial)

    def fill(self, values: Mapping[str, object]) -> ClusterSpec:
        """Return the spec with the values of its fields in their places, without first entries.

        Raises
        ------
        InvalidInput
            A field that the template does not have, a value that it may not hold, or a spec that
            is none.
        """
        for name in values:
            if name not in self.fields:
                raise InvalidInput(
                    f"template {self.name!r} has no field {name!r}; {_known(self.fields)}",
                    field=f"fields.{name}",
                )
        filled = {
            name: field.check(name, values.get(name, field.default))
            for name, field in self.fields.items()
        }
        try:
            return ClusterSpec.model_validate(_fill(self.spec, filled))
        except ValidationError as error:
            raise invalid_input(error, prefix="spec") from None


def _known(fields: Collection[str]) -> str:
    return f"it has: {', '.join(fields)}" if fields else "it has none"


def _fill(value: Any, filled: Mapping[str, object]) -> Any:
    match value:
        case {"$field": name, **rest} if not rest:
            if not isinstance(name, str) or name not in filled:
                raise InvalidInput(f"the spec has a field {name!r} that the form has not")
            return filled[name]
        case dict():
            return {key: _fill(item, filled) for key, item in value.items()}
        case list():
            return [_fill(item, filled) for item in value]
        case _:
            return value


@functools.cache
def shipped_templates() -> Mapping[str, Template]:
    """Return the templates that come with this package, by name."""
    folder = resources.files("speccluster_lab") / "templates"
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    templates = [Template.model_validate(yaml.safe_load(file.read_text())) for file in files]
    return MappingProxyType({t.name: t for t in sorted(templates, key=lambda t: t.name)})
