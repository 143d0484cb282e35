"""SIGHUP and SIGUSR1, whose default is to end a process.

SIGHUP reads the token files again; SIGUSR1, on which gunicorn opens its log files again, does
nothing without gunicorn. `inference.shutdown` handles SIGTERM.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable

log = logging.getLogger("inference")


def handle_signals(reload_tokens: Callable[[], None]) -> None:
    """To be called from the running event loop. Does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return

    def reload() -> None:
        log.info("SIGHUP: reading the token files again")
        reload_tokens()

    def ignore() -> None:
        log.info("SIGUSR1: ignored, because there are no log files to open again")

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # otherwise, it is gunicorn's
        loop.add_signal_handler(signal.SIGUSR1, ignore)
