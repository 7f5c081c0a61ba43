"""dask's dashboard of a cluster, asked for on its host's socket.

Only what is on the list of its pages is asked for, and of a caller's headers and query only what
those pages read: the host, and the scheduler in it, see nothing that a browser is known by.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlencode

from tornado.httpclient import HTTPError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketError, websocket_connect

from speccluster_lab.errors import HostNotResponding, PageNotFound
from speccluster_lab.link.client import SocketResolver
from speccluster_lab.link.connections import NONCE_HEADER
from speccluster_lab.spec.api import API_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tornado.websocket import WebSocketClientConnection

    from speccluster_lab.link.connections import Connection

__all__ = ["Page", "fetch_page", "open_stream"]

_MOST_BYTES: Final = 64 * 1024 * 1024

_APP: Final = (
    r"(?:status|workers|tasks|system|profile|profile-server|graph|groups|gpu|events|counters|"
    r"hardware|shuffle|stealing|exceptions|individual-[a-z-]+)"
)
# A page, what it shows, and what it needs; a segment may hold a worker's address or a task's key.
_PAGE: Final = re.compile(
    rf"{_APP}|individual-plots\.json|(?:info|json|static|statics)(?:/[^/?#\\\s]+)+"
)
_STREAM: Final = re.compile(rf"{_APP}/ws")
_QUERY: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_QUERIES: Final = ("theme", "v")
_PROTOCOL: Final = re.compile(r"[A-Za-z0-9._=-]{1,4096}")


@dataclass(frozen=True, slots=True)
class Page:
    """What the dashboard has answered.

    Parameters
    ----------
    content_type : str
        Of the body.
    body : bytes
        The page.
    """

    content_type: str
    body: bytes


async def fetch_page(
    connection: Connection, path: str, query: Mapping[str, str], seconds: float
) -> Page:
    """Return a page of the dashboard.

    Parameters
    ----------
    connection : Connection
        How the host is reached.
    path : str
        Below the dashboard's own, quoted as it came.
    query : mapping of str to str
        What is not known to the dashboard's pages is left out.
    seconds : float
        That it may take.

    Raises
    ------
    PageNotFound
        There is no such page, or it leads elsewhere.
    HostNotResponding
        The host does not answer, or not in time.
    """
    if not _is_one_of(_PAGE, path):
        raise PageNotFound("the dashboard has no such page")
    kept = {name: query[name] for name in _QUERIES if _QUERY.fullmatch(query.get(name, ""))}
    http = SimpleAsyncHTTPClient(
        force_instance=True,
        resolver=SocketResolver(connection.socket),
        max_body_size=_MOST_BYTES,
        max_buffer_size=_MOST_BYTES,
    )
    try:
        response = await http.fetch(
            _request(connection, "http", path + (f"?{urlencode(kept)}" if kept else ""), seconds),
            raise_error=False,
        )
    except (OSError, StreamClosedError, HTTPError) as error:
        raise _silent(connection, error) from None
    finally:
        http.close()
    if response.code == 599:
        raise _silent(connection, response.error)
    if response.code != 200:
        raise PageNotFound(f"the dashboard has no such page ({response.code})")
    return Page(response.headers.get("Content-Type", "application/octet-stream"), response.body)


async def open_stream(
    connection: Connection, path: str, protocols: Sequence[str], seconds: float
) -> WebSocketClientConnection:
    """Return a websocket of the dashboard, which the caller closes.

    Parameters
    ----------
    connection : Connection
        How the host is reached.
    path : str
        Below the dashboard's own, quoted as it came.
    protocols : sequence of str
        What a page names: bokeh's, and the token that it has given to the page.
    seconds : float
        That it may take.

    Raises
    ------
    PageNotFound
        There is no such websocket, or it does not take the caller for one of its pages.
    HostNotResponding
        The host does not answer, or not in time.
    """
    if not _is_one_of(_STREAM, path) or not all(map(_PROTOCOL.fullmatch, protocols)):
        raise PageNotFound("the dashboard has no such page")
    try:
        return await websocket_connect(
            _request(connection, "ws", path, seconds),
            max_message_size=_MOST_BYTES,
            subprotocols=list(protocols),
            resolver=SocketResolver(connection.socket),
        )
    except HTTPError as error:
        if error.code == 599:
            raise _silent(connection, error) from None
        raise PageNotFound(f"the dashboard has no such page ({error.code})") from None
    except (OSError, StreamClosedError, WebSocketError) as error:
        raise _silent(connection, error) from None


def _is_one_of(pages: re.Pattern[str], path: str) -> bool:
    """Return whether a path is on the list, and stays below the dashboard once it is unquoted."""
    whole = unquote(path)
    goes_up = any(part in (".", "..") for part in re.split(r"[/\\]", whole))
    return not goes_up and whole.isprintable() and pages.fullmatch(path) is not None


def _request(connection: Connection, scheme: str, path: str, seconds: float) -> HTTPRequest:
    return HTTPRequest(
        f"{scheme}://host{API_PREFIX}/clusters/{connection.id}/dashboard/{path}",
        headers={NONCE_HEADER: connection.nonce},
        connect_timeout=seconds,
        request_timeout=seconds,
        follow_redirects=False,
    )


def _silent(connection: Connection, error: BaseException | None) -> HostNotResponding:
    why = f": {error}" if error is not None and str(error) else ""
    return HostNotResponding(f"the dashboard of cluster {connection.id!r} does not answer{why}")
