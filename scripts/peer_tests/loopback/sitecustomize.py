"""Bind to loopback what asks for every interface, in this interpreter.

A child of the tests imports this when it starts, because the folder is on its ``PYTHONPATH``.
"""

from __future__ import annotations

import socket
from typing import Any

bind_anywhere = socket.socket.bind


def bind_to_loopback(self: socket.socket, address: Any) -> None:
    if self.family == socket.AF_INET and address[0] in ("", "0.0.0.0"):
        address = ("127.0.0.1", *address[1:])
    elif self.family == socket.AF_INET6 and address[0] in ("", "::"):
        address = ("::1", *address[1:])
    bind_anywhere(self, address)


socket.socket.bind = bind_to_loopback  # type: ignore[method-assign]
