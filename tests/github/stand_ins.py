"""Programs that stand in for docker, helm, terraform and others: each records its arguments."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.ansible.plays import write_program
from tests.github.workflows import Runner, path_with
from tests.places import REPOSITORY

PROGRAM = """#!{python}
import pathlib, sys
arguments = " ".join(sys.argv[1:])
with open({log!r}, "a") as log:
    print({name!r}, arguments, file=log)
if "--password-stdin" in arguments:
    sys.stdin.read()
for start, answer in {answers!r}.items():
    if arguments.startswith(start):
        if answer == "!":
            sys.exit(1)
        print(pathlib.Path(answer[1:]).read_text() if answer.startswith("@") else answer)
        break
"""


def runner(folder: Path, programs: Mapping[str, Mapping[str, str]], **contexts: Any) -> Runner:
    """A runner in the repository with these programs alone, each with answers by how its arguments
    start; `@PATH` answers with a file, and `!` fails. What they were asked is in `folder`/calls."""
    folder.mkdir(exist_ok=True)
    for name, answers in programs.items():
        given = {"python": sys.executable, "log": str(folder / "calls")}
        write_program(folder / "bin", name, PROGRAM.format(name=name, answers=answers, **given))
    environment = {
        "PATH": path_with(folder / "bin"),
        "HOME": str(folder),
        "GITHUB_RUN_ID": "7",
        "GITHUB_SHA": "c0ffee",
        "GITHUB_REPOSITORY": "bank/fraud",
    }
    checkout = folder / "checkout"
    checkout.mkdir()
    for part in ("deploy", "helm", "terraform"):
        (checkout / part).symlink_to(REPOSITORY / part)
    return Runner(checkout, environment, contexts, folder)


def calls(folder: Path) -> list[str]:
    """What the programs were asked, in order."""
    return (folder / "calls").read_text().splitlines()
