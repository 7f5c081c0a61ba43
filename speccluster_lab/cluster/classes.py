"""From the class that a spec names to an instance: importing, checking, options.

Import paths are only ever resolved here, in the process that runs the cluster.
"""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from distributed import Nanny, Worker
from distributed.utils import import_term

from speccluster_lab.cluster.form import CONTAINERS, copy_of
from speccluster_lab.cluster.logowners import keep_own
from speccluster_lab.cluster.reading import AfterReading
from speccluster_lab.errors import GroupMismatch, InvalidClass, InvalidInput
from speccluster_lab.references import names_files, with_values

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from speccluster_lab.spec.models import ClusterSpec, WorkerSpec

__all__ = [
    "Given",
    "GroupChecked",
    "Recipe",
    "check_spec",
    "class_path",
    "known_options",
    "resolve",
    "runs_here",
    "taken_options",
    "unfolded",
    "with_given",
]


# What a document has room for.
MAX_PATH: Final = 256


def _as_it_is(cls: Callable[..., Any]) -> Callable[..., Any]:
    return cls


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """Options that a scheduler or a worker gets if its class takes them and the spec is silent.

    Not shown by ``repr``: they may hold keys.

    Parameters
    ----------
    scheduler, worker : mapping of str to object
        Keyword arguments.
    elsewhere : mapping of str to object
        Those that a worker has in place of ``worker``'s if it may run on another machine.
    stock : mapping of str to object
        Those that only distributed's own workers and nannies have: options of this name may be
        anything to other classes.
    scheduler_class : callable
        Takes the class that the spec says, and returns the one that is used.
    prepare_worker : callable
        Takes each worker that is made, before it is started.
    """

    scheduler: Mapping[str, Any] = field(default_factory=dict)
    worker: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: Mapping[str, Any] = field(default_factory=dict)
    stock: Mapping[str, Any] = field(default_factory=dict)
    scheduler_class: Callable[[Callable[..., Any]], Callable[..., Any]] = _as_it_is
    prepare_worker: Callable[[Any], object] = _as_it_is


@runtime_checkable
class GroupChecked(Protocol):
    """A worker class that knows which members its options make."""

    @classmethod
    def check_group(cls, options: Mapping[str, Any], group: Collection[str] | None) -> None:
        """Raise :class:`GroupMismatch` when the two disagree."""


def resolve(cls: Any, *, place: str = "cls") -> Callable[..., Any]:
    """Return the class that a spec names.

    Parameters
    ----------
    cls : type or str
        A class, or the import path of one. Anything that is callable but no string is trusted,
        as :class:`distributed.SpecCluster` does.
    place : str
        Where it stands, for the error's ``field``.

    Raises
    ------
    InvalidClass
        The path leads nowhere, or to something that cannot be a worker or a scheduler.
    """
    if not isinstance(cls, str):
        if not callable(cls):
            raise InvalidClass(f"{cls!r} is no class", field=place)
        return cls  # type: ignore[no-any-return]
    try:
        found = import_term(cls)
    # A module that exits is not to end the others.
    except (Exception, SystemExit) as error:
        raise InvalidClass(f"class {cls!r} cannot be imported: {error}", field=place) from error
    if not inspect.isclass(found):
        raise InvalidClass(f"{cls!r} is no class", field=place)
    missing = [name for name in ("__await__", "close") if not hasattr(found, name)]
    if missing:
        raise InvalidClass(
            f"{cls!r} is no worker class: it has no {' and no '.join(missing)}", field=place
        )
    return found


def class_path(cls: Any) -> str:
    """Return the import path of a class, for documents and people.

    One that cannot be imported, such as a function's own, is given what looks like one.
    """
    if isinstance(cls, str):
        return cls
    return re.sub(r"[^A-Za-z0-9_.]", "_", _path_of(cls))[:MAX_PATH]


def _path_of(cls: Any) -> str:
    module = getattr(cls, "__module__", None) or "builtins"
    # A path that people write: distributed.Nanny, not distributed.nanny.Nanny.
    name = getattr(cls, "__qualname__", type(cls).__qualname__)
    top = module.partition(".")[0]
    short = f"{top}.{name}"
    try:
        return short if import_term(short) is cls else f"{module}.{name}"
    except (ImportError, AttributeError):
        return f"{module}.{name}"


def unfolded(cls: Any, options: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return the class and all options where a class comes with some of them, as a ``partial``.

    Parameters
    ----------
    cls : type
        Any other one is returned as it is.
    options : mapping
        Those of the spec, which count for more.
    """
    if isinstance(cls, partial) and not cls.args:
        return cls.func, {**cls.keywords, **options}
    return cls, options


def runs_here(cls: Callable[..., Any]) -> bool:
    """Return whether a class runs its workers on this machine, where they register at once.

    One that says nothing, by an attribute ``runs_here``, may be for jobs that wait in a queue.
    """
    if inspect.isclass(cls) and issubclass(cls, (Nanny, Worker)):
        return True
    return bool(getattr(cls, "runs_here", False))


@functools.lru_cache(maxsize=256)
def _parameters(cls: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(cls).parameters
    except (TypeError, ValueError):
        return {}


def with_given(
    cls: Callable[..., Any], options: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return ``options`` with those of ``given`` that the class takes and that are not there.

    What a class passes on to another counts: ``MultiWorker`` takes what a nanny takes.
    """
    known = known_options(cls)
    takes = set(_parameters(cls) if known is None else known)
    # distributed refuses both, and an interface says where to listen as a host does.
    if options.get("interface") is not None:
        takes.discard("host")
    return {**{key: value for key, value in given.items() if key in takes}, **options}


# Classes that start a worker by a command and keep its name to themselves; by the option of which
# the command's own options are made.
_NAMED_BY: Final = {
    "distributed.deploy.ssh.Worker": "kwargs",
    "distributed.deploy.subprocess.SubprocessWorker": "worker_kwargs",
}


def _named_by(cls: Callable[..., Any]) -> str | None:
    bases = inspect.getmro(cls) if inspect.isclass(cls) else ()
    paths = (f"{base.__module__}.{base.__qualname__}" for base in bases)
    return next((_NAMED_BY[path] for path in paths if path in _NAMED_BY), None)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Recipe:
    """How workers of one form are made, worked out once.

    Not shown by ``repr``: the options may hold keys.
    """

    cls: Callable[..., Any]
    options: Mapping[str, Any]
    containers: Collection[str]
    named: bool
    runs_here: bool
    named_by: str | None
    reads: bool
    prepare: Callable[[Any], object]

    @classmethod
    def of(cls, entry: Mapping[str, Any], given: Given) -> Recipe:
        """Return how an entry is made.

        Parameters
        ----------
        entry : mapping
            ``{"cls", "options", "group"?}``.
        given : Given
            Options for silent specs.

        Raises
        ------
        InvalidClass
            Its class does not exist, or is none.
        InvalidInput
            One of its options is a reference that cannot be.
        """
        own = entry.get("options") or {}
        found, said = unfolded(resolve(entry["cls"]), own)
        here = runs_here(found)
        silent = given.worker if here else {**given.worker, **given.elsewhere}
        stock = {key: value for key, value in given.stock.items() if _is_of_stock(found, key)}
        # To them it is as if nothing had been said.
        said = {key: one for key, one in said.items() if one is not None or key not in stock}
        if "name" not in own:
            # One that comes with the class would be that of all its entries.
            said.pop("name", None)
        options = with_given(found, said, {**silent, **stock})
        if entry.get("group") is not None and "group" in _parameters(found):
            options.setdefault("group", list(entry["group"]))
        named, reads = "name" in options, names_files(options)
        containers = [name for name, one in options.items() if isinstance(one, CONTAINERS)]
        return cls(
            found, options, containers, named, here, _named_by(found), reads, given.prepare_worker
        )

    def make(self, name: Any, scheduler: str) -> Any:
        """Return a new, unstarted worker.

        Parameters
        ----------
        name : hashable
            The entry's name, which becomes the option ``name`` unless the options have one.
        scheduler : str
            The address that the worker connects to.

        Raises
        ------
        Exception
            Whatever the class raises.
        """
        if self.reads:
            return AfterReading(self.options, partial(self._make, name, scheduler))
        return self._make(name, scheduler)

    def _make(self, name: Any, scheduler: str, files: Mapping[str, str] | None = None) -> Any:
        # What one worker does to its options is not for the next.
        options = with_values(self.options, files)
        # The sets, too, and what is in tuples, which are left as they are where values are read.
        for option in self.containers:
            options[option] = copy_of(options[option])
        if not self.named:
            options["name"] = name
        if self.named_by is not None:
            inner = options[self.named_by] = dict(options.get(self.named_by) or {})
            # Several that one command starts cannot all have it.
            if inner.get("n_workers", 1) == 1:
                inner.setdefault("name", str(options["name"]))
        made = self.cls(scheduler, **options)
        keep_own(made)
        self.prepare(made)
        return made


def check_spec(spec: ClusterSpec, known: Mapping[str, Callable[..., Any]] | None = None) -> None:
    """Refuse a spec whose classes do not exist or do not take their options.

    Parameters
    ----------
    spec : ClusterSpec
        The document.
    known : mapping of str to type, optional
        Classes that need not be imported.

    Raises
    ------
    InvalidClass
        A path that leads nowhere, or to no worker class.
    InvalidInput
        An option that the class does not take.
    GroupMismatch
        A group that is not what the options make.
    """
    known = known or {}
    _check_part(spec.scheduler.cls, spec.scheduler.options, "scheduler", leading=0, known=known)
    entries = {f"workers.{name}": entry for name, entry in spec.workers.items()}
    if spec.worker is not None:
        entries["worker"] = spec.worker
    for place, entry in entries.items():
        _check_entry(entry, place, known)


def _check_entry(entry: WorkerSpec, place: str, known: Mapping[str, Callable[..., Any]]) -> None:
    cls = _check_part(entry.cls, entry.options, place, leading=1, known=known)
    if isinstance(cls, GroupChecked):
        try:
            cls.check_group(entry.options, entry.group)
        except InvalidInput as error:
            error.field = f"{place}.{error.field or 'group'}"
            raise
    elif entry.group is not None and inspect.isclass(cls) and issubclass(cls, (Nanny, Worker)):
        raise GroupMismatch(
            f"an entry of {entry.cls} is one worker, and has no group", field=f"{place}.group"
        )


def _check_part(
    path: str,
    options: Mapping[str, Any],
    place: str,
    *,
    leading: int,
    known: Mapping[str, Callable[..., Any]],
) -> Callable[..., Any]:
    cls = resolve(known.get(path, path), place=f"{place}.cls")
    taken = known_options(cls)
    if taken is None:
        return cls
    positional = list(_parameters(cls))[:leading]
    for key in options:
        if key in positional or key not in taken:
            raise InvalidInput(f"{path} takes no option {key!r}", field=f"{place}.options.{key}")
    return cls


@functools.lru_cache(maxsize=256)
def known_options(cls: Callable[..., Any]) -> frozenset[str] | None:
    """Return the names of the options that a class takes, or ``None`` if that cannot be told.

    A class that takes ``**kwargs`` is taken to pass them on to its bases, and a nanny to its
    worker; only where that chain stays open to the end can nothing be said.
    """
    taken, is_open = taken_options(cls)
    return None if is_open else frozenset(taken)


def taken_options(
    cls: Callable[..., Any],
) -> tuple[dict[str, tuple[Callable[..., Any], inspect.Parameter]], bool]:
    """Return the options that a class says it takes, and whether it may take more.

    Each is with the class that takes it in the end: this one, a base, or what its options are
    passed on to.
    """
    taken: dict[str, tuple[Callable[..., Any], inspect.Parameter]] = {}
    bases = inspect.getmro(cls) if inspect.isclass(cls) else (cls,)
    for base in bases:
        if inspect.isclass(base) and "__init__" not in vars(base):
            continue
        takes = _parameters(base)
        for name, parameter in takes.items():
            taken.setdefault(name, (base, parameter))
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values()):
            return taken, False
        behind = _passes_options_to(base)
        if behind is not None:
            further, is_open = taken_options(behind)
            return {**taken, **{k: v for k, v in further.items() if k not in taken}}, is_open
    return taken, True


def _is_of_stock(cls: Callable[..., Any], option: str) -> bool:
    """Return whether a class is distributed's own, or hands an option on to one.

    Or is one that takes it in its place, and has nothing of its own to say.
    """
    taker, parameter = taken_options(cls)[0].get(option, (None, None))
    if not (inspect.isclass(taker) and issubclass(taker, (Nanny, Worker))):
        return False
    return taker in (Nanny, Worker) or (parameter is not None and parameter.default is None)


def _passes_options_to(cls: Any) -> type | None:
    if cls is Nanny:
        return Worker
    found: type | None = getattr(cls, "passes_options_to", None)
    return found
