"""The one tree of exceptions; each class knows its public code and its HTTP status.

Every layer raises these; ``server/`` and ``host/`` turn them into ``{"code", "message", "field"}``
and ``link/`` turns such an answer back into the class that was raised, so that a notebook sees
the same error as the code that found it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BodyTooLarge",
    "ClassNotAllowed",
    "ClusterNotFound",
    "EntryNotFound",
    "GroupMismatch",
    "HostNotResponding",
    "InvalidClass",
    "InvalidInput",
    "MalformedBody",
    "MalformedHeader",
    "MemberNotFound",
    "NameInUse",
    "NotRunning",
    "NotStored",
    "OwnedElsewhere",
    "PageNotFound",
    "PreconditionRequired",
    "SpecClusterError",
    "StaleGeneration",
    "StartFailed",
    "TemplateNotFound",
    "TemplateNotOwn",
    "TimedOut",
    "TooManyClusters",
    "TooManyTemplates",
    "UnfitInterpreter",
    "Unreachable",
]


class SpecClusterError(Exception):
    """Anything that this package refuses or fails to do.

    Parameters
    ----------
    message : str
        What is wrong, in words for a person; shown as it is.
    field : str, optional
        The input that is wrong, as a dotted path from the root of the request
        (``spec.workers.0.cls``).
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def to_dict(self) -> dict[str, str]:
        """Return the body of an HTTP answer: ``{"code", "message", "field"?}``."""
        body = {"code": self.code, "message": self.message}
        if self.field is not None:
            body["field"] = self.field
        return body

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> SpecClusterError:
        """Return the error that ``body`` describes, as the class that has its code.

        Parameters
        ----------
        body : mapping
            An answer of the API. A code that this version does not know gives the root class.
        """
        kinds: list[type[SpecClusterError]] = [SpecClusterError]
        for kind in kinds:
            kinds.extend(kind.__subclasses__())
        code = body.get("code")
        found = next((kind for kind in kinds if kind.code == code), SpecClusterError)
        field = body.get("field")
        return found(str(body.get("message", code)), field=field if field is None else str(field))


class InvalidInput(SpecClusterError, ValueError):
    """A value that was given is not acceptable."""

    code = "invalid_input"
    status = 422


class MalformedBody(InvalidInput):
    """The body of a request is not a JSON object."""

    code = "malformed_body"
    status = 400


class MalformedHeader(InvalidInput):
    """A header of a request does not have the form that it must have."""

    code = "malformed_header"
    status = 400


class ClassNotAllowed(InvalidInput):
    """A class or an option that is not on the allow-list."""

    code = "class_not_allowed"


class InvalidClass(InvalidInput):
    """An import path that leads to nothing, or to something that is no worker class."""

    code = "invalid_class"


class UnfitInterpreter(InvalidInput):
    """A Python that a cluster's host cannot run with; the message says what mends it."""

    code = "unfit_interpreter"


class GroupMismatch(InvalidInput):
    """An entry's group and the number of workers that its class makes disagree."""

    code = "group_mismatch"


class ClusterNotFound(SpecClusterError, LookupError):
    """No cluster has this id."""

    code = "cluster_not_found"
    status = 404


class PageNotFound(SpecClusterError, LookupError):
    """dask's dashboard has no such page, or is not there at all."""

    code = "page_not_found"
    status = 404


class EntryNotFound(SpecClusterError, LookupError):
    """The cluster has no entry of this name."""

    code = "entry_not_found"
    status = 404


class MemberNotFound(SpecClusterError, LookupError):
    """The cluster has no worker of this name, or it is not there now."""

    code = "member_not_found"
    status = 404


class TemplateNotFound(SpecClusterError, LookupError):
    """No template has this name."""

    code = "template_not_found"
    status = 404


class TemplateNotOwn(SpecClusterError):
    """The template is not the user's own: others write it, or it comes with the package."""

    code = "template_not_own"
    status = 409


class TooManyTemplates(SpecClusterError):
    """The user has as many templates as there may be."""

    code = "too_many_templates"
    status = 409


class NameInUse(SpecClusterError):
    """A cluster of this name is there already."""

    code = "name_in_use"
    status = 409


class TooManyClusters(SpecClusterError):
    """There are as many clusters as there may be."""

    code = "too_many_clusters"
    status = 409


class NotRunning(SpecClusterError):
    """The cluster is not in a phase in which it can do this."""

    code = "not_running"
    status = 409


class OwnedElsewhere(SpecClusterError):
    """Only the program that has made the cluster can do this."""

    code = "owned_elsewhere"
    status = 409


class StaleGeneration(SpecClusterError):
    """The spec has changed since the generation that the caller had seen."""

    code = "stale_generation"
    status = 412


class BodyTooLarge(InvalidInput):
    """The body of a request is larger than the server takes."""

    code = "body_too_large"
    status = 413


class PreconditionRequired(SpecClusterError):
    """A change of the spec came without ``If-Match``."""

    code = "precondition_required"
    status = 428


class StartFailed(SpecClusterError, RuntimeError):
    """A host or a scheduler could not be started."""

    code = "start_failed"


class NotStored(SpecClusterError, RuntimeError):
    """A change could not be written to disk."""

    code = "not_stored"


class HostNotResponding(SpecClusterError, TimeoutError):
    """The process that runs the cluster does not answer."""

    code = "host_not_responding"
    status = 504


class Unreachable(SpecClusterError, ConnectionError):
    """The cluster's scheduler cannot be reached from this machine."""

    code = "unreachable"
    status = 409


class TimedOut(SpecClusterError, TimeoutError):
    """The cluster answers, but has not come to what was waited for in the time that was given."""

    code = "timed_out"
    status = 504
