"""What can be said of the options of a class, for forms and for the checking of texts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Literal

import jsonschema
import pytest
from distributed import Nanny, Worker
from distributed.deploy.spec import ProcessInterface

from speccluster_lab import MultiWorker
from speccluster_lab.cluster.classes import known_options
from speccluster_lab.cluster.optionschemas import describe_class, options_schema

if TYPE_CHECKING:
    from collections.abc import Callable


class Job(ProcessInterface):
    """A job of a queue.

    It waits.

    Parameters
    ----------
    scheduler : str
        Given.
    cores, ports : int
        How many ``cores``,
        or ports.
    queue : str
        Where it waits, as :class:`~queue.Queue` does.
    **others
        Not of the queue.

    Notes
    -----
    queue : str
        Not this.
    """

    def __init__(
        self,
        scheduler: str,
        name: str | None = None,
        cores: int = 2,
        ports: int | None = None,
        queue: Literal["short", "long"] = "short",
        when: Callable[[], None] | None = None,
        unknown: Any = None,
    ) -> None:
        super().__init__(scheduler=scheduler, name=name)


class OpenJob(Job):
    def __init__(self, scheduler: str, depth: "NoSuchType" = 3, **more: Any) -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
        super().__init__(scheduler, **more)


def test_types_defaults_and_words_are_those_of_the_class() -> None:
    schema = options_schema(f"{__name__}.Job", Job)
    assert schema["additionalProperties"] is False
    assert schema["properties"] == {
        "cores": {"type": "integer", "default": 2, "description": "How many `cores`, or ports."},
        "ports": {
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "description": "How many `cores`, or ports.",
        },
        "queue": {
            "enum": ["short", "long"],
            "type": "string",
            "default": "short",
            "description": "Where it waits, as `queue.Queue` does.",
        },
        "when": {},
        "unknown": {},
    }


def test_what_is_passed_on_counts_and_types_that_are_not_there_harm_nothing() -> None:
    properties = options_schema("OpenJob", OpenJob)["properties"]
    assert properties["depth"] == {"default": 3}
    assert properties["cores"]["type"] == "integer"


@pytest.mark.parametrize("cls", [Nanny, Worker, MultiWorker])
def test_the_schema_of_dasks_own_takes_what_they_take(cls: type) -> None:
    path = f"{'speccluster_lab' if cls is MultiWorker else 'distributed'}.{cls.__name__}"
    found = describe_class(path)
    assert found.error is None
    assert found.count == ("processes" if cls is MultiWorker else None)
    jsonschema.Draft202012Validator.check_schema(found.options)
    properties = found.options["properties"]
    known = known_options(cls)
    assert known is not None
    assert properties.keys() <= known
    assert "GPU" in properties["resources"]["description"]
    assert not {"name", "group", "loop", "scheduler", "scheduler_ip", "kwargs"} & properties.keys()
    for options in ({"nthreads": 2, "memory_limit": "2 GiB"}, {"memory_limit": "auto"}, {}):
        jsonschema.validate(options, found.options)
    for wrong in ({"nthreads": 0}, {"memory_limit": "much"}, {"nthread": 2}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, found.options)


def test_code_keeps_its_marks() -> None:
    found = describe_class("speccluster_lab.MultiWorker")
    assert found.description is not None
    assert "`processes`" in found.description
    assert "``" not in found.description
    assert ":class:" not in "".join(
        schema.get("description", "") for schema in found.options["properties"].values()
    )


def test_a_class_that_is_none_is_said_and_disturbs_no_other() -> None:
    asked = ["no_such_package.Worker", "os.system", "distributed.Nanny"]
    command = [sys.executable, "-P", "-m", "speccluster_lab.cluster.optionschemas"]
    answer = subprocess.run(command, input=json.dumps(asked).encode(), capture_output=True)
    first, second, third = json.loads(answer.stdout)
    assert "no_such_package" in first["error"]
    assert "is no class" in second["error"]
    assert third["error"] is None
    assert third["options"]["properties"]
