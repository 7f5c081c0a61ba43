"""Ids of clusters, names of members, and the text that a name may be."""

from __future__ import annotations

import random
import re
import unicodedata
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Iterable

__all__ = [
    "HOLDER_PREFIX",
    "ID_PATTERN",
    "ClusterId",
    "DisplayName",
    "MemberName",
    "id_from_name",
    "is_id",
    "member_names",
    "suggest_id",
]

# Entries that the reconciler makes for a while, to hold the data of one that is being replaced.
HOLDER_PREFIX: Final = "~holder-"
ID_PATTERN: Final = r"[a-z0-9][a-z0-9-]{0,62}"
_ID = re.compile(ID_PATTERN)

_ADJECTIVES = re.findall(
    r"\w+",
    """
amber brave brisk calm clear clever cosy daring eager early fair fleet fond gentle glad golden
happy hardy honest jolly keen kind lively lucky mellow merry mild neat nimble noble patient
plucky polite proud quick quiet rapid ready robust shiny silent smart snug spry steady sturdy
sunny swift tidy trusty warm wise witty zesty
""",
)
_ANIMALS = re.findall(
    r"\w+",
    """
badger beaver bison bobcat cheetah crane dingo dolphin eagle egret falcon ferret finch fox gecko
gibbon hare heron ibex jackal jay kestrel kiwi koala lark lemur lynx magpie marmot marten mole
moose newt ocelot osprey otter owl panda petrel plover puffin quail rabbit raven robin seal
shrew sparrow stoat swan tapir tern toucan vole weasel wombat wren yak zebra
""",
)


def is_id(text: str) -> bool:
    """Return whether ``text`` can be the id of a cluster."""
    return _ID.fullmatch(text) is not None


def suggest_id(taken: Container[str], choice: random.Random | None = None) -> str:
    """Return an id that people can say and remember, such as ``brave-otter``.

    Parameters
    ----------
    taken : container of str
        Ids that are in use.
    choice : random.Random, optional
        Where the choice comes from; given by tests.
    """
    choice = choice or random.Random()
    stem = f"{choice.choice(_ADJECTIVES)}-{choice.choice(_ANIMALS)}"
    return _first_free(stem, taken)


def id_from_name(display_name: str, taken: Container[str]) -> str:
    """Return the id for a cluster that a person has named.

    Letters lose their accents, everything else becomes a dash; a name that leaves nothing, such
    as one in another script, gets a suggested id. An id in use is numbered.
    """
    plain = unicodedata.normalize("NFKD", display_name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:56].strip("-")
    return _first_free(stem, taken) if stem else suggest_id(taken)


def _first_free(stem: str, taken: Container[str]) -> str:
    number, candidate = 1, stem
    while candidate in taken:
        number += 1
        candidate = f"{stem}-{number}"
    return candidate


def member_names(name: Hashable, group: Iterable[str] | None) -> tuple[str, ...]:
    """Return the scheduler names of the workers that an entry is expected to have.

    Names are compared as text everywhere: a job's worker ``"0"`` is entry ``0``.

    Parameters
    ----------
    name : hashable
        The entry's name.
    group : iterable of str, or None
        Its suffixes; without any, the entry is one worker of its own name.

    Examples
    --------
    >>> member_names(0, ["-0", "-1"])
    ('0-0', '0-1')
    >>> member_names("alice", None)
    ('alice',)
    """
    if group is None:
        return (str(name),)
    return tuple(f"{name}{suffix}" for suffix in group)


def _without_control_characters(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("must not contain control characters")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _not_reserved(text: str) -> str:
    if text.startswith(HOLDER_PREFIX):
        raise ValueError(f"must not begin with {HOLDER_PREFIX!r}, which is reserved")
    return text


_Printable = AfterValidator(_without_control_characters)

ClusterId = Annotated[str, Field(pattern=rf"^{ID_PATTERN}$")]
DisplayName = Annotated[
    str, Field(min_length=1, max_length=128), _Printable, AfterValidator(_not_blank)
]
MemberName = Annotated[
    str, Field(min_length=1, max_length=128), _Printable, AfterValidator(_not_reserved)
]
