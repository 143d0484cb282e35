"""How long an event loop is held by what runs in another thread."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from inference.app import SWITCH_INTERVAL_SECONDS


def longest_pause(
    in_thread: Callable[[], object],
    on_loop: Callable[[], object] = lambda: None,
    *,
    rounds: int = 9,
) -> float:
    """Seconds of the longest iteration of an event loop that runs `on_loop` again and again while
    `in_thread` runs, with the service's switch interval.

    The least of several rounds, because other processes only ever add to it.
    """

    async def measured() -> float:
        thread = asyncio.create_task(asyncio.to_thread(in_thread))
        pauses: list[float] = []
        while not thread.done():
            start = time.perf_counter()
            on_loop()
            await asyncio.sleep(0)
            pauses.append(time.perf_counter() - start)
        await thread
        return max(pauses)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    try:
        return min(asyncio.run(measured()) for _ in range(rounds))
    finally:
        sys.setswitchinterval(interval)
