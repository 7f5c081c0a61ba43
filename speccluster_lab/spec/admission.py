"""Which classes, options and numbers a request may ask for.

A spec says which code runs, so a request may only name classes that an administrator allows, and
may not reach around that through options that load code of their own (`threats.md`, row 5).
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from pydantic import Field

from speccluster_lab.errors import ClassNotAllowed, InvalidInput
from speccluster_lab.spec.marks import refuse_marks
from speccluster_lab.spec.models import ClusterSpec, Document, Options
from speccluster_lab.spec.names import member_names
from speccluster_lab.spec.options import check_worker_options
from speccluster_lab.spec.references import references_in

__all__ = ["CLASS_ENTRY_POINTS", "DEFAULT_MAX_WORKERS", "Admission", "installed_classes"]

CLASS_ENTRY_POINTS: Final = "speccluster_lab.worker_classes"
DEFAULT_MAX_WORKERS: Final = 64

_CODE_LOADING: Final = frozenset(
    {
        "config",
        "env",
        "extensions",
        "http_server_modules",
        "jupyter",
        "nanny_plugins",
        "plugins",
        "scheduler_file",
        "security",
        "service_kwargs",
        "services",
        "worker_class",
    }
)

# dask's pages have no login, and what has a port is there for every user of the machine
# (`threats.md`, row 10).
_OPENING: Final = frozenset({"dashboard", "dashboard_address"})


def installed_classes() -> frozenset[str]:
    """Return the worker classes that installed packages offer, without importing any."""
    return frozenset(point.name for point in entry_points(group=CLASS_ENTRY_POINTS))


class Admission(Document):
    """What requests may ask for on one server.

    Parameters
    ----------
    worker_classes, scheduler_classes : frozenset of str
        Import paths that specs may name.
    max_workers : int
        Members that one cluster may have.
    allow_code_options : bool
        Whether requests may set options that load code, such as ``preload``, ``plugins`` and
        ``env``; templates always may.
    """

    worker_classes: frozenset[str] = Field(default_factory=installed_classes)
    scheduler_classes: frozenset[str] = frozenset({"distributed.Scheduler"})
    max_workers: int = Field(default=DEFAULT_MAX_WORKERS, ge=1)
    allow_code_options: bool = False

    def check(self, spec: ClusterSpec, *, trusted: ClusterSpec, prefix: str = "spec") -> None:
        """Refuse a spec that asks for more than is allowed.

        Parameters
        ----------
        spec : ClusterSpec
            The desired state that a request asks for.
        trusted : ClusterSpec
            The template's spec: what it says may be repeated.
        prefix : str
            Where the spec stands in the request; empty when it is the whole of it.

        Raises
        ------
        ClassNotAllowed
            A class that is not allowed, or an option that loads code or opens a dashboard.
        InvalidInput
            More members than ``max_workers``, an option that its class cannot start with, or
            what was shown in the place of a secret.
        """
        refuse_marks(spec, prefix)
        root = f"{prefix}." if prefix else ""
        scheduler = spec.scheduler
        self._check_class(
            scheduler.cls, self.scheduler_classes | {trusted.scheduler.cls}, f"{root}scheduler"
        )
        self._check_options(scheduler.options, [trusted.scheduler.options], f"{root}scheduler")
        # The form first: what is wrong with it is wrong with the entries made from it as well.
        entries = {f"{root}worker": spec.worker} if spec.worker is not None else {}
        entries |= {f"{root}workers.{name}": entry for name, entry in spec.workers.items()}
        known = [*trusted.workers.values(), *([trusted.worker] if trusted.worker else [])]
        allowed = self.worker_classes | {entry.cls for entry in known}
        for place, entry in entries.items():
            self._check_class(entry.cls, allowed, place)
            self._check_options(entry.options, [one.options for one in known], place)
            check_worker_options(entry.cls, entry.options, place=f"{place}.options")
        self.check_members(spec, field=f"{root}workers")

    def check_python(self, path: str | None) -> None:
        """Refuse an interpreter that a request names by its path, where code may not be named.

        Raises
        ------
        ClassNotAllowed
            Only templates may.
        """
        if path is not None and not self.allow_code_options:
            raise ClassNotAllowed(
                "only templates may name an interpreter by its path; a kernel may be named",
                field="python",
            )

    def check_members(self, spec: ClusterSpec, *, field: str) -> None:
        """Refuse a spec with more members than a cluster may have."""
        members = sum(len(member_names(name, e.group)) for name, e in spec.workers.items())
        self.check_number(members, field=field)

    def check_number(self, members: int, *, field: str) -> None:
        """Refuse a number of members that is more than a cluster may have."""
        if members > self.max_workers:
            raise InvalidInput(
                f"{members} workers are more than the {self.max_workers} that a cluster may have",
                field=field,
            )

    def _check_class(self, cls: str, allowed: frozenset[str], place: str) -> None:
        if cls not in allowed:
            raise ClassNotAllowed(
                f"class {cls!r} is not allowed here; allowed are: {', '.join(sorted(allowed))}",
                field=f"{place}.cls",
            )

    def is_for_templates(self, option: str) -> bool:
        """Return whether only templates may set an option: it can load code, or opens a port."""
        return option in _OPENING or self._loads_code(option)

    def _loads_code(self, option: str) -> bool:
        loads_code = option.startswith("preload") or option in _CODE_LOADING
        return loads_code and not self.allow_code_options

    def _check_options(self, options: Options, trusted: list[Options], place: str) -> None:
        for key, value in options.items():
            field = f"{place}.options.{key}"
            # What is malformed is refused, whoever says it.
            references = list(references_in(value, field))
            if references and key == "name":
                raise InvalidInput(
                    "what workers go by has to be known before they are made", field=field
                )
            if any(key in one and one[key] == value for one in trusted):
                continue
            if key in _OPENING and value not in (None, False):
                raise ClassNotAllowed(
                    f"option {key!r} opens a port that asks for no login, and only templates may "
                    "set it; the cluster's dashboard is opened in JupyterLab, and needs none",
                    field=field,
                )
            if self._loads_code(key):
                raise ClassNotAllowed(
                    f"option {key!r} can load code, and only templates may set it", field=field
                )
            if references and not self.allow_code_options:
                # It would show in a worker's name what is in a file of this user.
                where, reference = references[0]
                raise ClassNotAllowed(
                    f"only templates may have values read: {reference}", field=where
                )
