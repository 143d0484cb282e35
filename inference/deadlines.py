"""Request timeouts for the cost of two dictionary operations per request.

`asyncio.timeout` creates and cancels a timer for each request, which is a tenth of the cost of one
that takes 50 µs. Here, a single timer checks all requests in flight, four times per timeout.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Deadlines:
    """Cancels the tasks of requests that take longer than the timeout, up to a quarter later."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._started: dict[asyncio.Task[Any], tuple[float, str]] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer_runs = False

    def __len__(self) -> int:
        """Number of requests in flight."""
        return len(self._started)

    def count(self, caller: str) -> int:
        """Number of requests in flight of one caller."""
        return sum(one == caller for _, one in self._started.values())

    def enter(self, caller: str = "") -> asyncio.Task[Any]:
        """Start the timeout of the current task."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 (only called from a coroutine)
        self._started[task] = (loop.time(), caller)
        if not self._timer_runs:
            self._timer_runs = True
            loop.call_later(self._timeout_seconds / 4, self._check, loop)
        return task

    def leave(self, task: asyncio.Task[Any]) -> None:
        """End the timeout of a task."""
        del self._started[task]
        self._late.discard(task)

    def passed(self, task: asyncio.Task[Any]) -> bool:
        """Whether the task was cancelled by its timeout; if so, clear that cancellation."""
        if task not in self._late:
            return False
        task.uncancel()
        return True

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        for task, (started, _) in self._started.items():
            if loop.time() - started > self._timeout_seconds and task not in self._late:
                self._late.add(task)
                task.cancel()
        self._timer_runs = bool(self._started)
        if self._timer_runs:
            loop.call_later(self._timeout_seconds / 4, self._check, loop)
