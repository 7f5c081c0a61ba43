"""What a template may say that a request has written.

What a template says is trusted: clusters that are made from it may repeat it, whatever else is
allowed to them. So nothing comes into one that the request could not have had without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import ClassNotAllowed, InvalidInput
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.names import member_names
from speccluster_lab.spec.redaction import is_secret_name
from speccluster_lab.spec.references import reference_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.templates import Template

__all__ = ["check_saved"]

# They name programs and modules that are run, networks that are opened, and an end that is not.
_FOR_TEMPLATES_ALONE: Final = ("python", "preimport", "bind", "orphan_timeout")


def check_saved(template: Template, admission: Admission, like: Template | None = None) -> None:
    """Refuse a template that says more than a request may ask for, or a secret.

    Parameters
    ----------
    template : Template
        What is to be written.
    admission : Admission
        What requests may ask for.
    like : Template, optional
        One that there is: what it says may be repeated.

    Raises
    ------
    ClassNotAllowed, InvalidInput
        With ``field`` saying where.
    """
    for name in _FOR_TEMPLATES_ALONE:
        value = getattr(template, name)
        is_repeated = value == getattr(like, name, None)
        if value and not is_repeated and not admission.allow_code_options:
            raise ClassNotAllowed(f"{name!r} can only be written into the file", field=name)
    form = template.fill({})
    if form.worker is not None:
        size = len(member_names("", form.worker.group))
        admission.check_number(template.initial * size, field="initial")
    trusted = ClusterSpec() if like is None else like.make_spec({})
    admission.check(form, trusted=trusted)
    for place, name, value in _parts(template.spec):
        if name != "options":
            _refuse_fields(value, f"{place}.{name}")
            continue
        for option, inner in value.items():
            where = f"{place}.options.{option}"
            if admission.is_for_templates(option):
                _refuse_fields(inner, where)
            _refuse_secrets(inner, where, template, secret=is_secret_name(option))


def _parts(spec: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield where each part of a spec that makes something stands, and what it says of itself."""
    places = {f"spec.{key}": spec.get(key) for key in ("scheduler", "worker")}
    places |= {f"spec.workers.{name}": part for name, part in spec.get("workers", {}).items()}
    for place, part in places.items():
        for name, value in (part or {}).items():
            yield place, name, value


def _refuse_fields(value: Any, where: str) -> None:
    """Refuse what a person could fill in later, where it would be trusted."""
    match value:
        case {"$field": _, **rest} if not rest:
            raise ClassNotAllowed("this cannot be a field of the template's form", field=where)
        case dict():
            for item in value.values():
                _refuse_fields(item, where)
        case list():
            for item in value:
                _refuse_fields(item, where)


def _refuse_secrets(value: Any, where: str, template: Template, *, secret: bool) -> None:
    """Refuse text under the name of a secret: a file is no place for one."""
    match value:
        case {"$field": str(name), **rest} if not rest:
            _refuse_secrets(template.fields[name].default, where, template, secret=secret)
        case dict() if reference_in(value) is not None:
            # It says where the secret is.
            pass
        case dict():
            for key, item in value.items():
                _refuse_secrets(item, where, template, secret=secret or is_secret_name(key))
        case list():
            for item in value:
                _refuse_secrets(item, where, template, secret=secret)
        case str() if secret and value:
            raise InvalidInput("this looks like a secret, and a template is a file", field=where)
