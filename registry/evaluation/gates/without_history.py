from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.measures import MEASURES, measure_all
from registry.evaluation.ranking import Ranking
from registry.model.contract import Contract
from registry.tracking.names import WITHOUT_HISTORY

PRECISION = "average_precision"
ALERTS = "threshold_alerts_per_day"


class WithoutHistoryMeasured(Measured):
    """With every history empty; and the average precision with them, to compare."""

    average_precision: float
    with_history: float
    alerts_per_day: float
    alert_budget_per_day: int
    features: int


class WithoutHistory(Gate):
    """The model is still of use while the service has no history to compute features from.

    All history features get the value of an empty history, as the service fills them in while its
    feature store is away. The average precision is then at least `min_average_precision`, and the
    alerts of a day at the model's threshold are at most `max_alerts_per_day_to_budget` times the
    alert budget. With `FRAUD_STORE_AWAY=answer` the service answers without histories only where
    the model in Production passed this gate; with `required: false` the others can be promoted, and
    the service refuses while the store is away.
    """

    name: ClassVar[str] = WITHOUT_HISTORY
    measured_as: ClassVar[type[Measured]] = WithoutHistoryMeasured
    units: ClassVar[Mapping[str, Unit]] = {PRECISION: "score", ALERTS: "times"}

    min_average_precision: Annotated[float, Field(gt=0, le=1)]
    max_alerts_per_day_to_budget: Annotated[float, Field(gt=0)]

    def __str__(self) -> str:
        return "without histories the candidate still ranks fraud high, within the alert budget"

    def measure(self, trial: Trial) -> WithoutHistoryMeasured:
        scorer, rows = trial.candidate.scorer, trial.rows
        contract = scorer.contract
        scores = scorer.score(emptied(rows.encoded(contract), contract))
        measures = [MEASURES[PRECISION], MEASURES[ALERTS]]
        ranking = Ranking(rows.labelled, scores, trial.costs, contract.threshold)
        precision, alerts = measure_all(ranking, measures).values()
        whole = Ranking(rows.labelled, trial.candidate.scores, trial.costs, contract.threshold)
        (with_history,) = measure_all(whole, measures[:1]).values()
        return WithoutHistoryMeasured(
            average_precision=precision,
            with_history=with_history,
            alerts_per_day=alerts,
            alert_budget_per_day=trial.costs.budget_per_day,
            features=len(contract.history_features),
        )

    def verdicts(self, measured: WithoutHistoryMeasured) -> list[Verdict]:
        precision, alerts = measured.average_precision, measured.alerts_per_day
        budget = measured.alert_budget_per_day
        least, most = self.min_average_precision, self.max_alerts_per_day_to_budget
        return [
            self.verdict(
                part=PRECISION,
                asks=f"{MEASURES[PRECISION].phrase} without histories is at least {least:g}",
                measured=precision,
                bound=least,
                passed=precision >= least,
                note=f"{measured.with_history:.4g} with its {measured.features} history features",
            ),
            self.verdict(
                part=ALERTS,
                asks=f"{MEASURES[ALERTS].phrase} without histories are at most {most:g} times the "
                "alert budget",
                measured=alerts / budget,
                bound=most,
                passed=alerts / budget <= most,
                note=f"{alerts:,.4g} a day, budget {budget:,}",
            ),
        ]


def emptied(rows: NDArray[np.float32], contract: Contract) -> NDArray[np.float32]:
    """Encoded rows, shape (n, inputs), with each history feature as of an empty history."""
    rows = rows.copy()
    empty = {each.name: each.value_of_empty_window for each in contract.history_features}
    for column, name in enumerate(contract.names):
        if name in empty:
            rows[:, column] = empty[name]
    return rows
