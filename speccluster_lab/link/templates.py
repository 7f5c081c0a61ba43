"""The templates that can be used: those that ship, an administrator's, and the user's own.

An administrator's and the user's are YAML files in ``speccluster-lab/templates/`` of Jupyter's
data folders, one template each; the folders are looked through in Jupyter's order, which
``jupyter --paths`` shows, and what ships comes last. Of two that have one name the first counts.
"""

from __future__ import annotations

import itertools
import math
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from jupyter_core.paths import jupyter_data_dir, jupyter_path
from pydantic import ValidationError

from speccluster_lab.errors import InvalidInput, NotStored, TemplateNotFound
from speccluster_lab.link.files import make_private_folder, write_private_file
from speccluster_lab.spec.models import Document
from speccluster_lab.spec.names import ClusterId
from speccluster_lab.spec.templates import Template, shipped_templates
from speccluster_lab.spec.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Found",
    "Saved",
    "TemplateFile",
    "delete_template",
    "get_template",
    "known_templates",
    "look_for_templates",
    "read_template",
    "template_file",
    "write_template",
]

_FOLDER: Final = ("speccluster-lab", "templates")
_SUFFIX: Final = ".yaml"
_SAVED: Final = "saved"
MAX_TEMPLATE_BYTES: Final = 256 * 1024


class Saved(Document):
    """What the file of a template says that a request has written: it is not trusted for ever.

    Who can write the file otherwise runs code as this user in any case.

    Parameters
    ----------
    like : str or None
        The template whose code and references it may repeat.
    """

    like: ClusterId | None = None


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file that is to hold a template.

    Parameters
    ----------
    path : Path
        Where it is.
    template : Template or None
        What it holds, if that is one.
    why : str or None
        Why it cannot be used, in words for a person.
    saved : Saved or None
        How it was saved, if it was not written by hand.
    """

    path: Path
    template: Template | None
    why: str | None = None
    saved: Saved | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """All templates.

    Parameters
    ----------
    templates : dict of str to Template
        By name, in its order.
    files : list of TemplateFile
        Those that are no part of this package, usable or not.
    own : frozenset of str
        Names of those templates that are the user's own.
    saved : mapping of str to Saved
        Those of them that requests have written, by name.
    """

    templates: dict[str, Template]
    files: list[TemplateFile]
    own: frozenset[str] = frozenset()
    saved: Mapping[str, Saved] = field(default_factory=dict)

    def get(self, name: str) -> Template:
        """Return the template of this name.

        Raises
        ------
        TemplateNotFound
            There is none; the message says so where there is a file that cannot be used.
        """
        if name in self.templates:
            return self.templates[name]
        broken = next((file for file in self.files if file.path.stem == name), None)
        if broken is not None and broken.why is not None:
            raise TemplateNotFound(
                f"template {name!r} cannot be used: {broken.why}", field="template"
            )
        known = ", ".join(self.templates)
        raise TemplateNotFound(
            f"there is no template {name!r}; known are: {known}", field="template"
        )

    def like(self, name: str) -> Template | None:
        """Return the template whose code one that was saved may repeat, if it is still there."""
        like = self.saved[name].like
        return None if like is None else self.templates.get(like)


def look_for_templates() -> Found:
    """Return the templates, and the files that they are in; reads files."""
    found = dict(shipped_templates())
    own: dict[str, Saved | None] = {}
    files = []
    # The last to come counts.
    for folder in reversed(jupyter_path(*_FOLDER)):
        for path in sorted(Path(folder).glob(f"*{_SUFFIX}")):
            file = _look_at(path)
            files.append(file)
            if file.template is not None:
                name = file.template.name
                found[name] = file.template
                own.pop(name, None)
                if path == template_file(name):
                    own[name] = file.saved
    saved = {name: how for name, how in own.items() if how is not None}
    templates = {name: found[name] for name in sorted(found)}
    return Found(templates, files[::-1], frozenset(own), saved)


def known_templates() -> dict[str, Template]:
    """Return the templates by name; reads files. One that cannot be used is left out."""
    return look_for_templates().templates


def get_template(name: str) -> Template:
    """Return the template of this name; reads files.

    Raises
    ------
    TemplateNotFound
        There is none; the message says so where there is a file that cannot be used.
    """
    return look_for_templates().get(name)


def template_file(name: str) -> Path:
    """Return where the user's own template of this name is, whether it is there or not."""
    return Path(jupyter_data_dir(), *_FOLDER) / f"{name}{_SUFFIX}"


def write_template(
    template: Template, *, replace: bool = False, saved: Saved | None = None
) -> Path:
    """Write a template of the user's own, and return where it is.

    Parameters
    ----------
    template : Template
        What is to be written.
    saved : Saved, optional
        What is to be kept of how a request has saved it.
    replace : bool
        Whether one of this name that is there may be replaced.

    Raises
    ------
    InvalidInput
        There is one, and it may not.
    NotStored
        The file cannot be written.
    """
    file = template_file(template.name)
    if os.path.lexists(file) and not replace:
        raise InvalidInput(f"there is a template {template.name!r} already", field="name")
    document = template.model_dump(mode="json", exclude_defaults=True)
    if saved is not None:
        document[_SAVED] = saved.model_dump(mode="json", exclude_none=True)
    content = yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()
    if len(content) > MAX_TEMPLATE_BYTES:
        raise InvalidInput(f"template {template.name!r} has more than {MAX_TEMPLATE_BYTES} bytes")
    try:
        for folder in (file.parent.parent, file.parent):
            make_private_folder(folder, is_a_persons=True)
        write_private_file(file, content)
    except OSError as error:
        raise NotStored(f"template {template.name!r} cannot be written: {error}") from error
    return file


def delete_template(name: str) -> None:
    """Delete a template of the user's own; it is no error when it has gone already.

    Parameters
    ----------
    name : str
        Of one that was found.

    Raises
    ------
    NotStored
        The file cannot be deleted.
    """
    try:
        with suppress(FileNotFoundError):
            template_file(name).unlink()
    except OSError as error:
        raise NotStored(f"template {name!r} cannot be deleted: {error}") from error


def read_template(path: Path) -> Template:
    """Return what a file holds.

    Raises
    ------
    InvalidInput
        It holds no template, has another name than its template, or others can write it, or
        into its folder.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[Template, Saved | None]:
    try:
        # O_NONBLOCK: opening a pipe would otherwise wait for its other end.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(MAX_TEMPLATE_BYTES + 1) if stat.S_ISREG(mode) else b""
        folder = path.parent.stat().st_mode
    except OSError as error:
        raise InvalidInput(f"it cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise InvalidInput("it is no regular file")
    # A template says which code runs.
    if mode & stat.S_IWOTH:
        raise InvalidInput(f"every user can write it (mode {stat.S_IMODE(mode):04o})")
    if folder & stat.S_IWOTH:
        raise InvalidInput(f"every user can put one there (mode {stat.S_IMODE(folder):04o})")
    if len(content) > MAX_TEMPLATE_BYTES:
        raise InvalidInput(f"it has more than {MAX_TEMPLATE_BYTES} bytes")
    document = _parse(content)
    if not isinstance(document, dict):
        raise InvalidInput("it is no mapping")
    try:
        saved = Saved.model_validate(document.pop(_SAVED)) if _SAVED in document else None
        template = Template.model_validate(document)
    except ValidationError as error:
        raise invalid_input(error) from None
    if template.name != path.stem:
        raise InvalidInput(f"its name is {template.name!r}, and its file's {path.stem!r}")
    return template, saved


def _parse(content: bytes) -> Any:
    """Return what YAML says.

    Raises
    ------
    InvalidInput
        It is none, or repeats itself so often that nobody could wait for it.
    """
    try:
        loader = yaml.SafeLoader(content)
        node = loader.get_single_node()
        # Before anything is made of it: some lines can say more than there is room for.
        is_endless = node is not None and _values_in(node, {}) > MAX_TEMPLATE_BYTES
        document = None if node is None or is_endless else loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"it is no YAML: {' '.join(str(error).split())}") from None
    if is_endless:
        raise InvalidInput(f"with what it repeats it has more than {MAX_TEMPLATE_BYTES} values")
    return document


def _values_in(node: yaml.Node, known: dict[int, float]) -> float:
    """Return how many values a part of a document has, with what it repeats of others."""
    if id(node) not in known:
        # One that is a part of itself never ends.
        known[id(node)] = math.inf
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        flat = itertools.chain(*parts) if isinstance(node, yaml.MappingNode) else parts
        known[id(node)] = 1 + sum(_values_in(part, known) for part in flat)
    return known[id(node)]


def _look_at(path: Path) -> TemplateFile:
    try:
        template, saved = _read(path)
        return TemplateFile(path, template, saved=saved)
    except InvalidInput as error:
        return TemplateFile(path, None, error.message)
