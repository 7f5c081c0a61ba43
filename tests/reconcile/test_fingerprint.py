"""When two entries say the same."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccluster_lab.reconcile import Fingerprint

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_a_copy_says_the_same(value: object) -> None:
    assert Fingerprint.of(value) == Fingerprint.of(copy.deepcopy(value))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        ("1", 1),
        ([1], [1, 1]),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"b": 1}),
        ({1}, {2}),
        ({1}, {1, 2}),
        ({1}, [1]),
        (set(), {}),
        ({}, []),
    ],
)
def test_a_difference_is_seen(one: object, other: object) -> None:
    assert Fingerprint.of({"options": one}) != Fingerprint.of({"options": other})


def test_the_order_of_keys_and_of_sets_says_nothing() -> None:
    assert Fingerprint.of({"a": 1, "b": 2}) == Fingerprint.of({"b": 2, "a": 1})
    assert Fingerprint.of({0, 8}) == Fingerprint.of(frozenset([8, 0]))


def test_a_tuple_says_what_a_list_says() -> None:
    assert Fingerprint.of((1, 2)) == Fingerprint.of([1, 2])


def test_it_does_not_change_with_what_it_was_made_of() -> None:
    entry = {"options": {"nthreads": 1}}
    before = Fingerprint.of(entry)
    entry["options"]["nthreads"] = 2
    assert before != Fingerprint.of(entry)


def test_foreign_objects_are_compared_by_identity() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("never asked")

        __hash__ = None  # type: ignore[assignment]

    odd = Odd()
    for nest in (lambda item: [item], lambda item: {"options": {"plugin": item}}):
        assert Fingerprint.of(nest(odd)) == Fingerprint.of(nest(odd))
        assert Fingerprint.of(nest(odd)) != Fingerprint.of(nest(Odd()))
