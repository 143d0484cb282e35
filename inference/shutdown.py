"""Graceful shutdown: not ready at once on SIGTERM, while the server still accepts requests."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from types import FrameType

from inference.serving import Serving

log = logging.getLogger("inference")


def drain_on_sigterm(serving: Serving, seconds: float) -> None:
    """On SIGTERM, leave readiness and pass the signal to the server's own handler `seconds` later.

    A server that closes its port at once refuses the requests of load balancers that have not
    noticed yet. A second SIGTERM is passed on immediately.

    To be called from the running event loop, after the server has installed its handler. Does
    nothing outside the main thread.
    """
    server_handler = signal.getsignal(signal.SIGTERM)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or not callable(server_handler):
        return
    loop = asyncio.get_running_loop()

    def drain(number: int, frame: FrameType | None) -> None:
        if serving.draining:
            server_handler(number, frame)
            return
        serving.draining = True
        log.info("SIGTERM: no longer ready, stopping in %g s", seconds)
        loop.call_soon_threadsafe(loop.call_later, seconds, server_handler, number, frame)

    signal.signal(signal.SIGTERM, drain)
