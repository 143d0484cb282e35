"""Latency as a ratio measured in one run."""

from __future__ import annotations

from math import nextafter

import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from pydantic import ValidationError

from registry.evaluation.gates.gate import ScoredModel
from registry.evaluation.gates.latency import Latency, LatencyMeasured
from registry.model.scorer import OUTPUT
from tests.registry.graphs import INPUT, first_input, model_of, scorer_of
from tests.registry.trials import rows_of, scored, small_trial

GATE = Latency(max_ratio=3)
ROWS = rows_of([1, 0, 0], columns=pd.DataFrame({"amount": [0.1, 0.2, 0.3]}))


def slow() -> onnx.ModelProto:
    """The mean over 200,000 copies of the input."""
    return model_of(
        [
            helper.make_node("Expand", [INPUT, "shape"], ["wide"]),
            helper.make_node("ReduceMean", ["wide", "axes"], [OUTPUT], keepdims=0),
        ],
        [
            helper.make_tensor("shape", TensorProto.INT64, [2], [1, 200_000]),
            helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        ],
    )


def model(graph: onnx.ModelProto) -> ScoredModel:
    return scored([0.9, 0.1, 0.2], scorer_of(graph))


def test_a_slow_model_is_told_from_a_fast_one() -> None:
    found = GATE.measure(small_trial(ROWS, model(slow()), model(first_input())))
    (ratio,) = GATE.verdicts(found)
    assert not ratio.passed
    assert ratio.measured > 3


def test_without_production_only_the_candidate_is_timed() -> None:
    found = GATE.measure(small_trial(ROWS, model(first_input())))
    assert found.production_p99_us is None
    assert found.candidate_p99_us > 0


@pytest.mark.parametrize(("candidate", "passed"), [(300.0, True), (nextafter(300, 999), False)])
def test_the_ratio_passes_at_its_bound(candidate: float, passed: bool) -> None:
    found = LatencyMeasured(candidate_p99_us=candidate, production_p99_us=100)
    (ratio,) = GATE.verdicts(found)
    assert (ratio.gate, ratio.bound) == ("latency.ratio", 3)
    assert ratio.measured == candidate / 100
    assert ratio.note == "candidate 300 µs, Production 100 µs"
    assert ratio.passed is passed


def test_a_policy_with_the_old_bound_of_the_size_says_where_it_belongs_now() -> None:
    with pytest.raises(ValidationError, match="move max_model_bytes to the gate `integrity`"):
        Latency.model_validate({"max_ratio": 3, "max_model_bytes": 1000})
