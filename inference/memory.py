"""Returning the memory of a burst of large bodies or of connections to the operating system.

By default glibc keeps freed buffers of up to 32 MB on its heaps: a burst of bodies left a process
200 MB larger for good. To set its thresholds with `mallopt` instead cost a batch 10 % of its time.
"""

from __future__ import annotations

import ctypes

_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none


def trim() -> None:
    """Give back all pages of the heaps that hold no buffer; takes milliseconds."""
    if _malloc_trim:
        _malloc_trim(0)
