"""What inputs contribute, on graphs whose inputs are known to matter or not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from registry.model.scorer import Scorer
from tests.candidates import contract
from tests.registry.graphs import first_input, scorer_of
from training import importance
from training.importance import contributions


def sample_rows(count: int, share: float) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Rows whose first input is informative about the label, and whose others are not."""
    generator = np.random.default_rng(0)
    labels = (generator.random(count) < share).astype(np.int8)
    rows = generator.random((count, 3)).astype(np.float32)
    rows[:, 0] = np.clip(0.3 * generator.random(count) + 0.5 * labels, 0, 1)
    return rows, labels


@pytest.fixture
def scorer() -> Scorer:
    return scorer_of(first_input(width=3), contract())


def test_only_an_input_that_the_model_uses_contributes(scorer: Scorer) -> None:
    first, *others = contributions(scorer, *sample_rows(2000, 0.1), seed=0)
    assert first.name == scorer.contract.names[0]
    assert first.drop > 0.5
    assert [other.drop for other in others] == [0.0, 0.0]
    assert min(first.drops) > 0.5
    assert len(first.drops) == importance.SHUFFLES


def test_the_same_seed_gives_the_same_result_and_another_seed_another(scorer: Scorer) -> None:
    rows, labels = sample_rows(500, 0.2)
    first, repeated, other = (contributions(scorer, rows, labels, seed) for seed in (1, 1, 2))
    assert first == repeated
    assert first != other


def test_a_sample_of_many_rows_gives_what_all_rows_give(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(1)
    rows, labels = sample_rows(60_000, 0.02)
    rows[:, 0] = np.clip(0.6 * generator.random(60_000) + 0.3 * labels, 0, 1)
    sampled = contributions(scorer, rows, labels, seed=0)[0].drop
    monkeypatch.setattr(importance, "MAX_FRAUDS", 60_000)
    monkeypatch.setattr(importance, "MAX_GENUINE", 60_000)
    whole = contributions(scorer, rows, labels, seed=0)[0].drop
    exact = average_precision_score(labels, rows[:, 0]) - labels.mean()
    assert whole == pytest.approx(exact, abs=0.01)
    assert sampled == pytest.approx(whole, abs=0.05)
    assert whole > 0.3
