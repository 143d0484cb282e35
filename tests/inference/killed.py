"""Processes that kill themselves at each step that they take in a folder, one step after another.

For programs that tests run: a process with threads must not fork, and pytest has some.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.truncate", "shutil.copyfile"}


def kill_at_each_step(
    folder: Path, prepare: Callable[[Path], None], task: Callable[[Path], None]
) -> None:
    """Run the task in a new folder `1`, `2`, … in a fork that ends before its step of that number.

    `prepare` fills the folder. It ends once the task does. Prints each step: the event of Python's
    audit, and the file's suffix.
    """
    for number in count(1):
        place = folder / str(number)
        place.mkdir()
        prepare(place)
        process = os.fork()
        if not process:
            _kill_at(number, place)
            task(place)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        if not status:
            return
        assert os.WIFSIGNALED(status), status


def _kill_at(number: int, folder: Path) -> None:
    taken = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal taken
        if event in STEPS and str(arguments[0]).startswith(f"{folder}/"):
            taken += 1
            if taken == number:
                print(event, Path(str(arguments[0])).suffix.partition("-")[0], flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
