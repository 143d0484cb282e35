"""A rollout on the screen: a table that moves on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from registry.cli import output
from registry.rollout.counts import failed_requests, requests
from registry.rollout.rollout import Rollout

Show = Callable[[Rollout, float], None]
PROGRESS_SECONDS = 30.0
"""Between two lines of a pipe that say how far it is, if nothing else has changed."""


@contextmanager
def shown(*, as_json: bool) -> Iterator[Show]:
    """What shows a rollout after each round, given the seconds since its beginning."""
    if as_json:
        yield lambda _, __: None
    elif Console().is_terminal:
        with Live(console=Console(), auto_refresh=False) as live:
            yield lambda rollout, seconds: live.update(picture(rollout, seconds), refresh=True)
    else:
        yield Lines()


class Lines:
    """A line for each change, and now and then one on how far it is."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, rollout: Rollout, seconds: float) -> None:
        for event in rollout.events:
            typer.echo(f"{clock(seconds)} {event}")
        if rollout.complete_at is not None and seconds >= self._next:
            self._next = seconds + PROGRESS_SECONDS
            typer.echo(f"{clock(seconds)} {progress(rollout)}")
            for verdict in rollout.verdicts:
                typer.echo(f"{clock(seconds)} {verdict}")


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def progress(rollout: Rollout) -> str:
    return f"{rollout.count_serving} of {len(rollout.pods)} pods serve {rollout.head}"


def picture(rollout: Rollout, seconds: float) -> Group:
    """The pods, with what each has counted since it took the head, and the bounds."""
    pods = Table(
        *("pod", "head", "serves", "requests", "failed"),
        title=escape(f"{clock(seconds)}  {progress(rollout)}"),
    )
    for address in sorted(rollout.pods):
        pod = rollout.pods[address]
        pods.add_row(
            escape(address),
            "yes" if pod.serves_head else "no",
            escape(pod.state),
            f"{requests(pod.since):,}",
            f"{failed_requests(pod.since):,}",
        )
    bounds = Table(box=None, show_header=False)
    for verdict in rollout.verdicts:
        bounds.add_row(verdict.outcome, escape(str(verdict)))
    return Group(pods, bounds)


def values(rollout: Rollout) -> dict[str, Any]:
    """A rollout as JSON values."""
    return {
        "head": output.entry_values(rollout.head),
        "problem": rollout.problem or None,
        "pods": [
            {"address": pod.address, "serves_head": pod.serves_head, "state": pod.state}
            for _, pod in sorted(rollout.pods.items())
        ],
        "bounds": [
            {"measure": each.measure, "outcome": each.outcome, "measured": each.text}
            for each in rollout.verdicts
        ],
    }
