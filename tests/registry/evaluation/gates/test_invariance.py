"""Rows scored alone, in other batches and in another order, by models that mind and models that do
not."""

from __future__ import annotations

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from registry.evaluation.gates.gate import Trial
from registry.evaluation.gates.invariance import SEED, Invariance, InvarianceMeasured
from registry.model.contract import Contract
from registry.model.scorer import OUTPUT, Scorer, open_model
from tests.candidates import NAMES, contract, files_of, numbers, saved_model
from tests.registry.graphs import (
    INPUT,
    first_input,
    integer,
    model_of,
    scorer_of,
    share_of_largest,
)
from tests.registry.trials import rows_of, scored, small_trial

GATE = Invariance()
ROWS = numbers(400)


def trial(scorer: Scorer, rows: NDArray[np.float64] = ROWS) -> Trial:
    """A trial whose scores are those of one call on all rows, as in an evaluation."""
    columns = pd.DataFrame(rows, columns=list(NAMES))
    evaluation = rows_of([1] + [0] * (len(rows) - 1), columns=columns)
    scores = scorer.score(evaluation.encoded(scorer.contract))
    return small_trial(evaluation, scored(scores, scorer))


def only_batches_of_four_hundred() -> onnx.ModelProto:
    """It cannot score any other number of rows."""
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Reshape", ["value", "fixed"], [OUTPUT]),
    ]
    fixed = helper.make_tensor("fixed", TensorProto.INT64, [1], [400])
    return model_of(nodes, [integer("first", 0), fixed], width=3)


def the_first_row_alone() -> onnx.ModelProto:
    """However many rows there are, it answers the first."""
    nodes = [
        helper.make_node("Gather", [INPUT, "first row"], ["row"], axis=0),
        helper.make_node("Gather", ["row", "first"], [OUTPUT], axis=1),
    ]
    first_row = helper.make_tensor("first row", TensorProto.INT64, [1], [0])
    return model_of(nodes, [integer("first", 0), first_row], width=3)


@pytest.mark.parametrize(
    "scorer", [open_model(files_of(saved_model(1.0))), scorer_of(first_input(3), contract())]
)
def test_a_model_that_treats_each_row_on_its_own_passes(scorer: Scorer) -> None:
    found = GATE.measure(trial(scorer))
    assert found == InvarianceMeasured(
        rows=400, changed_scores=0, changed_decisions=0, changed_in=()
    )
    (verdict,) = GATE.verdicts(found)
    assert verdict.passed
    assert verdict.note == "of 400 rows"


def test_a_model_of_allowed_operators_that_looks_at_the_whole_batch_is_refused() -> None:
    """Of 400 rows it sends 34 to review in one batch, and none alone."""
    described: Contract = contract()
    scorer = scorer_of(share_of_largest(3), described)
    tried = trial(scorer)
    assert tried.candidate.needs_review.sum() == 34
    assert not (scorer.score_one_by_one(ROWS.astype(np.float32)) >= described.threshold).any()
    found = GATE.measure(tried)
    assert found.changed_decisions >= 34
    assert found.changed_in == ("alone", "in batches of 2", "in batches of 7")
    (verdict,) = GATE.verdicts(found)
    assert (verdict.gate, verdict.bound, verdict.passed) == ("invariance", 0, False)


def test_the_sample_is_compared_with_the_scores_of_the_evaluation() -> None:
    """The largest of the evaluation's rows is not in the sample."""
    rows = numbers(101)
    left_out = np.random.default_rng(SEED).permutation(101)[100]
    rows[left_out, 0] = 4.0
    found = Invariance(sample=100).measure(trial(scorer_of(share_of_largest(3), contract()), rows))
    assert found.rows == 100
    assert "all together" in found.changed_in


@pytest.mark.parametrize("model", [only_batches_of_four_hundred(), the_first_row_alone()])
def test_a_model_that_cannot_score_in_another_way_is_refused(model: onnx.ModelProto) -> None:
    scorer = scorer_of(model, contract())
    evaluated = trial(scorer_of(first_input(3), contract()))
    found = GATE.measure(small_trial(evaluated.rows, scored(evaluated.candidate.scores, scorer)))
    assert found.changed_scores == 400
    assert not GATE.verdicts(found)[0].passed


def test_one_bit_is_enough() -> None:
    tried = trial(scorer_of(first_input(3), contract()))
    scores = tried.candidate.scores.copy()
    scores[17] = np.nextafter(scores[17], np.float32(2))
    found = GATE.measure(small_trial(tried.rows, scored(scores, tried.candidate.scorer)))
    assert (found.changed_scores, found.changed_decisions) == (1, 0)
    (verdict,) = GATE.verdicts(found)
    assert not verdict.passed
    assert verdict.note == (
        "of 400 rows, 0 with another decision; other bits when scored all together, reversed, "
        "shuffled, alone, in batches of 2, in batches of 7, in batches of 400"
    )


def test_nothing_scored_is_not_invariant() -> None:
    found = InvarianceMeasured(rows=0, changed_scores=0, changed_decisions=0, changed_in=())
    assert not GATE.verdicts(found)[0].passed
