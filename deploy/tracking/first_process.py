"""Process 1 of a container: passes SIGTERM on to the server, and ends after all other processes.

The kernel drops a signal to process 1 that has no handler for it, and MLflow's command has none: a
pod would be killed at the end of its grace period, with its requests in flight.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress


def run(command: Sequence[str]) -> int:
    """Run a server until its last process has ended; returns its exit code, 128 + N of a signal N.

    A process whose parent has ended becomes a child of process 1, so that this waits for it too.
    """
    server = subprocess.Popen(command, start_new_session=True)

    def stop(*_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    code = 0
    with suppress(ChildProcessError):  # none is left
        while True:
            process, status = os.wait()
            if process == server.pid:
                code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
