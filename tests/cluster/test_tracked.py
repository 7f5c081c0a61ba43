"""``worker_spec`` is a dict like any other that knows what was changed in it."""

from __future__ import annotations

import copy
import json
import pickle
import re
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speccluster_lab.cluster.tracked import EntrySpec, WorkerSpecs
from speccluster_lab.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = st.sampled_from(["a", "b", "c", 0, 1])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 5), st.text("xyz", max_size=2))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from("pqr"), inner, max_size=3),
        st.sets(st.sampled_from("xyz"), max_size=3),
        st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=6,
)
ENTRIES = st.fixed_dictionaries(
    {"cls": st.sampled_from(["A", "B"])},
    optional={
        "options": st.dictionaries(st.sampled_from("pqr"), VALUES, max_size=3),
        "group": st.one_of(
            st.lists(st.sampled_from(["-0", "-1", "-2"]), max_size=3),
            st.sets(st.sampled_from(["-0", "-1", "-2"])),
        ),
    },
)
SLICES = st.builds(slice, *[st.one_of(st.none(), st.integers(-3, 3))] * 2)
PLACES = st.integers(-3, 3)


def items_of(here: Any) -> Any:
    if isinstance(here, dict):
        return here.items()
    return enumerate(here) if isinstance(here, (list, tuple)) else ()


def can_be_changed(value: Any) -> bool:
    """Return whether there is a container in it, or it is one, that can be changed in place."""
    if isinstance(value, tuple):
        return any(map(can_be_changed, value))
    return isinstance(value, (dict, list, set))


def inside(data: st.DataObject, top: Any) -> list[Any]:
    """Choose a container somewhere in ``top``; return the way to it."""
    way: list[Any] = []
    here = top
    while True:
        stays = isinstance(here, tuple)
        deeper = [key for key, value in items_of(here) if can_be_changed(value)]
        if not deeper or (way and not stays and data.draw(st.booleans())):
            return way
        way.append(data.draw(st.sampled_from(deeper)))
        here = here[way[-1]]


def at(top: Any, way: list[Any]) -> Any:
    for key in way:
        top = top[key]
    return top


def dict_change(data: st.DataObject, keys: Any, values: Any) -> tuple[str, tuple[Any, ...]]:
    many = st.dictionaries(keys, values, max_size=3)
    return data.draw(
        st.one_of(
            st.tuples(st.just("__setitem__"), st.tuples(keys, values)),
            st.tuples(st.just("__delitem__"), st.tuples(keys)),
            st.tuples(st.just("pop"), st.one_of(st.tuples(keys), st.tuples(keys, SCALARS))),
            st.tuples(st.just("setdefault"), st.tuples(keys, values)),
            st.tuples(st.just("update"), st.one_of(st.just(()), st.tuples(many))),
            st.tuples(st.just("__ior__"), st.tuples(many)),
            st.tuples(st.just("popitem"), st.just(())),
            st.tuples(st.just("clear"), st.just(())),
        )
    )


def list_change(data: st.DataObject) -> tuple[str, tuple[Any, ...]]:
    many = st.lists(VALUES, max_size=3)
    return data.draw(
        st.one_of(
            st.tuples(st.just("__setitem__"), st.tuples(PLACES, VALUES)),
            st.tuples(st.just("__setitem__"), st.tuples(SLICES, many)),
            st.tuples(st.just("__delitem__"), st.tuples(st.one_of(PLACES, SLICES))),
            st.tuples(st.just("append"), st.tuples(VALUES)),
            st.tuples(st.just("insert"), st.tuples(PLACES, VALUES)),
            st.tuples(st.just("extend"), st.tuples(many)),
            st.tuples(st.just("__iadd__"), st.tuples(many)),
            st.tuples(st.just("__imul__"), st.tuples(st.integers(0, 2))),
            st.tuples(st.just("pop"), st.one_of(st.just(()), st.tuples(PLACES))),
            st.tuples(st.just("remove"), st.tuples(SCALARS)),
            st.tuples(st.just("reverse"), st.just(())),
            st.tuples(st.just("sort"), st.just(())),
            st.tuples(st.just("clear"), st.just(())),
        )
    )


def set_change(data: st.DataObject) -> tuple[str, tuple[Any, ...]]:
    one = st.tuples(st.sampled_from("xyz"))
    many = st.tuples(st.sets(st.sampled_from("xyz"), max_size=3))
    by_one = st.sampled_from(["add", "discard", "remove"])
    by_many = st.sampled_from(
        [
            *("update", "difference_update", "intersection_update"),
            *("symmetric_difference_update", "__ior__", "__iand__", "__isub__", "__ixor__"),
        ]
    )
    return data.draw(
        st.one_of(
            st.tuples(by_one, one),
            st.tuples(by_many, many),
            st.tuples(st.just("clear"), st.just(())),
        )
    )


def done(to: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    """Carry a change out; return what comes of it."""
    try:
        return getattr(to, method)(*copy.deepcopy(arguments))
    except (LookupError, ValueError, TypeError) as error:
        return type(error)


def said(value: Any) -> str:
    """Return the text of it; of sets, too, whose order may differ between equal ones."""
    return re.sub(
        r"\{('[xyz-][^{}:]*)\}", lambda one: f"{{{sorted(one[1].split(', '))}}}", repr(value)
    )


def as_lists(value: Any) -> Any:
    """Return it with a list for each tuple, which is the same wish."""
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def changed(before: dict[Any, Any], after: dict[Any, Any]) -> set[Any]:
    missing = object()
    # repr: 1 and True are equal, and not the same wish.
    return {
        key
        for key in before.keys() | after.keys()
        if said(before.get(key, missing)) != said(after.get(key, missing))
    }


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(NAMES, ENTRIES, max_size=3), st.data())
def test_it_is_like_a_plain_dict_and_knows_what_was_changed(
    first: dict[Any, Any], data: st.DataObject
) -> None:
    plain, ours = copy.deepcopy(first), WorkerSpecs(copy.deepcopy(first))
    assert set(ours.touched()) == set(plain)
    assert ours.touched() == []
    for _ in range(data.draw(st.integers(1, 12))):
        before = copy.deepcopy(plain)
        way = inside(data, plain) if plain and data.draw(st.booleans()) else []
        here = at(plain, way)
        if not way:
            change = dict_change(data, NAMES, ENTRIES)
        elif isinstance(here, dict):
            keys = st.sampled_from(["cls", "options", "group", *"pqr"])
            change = dict_change(data, keys, VALUES)
        elif isinstance(here, set):
            change = set_change(data)
        else:
            change = list_change(data)
        expected = done(here, *change)
        found = done(at(ours, way), *change)
        assert found == expected
        assert said(found) == said(expected)
        assert ours == plain
        assert plain == ours
        assert (ours != plain) is False
        assert list(ours) == list(plain)
        assert said(ours) == said(plain)
        assert json.dumps(ours, default=sorted) == json.dumps(plain, default=sorted)
        assert changed(before, plain) <= set(ours.peek())
        assert changed(before, plain) <= set(ours.touched())
        assert ours.touched() == []


def containers(value: Any) -> list[Any]:
    inner = [item for _, item in items_of(value)]
    here = [value] if isinstance(value, (dict, list, set)) else []
    return here + [one for item in inner for one in containers(item)]


COPIES = [
    copy.copy,
    copy.deepcopy,
    lambda one: one.copy(),
    lambda one: pickle.loads(pickle.dumps(one)),
    lambda one: pickle.loads(pickle.dumps(one, 2)),
]


@settings(deadline=None)
@given(st.dictionaries(NAMES, ENTRIES, min_size=1, max_size=3), st.sampled_from(COPIES))
def test_copies_are_equal_and_plain(first: dict[Any, Any], copied: Any) -> None:
    ours = WorkerSpecs(first)
    ours.touched()
    for one in containers(ours):
        twin = copied(one)
        assert twin == one
        assert said(twin) == said(one)
        assert type(twin) in (dict, list, set)
        if twin:
            twin.clear()
    assert ours == first
    assert ours.touched() == []


@given(st.dictionaries(NAMES, ENTRIES, min_size=1, max_size=3))
def test_deep_copies_and_pickles_are_plain_all_the_way(first: dict[Any, Any]) -> None:
    ours = WorkerSpecs(first)
    for twin in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert {type(one) for one in containers(twin)} <= {dict, list, set}
    assert {type(one) for one in containers(ours)} & {dict, list, set} == set()


@given(ENTRIES)
def test_what_is_put_in_is_not_shared(entry: dict[str, Any]) -> None:
    before = copy.deepcopy(entry)
    ours = WorkerSpecs({"a": entry, "b": entry})
    ours["c"] = ours["a"]
    ours["d"] = entry
    ours.touched()
    ours["a"]["options"] = {"new": []}
    ours["a"]["options"]["new"].append(1)
    assert entry == before
    assert ours["b"] == ours["c"] == ours["d"] == before
    assert set(ours.touched()) == {"a"}
    entry["cls"] = "changed outside"
    assert ours["d"] == before


@given(ENTRIES, st.data())
def test_the_form_is_that_of_now(entry: dict[str, Any], data: st.DataObject) -> None:
    ours = WorkerSpecs({"a": entry})["a"]
    for _ in range(4):
        try:
            form = ours.form()
        except InvalidInput:
            form = None
        else:
            assert form.entry == ours
            assert ours.form() is form, "read once"
            twin = EntrySpec.like(form)
            assert twin == ours
            assert twin.form() is form
            twin["cls"] = "another"
            assert ours.form() is form
        change = dict_change(data, st.sampled_from(["cls", "options", "p"]), VALUES)
        before = copy.deepcopy(ours)
        done(ours, *change)
        if form is not None and repr(before) != repr(ours):
            with suppress(InvalidInput):
                same = as_lists(before) == as_lists(ours)
                assert ours.form().fingerprint != form.fingerprint or same


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry["group"].add("-2"),
        lambda entry: entry["group"].pop(),
        lambda entry: entry["options"]["x"][0].update(k=2),
        lambda entry: entry["options"]["x"][1][0].append(3),
    ],
)
def test_sets_and_what_is_in_tuples_can_be_edited(change: Callable[[Any], object]) -> None:
    given = {"cls": "A", "group": {"-0", "-1"}, "options": {"x": ({"k": 1}, ([2],))}}
    before = copy.deepcopy(given)
    ours = WorkerSpecs({"a": given, "b": given})
    first = ours["a"].form()
    ours["c"] = EntrySpec.like(first)
    ours.touched()
    change(ours["a"])
    assert ours.touched() == ["a"]
    assert ours["a"].form().fingerprint != first.fingerprint
    assert ours["a"] != before
    # Nobody else sees it: neither who gave it, nor a copy, nor what was read before.
    assert given == ours["b"] == ours["c"] == first.entry == before


class Ordered(set[Any]):
    """Has more in it than a set."""


class Pair(NamedTuple):
    """Has names for what is in it."""

    first: int
    second: int


@pytest.mark.parametrize("value", [Ordered("ab"), Pair(1, 2), frozenset("ab"), object()])
def test_what_is_more_than_a_plain_container_is_taken_as_it_is(value: object) -> None:
    ours = WorkerSpecs({"a": {"cls": "A", "options": {"x": value}}})
    assert ours["a"]["options"]["x"] is value
    assert ours["a"].form().entry["options"]["x"] is value


@pytest.mark.parametrize("value", [None, 3, "Worker", ["cls"], object()])
def test_what_is_no_entry_is_refused_and_changes_nothing(value: object) -> None:
    ours = WorkerSpecs({"a": {"cls": "A"}})
    ours.touched()
    for change in (
        lambda: ours.__setitem__("b", value),
        lambda: ours.update({"a": {"cls": "B"}, "b": value}),
        lambda: ours.setdefault("b", value),
    ):
        with pytest.raises(InvalidInput) as caught:
            change()
        assert caught.value.field == "workers.b"
        assert ours == {"a": {"cls": "A"}}
        assert ours.touched() == []


@pytest.fixture
def _threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_take_turns_often")
def test_changes_from_another_thread_are_not_lost() -> None:
    """The loop reads while its owner writes; what it saw last is what is there last."""
    ours = WorkerSpecs({key: {"cls": "A", "options": {"n": -1}} for key in range(8)})
    over = threading.Event()
    seen: dict[Any, int] = {}
    failures: list[BaseException] = []

    def read() -> None:
        for key in ours.touched():
            entry = ours.get(key)
            if entry is not None:
                seen[key] = entry.form().entry["options"]["n"]

    def reader() -> None:
        try:
            while not over.is_set():
                read()
        except BaseException as error:
            failures.append(error)

    def writer(first: int) -> None:
        for number in range(3_000):
            for key in range(first, 8, 2):
                ours[key]["options"]["n"] = number

    threads = [threading.Thread(target=writer, args=(first,)) for first in range(2)]
    reading = threading.Thread(target=reader)
    for thread in (reading, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    reading.join()
    read()
    assert failures == []
    assert seen == dict.fromkeys(range(8), 2_999)


@pytest.mark.usefixtures("_threads_take_turns_often")
def test_an_entry_may_grow_in_another_thread_while_it_is_read() -> None:
    ours = WorkerSpecs({"a": {"cls": "A", "options": {str(n): [n] for n in range(200)}}})
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            ours["a"]["options"][f"new-{number % 50}"] = number
            ours["a"]["options"].pop(f"new-{(number + 25) % 50}", None)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        readings = 0
        while readings < 500:
            for key in ours.touched():
                assert ours[key].form().entry["cls"] == "A"
                readings += 1
    finally:
        over.set()
        writer.join()
