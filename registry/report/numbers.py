"""Numbers as people read them: with a unit, and only significant digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from registry.evaluation.gates.gate import Unit as GateUnit
from registry.evaluation.measures import Measure, Unit
from registry.evaluation.policy import GATES

FEW, MANY = 10, 1000
KILOBYTE, MEGABYTE = 1_000, 1_000_000
POINTS = " points"


def quantity(value: float, unit: Unit) -> str:
    """A value in its unit; a score with three digits."""
    if unit == "share":
        return f"{value:.1%}"
    if unit == "score":
        return f"{value:.3f}" if value >= 0.1 else f"{value:.3g}"
    return f"{value:z,.{_decimals(value, unit)}f}"


def change(value: float, unit: Unit) -> str:
    """A difference, always with its sign; that of two shares is in percentage points."""
    if unit == "share":
        return f"{100 * value:+z.1f}{POINTS}"
    if unit == "score":
        return f"{value:+z.3f}"
    return f"{value:+z,.{_decimals(value, unit)}f}"


def interval(lower: float, upper: float, unit: Unit) -> str:
    """Both ends of an interval of a difference; the unit is written once."""
    return f"{change(lower, unit).removesuffix(POINTS)} to {change(upper, unit)}"


def bounded_difference(measure: Measure, value: float) -> str:
    """A difference of a measure as the gates bound it: shares as numbers between -1 and 1."""
    return change(value, "money" if measure.unit == "money" else "score")


def gate_value(verdict: str, value: float) -> str:
    """What a gate measured, or its bound; `verdict` is the gate's name, or GATE.PART."""
    gate, _, part = verdict.partition(".")
    return _GATE_UNITS[GATES[gate].unit(part)](value)


def _decimals(value: float, unit: Unit) -> int:
    if abs(value) >= MANY:
        return 0
    return 2 if unit == "money" or abs(value) < FEW else 1


def _bytes(value: float) -> str:
    if value >= MEGABYTE:
        return f"{value / MEGABYTE:,.1f} MB"
    return f"{value / KILOBYTE:.1f} kB"


_GATE_UNITS: Mapping[GateUnit, Callable[[float], str]] = {
    "number": lambda value: f"{value:.3g}",
    "whole": lambda value: f"{value:,.0f}",
    "score": lambda value: f"{value:.3f}",
    "difference": lambda value: change(value, "score"),
    "money": lambda value: quantity(value, "money"),
    "money change": lambda value: change(value, "money"),
    "days": lambda value: f"{value:.2f} days",
    "times": lambda value: f"{value:.2f} times",
    "bytes": _bytes,
    "percent": lambda value: f"{value:.2%}",
}
