"""Returning the memory of a burst of large bodies or of connections to the operating system.

By default glibc keeps freed buffers of up to 32 MB on its heap, and a heap for each thread: a burst
of bodies left a process 200 MB larger for good. Other C libraries are left as they are.
"""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""From malloc.h of glibc."""
THRESHOLD_BYTES = 32 * 1024

_libc = ctypes.CDLL(None)


def return_large_buffers() -> None:
    """Give back each buffer of 32 KiB and more when it is freed, and keep a single heap.

    Only one thread at a time runs Python, so that they do not wait for that heap.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES)
        _libc.mallopt(M_ARENA_MAX, 1)


def trim() -> None:
    """Give back the pages of the heap that hold no smaller buffer; takes milliseconds."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
