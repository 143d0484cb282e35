"""What an assessment contains, and which plots are drawn of it."""

from __future__ import annotations

import numpy as np
import pytest

from registry.evaluation.measures import detection
from registry.model.scorer import Scorer
from tests.registry.graphs import first_input
from tests.training.payments import contract_of, data_of, dataset
from training.assess import Assessment, assess, draw_plots
from training.data import Data
from training.split import split_data


@pytest.fixture(scope="module")
def data() -> Data:
    return data_of(dataset())


@pytest.fixture(scope="module")
def assessment(data: Data) -> Assessment:
    contract = contract_of(data)
    scorer = Scorer(first_input(width=len(contract.inputs)).SerializeToString(), contract)
    return assess(data, split_data(data.frame, data.dataset).test, scorer, seed=0)


def test_the_converted_model_is_measured_on_the_test_rows_alone(
    data: Data, assessment: Assessment
) -> None:
    test = split_data(data.frame, data.dataset).test
    assert np.array_equal(assessment.scores, test["amount"].to_numpy().astype(np.float32))
    expected = detection(assessment.rows.labelled, assessment.scores, data.dataset.costs)
    assert assessment.estimates["average_precision"].value == expected["average_precision"]
    assert assessment.threshold == 0.6


def test_days_and_other_slices_are_separate_and_each_covers_all_rows(
    assessment: Assessment,
) -> None:
    assert [day.name for day in assessment.days] == [f"day 2026-01-{day}" for day in range(12, 21)]
    assert all(part.name.startswith("amount ") for part in assessment.slices)
    for parts in (assessment.days, assessment.slices):
        assert sum(part.transactions for part in parts) == 800
        assert sum(part.frauds for part in parts) == int(assessment.rows.labelled.labels.sum())


def test_every_plot_has_a_file_of_its_own_and_explains_how_to_read_it(
    assessment: Assessment,
) -> None:
    pictures = [picture for picture, _ in draw_plots(assessment)]
    assert len({picture.file for picture in pictures}) == len(pictures) == 8
    for picture in pictures:
        assert picture.file.endswith(".png")
        assert picture.caption.endswith((".", "?"))
