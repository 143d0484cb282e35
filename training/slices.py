"""How well a model does on parts of the test rows: days, amount bands, how old an entity is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC

import numpy as np
import polars as pl
from numpy.typing import NDArray

from registry.evaluation.bootstrap import bootstrap, resample_weights
from registry.evaluation.measures import MEASURES, measure_all
from registry.evaluation.metrics import Costs, LabelledRows, alerts_within_budget
from registry.evaluation.ranking import Ranking
from registry.evaluation.rows import EvaluationRows, Slice, numbered_owners
from training.data import Data
from training.evaluation_rows import bands
from training.fit import labelled_rows
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
        labelled=replace(labelled_rows(data, test), clusters=clusters),
        start=times[0].astimezone(UTC),
        end=times[-1].astimezone(UTC),
        sha256=data.sha256,
        origin={"delay_days": str(data.dataset.delay_days)},
    )


def numbered(owners: pl.Series) -> NDArray[np.int64]:
    """The owners as the gates number them, so that both find the same intervals."""
    return numbered_owners(owners.to_pandas())


def measure_parts(
    rows: LabelledRows, scores: NDArray[np.float32], costs: Costs, slices: Iterable[Slice]
) -> tuple[Part, ...]:
    """Measure scores of shape (n,) on each slice of the n rows."""
    alerts = alerts_within_budget(scores, rows.days, costs.budget_per_day)
    return tuple(_measure(rows, scores, costs, alerts, one) for one in slices)


def _measure(
    rows: LabelledRows,
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
    ranking, measured = Ranking(part, inside, costs), [MEASURES["average_precision"]]
    drawn = bootstrap([ranking], measured, resamples=RESAMPLES, seed=SEED)[:, 0, 0]
    (average_precision,) = measure_all(ranking, measured).values()
    return Part(
        one.name,
        counted,
        frauds,
        likely(average_precision, drawn),
        likely(caught[part.labels == 1].mean(), _recalls(part, caught)),
    )


def _recalls(part: LabelledRows, caught: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of frauds caught in each resample; NaN in one that holds no fraud."""
    frauds = part.part(part.labels == 1)
    hits = caught[part.labels == 1]
    drawn = resample_weights(frauds, resamples=RESAMPLES, seed=SEED)
    shares = [
        (weights[hits].sum() / weights.sum()) if weights.any() else np.nan for weights in drawn
    ]
    return np.array(shares)
