"""SIGTERM: out of readiness at once, and only after a while does the server stop to listen."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType

from inference.serving import Serving

log = logging.getLogger("inference")


def drain_on_sigterm(serving: Serving, seconds: float) -> None:
    """Put `seconds` of not being ready before what the server does on SIGTERM.

    A server that closes its port at once refuses the requests that load balancers, which have not
    yet noticed, still send. A second SIGTERM stops without waiting. To be called in the running
    event loop, after the server installed its own handler; does nothing outside the main thread.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        return
    loop = asyncio.get_running_loop()

    def drain(number: int, frame: FrameType | None) -> None:
        if serving.draining:
            before(number, frame)
            return
        serving.draining = True
        log.info("SIGTERM: not ready from now on, stopping in %g s", seconds)
        loop.call_soon_threadsafe(loop.call_later, seconds, before, number, frame)

    signal.signal(signal.SIGTERM, drain)
