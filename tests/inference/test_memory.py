"""Freed memory goes back to the operating system, in a process of its own."""

from __future__ import annotations

from tests.components import output_of

BODIES = """
from pathlib import Path
from inference.memory import trim

def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

bodies = [b"x" * 1_000_000 for _ in range(10)]  # glibc raises its threshold as they are freed
del bodies
before = resident_mb()
bodies, last = [b"x" * 900_000 for _ in range(100)], b""
last = b"x" * 30_000
del bodies
kept = resident_mb()
trim()
print(kept - before, resident_mb() - before)
"""


THREADS = """
import re
import threading
from pathlib import Path
from inference.memory import use_one_heap

use_one_heap()
# More threads than the eight heaps for each core that glibc would make.
barrier, kept = threading.Barrier(64), []

def allocate() -> None:
    barrier.wait(30)
    kept.append([bytearray(1000) for _ in range(100)])

threads = [threading.Thread(target=allocate) for _ in range(64)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
# A heap of a thread begins at a multiple of 64 MB, and reserves the rest of those.
maps = Path("/proc/self/maps").read_text()
heaps = re.findall("^([0-9a-f]+)-[0-9a-f]+ rw-p 00000000 00:00 0 *$", maps, re.MULTILINE)
print(sum(int(start, 16) % (64 * 2**20) == 0 for start in heaps))
"""


def test_threads_share_one_heap() -> None:
    assert output_of(THREADS) == "0"
    assert int(output_of(THREADS.replace("use_one_heap()\n", "\n"))) > 1


def test_a_burst_of_bodies_leaves_no_memory_behind() -> None:
    kept, left = map(float, output_of(BODIES).split())
    assert kept > 80
    assert left < 5
