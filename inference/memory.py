"""Returning the memory of a burst of large bodies or of connections to the operating system.

By default glibc gives each thread a heap of its own, and keeps freed buffers of up to 32 MB on all
of them: a burst of bodies left a process 200 MB larger for good. So there is one heap, trimmed
every few seconds. To set the thresholds with `mallopt` as well cost a batch 10 % of its time.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # from malloc.h
_C = ctypes.CDLL(None)
_mallopt = getattr(_C, "mallopt", None)  # other C libraries have none of the two
_malloc_trim = getattr(_C, "malloc_trim", None)


def use_one_heap() -> None:
    """Let threads that start later share the main heap, which is fragmented less than many."""
    if _mallopt:
        _mallopt(_M_ARENA_MAX, 1)


def trim() -> None:
    """Give back all pages of the heap that hold no buffer; takes milliseconds."""
    if _malloc_trim:
        _malloc_trim(0)
