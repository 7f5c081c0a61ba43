"""What was shown in the place of a secret is not taken for it."""

from __future__ import annotations

import pytest

from speccluster_lab.errors import InvalidInput
from speccluster_lab.spec.admission import Admission
from speccluster_lab.spec.marks import refuse_marks, refuse_marks_in
from speccluster_lab.spec.models import ClusterSpec
from speccluster_lab.spec.redaction import hide_secrets

SECRET = "canary-4711"


@pytest.mark.parametrize(
    "options",
    [
        {"password": SECRET},
        {"env": {"TOKEN": SECRET}},
        {"args": ["x", f"--token {SECRET}"]},
        {"storage": f"https://me:{SECRET}@there/bucket"},
        {"text": f"first\npassword = {SECRET}\nlast"},
        {"key": "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"},
    ],
)
def test_what_was_shown_instead_is_refused(options: dict[str, object]) -> None:
    refuse_marks_in(options, "options")
    shown = hide_secrets(options)
    assert shown != options
    with pytest.raises(InvalidInput, match="stands for a secret") as caught:
        refuse_marks_in(shown, "options")
    assert str(caught.value.field).startswith(f"options.{next(iter(options))}")


@pytest.mark.parametrize(
    "text", ["", "**", "****", "*** %(message)s ***", "a***b", "the password is not ***", "***x"]
)
def test_other_text_with_stars_is_as_it_is(text: str) -> None:
    refuse_marks_in({"format": text}, "options")


@pytest.mark.parametrize("mark", ["***", "***" + "0f" * 16])
@pytest.mark.parametrize("place", ["scheduler", "worker", "workers.a"])
def test_each_part_of_a_spec_is_looked_at(mark: str, place: str) -> None:
    part = {"cls": "distributed.Worker", "options": {"name": [mark]}}
    top, _, name = place.partition(".")
    spec = ClusterSpec.model_validate({top: {name: part} if name else part})
    with pytest.raises(InvalidInput) as caught:
        refuse_marks(spec)
    assert caught.value.field == f"spec.{place}.options.name.0"
    # Whoever says it: what is in a template was copied from where it is shown as well.
    with pytest.raises(InvalidInput) as caught:
        Admission(scheduler_classes=frozenset({"distributed.Worker"})).check(
            spec, trusted=spec, prefix=""
        )
    assert caught.value.field == f"{place}.options.name.0"
