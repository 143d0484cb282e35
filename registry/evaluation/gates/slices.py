from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from registry.evaluation.bootstrap import bootstrap
from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.measures import measure_all, measures_of
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking

NAME = "slices"
SEED = 20260103
MEASURED = measures_of(NAME)
"""One measure: average precision."""


class SliceMeasured(Measured):
    """Average precision inside one slice, candidate − Production, and its standard error."""

    name: str
    transactions: int
    frauds: int
    difference: float
    standard_error: float


class SlicesMeasured(Measured):
    slices: tuple[SliceMeasured, ...]
    too_small: int


class Slices(Gate):
    """Average precision falls in no slice by more than the margin, allowing for chance.

    Slices are amount bands, days, and bands of the age and activity of each entity. A slice fails
    where even the upper end of its difference is below minus the margin. The confidence of that end
    is `1 - alpha / number of slices` (Bonferroni), so that of all slices together one in
    `1 / alpha` evaluations fails by chance at most. The end is the difference plus that normal
    quantile times the bootstrap's standard error: so far out in the tail, quantiles of the
    resamples themselves would need tens of thousands of them.

    Slices with fewer than `min_frauds` frauds are skipped; where the rows name customers, with
    fewer customers with a fraud: twenty frauds of three customers say little, and their standard
    error comes out far too small.
    """

    name: ClassVar[str] = NAME
    measured_as: ClassVar[type[Measured]] = SlicesMeasured
    units: ClassVar[Mapping[str, Unit]] = {"": "difference"}

    margin: Annotated[float, Field(ge=0, le=1)]
    min_frauds: Annotated[int, Field(ge=2)] = 20
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 300

    def __str__(self) -> str:
        return f"average precision falls in no slice by significantly more than {self.margin:g}"

    def measure(self, trial: Trial) -> SlicesMeasured:
        if trial.production is None:
            return SlicesMeasured(slices=(), too_small=0)
        scores = (trial.candidate.scores, trial.production.scores)
        measured: list[SliceMeasured] = []
        too_small = 0
        for part in trial.rows.slices:
            rows = trial.rows.labelled.part(part.rows)
            all_are_fraud = bool(rows.labels.all())
            if rows.independent_frauds < self.min_frauds or all_are_fraud:
                too_small += 1
            else:
                scores_of_part = [score[part.rows] for score in scores]
                measured.append(self._measure(part.name, rows, scores_of_part, trial.costs))
        return SlicesMeasured(slices=tuple(measured), too_small=too_small)

    def _measure(
        self, name: str, rows: LabelledRows, scores: list[NDArray[np.float32]], costs: Costs
    ) -> SliceMeasured:
        rankings = [Ranking(rows, score, costs) for score in scores]
        resampled = bootstrap(rankings, MEASURED, resamples=self.resamples, seed=SEED)[..., 0]
        candidate, production = (
            measure_all(ranking, MEASURED).popitem()[1] for ranking in rankings
        )
        return SliceMeasured(
            name=name,
            transactions=len(rows.labels),
            frauds=int(rows.labels.sum()),
            difference=candidate - production,
            standard_error=float(np.nanstd(resampled[:, 0] - resampled[:, 1])),
        )

    def upper_ends(self, measured: SlicesMeasured) -> tuple[float, ...]:
        """The upper end of each slice's difference, corrected for the number of slices."""
        if not measured.slices:
            return ()
        quantile = NormalDist().inv_cdf(1 - self.alpha / len(measured.slices))
        return tuple(part.difference + quantile * part.standard_error for part in measured.slices)

    def verdicts(self, measured: SlicesMeasured) -> list[Verdict]:
        count = len(measured.slices)
        note = f"{count} slices, {measured.too_small} with fewer than {self.min_frauds} frauds"
        if not count:
            note = "nothing to compare with" if not measured.too_small else note
            return [self.verdict(measured=0.0, bound=-self.margin, passed=True, note=note)]
        names = [part.name for part in measured.slices]
        upper = list(zip(self.upper_ends(measured), names, strict=True))
        lowest, worst = min(upper)
        fallen = sorted(name for end, name in upper if end < -self.margin)
        note += (
            f"; significant falls: {', '.join(fallen)}"
            if fallen
            else f"; lowest upper end: {worst}"
        )
        return [self.verdict(measured=lowest, bound=-self.margin, passed=not fallen, note=note)]
