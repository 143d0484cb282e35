"""Returning the memory of large bodies to the operating system."""

from __future__ import annotations

import ctypes
import sys

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
"""From malloc.h of glibc."""
THRESHOLD_BYTES = 128 * 1024
ARENAS = 1


def return_large_buffers() -> None:
    """Let glibc give back each buffer of 128 KiB and more as soon as it is freed.

    By default it raises that threshold to the size of the largest one freed so far, and keeps
    bodies on its heap from then on: a burst of them left a process 200 MB larger for good. It also
    keeps a heap for each thread, though only one thread at a time runs Python.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt:
            mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES)
            mallopt(M_ARENA_MAX, ARENAS)
