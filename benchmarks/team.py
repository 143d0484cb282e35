"""`make bench-team`: the main job on a team's set-up, by that on the embedded default.

`make demo ARGS="--yes --once"` on each, in turn: train, stage, evaluate, approve, promote, fill a
store, serve and check 1,000 answers. Timed from the moment at which the servers answer.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.paths import REPOSITORY
from deploy.local.processes import free_port

AIM = 1.5
_SECONDS = re.compile(r"^▸ The main job took ([\d.]+) s$", re.MULTILINE)


def main_job_seconds(folder: Path, *options: str) -> float:
    """The duration that one demo prints. Raises RuntimeError with its output where it fails."""
    command = [
        *(sys.executable, "-m", "deploy.local.demo", "--yes", "--once", *options),
        *("--folder", str(folder)),
        *("--mlflow-port", str(free_port()), "--inference-port", str(free_port())),
    ]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    found = _SECONDS.search(ended.stdout)
    if ended.returncode or found is None:
        raise RuntimeError(ended.stdout + ended.stderr)
    return float(found[1])


def main(rounds: Annotated[int, typer.Option(min=1)] = 2) -> None:
    """Time the main job on both set-ups, in turn; prints each round, and the ratio of medians.

    Example: make bench-team ARGS="--rounds 3"
    """
    seconds: dict[str, list[float]] = {"embedded": [], "team": []}
    with tempfile.TemporaryDirectory(prefix="bench-team-") as temporary:
        Path(temporary).chmod(0o755)  # PostgreSQL's user must reach its data
        for number in range(1, rounds + 1):
            for name, options in (("embedded", ()), ("team", ("--team",))):
                seconds[name].append(main_job_seconds(Path(temporary) / name, *options))
                print(f"round {number}: {name} {seconds[name][-1]:.1f} s", flush=True)
    embedded, team = (statistics.median(seconds[name]) for name in ("embedded", "team"))
    print(f"embedded {embedded:.1f} s, team {team:.1f} s, ratio {team / embedded:.2f} (aim {AIM})")


if __name__ == "__main__":
    typer.run(main)
