"""What a query, a panel, a row and a dashboard are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lines", "areas", "number", "table", "heat map"]

RATE = "$__rate_interval"
"""Grafana's window for rates: at least four scrapes, and no shorter than the step of a picture."""


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and what Grafana calls its series, such as `{{status}}`."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """Queries that are shown in one picture."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    """One of Grafana's, such as `s`, `reqps` or `percentunit` (of numbers from 0 to 1)."""
    kind: Kind = "lines"
    width: int = 8
    """In Grafana's columns, of which a row has 24."""
    red_below: float | None = None
    """Of a number: what it should not fall below."""


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Choice:
    """A variable that a reader sets: one of the values that a label of some series has."""

    name: str
    series: str
    label: str


@dataclass(frozen=True)
class Dashboard:
    """A page of Grafana."""

    name: str
    """In lower case, as in its file and its address."""
    description: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()

    @property
    def title(self) -> str:
        return f"Fraud: {self.name.title()}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


SWAPS = Query(
    "count by (version) (fraud_model_info) unless count by (version) (fraud_model_info offset 1m)",
    "Version {{version}} in service",
)
"""Has a result in the minute in which the first pod serves a version: marked in each picture."""


def quantile(share: float, histogram: str, *by: str, matchers: str = "") -> str:
    """A quantile of a histogram over `RATE`, for each value of the labels `by`."""
    selector = f"{histogram}_bucket" + (f"{{{matchers}}}" if matchers else "")
    labels = ", ".join(("le", *by))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({selector}[{RATE}])))"


def heat(histogram: str, matchers: str = "") -> str:
    """How many observations came into each bucket of a histogram during `RATE`."""
    selector = f"{histogram}_bucket" + (f"{{{matchers}}}" if matchers else "")
    return f"sum by (le) (increase({selector}[{RATE}]))"


def by(label: str, counter: str, matchers: str = "", function: str = "rate") -> Query:
    """A counter's rate (or increase) over `RATE`, for each value of a label."""
    selector = counter + (f"{{{matchers}}}" if matchers else "")
    return Query(f"sum by ({label}) ({function}({selector}[{RATE}]))", f"{{{{{label}}}}}")


def total(counter: str, legend: str, function: str = "rate") -> Query:
    """A counter's rate (or increase) over `RATE`, of all pods together."""
    return Query(f"sum({function}({counter}[{RATE}]))", legend)
