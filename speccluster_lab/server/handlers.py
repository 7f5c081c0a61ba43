"""The REST API: who may call, what is asked, and how it is answered."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from pydantic import BaseModel, TypeAdapter
from tornado import web

from speccluster_lab.errors import BodyTooLarge, SpecClusterError
from speccluster_lab.spec.api import (
    API_PREFIX,
    Adapt,
    ClassesQuery,
    Cluster,
    CreateCluster,
    CredentialsRequest,
    Event,
    EventsQuery,
    Generation,
    ListedTemplate,
    LogQuery,
    PlanRequest,
    Scale,
    Template,
    TemplateQuery,
    WorkerClass,
)
from speccluster_lab.spec.models import WHEN_FIRST_USED, ClusterSpec
from speccluster_lab.spec.validation import parse_body, parse_if_match, parse_query

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from speccluster_lab.server.manager import ClusterManager

__all__ = ["AUTH_RESOURCE", "MANAGER_SETTING", "ROUTES", "ApiErrors"]

AUTH_RESOURCE: Final = "speccluster"
MANAGER_SETTING: Final = "speccluster_lab_manager"

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V", bound="Callable[..., Any]")

_CLASSES: Final = TypeAdapter(list[WorkerClass], config=WHEN_FIRST_USED)
_CLUSTERS: Final = TypeAdapter(list[Cluster], config=WHEN_FIRST_USED)
_EVENTS: Final = TypeAdapter(list[Event], config=WHEN_FIRST_USED)
_GENERATIONS: Final = TypeAdapter(list[Generation], config=WHEN_FIRST_USED)
_TEMPLATES: Final = TypeAdapter(list[ListedTemplate], config=WHEN_FIRST_USED)


class ApiErrors(JupyterHandler):
    """Every error as ``{"code", "message", "field"?}``, and as one line in the log."""

    auth_resource = AUTH_RESOURCE

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error; called by tornado for whatever a verb raises."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, SpecClusterError):
            self.set_status(error.status)
            body = error.to_dict()
        else:
            body = _http_error(status_code, error)
        self.set_header("Content-Type", "application/json")
        # As text: tornado would add a charset to the type of a dict.
        self.finish(json.dumps(body))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what a verb has raised; called by tornado."""
        if isinstance(value, SpecClusterError):
            log = self.log.info if value.status < 500 else self.log.error
            log("%s %r: %s: %r", self.request.method, self.request.path, value.code, value.message)
        else:
            super().log_exception(typ, value, tb)

    @property
    def manager(self) -> ClusterManager:
        """The clusters that this server knows."""
        manager: ClusterManager = self.settings[MANAGER_SETTING]
        return manager


def _http_error(status: int, error: BaseException | None) -> dict[str, str]:
    """Return the body for an error of HTTP itself, or for one that nobody expected."""
    if status >= 500:
        return {"code": "internal", "message": "internal error; the server's log says more"}
    phrase = HTTPStatus(status).phrase
    message = phrase
    if isinstance(error, web.HTTPError) and error.log_message:
        message = error.log_message % error.args if error.args else error.log_message
    return {"code": phrase.lower().replace(" ", "_").replace("-", "_"), "message": message}


class SpecClusterHandler(ApiErrors, APIHandler):
    """Base of the REST handlers.

    Verbs are decorated in the class that defines them, and never inherited: ``authorized``
    remembers the resource of the first handler that it is called for.
    """

    def initialize(self) -> None:
        """Say whether this request shows that somebody is there; called by tornado."""
        # Reading is what the panel does by itself.
        self._track_activity = self.request.method not in {"GET", "HEAD", "OPTIONS"}

    def set_default_headers(self) -> None:
        """Keep answers out of caches, which would show a cluster as it was."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def parsed(self, model: type[M]) -> M:
        """Return the request's body as ``model``."""
        limit = self.manager.limits.body_bytes
        if len(self.request.body) > limit:
            raise BodyTooLarge(f"the body of a request may have {limit} bytes")
        return parse_body(model, self.request.body)

    async def answer(self, cluster: Cluster, status: int) -> None:
        """Send a cluster, with its generation as ETag, and end the request."""
        self.set_status(status)
        self.set_header("ETag", f'"{cluster.generation}"')
        told = self.manager.secrets.without_in_cluster(cluster)
        await self.finish(told.model_dump_json())


def may_execute(verb: V) -> V:
    """Let a verb need the action ``execute`` as well: a spec says which code runs."""
    return cast("V", authorized(action="execute", resource=AUTH_RESOURCE)(verb))


class TemplatesHandler(SpecClusterHandler):
    """The templates."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them."""
        hide = self.manager.secrets.without_in_template
        found = [hide(one) for one in await self.manager.templates.all()]
        await self.finish(_TEMPLATES.dump_json(found))


class TemplateHandler(SpecClusterHandler):
    """One template. Writing it runs nothing; making a cluster from it needs ``execute``."""

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Send it."""
        found = await self.manager.templates.get(name)
        told = self.manager.secrets.without_in_template(found)
        await self.finish(told.model_dump_json())

    @web.authenticated
    @authorized
    async def put(self, name: str) -> None:
        """Write one of the user's own."""
        query = parse_query(TemplateQuery, self.request.query_arguments)
        saved = await self.manager.templates.save(name, self.parsed(Template), query)
        told = self.manager.secrets.without_in_template(saved)
        await self.finish(told.model_dump_json())

    @web.authenticated
    @authorized
    async def delete(self, name: str) -> None:
        """Delete one of the user's own, and send what it was."""
        deleted = await self.manager.templates.delete(name)
        told = self.manager.secrets.without_in_template(deleted)
        await self.finish(told.model_dump_json())


class ClassesHandler(SpecClusterHandler):
    """The worker classes that specs may name."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them, with their options."""
        query = parse_query(ClassesQuery, self.request.query_arguments)
        await self.finish(_CLASSES.dump_json(await self.manager.classes(query.cluster)))


class ClustersHandler(SpecClusterHandler):
    """All clusters."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List them, as their hosts have told last."""
        hide = self.manager.secrets.without_in_cluster
        found = [hide(one) for one in self.manager.clusters()]
        await self.finish(_CLUSTERS.dump_json(found))

    @web.authenticated
    @authorized
    @may_execute
    async def post(self) -> None:
        """Make one; it is there at once, and starts."""
        request = self.manager.secrets.restored(self.parsed(CreateCluster))
        cluster = await self.manager.create(request)
        where = url_path_join(self.base_url, API_PREFIX, "clusters", cluster.id)
        self.set_header("Location", where)
        await self.answer(cluster, 201)


class ClusterHandler(SpecClusterHandler):
    """One cluster."""

    @web.authenticated
    @authorized
    async def get(self, id: str) -> None:
        """Send it, as its host has told last."""
        await self.answer(self.manager.get(id), 200)

    @web.authenticated
    @authorized
    async def delete(self, id: str) -> None:
        """Begin to stop it; it is no error when that has begun already."""
        await self.answer(await self.manager.stop(id), 202)


class SpecHandler(SpecClusterHandler):
    """The desired state of one cluster."""

    @web.authenticated
    @authorized
    @may_execute
    async def put(self, id: str) -> None:
        """Replace it."""
        generation = parse_if_match(self.request.headers.get("If-Match"))
        spec = self.manager.secrets.restored(self.parsed(ClusterSpec), "spec")
        await self.answer(await self.manager.replace_spec(id, spec, generation), 202)


class ScaleHandler(SpecClusterHandler):
    """The size of one cluster."""

    @web.authenticated
    @authorized
    async def post(self, id: str) -> None:
        """Set it."""
        await self.answer(await self.manager.scale(id, self.parsed(Scale)), 202)


class PlanHandler(SpecClusterHandler):
    """What a change of one cluster would do."""

    @web.authenticated
    @authorized
    async def post(self, id: str) -> None:
        """Send it, and change nothing."""
        request = self.manager.secrets.restored(self.parsed(PlanRequest))
        plan = await self.manager.plan(id, request)
        await self.finish(plan.model_dump_json())


class AdaptiveHandler(SpecClusterHandler):
    """Adaptive scaling of one cluster."""

    @web.authenticated
    @authorized
    async def put(self, id: str) -> None:
        """Have it keep to a range."""
        await self.answer(await self.manager.adapt(id, self.parsed(Adapt)), 202)

    @web.authenticated
    @authorized
    async def delete(self, id: str) -> None:
        """End it; it is no error when it is off already."""
        await self.answer(await self.manager.end_adaptive(id), 202)


class RetryHandler(SpecClusterHandler):
    """The next attempt to start an entry of one cluster."""

    @web.authenticated
    @authorized
    async def post(self, id: str, name: str) -> None:
        """Make it now."""
        await self.answer(await self.manager.retry(id, name), 202)


class EntryRestartHandler(SpecClusterHandler):
    """The replacement of an entry of one cluster by one that is made anew."""

    @web.authenticated
    @authorized
    async def post(self, id: str, name: str) -> None:
        """Begin it."""
        await self.answer(await self.manager.restart_entry(id, name), 202)


class RestartHandler(SpecClusterHandler):
    """The next start of one cluster."""

    @web.authenticated
    @authorized
    async def post(self, id: str) -> None:
        """Begin it; also what a person does about a cluster that has failed."""
        await self.answer(await self.manager.restart(id), 202)


class TimelineHandler(SpecClusterHandler):
    """What has happened to one cluster."""

    @web.authenticated
    @authorized
    async def get(self, id: str) -> None:
        """List it."""
        query = parse_query(EventsQuery, self.request.query_arguments)
        found = await self.manager.events(id, query)
        told = self.manager.secrets.without_in_happenings(found, self.manager.get(id))
        await self.finish(_EVENTS.dump_json(told))


class GenerationsHandler(SpecClusterHandler):
    """What was wanted of one cluster before."""

    @web.authenticated
    @authorized
    async def get(self, id: str) -> None:
        """List it."""
        hide = self.manager.secrets.without_in_generation
        found = [hide(one) for one in await self.manager.generations(id)]
        await self.finish(_GENERATIONS.dump_json(found))


class LogHandler(SpecClusterHandler):
    """What a process of one cluster has written."""

    @web.authenticated
    @authorized
    async def get(self, id: str) -> None:
        """Send the end of it."""
        query = parse_query(LogQuery, self.request.query_arguments)
        found = await self.manager.log(id, query)
        await self.finish(found.model_dump_json())


class CredentialsHandler(SpecClusterHandler):
    """A client's certificate, for a handle on another machine.

    The one secret that the API gives away (design.md, section 7): with it code can be run.
    """

    @web.authenticated
    @authorized
    @may_execute
    async def post(self, id: str) -> None:
        """Send one that expires."""
        asked = self.parsed(CredentialsRequest)
        found = await self.manager.credentials(id, asked)
        await self.finish(found.model_dump_json())


class UnknownPathHandler(SpecClusterHandler):
    """Whatever is below the prefix and has no path of its own."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Refuse."""
        raise web.HTTPError(404)

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Refuse."""
        raise web.HTTPError(404)

    @web.authenticated
    @authorized
    async def put(self) -> None:
        """Refuse."""
        raise web.HTTPError(404)

    @web.authenticated
    @authorized
    async def patch(self) -> None:
        """Refuse."""
        raise web.HTTPError(404)

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Refuse."""
        raise web.HTTPError(404)


_ID: Final = r"/clusters/([^/]+)"

ROUTES: Final[list[tuple[str, type[SpecClusterHandler]]]] = [
    (f"{API_PREFIX}/templates", TemplatesHandler),
    (f"{API_PREFIX}/templates/([^/]+)", TemplateHandler),
    (f"{API_PREFIX}/classes", ClassesHandler),
    (f"{API_PREFIX}/clusters", ClustersHandler),
    (f"{API_PREFIX}{_ID}", ClusterHandler),
    (f"{API_PREFIX}{_ID}/spec", SpecHandler),
    (f"{API_PREFIX}{_ID}/scale", ScaleHandler),
    (f"{API_PREFIX}{_ID}/plan", PlanHandler),
    (f"{API_PREFIX}{_ID}/adaptive", AdaptiveHandler),
    (f"{API_PREFIX}{_ID}/entries/([^/]+)/retry", RetryHandler),
    (f"{API_PREFIX}{_ID}/entries/([^/]+)/restart", EntryRestartHandler),
    (f"{API_PREFIX}{_ID}/restart", RestartHandler),
    (f"{API_PREFIX}{_ID}/events", TimelineHandler),
    (f"{API_PREFIX}{_ID}/generations", GenerationsHandler),
    (f"{API_PREFIX}{_ID}/logs", LogHandler),
    (f"{API_PREFIX}{_ID}/credentials", CredentialsHandler),
    (f"{API_PREFIX}(?:/.*)?", UnknownPathHandler),
]
"""Paths below Jupyter's base URL; the first one that fits answers."""
