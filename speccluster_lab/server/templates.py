"""The templates that this server offers: listed, and the user's own written and deleted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from speccluster_lab.errors import (
    InvalidInput,
    SpecClusterError,
    TemplateNotFound,
    TemplateNotOwn,
    TooManyTemplates,
)
from speccluster_lab.link.creation import check_usable
from speccluster_lab.link.templates import (
    Saved,
    delete_template,
    look_for_templates,
    write_template,
)
from speccluster_lab.spec.api import ListedTemplate
from speccluster_lab.spec.saving import check_saved

if TYPE_CHECKING:
    from speccluster_lab.link.templates import Found
    from speccluster_lab.spec.admission import Admission
    from speccluster_lab.spec.api import Template, TemplateQuery

__all__ = ["Templates"]

MAX_OWN: Final = 100


class Templates:
    """Reads the templates anew for each call: they are files.

    Parameters
    ----------
    admission : Admission
        What requests may ask for.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._writing = asyncio.Lock()

    async def all(self) -> list[ListedTemplate]:
        """Return them, by name."""
        found = await asyncio.to_thread(look_for_templates)
        return [self._listed(found, name) for name in found.templates]

    async def get(self, name: str) -> ListedTemplate:
        """Return one.

        Raises
        ------
        TemplateNotFound
            There is none of this name.
        """
        return self._one_of(await asyncio.to_thread(look_for_templates), name)

    async def save(self, name: str, template: Template, query: TemplateQuery) -> ListedTemplate:
        """Write one of the user's own, and return it.

        Parameters
        ----------
        name : str
            What it is called.
        template : Template
            What it says.
        query : TemplateQuery
            How it is to be written.

        Raises
        ------
        InvalidInput, ClassNotAllowed, TemplateNotFound
            It says what it may not, there is one and it is not to be replaced, or it is to be
            like one that there is not.
        TemplateNotOwn
            There is one that is not the user's own.
        TooManyTemplates
            There are as many as there may be.
        NotStored
            The file cannot be written.
        """
        if template.name != name:
            raise InvalidInput(f"it is called {template.name!r} inside", field="name")
        async with self._writing:
            return await asyncio.to_thread(self._save, template, query)

    async def delete(self, name: str) -> ListedTemplate:
        """Delete one of the user's own, and return what it was.

        Raises
        ------
        TemplateNotFound, TemplateNotOwn
            There is none of this name, or it is not the user's own.
        NotStored
            The file cannot be deleted.
        """
        async with self._writing:
            return await asyncio.to_thread(self._delete, name)

    def _save(self, template: Template, query: TemplateQuery) -> ListedTemplate:
        found = look_for_templates()
        like = None if query.like is None else found.get(query.like)
        saved = Saved(like=query.like)
        if query.like is not None and query.like in found.saved:
            # What that one may repeat of another, this one may.
            saved, like = found.saved[query.like], found.like(query.like)
        check_saved(template, self._admission, like)
        name = template.name
        if name in found.templates and name not in found.own:
            raise TemplateNotOwn(f"template {name!r} is not yours to be replaced", field="name")
        if name not in found.own and len(found.own) >= MAX_OWN:
            raise TooManyTemplates(f"you have {MAX_OWN} templates; delete one first")
        write_template(template, replace=query.replace, saved=saved)
        return self._listed(look_for_templates(), name)

    def _delete(self, name: str) -> ListedTemplate:
        template = self._one_of(look_for_templates(), name)
        if not template.own:
            raise TemplateNotOwn(f"template {name!r} is not yours to be deleted")
        delete_template(name)
        return template

    def _one_of(self, found: Found, name: str) -> ListedTemplate:
        if name not in found.templates:
            raise TemplateNotFound(f"there is no template {name!r}")
        return self._listed(found, name)

    def _listed(self, found: Found, name: str) -> ListedTemplate:
        why = None
        try:
            check_usable(found, name, self._admission)
        except SpecClusterError as error:
            why = error.message
        # It has been validated as a template.
        fields = dict(found.templates[name])
        return ListedTemplate.model_construct(**fields, own=name in found.own, unusable=why)
