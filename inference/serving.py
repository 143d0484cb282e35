"""What this process serves now, and how sure it is that this is what the ledger says."""

from __future__ import annotations

import time
from typing import Literal

from inference.model import ServedModel


class Serving:
    """The one thing that requests and the look at the ledger share; each field is set at once."""

    def __init__(self, *, follows: bool = True, max_lag_seconds: float = 0) -> None:
        self.model: ServedModel | None = None
        self.source: Literal["registry", "cache"] = "registry"
        self.problem = "the model is being loaded"
        """Why the last look at the ledger did not end with its head in service; empty if it did."""
        self.draining = False
        self._follows = follows
        self._max_lag_seconds = max_lag_seconds
        self._confirmed = time.monotonic()

    def confirm(self) -> None:
        """The ledger was read just now, and its head is what is served."""
        self.problem = ""
        self._confirmed = time.monotonic()

    @property
    def lag_seconds(self) -> float:
        """Since the ledger last confirmed what is served; since the start, if it never did.

        0 where the ledger was to be looked at only once, and has been.
        """
        if not self._follows and not self.problem:
            return 0.0
        return time.monotonic() - self._confirmed

    @property
    def not_ready(self) -> str:
        """Why no requests should be sent here; empty when they should."""
        if self.model is None:
            return self.problem
        if self.draining:
            return "the process is about to stop"
        if self._max_lag_seconds and self.lag_seconds > self._max_lag_seconds:
            return (
                f"the ledger has not confirmed this model for {self.lag_seconds:.0f} s "
                f"(FRAUD_MAX_LAG_SECONDS={self._max_lag_seconds:g}): {self.problem}"
            )
        return ""
