"""What an entry says at one time: a copy that nobody changes any more, and its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from speccluster_lab.errors import InvalidInput
from speccluster_lab.reconcile import Fingerprint
from speccluster_lab.spec.names import HOLDER_PREFIX, member_names

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["CONTAINERS", "Desired", "Form", "NotedSet", "copy_of", "members_of_entry"]

# What :func:`copy_of` may copy.
CONTAINERS: Final = (dict, list, set, tuple)


class NotedSet(set[Any]):
    """A set in a spec whose changes are noted; a copy of it is a plain one."""

    __slots__ = ()


def copy_of(value: Any) -> Any:
    """Copy the containers of a spec, but not the objects in it, which may be anything."""
    match value:
        case str() | int() | float() | None:
            return value
        case dict():
            # The owner may change it meanwhile in another thread: dict() copies in one go.
            return {key: copy_of(item) for key, item in dict(value).items()}
        case list():
            return [copy_of(item) for item in list(value)]
        case set() if type(value) is set or isinstance(value, NotedSet):
            return set(value)
        case tuple() if type(value) is tuple:
            return tuple([copy_of(item) for item in value])
        case _:
            return value


def members_of_entry(key: Hashable, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the scheduler names that an entry is expected to have.

    Its options may name its workers otherwise than its key does.
    """
    options = entry.get("options") or {}
    return member_names(options.get("name", key), entry.get("group"))


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """One reading of an entry; entries that are copies of one another share it.

    Parameters
    ----------
    entry : mapping
        ``{"cls", "options"?, "group"?}``; not to be changed.
    fingerprint : Fingerprint
        Equal where two forms say the same.
    """

    entry: Mapping[str, Any]
    fingerprint: Fingerprint

    @classmethod
    def of(cls, entry: object) -> Form:
        """Return the form of an entry as it is now.

        Raises
        ------
        InvalidInput
            It is no entry.
        GroupMismatch
            Its class knows that its options make other members than its group says.
        """
        if not isinstance(entry, Mapping):
            raise InvalidInput(f'must be a dict with "cls", not {type(entry).__name__}')
        if "cls" not in entry:
            raise InvalidInput("must say the class of its workers", field="cls")
        copy = copy_of(entry)
        if not isinstance(copy.get("options") or {}, dict):
            raise InvalidInput("must be a dict", field="options")
        _check_group(copy.get("group"))
        # As of a document: see classes.GroupChecked.
        check_group = getattr(copy["cls"], "check_group", None)
        if check_group is not None:
            check_group(copy.get("options") or {}, copy.get("group"))
        return cls(copy, Fingerprint.of(copy))

    @property
    def group(self) -> list[str] | None:
        """The suffixes of its members, where it is more than one worker."""
        group: list[str] | None = self.entry.get("group")
        return group


def _check_group(group: Any) -> None:
    if group is None:
        return
    if isinstance(group, str) or not isinstance(group, (list, tuple, set, frozenset)) or not group:
        raise InvalidInput("must be a list of one suffix or more", field="group")
    if len(set(map(str, group))) < len(group):
        raise InvalidInput("must not have a suffix twice", field="group")


@dataclass(frozen=True, slots=True, eq=False)
class Desired:
    """One entry of the spec, under the key that its owner gave it.

    Parameters
    ----------
    key : hashable
        Its name as the owner wrote it.
    form : Form
        What it says.
    members : tuple of str
        The scheduler names that it is expected to have.
    number : int
        How many entries came before it; an edit keeps it.
    """

    key: Hashable
    form: Form
    members: tuple[str, ...]
    number: int

    @classmethod
    def of(cls, key: Hashable, form: Form, number: int) -> Desired:
        """Return an entry of this form under this key."""
        return cls(key, form, members_of_entry(key, form.entry), number)

    def holder(self) -> Desired:
        """Return an entry like this one, to hold its data while it is replaced."""
        options = self.form.entry.get("options") or {}
        form = self.form
        if "name" in options:
            # The name that it gives its worker is taken.
            without = {key: value for key, value in options.items() if key != "name"}
            form = Form.of({**form.entry, "options": without})
        return Desired.of(f"{HOLDER_PREFIX}{self.key}", form, self.number)
