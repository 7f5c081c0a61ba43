"""A cluster where it is displayed: as one document, which is shown live in a notebook.

What shows it is of a layer above, and is found here by its name alone, once it is displayed.
"""

from __future__ import annotations

import datetime
import importlib
from typing import TYPE_CHECKING, Any, Final

from distributed.core import Status

from speccluster_lab.cluster.described import Described
from speccluster_lab.spec.api import Adaptive, Cluster, Owner, OwnerKind
from speccluster_lab.spec.names import id_from_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Displayed", "link_through_server"]

SHOWING: Final = "speccluster_lab.client.ownwidget"
DASHBOARDS: Final = "speccluster_lab.client.dashboard"


class Displayed(Described):
    """The part of a cluster that displays it.

    Parameters
    ----------
    **options
        As the other parts take them.
    """

    def __init__(self, **options: Any) -> None:
        self._made_at = datetime.datetime.now(datetime.UTC)
        self._widgets: Any = None
        super().__init__(**options)

    def as_shown(self, known: Mapping[str, Any] | None = None) -> Cluster:
        """Return the cluster as it is; to be called on its loop.

        Parameters
        ----------
        known : mapping, optional
            Fields of the document that do not change; where they are not given the cluster is one
            of this process that nobody else knows.
        """
        limits = self.adaptive_range()
        return Cluster(
            **(known or self._known_here()),
            phase=self.phase,
            conditions=self.conditions,
            generation=self.generation,
            observed_generation=self.observed_generation,
            adaptive=None if limits is None else Adaptive(minimum=limits[0], maximum=limits[1]),
            scheduler=self.scheduler_status(),
            counts=self.counts(),
            spec=self.document(),
            workers=self.entries(),
            unexpected=self.unexpected(),
        )

    def _known_here(self) -> dict[str, Any]:
        name = str(self.name or type(self).__name__)
        return {
            "id": id_from_name(name, frozenset()),
            "display_name": name,
            "template": None,
            "owner": Owner(kind=OwnerKind.NOTEBOOK),
            "created": self._made_at,
        }

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        if self.status != Status.running:
            # There is nobody who could say more.
            return {"text/plain": repr(self), "text/html": self._repr_html_()}
        if self._widgets is None:
            self._widgets = importlib.import_module(SHOWING).OwnWidget(self)
        bundle: dict[str, Any] = self._widgets.bundle()
        return bundle

    def _ipython_display_(self, **options: Any) -> None:
        """Display the bundle: the stock class's own method would come before it."""
        from IPython.display import display

        display(self._repr_mimebundle_(**options), raw=True)


def link_through_server(id: str) -> str | None:
    """Return where the dashboard of a cluster is on the server of this process, if it has one.

    Parameters
    ----------
    id : str
        What others know the cluster by.
    """
    link: str | None = importlib.import_module(DASHBOARDS).link_here(id)
    return link
