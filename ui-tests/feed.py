"""A feed that is simulated: clusters of any size and in any state, without their processes."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tornado import web, websocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

__all__ = ["GIB", "Feed", "cluster", "condition", "entry", "ghost", "member", "moment"]

GIB: Final = 2**30

# A real connection, and not one of Playwright's, which hands each message over by the page's own
# thread and in its own time.
_ELSEWHERE: Final = """
window.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    const isOurs = String(url).includes('/speccluster-lab/api/v1/events');
    super(isOurs ? 'ws://127.0.0.1:PORT/' : url, protocols ?? []);
  }
};
"""
_LISTEN_SECONDS: Final = 10.0
_CLS: Final = "speccluster_lab.MultiWorker"


class Feed:
    """The server's websocket of events, with this process at its other end.

    Parameters
    ----------
    context : BrowserContext
        The pages that are opened in it from now on are told of the clusters here, and not of
        those of the server.
    clusters : dict
        The clusters that there are, each as the API shows it.
    """

    def __init__(self, context: BrowserContext, *clusters: dict[str, Any]) -> None:
        self._clusters = {one["id"]: one for one in clusters}
        self._sockets: set[_Socket] = set()
        self._seq = 0
        self._loop = asyncio.new_event_loop()
        # In a thread of its own: Playwright's loop is in this one.
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_LISTEN_SECONDS)
        context.add_init_script(_ELSEWHERE.replace("PORT", str(port)))
        context.on("close", lambda _: self._loop.call_soon_threadsafe(self._loop.stop))

    def tell(self, *clusters: dict[str, Any]) -> None:
        """Tell of everything there is, at once."""
        self._clusters = {one["id"]: one for one in clusters}
        self._seq += 1
        self._snapshot()

    def put(self, cluster: dict[str, Any]) -> None:
        """Tell of a cluster that is new, or another than it was."""
        self._clusters[cluster["id"]] = cluster
        self.patch(cluster["id"], {"op": "add", "path": "", "value": cluster})

    def patch(self, id: str, *patch: dict[str, Any]) -> None:
        """Tell of a change; what a later snapshot says is not changed by it."""
        self._seq += 1
        self._say({"seq": self._seq, "cluster": id, "patch": patch})

    def lose(self) -> None:
        """Close the connections; a page may connect again."""
        self._loop.call_soon_threadsafe(self._close)

    def add(self, socket: _Socket) -> None:
        """Tell a new connection of everything there is; called by it."""
        self._sockets.add(socket)
        self._snapshot()

    def answer(self) -> None:
        """Tell of everything there is, because a page asks; called by its connection."""
        self._snapshot()

    def forget(self, socket: _Socket) -> None:
        """Know that a connection has ended; called by it."""
        self._sockets.discard(socket)

    async def _listen(self) -> int:
        (socket,) = bind_sockets(0, "127.0.0.1")
        HTTPServer(web.Application([("/", _Socket, {"feed": self})])).add_socket(socket)
        port: int = socket.getsockname()[1]
        return port

    def _close(self) -> None:
        for socket in list(self._sockets):
            socket.close()

    def _snapshot(self) -> None:
        self._say({"seq": self._seq, "snapshot": list(self._clusters.values())})

    def _say(self, message: dict[str, Any]) -> None:
        text = json.dumps(message)
        self._loop.call_soon_threadsafe(self._send, text)

    def _send(self, text: str) -> None:
        for socket in self._sockets:
            socket.write_message(text)


class _Socket(websocket.WebSocketHandler):
    """One page's connection."""

    def initialize(self, feed: Feed) -> None:
        self._feed = feed

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self) -> None:
        self._feed.add(self)

    def on_message(self, message: str | bytes) -> None:
        self._feed.answer()

    def on_close(self) -> None:
        self._feed.forget(self)


def moment(seconds: float = 0.0) -> str:
    """Return a moment as the API writes it, ``seconds`` from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def member(name: str, **more: Any) -> dict[str, Any]:
    """Return a member that the scheduler has."""
    return {
        "name": name,
        "address": f"tls://10.0.0.{len(name)}:40001",
        "status": "running",
        "nthreads": 2,
        "memory_limit": 4 * GIB,
        "memory_used": GIB // 2,
        "cpu": 0.3,
        "tasks": 0,
        "last_seen": moment(),
        **more,
    }


def ghost(name: str) -> dict[str, Any]:
    """Return a member that is expected and not there."""
    return dict.fromkeys(member(name), None) | {"name": name}


def entry(
    name: str, members: list[dict[str, Any]], phase: str = "running", **more: Any
) -> dict[str, Any]:
    """Return an entry as it stands."""
    return {
        "name": name,
        "phase": phase,
        "reason": None,
        "message": None,
        "cls": _CLS,
        "generation": 1,
        "attempts": 0,
        "next_retry": None,
        "engine": None,
        "members": members,
        **more,
    }


def cluster(id: str, entries: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a cluster of these entries."""
    members = [one for entry in entries for one in entry["members"]]
    there = [one for one in members if one["address"] is not None]
    form = {"cls": _CLS, "options": {}, "group": ["-0", "-1", "-2"]}
    return {
        "id": id,
        "display_name": id.capitalize().replace("-", " "),
        "template": "grouped",
        "owner": {"kind": "server", "detail": None},
        "phase": "running",
        "conditions": [],
        "generation": 1,
        "observed_generation": 1,
        "created": moment(-3 * 3600),
        "adaptive": None,
        "environment": None,
        "lifetimes": {"orphan_timeout": None, "idle_timeout": None, "max_lifetime": None},
        "scheduler": {"address": "tls://127.0.0.1:41234", "dashboard": True, "status": "running"},
        "counts": {
            "entries": len(entries),
            "expected": len(members),
            "registered": len(there),
            "nthreads": sum(one["nthreads"] for one in there),
            "memory_limit": sum(one["memory_limit"] for one in there),
            "memory_used": sum(one["memory_used"] for one in there),
        },
        "spec": {
            "scheduler": {"cls": "distributed.Scheduler", "options": {}},
            "worker": form,
            "workers": {one["name"]: form for one in entries},
        },
        "workers": entries,
        "unexpected": [],
        **more,
    }


def condition(type: str, message: str, reason: str = "Because") -> dict[str, Any]:
    """Return a condition that holds."""
    return {
        "type": type,
        "status": "True",
        "reason": reason,
        "message": message,
        "since": moment(-60),
    }
