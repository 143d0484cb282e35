"""A server that was stopped, was killed, or has ended by itself is started again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.restartable import Restartable

CODE = "import sys; print('up', flush=True); sys.stdin.read()"


def test_it_starts_again_however_it_ended() -> None:
    started: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def server() -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-c", CODE]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            started.append(process)
            yield process
            process.kill()

    server_of_ours = Restartable(server)
    server_of_ours.kill()
    server_of_ours.start()
    server_of_ours.start()
    assert len(started) == 1
    server_of_ours.kill()
    server_of_ours.start()
    assert len(started) == 2
    started[-1].communicate(timeout=10)  # its input ends, and so does it
    server_of_ours.kill()
    server_of_ours.start()
    assert len(started) == 3
    started[-1].communicate(timeout=10)
    server_of_ours.start()
    assert len(started) == 4
    server_of_ours.stop()
    assert [process.poll() for process in started] == [-9, 0, 0, -9]
