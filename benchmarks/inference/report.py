"""Medians of rounds, what was to be reached, and a table of both."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from rich.table import Table

from benchmarks.inference.load import CONNECTIONS
from benchmarks.inference.measure import Round

Medians = Mapping[str, Round]
"""The median round of each server by its name."""

SKLEARN = ("MLServer, scikit-learn", "BentoML, scikit-learn")
ONNX = ("MLServer, ONNX", "BentoML, ONNX")


def median(rounds: Sequence[Round]) -> Round:
    """The median of each measure by itself, over the rounds of one server."""
    measures: dict[str, float | None] = {}
    for one in fields(Round):
        values = [getattr(a_round, one.name) for a_round in rounds]
        known = [value for value in values if value is not None]
        measures[one.name] = statistics.median(known) if known else None
    return Round(**measures)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Target:
    """A quantity, how it is read from the medians, and its bound where there is one."""

    quantity: str
    read: Callable[[Medians], float | None]
    sign: Literal["≥", ">", "≤", "<"] | None = None
    bound: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured."""

    quantity: str
    measured: float
    bound: str = ""
    reached: bool | None = None
    """None where there is nothing to reach."""


def _rate(*against: str) -> Callable[[Medians], float]:
    """Our requests per second over those of the fastest named. Raises KeyError."""
    return lambda medians: (
        medians["ours"].requests_per_second
        / max(medians[name].requests_per_second for name in against)
    )


def _open_ratio(medians: Medians) -> float | None:
    ours, bare = medians["ours"].open_p99_ms, medians["bare ASGI"].open_p99_ms
    return ours / bare if ours and bare else None


TARGETS = (
    Target("rate over the bare function's", _rate("bare ASGI"), "≥", 0.40),
    Target("rate over FastAPI's constant", _rate("FastAPI constant"), ">", 1),
    Target("rate over `mlflow models serve`", _rate("mlflow models serve"), "≥", 40),
    Target(
        "start to ready over `mlflow models serve`",
        lambda medians: (
            medians["ours"].ready_seconds / medians["mlflow models serve"].ready_seconds
        ),
        "≤",
        1 / 3,
    ),
    Target("rate over the faster scikit-learn peer", _rate(*SKLEARN), "≥", 12),
    Target("rate over the faster ONNX peer", _rate(*ONNX), "≥", 3),
    Target("p99 at 500 a second, ms", lambda medians: medians["ours"].open_p99_ms, "<", 2),
    Target("p99 at 500 a second over the bare function's", _open_ratio),
    Target("resident memory, MB", lambda medians: medians["ours"].rss_mb, "<", 150),
)
REACHES: Mapping[str, Callable[[float, float], bool]] = {
    "≥": operator.ge,
    ">": operator.gt,
    "≤": operator.le,
    "<": operator.lt,
}


def verdicts(medians: Medians) -> list[Verdict]:
    """Each target whose servers were all measured."""
    found: list[Verdict] = []
    for target in TARGETS:
        try:
            measured = target.read(medians)
        except KeyError:
            continue
        if measured is None:
            continue
        if target.sign is None:
            found.append(Verdict(target.quantity, measured))
        else:
            bound = f"{target.sign} {target.bound:.3g}"
            reached = REACHES[target.sign](measured, target.bound)
            found.append(Verdict(target.quantity, measured, bound, reached))
    return found


def as_json(rounds: Mapping[str, Sequence[Round]], medians: Medians) -> dict[str, Any]:
    """Everything that was measured, as JSON types."""
    return {
        "rounds": {name: [asdict(one) for one in each] for name, each in rounds.items()},
        "medians": {name: asdict(one) for name, one in medians.items()},
        "targets": [asdict(one) for one in verdicts(medians)],
    }


def measures_table(medians: Medians, rounds: int) -> Table:
    """One line for each server, with ratios to ours."""
    table = Table(
        title=f"medians of {rounds} interleaved rounds, one core, {CONNECTIONS} connections"
    )
    table.add_column("server", no_wrap=True)
    heads = ("requests/s", "ours is", "p50 ms", "p99 ms", "CPU ms", "RSS MB", "PSS MB", "ready s")
    for head in (*heads, "p99 ms at 500/s"):
        table.add_column(head, justify="right")
    ours = medians.get("ours")
    for name, one in medians.items():
        ratio = ours.requests_per_second / one.requests_per_second if ours else None
        table.add_row(
            name,
            f"{one.requests_per_second:,.0f}",
            "" if ratio is None else f"{ratio:.2f} ×",
            f"{one.p50_ms:.2f}",
            f"{one.p99_ms:.2f}",
            f"{one.cpu_ms:.3f}",
            f"{one.rss_mb:.0f}",
            f"{one.pss_mb:.0f}",
            f"{one.ready_seconds:.2f}",
            "" if one.open_p99_ms is None else f"{one.open_p99_ms:.2f}",
        )
    return table


def targets_table(medians: Medians) -> Table:
    """What was to be reached, and whether it was."""
    table = Table(title="to reach")
    table.add_column("quantity", no_wrap=True)
    for head in ("measured", "to reach"):
        table.add_column(head, justify="right")
    table.add_column("")
    for one in verdicts(medians):
        verdict = {True: "reached", False: "missed", None: ""}[one.reached]
        table.add_row(one.quantity, f"{one.measured:.3g}", one.bound, verdict)
    return table
