"""A server of a local set-up that can be stopped, killed, and started again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from threading import Lock

import psutil  # type: ignore[import-untyped]


class Restartable:
    """A server that can be stopped, or killed, and started again with the data that it has."""

    def __init__(
        self, start: Callable[[], AbstractContextManager[subprocess.Popen[bytes]]]
    ) -> None:
        """`start` runs the server until its block ends, and enters the block once it answers."""
        self._start, self._running = start, ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def start(self) -> None:
        """Nothing where it runs. Raises NotStarted."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._running.close()
                self._process = self._running.enter_context(self._start())

    def stop(self) -> None:
        """SIGTERM to the server and its children; nothing where it does not run."""
        with self._lock:
            self._process = None
            self._running.close()

    def kill(self) -> None:
        """SIGKILL to the server and its children, also those in groups of their own."""
        if self._process is not None and self._process.poll() is None:
            server = psutil.Process(self._process.pid)
            for process in (server, *server.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.stop()
