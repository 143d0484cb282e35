"""What an assessment holds, and which pictures are made of it."""

from __future__ import annotations

import numpy as np
import pytest

from registry.evaluation.measures import detection
from registry.model.scorer import Scorer
from tests.registry.graphs import first_input
from tests.training.payments import contract_of, dataset, made
from training.assess import Assessment, assess, drawn
from training.data import Data
from training.split import split_data


@pytest.fixture(scope="module")
def data() -> Data:
    return made(dataset())


@pytest.fixture(scope="module")
def found(data: Data) -> Assessment:
    contract = contract_of(data)
    scorer = Scorer(first_input(width=len(contract.inputs)).SerializeToString(), contract)
    return assess(data, split_data(data.frame, data.dataset).test, scorer, seed=0)


def test_the_converted_model_is_measured_on_the_test_rows_alone(
    data: Data, found: Assessment
) -> None:
    test = split_data(data.frame, data.dataset).test
    assert np.array_equal(found.scores, test["amount"].to_numpy().astype(np.float32))
    expected = detection(found.rows.labelled, found.scores, data.dataset.costs)
    assert found.estimates["average_precision"].value == expected["average_precision"]
    assert found.threshold == 0.6


def test_days_and_other_slices_are_apart_and_each_covers_all_rows(found: Assessment) -> None:
    assert [one.name for one in found.days] == [f"day 2026-01-{day}" for day in range(12, 21)]
    assert all(one.name.startswith("amount ") for one in found.slices)
    for parts in (found.days, found.slices):
        assert sum(one.transactions for one in parts) == 800
        assert sum(one.frauds for one in parts) == int(found.rows.labelled.labels.sum())


def test_every_picture_has_a_file_of_its_own_and_says_how_to_read_it(found: Assessment) -> None:
    pictures = [picture for picture, _ in drawn(found)]
    assert len({one.file for one in pictures}) == len(pictures) == 8
    for one in pictures:
        assert one.file.endswith(".png")
        assert one.caption.endswith((".", "?"))
