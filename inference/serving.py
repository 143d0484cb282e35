"""What this process serves, and whether it is ready: a pod past the maximum lag is not (503)."""

from __future__ import annotations

import time
from typing import Literal

from inference.model import ServedModel

Source = Literal["registry", "checkpoint", "cache"]


class Serving:
    """The state that requests and the follower's thread share. Each assignment is atomic."""

    def __init__(self, *, follows: bool = True, max_lag_seconds: float = 0) -> None:
        """`follows` is whether the ledger is polled after the first model is served."""
        self.model: ServedModel | None = None
        self.source: Source = "registry"
        self.problem = "the model is being loaded"
        """Why the last poll of the ledger failed; empty if it succeeded."""
        self.draining = False
        self._follows = follows
        self._max_lag_seconds = max_lag_seconds
        self._confirmed_at = time.monotonic()

    def confirm(self) -> None:
        """Note that the ledger has just been read, and that its head is what is served."""
        self.problem = ""
        self._confirmed_at = time.monotonic()

    @property
    def lag_seconds(self) -> float:
        """Seconds since the ledger last confirmed the served model, or since the start.

        0 where the ledger is not polled any more.
        """
        if not self._follows and not self.problem:
            return 0.0
        return time.monotonic() - self._confirmed_at

    @property
    def not_ready(self) -> str:
        """Why this process should not receive requests; empty if it should."""
        if self.model is None:
            return self.problem
        if self.draining:
            return "the process is shutting down"
        if self._max_lag_seconds and self.lag_seconds > self._max_lag_seconds:
            return (
                f"the ledger has not confirmed this model for {self.lag_seconds:.0f} s "
                f"(FRAUD_MAX_LAG_SECONDS={self._max_lag_seconds:g}): {self.problem}"
            )
        return ""
