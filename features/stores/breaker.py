"""A circuit breaker: while a server is away, requests are refused at once instead of waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from features.stores.store import StoreUnavailable


class Breaker:
    """A context around each request to a server.

    After so many requests in a row that raised StoreUnavailable, it raises that itself for some
    seconds; then it lets one request through, and the others once that one has succeeded.
    """

    def __init__(
        self, *, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_failures, self._seconds, self._clock = failures, seconds, clock
        self._failures = 0
        self._refuses_until = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._max_failures

    def __enter__(self) -> None:
        if not self.is_open:
            return
        now = self._clock()
        if now < self._refuses_until:
            raise StoreUnavailable(
                f"the last {self._failures} requests to the store failed; "
                f"the next one is tried in {self._refuses_until - now:.1f} s"
            )
        # This one tries. The others wait for its result, or for another interval if there is none.
        self._refuses_until = now + self._seconds

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, StoreUnavailable):
            self._failures += 1
            self._refuses_until = self._clock() + self._seconds
        elif error is None or isinstance(error, Exception):
            self._failures = 0
