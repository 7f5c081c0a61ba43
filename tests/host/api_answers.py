"""What the tests of a host's API share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from running_hosts import Answer


def entry(cls: str = "distributed.Worker", **more: Any) -> dict[str, Any]:
    return {"cls": cls, "options": {"nthreads": 2, "memory_limit": "2 GiB"}, **more}


def refused(answer: Answer, status: int, code: str, field: str | None = None) -> None:
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body["code"] == code
    assert answer.body["message"]
    assert answer.body.get("field") == field
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
