"""Stopping a command by a signal: in order, as by Ctrl-C, so that it can tidy up behind itself."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1)
"""Signals that would end the process at once, with its temporary files and its run left as is."""

LOOK_FIRST = (
    "nothing is half-done: look at `registry status`, and run the command again if what it does is "
    "not there yet"
)
"""Advice where a command ended at an unknown point. A rollback without a version must not simply be
repeated: it would go one model further back."""


class Stopped(BaseException):
    """A signal asked the command to end. Not an Exception: no handler of errors may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.args[0]).name}; {LOOK_FIRST}"


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise Stopped on the first of these signals, inside the block.

    A second one does not disturb the tidying up: a closed terminal may send SIGHUP twice. Only
    SIGTERM then ends the process at once. A signal that was ignored, as by nohup, stays ignored.
    To be called from the main thread.
    """
    before = {number: signal.getsignal(number) for number in STOPPING}
    caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def stop(number: int, _: FrameType | None) -> None:
        for other in caught:
            signal.signal(other, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _leave_closed_terminal()
        raise Stopped(number)

    for number in caught:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])


def _leave_closed_terminal() -> None:
    """Discard further output to a terminal that is gone: each write to it would fail."""
    for descriptor in (1, 2):
        is_device = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        if is_device and not os.isatty(descriptor):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
