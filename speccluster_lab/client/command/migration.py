"""``import-dask-config``: templates from what dask-labextension was configured with.

Its ``labextension`` section names a ``factory``, which makes every cluster of a server, the size
that they have by ``default``, and the clusters that it starts by itself, ``initial``.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import Field, ValidationError

from speccluster_lab.client.command.changing import read_yaml
from speccluster_lab.client.command.output import FAILED, FileMissing
from speccluster_lab.errors import InvalidInput
from speccluster_lab.link.templates import template_file, write_template
from speccluster_lab.spec.models import Document
from speccluster_lab.spec.names import id_from_name
from speccluster_lab.spec.redaction import hide_secrets
from speccluster_lab.spec.templates import Template
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from speccluster_lab.client.command.output import Output

__all__ = ["VERBS", "Section", "templates_from"]

_TITLE: Final = "Dask default"
_LOCAL: Final = frozenset(
    {"dask.distributed", "distributed", "distributed.deploy", "distributed.deploy.local"}
)
# The first arguments of LocalCluster, which may be given by their place.
_PLACES: Final = ("name", "n_workers", "threads_per_worker", "processes")
# Of LocalCluster's other arguments, which go to its workers, those that mean the same here.
_OPTIONS: Final = frozenset(
    {
        "death_timeout",
        "env",
        "lifetime",
        "lifetime_restart",
        "lifetime_stagger",
        "local_directory",
        "preload",
        "preload_argv",
        "preload_nanny",
        "preload_nanny_argv",
        "resources",
    }
)
_NEEDLESS: Final = {
    "asynchronous": "each cluster runs in a process of its own",
    "loop": "each cluster runs in a process of its own",
    "dashboard_address": "a dashboard has no port; it is reached through JupyterLab",
    "worker_dashboard_address": "a dashboard has no port; it is reached through JupyterLab",
    "diagnostics_port": "a dashboard has no port; it is reached through JupyterLab",
    "scheduler_port": "handles find the scheduler by the cluster's id",
    "protocol": "all of a cluster's parts speak TLS",
    "security": "each cluster makes certificates of its own",
    "silence_logs": "each cluster has a log of its own",
}


class Factory(Document):
    """What makes every cluster."""

    module: str = "dask.distributed"
    cls: str = Field(default="LocalCluster", alias="class")
    args: list[Any] = Field(default_factory=list)
    kwargs: dict[str, Any] = Field(default_factory=dict)


class Size(Document):
    """How large a cluster is."""

    name: str | None = None
    workers: int | None = Field(default=None, ge=0)
    adapt: dict[str, Any] | None = None


class Section(Document):
    """The section ``labextension`` of dask's configuration."""

    factory: Factory = Field(default_factory=Factory)
    default: Size = Field(default_factory=Size)
    initial: list[Size] = Field(default_factory=list)


@dataclass
class _Notes:
    """What a person should know of the outcome."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        if line not in self.lines:
            self.lines.append(line)


def templates_from(section: Section) -> tuple[list[Template], list[str]]:
    """Return the templates that stand for a section, and what they do not carry over.

    Parameters
    ----------
    section : Section
        Of dask's configuration.
    """
    notes, factory = _Notes(), section.factory
    if factory.module not in _LOCAL or factory.cls != "LocalCluster":
        notes.add(
            f"factory: {factory.module}.{factory.cls} starts its workers in its own way, which no "
            "template can describe. In a notebook, reconciled(…)(…, publish=True) of "
            "speccluster_lab shows such a cluster in the panel; see the README."
        )
        return [], notes.lines
    taken: set[str] = set()
    templates = []
    for size in [Size(name=_TITLE), *section.initial]:
        given = section.default.model_dump(exclude_none=True)
        given |= size.model_dump(exclude_none=True)
        template = _template(factory, Size.model_validate(given), taken, notes)
        taken.add(template.name)
        templates.append(template)
    if section.initial:
        notes.add(
            "initial: nothing is started with the server; `jupyter speccluster start` and the "
            "panel start clusters from these templates, and clusters outlive the server"
        )
    return templates, notes.lines


def _template(factory: Factory, size: Size, taken: set[str], notes: _Notes) -> Template:
    given = _arguments(factory, notes)
    title = size.name or str(given.get("name") or _TITLE)
    workers = given.pop("n_workers", None) if size.workers is None else size.workers
    given.pop("n_workers", None)
    given.pop("name", None)
    if size.adapt is not None:
        limits = ", ".join(f"{key}: {size.adapt[key]}" for key in sorted(size.adapt))
        notes.add(
            f"{title}: adapt is not a template's; in the panel the dialog *Scale* has it, and in a "
            f"cluster file `adaptive: {{{limits}}}`"
        )
    elif workers is None:
        notes.add(
            f"{title}: no number of workers is given, and LocalCluster takes what suits the "
            "machine; the template begins with one"
        )
    processes = given.pop("processes", None)
    options, fields = _options(given, notes)
    document: dict[str, Any] = {
        "name": id_from_name(title, taken),
        "title": title,
        "description": "From the configuration of dask-labextension.",
        "initial": 1 if workers is None else workers,
        "fields": fields,
        "bind": _bind(given, notes),
        "spec": {
            "scheduler": {"cls": "distributed.Scheduler"},
            "worker": {
                "cls": "distributed.Worker" if processes is False else "distributed.Nanny",
                "options": options,
            },
        },
    }
    for name in given:
        notes.add(f"factory.kwargs.{name}: {_NEEDLESS.get(name, 'is not known here')}; left out")
    try:
        return Template.model_validate(document)
    except ValidationError as error:
        raise invalid_input(error, prefix=f"template {title}") from None


def _arguments(factory: Factory, notes: _Notes) -> dict[str, Any]:
    """Return what the factory is called with, by name."""
    if len(factory.args) > len(_PLACES):
        notes.add(f"factory.args: those after the first {len(_PLACES)} are left out")
    given = dict(zip(_PLACES, factory.args, strict=False))
    given |= {name.replace("-", "_"): value for name, value in factory.kwargs.items()}
    return {name: value for name, value in given.items() if value is not None}


def _options(given: dict[str, Any], notes: _Notes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a worker and the fields of the form; takes them out of ``given``."""
    threads = given.pop("threads_per_worker", None)
    memory = given.pop("memory_limit", "auto")
    if threads is None:
        notes.add(
            "factory.kwargs.threads_per_worker is not given, and LocalCluster takes what suits "
            "the machine; workers have one thread unless the form says otherwise"
        )
    fields: dict[str, Any] = {
        "nthreads": {
            "type": "integer",
            "title": "Threads per worker",
            "default": 1 if threads is None else threads,
            "minimum": 1,
            "maximum": 1024,
        }
    }
    options: dict[str, Any] = {"nthreads": {"$field": "nthreads"}, "memory_limit": memory}
    if isinstance(memory, str):
        fields["memory_limit"] = {
            "type": "string",
            "title": "Memory per worker",
            "description": 'Text such as "4 GiB", or "auto" for a fair share of this machine.',
            "default": memory,
        }
        options["memory_limit"] = {"$field": "memory_limit"}
    for name in sorted(given.keys() & _OPTIONS):
        options[name] = given.pop(name)
    return options, fields


def _bind(given: dict[str, Any], notes: _Notes) -> str | None:
    """Return where scheduler and workers listen; takes that out of ``given``."""
    interface, host = given.pop("interface", None), given.pop("host", None)
    host = host or given.pop("ip", None)
    if interface is not None:
        return str(interface)
    if host is None:
        return None
    address = str(host).rpartition("://")[2]
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        if address != "localhost":
            notes.add("factory.kwargs.host: is no address; the template listens on this machine")
        return None
    if found.is_unspecified:
        notes.add(
            "factory.kwargs.host: listening everywhere is left out; `bind` in the template may "
            "name an interface"
        )
    return None if found.is_loopback or found.is_unspecified else address


def _import(options: argparse.Namespace, output: Output) -> int:
    section = _section(options.file)
    templates, notes = templates_from(section)
    written = []
    there = [one.name for one in templates if os.path.lexists(template_file(one.name))]
    if there and not (options.replace or options.dry_run):
        raise InvalidInput(
            f"there are templates of these names already: {', '.join(there)}; --replace writes "
            "over them",
            field="name",
        )
    for template in templates:
        file = template_file(template.name)
        if not options.dry_run:
            file = write_template(template, replace=options.replace)
        written.append({"name": template.name, "file": str(file)})
        output.say(f"{'Would write' if options.dry_run else 'Wrote'} {file}")
        if options.dry_run:
            document = hide_secrets(template.model_dump(mode="json", exclude_defaults=True))
            for line in yaml.safe_dump(document, sort_keys=False).splitlines():
                output.say(f"    {line}")
    for note in notes:
        output.say(f"- {note}", "yellow")
    if output.as_json:
        output.data({"templates": written, "notes": notes, "written": not options.dry_run})
    return 0 if templates else FAILED


def _section(file: str | None) -> Section:
    """Return the section of a file, or of dask's whole configuration.

    Raises
    ------
    FileMissing
        There is none.
    InvalidInput
        It is not as dask-labextension has it.
    """
    found: Mapping[str, Any] | None
    if file is None:
        # Takes a moment, and nothing else here needs it.
        import dask.config

        found = dask.config.get("labextension", None)
        where = ", ".join(map(str, dask.config.paths))
    else:
        where = file
        try:
            found = read_yaml(Path(file).read_text(encoding="utf-8")).get("labextension")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise FileMissing(f"{file!r} cannot be read: {why}", field="file") from None
    if found is None:
        raise FileMissing(f"there is no section `labextension` in {where}", field="file")
    try:
        return Section.model_validate(_without_nulls(found))
    except ValidationError as error:
        raise invalid_input(error, prefix="labextension") from None


def _without_nulls(found: Any) -> Any:
    """Return what is given, without what is there but empty; that is as good as not there."""
    if not isinstance(found, dict):
        raise InvalidInput("labextension: is no mapping", field="labextension")
    return {key: value for key, value in found.items() if value is not None}


VERBS: dict[str, Callable[[argparse.Namespace, Output], int]] = {"import-dask-config": _import}
