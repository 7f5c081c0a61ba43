"""Real kernels, as notebooks have them."""

from __future__ import annotations

import ast
import os
import signal
import time
from contextlib import suppress
from queue import Empty
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

SECONDS = 60.0


class Cells:
    """Runs cells in a kernel that somebody has started."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client
        self.client.start_channels()
        self._ended: set[str] = set()
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.client.wait_for_ready(timeout=SECONDS)
                return
            except RuntimeError:
                # It takes one that has not come up yet for one that has died.
                if time.monotonic() > deadline:
                    raise

    @classmethod
    def of(cls, connection_file: str) -> Cells:
        """Return those of the kernel of a Jupyter server."""
        client = BlockingKernelClient(connection_file=connection_file)
        client.load_connection_file()
        return cls(client)

    def run(self, code: str) -> str:
        """Run a cell to its end, and return what it has printed."""
        return self.finish(self.begin(code))

    def value(self, expression: str) -> Any:
        """Return the value of an expression there, which is plain."""
        return ast.literal_eval(self.run(f"print(repr({expression}))"))

    def begin(self, code: str) -> str:
        """Begin to run a cell, and return which it is."""
        id = self.client.execute(code)
        # It runs once it says so.
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == id and message["msg_type"] in (
                "execute_input",
                "status",
            ):
                return id

    def is_running(self, id: str) -> bool:
        """Return whether a cell has not ended yet."""
        with suppress(Empty):
            while True:
                message = self.client.get_shell_msg(timeout=0)
                self._ended.add(message["parent_header"]["msg_id"])
        return id not in self._ended

    def finish(self, id: str) -> str:
        """Wait for a cell's end, and return what it has printed since it began."""
        printed, failed = "", None
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != id:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    printed += content["text"]
                case "error":
                    failed = "\n".join(content["traceback"])
                case "status" if content["execution_state"] == "idle":
                    break
        assert failed is None, failed
        return printed

    def leave(self) -> None:
        """Run no more of them."""
        self.client.stop_channels()


class Kernel(Cells):
    """A kernel that a test has started; its variables are its environment's beside ours."""

    def __init__(self, **variables: str) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env={**os.environ, **variables})
        super().__init__(self.manager.client())

    def kill(self) -> None:
        """Kill it as the kernel of an overloaded machine would."""
        # Jupyter itself signals all of its process group.
        os.kill(self.value("__import__('os').getpid()"), signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """End it as Jupyter does; harmless when it has ended."""
        self.leave()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()
