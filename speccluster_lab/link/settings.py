"""The settings that say what clusters may take up, whoever makes them."""

from __future__ import annotations

import importlib
import warnings
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.application import JupyterApp
from traitlets import Bool, Float, Integer, List, TraitError, Unicode
from traitlets.config import Config, Configurable

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.admission import DEFAULT_MAX_WORKERS, Admission, installed_classes
from speccluster_lab.spec.lifetimes import DEFAULT_ORPHAN_TIMEOUT
from speccluster_lab.spec.limits import (
    DEFAULT_BODY_BYTES,
    DEFAULT_QUEUED_EVENTS,
    MAX_BODY_BYTES,
    Limits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["SECTION", "ClusterSettings", "UnknownSetting", "read_settings"]

SECTION: Final = "SpecClusterLab"
"""What they stand under in Jupyter's configuration: the name of the server extension's class."""

_EXTENSION: Final = "speccluster_lab.server.extension"


class UnknownSetting(UserWarning):
    """Jupyter's configuration has a name in our section that no setting has."""


class ClusterSettings(Configurable):
    """What clusters may take up, as it is configured."""

    allowed_classes = List(
        Unicode(),
        help="""Import paths of worker classes that a spec may name, beside those that installed
        packages offer through the entry point group "speccluster_lab.worker_classes" and those
        that the cluster's template names. Whoever may create a cluster can have these classes
        called with options of their choice.""",
    ).tag(config=True)

    allow_code_options = Bool(
        False,
        help="""Whether a spec may set options that load code, such as "preload", "plugins" and
        "env". Templates always may.""",
    ).tag(config=True)

    max_workers = Integer(
        DEFAULT_MAX_WORKERS,
        min=1,
        help="How many workers one cluster may have.",
    ).tag(config=True)

    max_clusters = Integer(
        16,
        min=0,
        help="How many clusters there may be at a time.",
    ).tag(config=True)

    max_body_bytes = Integer(
        DEFAULT_BODY_BYTES,
        min=1024,
        max=MAX_BODY_BYTES,
        help="How many bytes the body of a request may have, such as a spec that is applied.",
    ).tag(config=True)

    max_queued_events = Integer(
        DEFAULT_QUEUED_EVENTS,
        min=1,
        max=100_000,
        help="""How many changes wait for a page that takes them slowly. When there are more they
        are dropped, and it gets all clusters as they are.""",
    ).tag(config=True)

    max_concurrent_starts = Integer(
        None,
        min=1,
        max=10_000,
        allow_none=True,
        help="""How many entries of one cluster may start at a time. None: 8 where workers are
        forked, and one for each core where they are spawned, 2 at least.""",
    ).tag(config=True)

    orphan_timeout = Float(
        DEFAULT_ORPHAN_TIMEOUT,
        min=1.0,
        allow_none=True,
        help="""Seconds after which a cluster stops by itself when nobody has asked for it in that
        time: no server follows it, no notebook has asked, no client is connected, and it computes
        nothing. A template may say otherwise. None: never.""",
    ).tag(config=True)

    def admission(self) -> Admission:
        """Return what requests may ask for."""
        return Admission(
            worker_classes=installed_classes() | frozenset(self.allowed_classes),
            max_workers=self.max_workers,
            allow_code_options=self.allow_code_options,
        )

    def limits(self) -> Limits:
        """Return what a cluster's process and its API may take up."""
        return Limits(
            body_bytes=self.max_body_bytes,
            queued_events=self.max_queued_events,
            concurrent_starts=self.max_concurrent_starts,
        )


class _ConfigFiles(JupyterApp):
    """Reads the files that a Jupyter server with our extension reads."""

    config_file_name = "jupyter_server_config"


def read_settings() -> ClusterSettings:
    """Return the settings as Jupyter's configuration files have them; runs and reads files.

    What a server was told on its command line is not in them. As a server does, it goes on without
    a file that cannot be read, and logs why.

    Raises
    ------
    InvalidInput
        A value that a setting may not have.

    Warns
    -----
    UnknownSetting
        A name that no setting has, not even one that is a server's alone; it is left out.
    """
    files = _ConfigFiles()
    files.load_config_file()
    files.config_file_name = "jupyter_speccluster_lab_config"
    files.load_config_file()
    traits = ClusterSettings.class_trait_names(config=True)
    said = files.config.get(SECTION, {})
    for complaint in _unknown({name: value for name, value in said.items() if name not in traits}):
        warnings.warn(complaint, UnknownSetting, stacklevel=2)
    ours = {name: value for name, value in said.items() if name in traits}
    try:
        return ClusterSettings(config=Config({ClusterSettings.__name__: ours}))
    except TraitError as error:
        raise InvalidInput(f"Jupyter's configuration, {SECTION}: {error}") from error


def _unknown(others: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with names that are no settings of clusters, if anything is."""
    # A section in ours is no setting.
    names = [name for name, value in others.items() if not isinstance(value, Config)]
    if not names:
        return
    # It knows those that only a server heeds, and takes a moment to be imported.
    extension = getattr(importlib.import_module(_EXTENSION), SECTION)
    known = extension.class_trait_names(config=True)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            perhaps = f"; did you mean {near[0]!r}?" if near else ""
            yield f"Jupyter's configuration, {SECTION}: there is no setting {name!r}{perhaps}"
