"""How well a model does on parts of the test rows: days, amount bands, how old an entity is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC

import numpy as np
import polars as pl
from numpy.typing import NDArray

from registry.evaluation.bootstrap import bootstrap, resampled
from registry.evaluation.metrics import MEASURES, Costs, JudgedRows, alerts_within_budget, detection
from registry.evaluation.rows import EvaluationRows, Slice
from training.card_precision import numbered
from training.data import Data
from training.evaluation_rows import bands
from training.fit import judged
from training.intervals import SEED, Estimate, likely

RESAMPLES = 200
LEAST_FRAUDS = 5
"""With fewer, a part is counted and not measured: its interval would be of no use."""


@dataclass(frozen=True)
class Part:
    """One part of the rows; `recall` is the share of its frauds among the alerts at the budget."""

    name: str
    transactions: int
    frauds: int
    average_precision: Estimate | None
    recall: Estimate | None


def evaluation_rows(data: Data, test: pl.DataFrame) -> EvaluationRows:
    """The test part as what it is judged by: whose each row is, and the bands to make slices by."""
    owners = list(data.dataset.entities)[:1]
    clusters = numbered(test[owners[0]]) if owners else None
    times = test[data.dataset.time.column].dt.replace_time_zone("UTC")
    return EvaluationRows(
        columns=pl.DataFrame(bands(data, test)).to_pandas(),
        judged=replace(judged(data, test), clusters=clusters),
        start=times[0].astimezone(UTC),
        end=times[-1].astimezone(UTC),
        sha256=data.sha256,
        origin={"delay_days": str(data.dataset.delay_days)},
    )


def measure_parts(
    rows: JudgedRows, scores: NDArray[np.float32], costs: Costs, slices: Iterable[Slice]
) -> tuple[Part, ...]:
    """Measure scores of shape (n,) on each slice of the n rows."""
    alerts = alerts_within_budget(scores, rows.days, costs.budget_per_day)
    return tuple(_measure(rows, scores, costs, alerts, one) for one in slices)


def _measure(
    rows: JudgedRows,
    scores: NDArray[np.float32],
    costs: Costs,
    alerts: NDArray[np.bool_],
    one: Slice,
) -> Part:
    part, counted = rows.part(one.rows), int(one.rows.sum())
    frauds = int(part.labels.sum())
    if part.independent_frauds < LEAST_FRAUDS or frauds == counted:
        return Part(one.name, counted, frauds, None, None)
    inside, caught = scores[one.rows], alerts[one.rows]
    resamples = bootstrap(part, [inside], costs, resamples=RESAMPLES, seed=SEED)
    ranking = resamples[:, 0, MEASURES.index("average_precision")]
    return Part(
        one.name,
        counted,
        frauds,
        likely(detection(part, inside, costs).average_precision, ranking),
        likely(caught[part.labels == 1].mean(), _recalls(part, caught)),
    )


def _recalls(part: JudgedRows, caught: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of frauds caught in each resample; NaN in one that holds no fraud."""
    frauds = part.part(part.labels == 1)
    hits = caught[part.labels == 1]
    drawn = resampled(frauds, resamples=RESAMPLES, seed=SEED)
    shares = [
        (weights[hits].sum() / weights.sum()) if weights.any() else np.nan for weights in drawn
    ]
    return np.array(shares)
