"""What training measured of a candidate, beside the model in Production, as a table."""

from __future__ import annotations

import math

from registry.evaluation.measures import MEASURES, Measure
from registry.report.numbers import quantity
from registry.report.render import escape_markdown
from registry.tracking.comparison import Trained

MISSING = "–"


def side_by_side(new: Trained, old: Trained | None) -> list[tuple[str, str, str]]:
    """Rows of a table, with its heading first: what, of the candidate, of Production."""
    return [
        (
            "",
            f"Candidate {new.version}",
            f"Production (candidate {old.version})" if old else "Production",
        ),
        ("run", new.name, old.name if old else MISSING),
        ("model", new.model, old.model if old else MISSING),
        ("data", new.data[:12], old.data[:12] if old else MISSING),
        *(
            (measure.label.format(budget="N"), _value(measure, new), _value(measure, old))
            for name, measure in MEASURES.items()
            if name in new.metrics
        ),
    ]


def as_markdown(rows: list[tuple[str, str, str]]) -> str:
    """A table as GitHub's Markdown shows it; what a run's author wrote stays plain text."""
    lines = [f"| {' | '.join(map(escape_markdown, row))} |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|", *lines[1:]])


def _value(measure: Measure, run: Trained | None) -> str:
    """A measure with the ends of its interval, where the run has them."""
    value = math.nan if run is None else run.metrics.get(measure.name, math.nan)
    if run is None or math.isnan(value):
        return MISSING
    ends = [run.metrics.get(f"{measure.name}_{end}", math.nan) for end in ("lower", "upper")]
    shown = quantity(value, measure.unit)
    if any(map(math.isnan, ends)):
        return shown
    lower, upper = (quantity(end, measure.unit) for end in ends)
    return f"{shown} ({lower} to {upper})"


def measured_values(run: Trained) -> dict[str, object]:
    """One side of the comparison as JSON values."""
    names = [f"{name}{end}" for name in MEASURES for end in ("", "_lower", "_upper")]
    metrics = {
        name: run.metrics[name] for name in names if math.isfinite(run.metrics.get(name, math.nan))
    }
    return {
        "version": run.version,
        "run_id": run.run_id,
        "model": run.model,
        "data": run.data,
        "metrics": {name: value for name, value in metrics.items() if math.isfinite(value)},
    }


def caution(new: Trained, old: Trained | None) -> str:
    """What the comparison does not prove."""
    if old is None:
        return "Nothing to compare with: there is no training run of the model in Production."
    if new.data and new.data == old.data:
        return "Both were measured on the same data; `registry evaluate` compares them row by row."
    return (
        "They were measured on different data, so no difference proves anything; "
        "`registry evaluate` compares both on the same rows."
    )
