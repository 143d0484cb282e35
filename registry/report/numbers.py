"""Numbers as people read them: with a unit, and no more digits than mean something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Unit = Literal["count", "share", "money"]

FEW, MANY = 10, 1000
KILOBYTE, MEGABYTE = 1_000, 1_000_000
POINTS = " points"


def quantity(value: float, unit: Unit) -> str:
    if unit == "share":
        return f"{value:.1%}"
    return f"{value:z,.{_decimals(value, unit)}f}"


def change(value: float, unit: Unit) -> str:
    """A difference, always with its sign; that of two shares is in percentage points."""
    if unit == "share":
        return f"{100 * value:+z.1f}{POINTS}"
    return f"{value:+z,.{_decimals(value, unit)}f}"


def interval(lower: float, upper: float, unit: Unit) -> str:
    """Both ends of an interval of a difference, the unit said once."""
    return f"{change(lower, unit).removesuffix(POINTS)} to {change(upper, unit)}"


def difference(measure: str, value: float) -> str:
    """A difference of a measure as the gates bound it: shares as numbers between -1 and 1."""
    return change(value, "money") if is_money(measure) else f"{value:+z.3f}"


def is_money(measure: str) -> bool:
    return "money_saved_per_day" in measure


def of_gate(gate: str, value: float) -> str:
    """What a gate measured, or its bound, in that gate's unit."""
    if gate in _GATES:
        return _GATES[gate](value)
    if gate.startswith(("no_worse.", "slices")):
        return difference(gate, value)
    if is_money(gate):
        return quantity(value, "money")
    return f"{value:.3f}" if gate.startswith("floor.") else f"{value:.3g}"


def _decimals(value: float, unit: Unit) -> int:
    if abs(value) >= MANY:
        return 0
    return 2 if unit == "money" or abs(value) < FEW else 1


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _days(value: float) -> str:
    return f"{value:.2f} days"


def _bytes(value: float) -> str:
    if value >= MEGABYTE:
        return f"{value / MEGABYTE:,.1f} MB"
    return f"{value / KILOBYTE:.1f} kB"


_GATES: dict[str, Callable[[float], str]] = {
    "contract": _whole,
    "integrity.files": _whole,
    "latency.ratio": lambda value: f"{value:.2f} times",
    "latency.size": _bytes,
    "leakage.Production": _days,
    "leakage.candidate": _days,
    "lineage": _whole,
    "robustness.odd_input": _whole,
    "robustness.tiny_change": lambda value: f"{value:.2%}",
}
