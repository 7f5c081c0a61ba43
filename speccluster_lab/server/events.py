"""The websocket on which the panel hears of changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from speccluster_lab.errors import ClusterNotFound, InvalidInput
from speccluster_lab.link.feed import as_message
from speccluster_lab.server.handlers import ApiErrors
from speccluster_lab.spec.api import PatchEvent

if TYPE_CHECKING:
    from speccluster_lab.link.feed import Reader
    from speccluster_lab.spec.api import SnapshotEvent

__all__ = ["EventsHandler"]

_MESSAGE_BYTES: Final = 4096
_WRITE_SECONDS: Final = 60.0


class EventsHandler(ApiErrors, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One snapshot, then changes in order, and a snapshot whenever the reader asks."""

    _reader: Reader | None = None
    _sending: asyncio.Task[None] | None = None

    @property
    def max_message_size(self) -> int:
        """Bytes that a message from the reader may have; asked by tornado."""
        return _MESSAGE_BYTES

    @ws_authenticated
    @authorized
    async def get(self) -> None:
        """Check the caller, and only then change the protocol."""
        if not self.check_origin():
            raise web.HTTPError(403, "this page may not read the events of this server")
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise web.HTTPError(400, "this path is a websocket")
        await super().get()

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to send; called by tornado."""
        super().open(*args, **kwargs)
        self._reader = self.manager.feed.open()
        self.manager.spares.want()
        self._sending = asyncio.create_task(self._send(self._reader))

    async def _send(self, reader: Reader) -> None:
        try:
            # Jupyter takes requests while its extensions still start: a snapshot without them
            # would say of clusters that they have gone.
            await self.manager.has_looked()
            async for event in reader:
                text = as_message(self._without_secrets(event))
                async with asyncio.timeout(_WRITE_SECONDS):
                    await self.write_message(text)
            self.close(1001, "the server ends")
        except (WebSocketClosedError, StreamClosedError):
            self.log.debug("A reader of the clusters' events has gone")
        except TimeoutError:
            self.log.warning("A reader of the clusters' events takes nothing; let go of it")
            self.close(1008, "too slow")
        finally:
            self.manager.feed.forget(reader)

    def _without_secrets(self, event: SnapshotEvent | PatchEvent) -> SnapshotEvent | PatchEvent:
        cluster = None
        if isinstance(event, PatchEvent):
            # One that has gone has nothing more to tell.
            with suppress(ClusterNotFound):
                cluster = self.manager.get(event.cluster)
        return self.manager.secrets.without_in_change(event, cluster)

    def on_message(self, message: str | bytes) -> None:
        """Take a request for a snapshot; called by tornado."""
        if self._reader is None:
            return
        try:
            self._reader.take(message)
        except InvalidInput as error:
            self.log.info("Refused a message on the events' websocket: %s", error.code)
            self.close(1008, "only a request for a snapshot is understood here")

    def on_close(self) -> None:
        """Stop sending; called by tornado."""
        if self._reader is not None:
            self.manager.feed.forget(self._reader)
        super().on_close()

    def get_compression_options(self) -> dict[str, Any] | None:
        """Return Jupyter's setting; asked by tornado."""
        options: dict[str, Any] | None = self.settings.get("websocket_compression_options")
        return options
