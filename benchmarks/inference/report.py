"""Medians of the rounds, the targets, and a table of each."""

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
"""The median results of each server, by its name."""

MLFLOW = "mlflow models serve"
SKLEARN = ("MLServer, scikit-learn", "BentoML, scikit-learn")
ONNX = ("MLServer, ONNX", "BentoML, ONNX")


def median(rounds: Sequence[Round]) -> Round:
    """The median of each measure separately, over the rounds of one server."""
    measures: dict[str, float | None] = {}
    for field in fields(Round):
        values = [getattr(result, field.name) for result in rounds]
        known = [value for value in values if value is not None]
        measures[field.name] = statistics.median(known) if known else None
    return Round(**measures)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Target:
    """A quantity, how it is computed from the medians, and its bound if it has one."""

    quantity: str
    read: Callable[[Medians], float | None]
    sign: Literal["≥", ">", "≤", "<"] | None = None
    bound: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """A target with its measured value."""

    quantity: str
    measured: float
    bound: str = ""
    reached: bool | None = None
    """None if the target has no bound."""


def _rate_over(*peers: str) -> Callable[[Medians], float]:
    """Our requests per second divided by those of the fastest peer. Raises KeyError."""

    def ratio(medians: Medians) -> float:
        fastest = max(medians[name].requests_per_second for name in peers)
        return medians["ours"].requests_per_second / fastest

    return ratio


def _ready_ratio(medians: Medians) -> float:
    return medians["ours"].ready_seconds / medians[MLFLOW].ready_seconds


def _open_ratio(medians: Medians) -> float | None:
    ours, bare = medians["ours"].open_p99_ms, medians["bare ASGI"].open_p99_ms
    return ours / bare if ours and bare else None


TARGETS = (
    Target("requests/s relative to bare ASGI", _rate_over("bare ASGI"), "≥", 0.40),
    Target("requests/s relative to the FastAPI constant", _rate_over("FastAPI constant"), ">", 1),
    Target(f"requests/s relative to `{MLFLOW}`", _rate_over(MLFLOW), "≥", 40),
    Target(f"time to ready relative to `{MLFLOW}`", _ready_ratio, "≤", 1 / 3),
    Target("requests/s relative to the faster scikit-learn peer", _rate_over(*SKLEARN), "≥", 12),
    Target("requests/s relative to the faster ONNX peer", _rate_over(*ONNX), "≥", 3),
    Target("p99 at 500 requests/s, ms", lambda medians: medians["ours"].open_p99_ms, "<", 2),
    Target("p99 at 500 requests/s relative to bare ASGI", _open_ratio),
    Target("resident memory, MB", lambda medians: medians["ours"].rss_mb, "<", 150),
)
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "≥": operator.ge,
    ">": operator.gt,
    "≤": operator.le,
    "<": operator.lt,
}


def verdicts(medians: Medians) -> list[Verdict]:
    """The targets whose servers were all measured."""
    measurable: list[Verdict] = []
    for target in TARGETS:
        try:
            measured = target.read(medians)
        except KeyError:
            continue
        if measured is None:
            continue
        if target.sign is None:
            measurable.append(Verdict(target.quantity, measured))
        else:
            bound = f"{target.sign} {target.bound:.3g}"
            reached = COMPARISONS[target.sign](measured, target.bound)
            measurable.append(Verdict(target.quantity, measured, bound, reached))
    return measurable


def as_json(rounds: Mapping[str, Sequence[Round]], medians: Medians) -> dict[str, Any]:
    """All results, as JSON types."""
    return {
        "rounds": {name: [asdict(result) for result in each] for name, each in rounds.items()},
        "medians": {name: asdict(result) for name, result in medians.items()},
        "targets": [asdict(verdict) for verdict in verdicts(medians)],
    }


def measures_table(medians: Medians, rounds: int) -> Table:
    """One row per server, with the ratio of our rate to its rate."""
    table = Table(
        title=f"medians of {rounds} interleaved rounds, one core, {CONNECTIONS} connections"
    )
    table.add_column("server", no_wrap=True)
    columns = ("requests/s", "ours is", "p50 ms", "p99 ms", "CPU ms", "RSS MB", "PSS MB", "ready s")
    for column in (*columns, "p99 ms at 500/s"):
        table.add_column(column, justify="right")
    ours = medians.get("ours")
    for name, result in medians.items():
        ratio = ours.requests_per_second / result.requests_per_second if ours else None
        table.add_row(
            name,
            f"{result.requests_per_second:,.0f}",
            "" if ratio is None else f"{ratio:.2f} ×",
            f"{result.p50_ms:.2f}",
            f"{result.p99_ms:.2f}",
            f"{result.cpu_ms:.3f}",
            f"{result.rss_mb:.0f}",
            f"{result.pss_mb:.0f}",
            f"{result.ready_seconds:.2f}",
            "" if result.open_p99_ms is None else f"{result.open_p99_ms:.2f}",
        )
    return table


def targets_table(medians: Medians) -> Table:
    """One row per target, and whether it was reached."""
    table = Table(title="targets")
    table.add_column("quantity", no_wrap=True)
    for column in ("measured", "target"):
        table.add_column(column, justify="right")
    table.add_column("")
    for verdict in verdicts(medians):
        outcome = {True: "reached", False: "missed", None: ""}[verdict.reached]
        table.add_row(verdict.quantity, f"{verdict.measured:.3g}", verdict.bound, outcome)
    return table
