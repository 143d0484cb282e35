"""The threshold for the budget and for the cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry.evaluation.metrics import LabelledRows
from training.dataset import Dataset, read_dataset
from training.errors import BadInput
from training.threshold import choose_threshold, threshold_method

ROWS = LabelledRows(
    np.array([1, 0, 1, 0, 0, 0], dtype=np.int8),
    np.array([0, 0, 0, 1, 1, 1]),
    np.array([100.0, 10, 30, 10, 10, 10]),
)
SCORES = np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1], dtype=np.float32)


def dataset(threshold_for: str, alert_cost: float = 5.0) -> Dataset:
    shipped = read_dataset("simulated").model_dump()
    changed = {"threshold_for": threshold_for, "alert_budget_per_day": 1, "alert_cost": alert_cost}
    return Dataset.model_validate(shipped | changed)


def test_the_budget_is_for_all_days_together() -> None:
    assert choose_threshold(dataset("budget"), ROWS, SCORES) == pytest.approx(0.8)


def test_the_cost_of_an_alert_decides_how_low_the_threshold_is() -> None:
    # The fraud of 30 is worth two alerts of 5, and not two of 20.
    assert choose_threshold(dataset("cost", 5), ROWS, SCORES) == pytest.approx(0.7)
    assert choose_threshold(dataset("cost", 20), ROWS, SCORES) == pytest.approx(0.9)


def test_where_every_alert_loses_money_nothing_is_alerted() -> None:
    assert choose_threshold(dataset("cost", 500), ROWS, SCORES) == 1.0


def test_the_method_states_what_the_threshold_was_chosen_for() -> None:
    assert threshold_method(dataset("budget")) == (
        "the lowest that keeps validation alerts within 1 a day; chosen before the final fit"
    )
    assert threshold_method(dataset("cost", 2.5)) == (
        "saves most money on the validation days, at 2.5 per alert; chosen before the final fit"
    )


def test_another_purpose_is_refused_in_one_line(tmp_path: Path) -> None:
    text = (Path("training/datasets/simulated.yaml")).read_text() + "threshold_for: fun\n"
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"own.yaml: threshold_for: Input should be 'budget' or"):
        read_dataset(str(tmp_path / "own.yaml"))
