"""The exceptions and their way over the wire."""

import pytest

from speccluster_lab import errors


def every_class() -> list[type[errors.SpecClusterError]]:
    found = [errors.SpecClusterError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return found


def test_all_are_public() -> None:
    ours = {kind for kind in every_class() if kind.__module__ == errors.__name__}
    assert {kind.__name__ for kind in ours} == set(errors.__all__)


@pytest.mark.parametrize("kind", every_class())
def test_an_error_survives_the_wire(kind: type[errors.SpecClusterError]) -> None:
    back = errors.SpecClusterError.from_dict(kind("because", field="a.b").to_dict())
    assert type(back) is kind
    assert (back.message, back.field) == ("because", "a.b")


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in every_class()]
    assert len(codes) == len(set(codes))


def test_an_unknown_code_is_the_root() -> None:
    assert type(errors.SpecClusterError.from_dict({"code": "new"})) is errors.SpecClusterError


def test_bad_input_is_a_value_error() -> None:
    assert issubclass(errors.InvalidInput, ValueError)
    assert 400 <= errors.InvalidInput.status < 500
