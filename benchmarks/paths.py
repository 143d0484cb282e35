"""Where the repository is, and where benchmarks find data sets and keep what they install."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = REPOSITORY.parent / "shared" / "data"
"""Real data beside the checkout, on some machines; the benchmarks of training need it."""
CACHE = REPOSITORY / ".local" / "bench"
