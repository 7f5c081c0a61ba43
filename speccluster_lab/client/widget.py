"""The widget: a cluster where it is displayed, live while a cell runs.

A page is told the whole once, as a part of the widget's state, and then what has changed, by key
and numbered. Until it has said that it is there, which it cannot while a cell runs, what has
changed since that state is a part of the state as well: nothing is lost on a page that is slow.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import comm
import traitlets

from speccluster_lab.client.following import Follower
from speccluster_lab.client.rows import CLUSTER, changes, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from speccluster_lab.client.following import Answer, Source
    from speccluster_lab.client.rows import Rows

__all__ = ["SHOWN_MIME", "ClusterWidget", "can_show", "live_bundle"]

SHOWN_MIME: Final = "application/vnd.speccluster-lab.cluster+json"
"""Says to our front end that beside it are a widget and a table, to be shown without a kernel."""

LOADING_SECONDS: Final = 15.0
SIZES: Final = 120

_STATIC: Final = Path(__file__).parent / "static"
_GONE: Final = "The cluster has gone; this is how it was last."


def can_show() -> bool:
    """Return whether this process is a kernel, which has pages that show widgets."""
    # A kernel replaces it; comm's own goes nowhere.
    return comm.create_comm.__module__ != comm.__name__


def live_bundle(widget: ClusterWidget) -> dict[str, Any]:
    """Return what is displayed of a widget, for a bundle that has a table and text as well."""
    made: Any = widget._repr_mimebundle_()
    live = dict(made[0] if isinstance(made, tuple) else made)
    live.pop("text/plain", None)
    return {SHOWN_MIME: {}, **live}


class ClusterWidget(anywidget.AnyWidget):
    """A cluster, live.

    Parameters
    ----------
    source : Source
        Where the cluster is had from.
    cluster : mapping
        Its document as it is now, as JSON.
    """

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"
    # Filled in where the state is asked for.
    shown = traitlets.Dict().tag(sync=True)
    news = traitlets.Dict().tag(sync=True)

    def __init__(self, source: Source, cluster: Mapping[str, Any]) -> None:
        self._lock = threading.RLock()
        self._rows = self._base = rows_of(cluster)
        self._seq = self._base_seq = 0
        self._sizes: deque[tuple[float, int, int]] = deque(maxlen=SIZES)
        self._note_size()
        self._is_heard = False
        self._heard_by = time.monotonic() + LOADING_SECONDS
        self._follower: Follower | None = None
        super().__init__()
        self.on_msg(self._on_message)
        self._follower = Follower(source, self._tell, self._end)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the widget's state, in which the cluster is as it is now; called by ipywidgets."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if key is None or "shown" in state:
            with self._lock:
                self._base, self._base_seq = self._rows, self._seq
                state |= {"shown": self._snapshot(), "news": {}}
        return state

    def close(self) -> None:
        """Take it out of all pages, and end what keeps it live."""
        if self._follower is not None:
            self._follower.stop()
        super().close()

    def freeze(self, why: str) -> None:
        """Leave it as it is, with a word on why, and end what keeps it live."""
        if self._follower is not None:
            self._follower.stop()
        self._over(why)

    # -- in the follower's thread ------------------------------------------------------------

    def _tell(self, cluster: Mapping[str, Any]) -> None:
        self._put(rows_of(cluster))

    def _end(self) -> None:
        self._over(_GONE)

    def _over(self, why: str) -> None:
        with self._lock:
            if "over" not in self._rows[CLUSTER]:
                self._put({**self._rows, CLUSTER: {**self._rows[CLUSTER], "over": why}})

    def _put(self, rows: Rows) -> None:
        with self._lock:
            patch = changes(self._rows, rows)
            if patch == {}:
                return
            self._rows = rows
            self._seq += 1
            self._note_size()
            if self._is_heard or time.monotonic() > self._heard_by:
                self.send(self._snapshot() if patch is None else {"n": self._seq, **patch})
                return
            patch = changes(self._base, rows)
            if patch is None:
                self.news = self._snapshot()
            else:
                self.news = {"n": self._seq, "since": self._base_seq, **patch}

    def _note_size(self) -> None:
        """Remember what is asked for and there, for the curve of a page that comes later."""
        cluster = self._rows[CLUSTER]
        size = (cluster["expected"], cluster["registered"])
        if not self._sizes or self._sizes[-1][1:] != size:
            self._sizes.append((time.monotonic(), *size))

    def _snapshot(self) -> dict[str, Any]:
        now = time.monotonic()
        sizes = [[round(now - at, 1), wanted, there] for at, wanted, there in self._sizes]
        return {"n": self._seq, "rows": self._rows, "sizes": sizes}

    # -- in the kernel's main thread ---------------------------------------------------------

    def _on_message(self, _: object, content: Any, buffers: object) -> None:
        match content:
            case {"here": int(seq)}:
                with self._lock:
                    self._is_heard = True
                    if seq != self._seq:
                        self.send(self._snapshot())
            case {"ask": int(number), "request": dict(request)} if self._follower is not None:

                def answer(what: Answer) -> None:
                    self.send({"answer": number, **what})

                # At once: what a page waits for is that it has been taken.
                self.send({"taken": number})
                self._follower.ask(request, answer)
            case _:
                pass
