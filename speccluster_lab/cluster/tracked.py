"""``worker_spec``: dicts, lists and sets that note what is changed in them.

They look and behave like the plain ones. The owner may change them from any thread; the cluster's
loop asks which entries were touched, so that a change to one entry of many costs what one costs.
"""

from __future__ import annotations

import copy
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.cluster.form import CONTAINERS, Form, NotedSet
from speccluster_lab.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

__all__ = ["EntrySpec", "WorkerSpecs"]

_NOBODY: Final[deque[Any]] = deque(maxlen=0)


class _Touch:
    """What all containers of one entry share: whom they tell that they were changed."""

    __slots__ = ("first", "key", "log", "read", "version")

    def __init__(self, form: Form | None = None) -> None:
        self.log: deque[Any] = _NOBODY
        self.key: Hashable = None
        self.version = 0
        # What it said at first, where that is known; and what it said at the last reading.
        self.first = form
        self.read: tuple[int, Form] | None = None

    def __call__(self) -> None:
        # After the change, so that who sees the note sees the change as well.
        self.version += 1
        self.log.append(self.key)


def _tracked(value: Any, touch: _Touch) -> Any:
    # First what there is most of: it is asked for each value of each entry.
    if not isinstance(value, CONTAINERS):
        return value
    match value:
        case dict():
            return _Dict(value, touch)
        case list():
            return _List(value, touch)
        case set() if type(value) in (set, _Set):
            return _Set(value, touch)
        case tuple() if type(value) is tuple:
            # What is in it may be changed, though it cannot.
            return tuple([_tracked(item, touch) for item in value])
        case _:
            return value


def _noting(name: str, kind: type) -> Callable[..., Any]:
    method = getattr(kind, name)

    def noting(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return method(self, *args, **options)
        finally:
            self._touch()

    noting.__name__ = name
    noting.__doc__ = method.__doc__
    return noting


class _PlainWhenCopied(dict[Any, Any]):
    """What dicts have in common that note what is set and updated: copies of them note nothing."""

    __slots__ = ()

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """As :meth:`dict.setdefault`."""
        if key not in self:
            self[key] = default
        return self[key]

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        return copy.deepcopy(dict(self), memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return dict, (dict(self),)


class _Dict(_PlainWhenCopied):
    """A dict inside an entry."""

    __slots__ = ("_touch",)

    def __init__(self, content: Mapping[Any, Any], touch: _Touch) -> None:
        self._touch = touch
        super().__init__({key: _tracked(value, touch) for key, value in dict(content).items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, _tracked(value, self._touch))
        self._touch()

    def update(self, *args: Any, **more: Any) -> None:
        """As :meth:`dict.update`."""
        changes = dict(*args, **more)
        super().update({key: _tracked(value, self._touch) for key, value in changes.items()})
        self._touch()

    __delitem__ = _noting("__delitem__", dict)
    clear = _noting("clear", dict)
    pop = _noting("pop", dict)
    popitem = _noting("popitem", dict)


class _List(list[Any]):
    """A list inside an entry."""

    __slots__ = ("_touch",)

    def __init__(self, content: list[Any], touch: _Touch) -> None:
        self._touch = touch
        super().__init__([_tracked(value, touch) for value in list(content)])

    def __setitem__(self, place: Any, value: Any) -> None:
        one = _tracked(value, self._touch)
        super().__setitem__(place, list(one) if isinstance(place, slice) else one)
        self._touch()

    def append(self, value: Any) -> None:
        """As :meth:`list.append`."""
        super().append(_tracked(value, self._touch))
        self._touch()

    def insert(self, place: Any, value: Any) -> None:
        """As :meth:`list.insert`."""
        super().insert(place, _tracked(value, self._touch))
        self._touch()

    def extend(self, values: Any) -> None:
        """As :meth:`list.extend`."""
        super().extend([_tracked(value, self._touch) for value in values])
        self._touch()

    def __iadd__(self, values: Any) -> Any:  # type: ignore[misc]
        self.extend(values)
        return self

    __delitem__ = _noting("__delitem__", list)
    __imul__ = _noting("__imul__", list)
    clear = _noting("clear", list)
    pop = _noting("pop", list)
    remove = _noting("remove", list)
    reverse = _noting("reverse", list)
    sort = _noting("sort", list)

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return copy.deepcopy(list(self), memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (list(self),)


class _Set(NotedSet):
    """A set inside an entry; what is in it cannot be changed."""

    __slots__ = ("_touch",)

    def __init__(self, content: set[Any], touch: _Touch) -> None:
        self._touch = touch
        super().__init__(content)

    __iand__ = _noting("__iand__", set)
    __ior__ = _noting("__ior__", set)
    __isub__ = _noting("__isub__", set)
    __ixor__ = _noting("__ixor__", set)
    add = _noting("add", set)
    clear = _noting("clear", set)
    difference_update = _noting("difference_update", set)
    discard = _noting("discard", set)
    intersection_update = _noting("intersection_update", set)
    pop = _noting("pop", set)
    remove = _noting("remove", set)
    symmetric_difference_update = _noting("symmetric_difference_update", set)
    update = _noting("update", set)

    def __repr__(self) -> str:
        return repr(set(self))

    def copy(self) -> set[Any]:
        """As :meth:`set.copy`."""
        return set(self)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> set[Any]:
        return copy.deepcopy(set(self), memo)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return set, (list(self),)


class EntrySpec(_Dict):
    """One entry: a dict with ``cls``, ``options`` and perhaps ``group``.

    Parameters
    ----------
    content : mapping
        What it says; copied, and the dicts, lists and sets in it too.
    form : Form, optional
        Its form, where that is known already.
    """

    __slots__ = ()

    def __init__(self, content: Mapping[str, Any], form: Form | None = None) -> None:
        super().__init__(content, _Touch(form))

    @classmethod
    def like(cls, form: Form) -> EntrySpec:
        """Return an entry that says what ``form`` does, and shares nothing with others of it."""
        return cls(form.entry, form)

    def own(self) -> EntrySpec:
        """Return it as one that belongs to somebody, and is not to become an entry itself."""
        self._touch.log = deque(maxlen=0)
        return self

    def form(self) -> Form:
        """Return what it says now.

        Raises
        ------
        InvalidInput
            It is no entry, or not any more.
        """
        touch = self._touch
        version, read = touch.version, touch.read
        if version == 0 and touch.first is not None:
            return touch.first
        if read is None or read[0] != version:
            # Read after the number: a change meanwhile makes this reading one of the past.
            read = touch.read = version, Form.of(self)
        return read[1]


class WorkerSpecs(_PlainWhenCopied):
    """The entries of a cluster by name: a dict that knows which of them were touched.

    Parameters
    ----------
    entries : mapping, optional
        The first ones; all of them count as touched.
    """

    __slots__ = ("_log",)

    def __init__(self, entries: Mapping[Hashable, Any] | None = None) -> None:
        super().__init__()
        self._log: deque[Hashable] = deque()
        if entries:
            self.update(entries)

    def touched(self) -> list[Hashable]:
        """Return the names that were touched since this was last asked, each once."""
        found: dict[Hashable, None] = {}
        for _ in range(len(self._log)):
            found[self._log.popleft()] = None
        return list(found)

    def peek(self) -> list[Hashable]:
        """Return what :meth:`touched` would, and leave it there."""
        return list(dict.fromkeys(self._log.copy()))

    def touch(self, names: list[Hashable]) -> None:
        """Have entries looked at again."""
        self._log.extend(names)

    def _held(self, key: Hashable, value: Any) -> Any:
        if isinstance(value, EntrySpec) and value._touch.log is _NOBODY:
            entry = value
        elif isinstance(value, dict):
            entry = EntrySpec(value)
        else:
            raise InvalidInput(
                f'an entry must be a dict with "cls", not {type(value).__name__}',
                field=f"workers.{key}",
            )
        entry._touch.key = key
        entry._touch.log = self._log
        return entry

    def __setitem__(self, key: Hashable, value: Any) -> None:
        super().__setitem__(key, self._held(key, value))
        self._log.append(key)

    def __delitem__(self, key: Hashable) -> None:
        super().__delitem__(key)
        self._log.append(key)

    def update(self, *args: Any, **more: Any) -> None:
        """As :meth:`dict.update`."""
        held = {key: self._held(key, value) for key, value in dict(*args, **more).items()}
        super().update(held)
        self._log.extend(held)

    def pop(self, key: Hashable, *default: Any) -> Any:
        """As :meth:`dict.pop`."""
        found = super().pop(key, *default)
        self._log.append(key)
        return found

    def popitem(self) -> tuple[Any, Any]:
        """As :meth:`dict.popitem`."""
        key, entry = super().popitem()
        self._log.append(key)
        return key, entry

    def clear(self) -> None:
        """As :meth:`dict.clear`."""
        keys = list(self)
        super().clear()
        self._log.extend(keys)
