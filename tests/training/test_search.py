"""The search: rolling folds, the best mean, the same again for the same seed, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from registry.model.contract import Input
from training.contract_writer import describe_inputs
from training.data import Data, read_data
from training.dataset import read_dataset
from training.fit import Recipe, detect
from training.models import MODELS
from training.search import Trial, search
from training.split import Split, prequential_folds

RECIPE = Recipe("logistic_regression", MODELS["logistic_regression"].defaults, 0)
Prepared = tuple[Data, tuple[Split, ...], tuple[Input, ...]]


@pytest.fixture(scope="module")
def prepared(transactions: Path) -> Prepared:
    data = read_data(str(transactions), read_dataset("simulated"))
    folds = prequential_folds(data.frame, data.dataset, folds=2, share=0.4)
    return data, folds, describe_inputs(data, data.frame)


def tried_by(
    prepared: Prepared,
    recipe: Recipe,
    trials: int,
    and_then: Callable[[Trial], None] = lambda _: None,
) -> tuple[Trial, list[Trial]]:
    data, folds, inputs = prepared
    tried: list[Trial] = []

    def on_trial(trial: Trial) -> None:
        tried.append(trial)
        and_then(trial)

    return search(data, recipe, trials, folds, inputs, on_trial), tried


def test_the_defaults_come_first_and_the_best_mean_over_the_folds_wins(
    prepared: Prepared,
) -> None:
    best, tried = tried_by(prepared, RECIPE, 5)

    means = [np.mean([fold["average_precision"] for fold in one.folds]) for one in tried]
    assert [one.number for one in tried] == [0, 1, 2, 3, 4]
    assert tried[0].recipe == RECIPE
    assert [len(one.folds) for one in tried] == [2] * 5
    assert best == tried[int(np.argmax(means))]
    assert best.mean["average_precision"] == pytest.approx(max(means))
    assert len({one.recipe.parameters["C"] for one in tried}) == 5
    assert min(means) < max(means)


def test_a_trial_is_measured_on_each_fold_as_a_fit_on_its_earlier_rows(prepared: Prepared) -> None:
    data, folds, inputs = prepared

    best, _ = tried_by(prepared, RECIPE, 1)

    assert best.folds == tuple(detect(data, RECIPE, fold, inputs) for fold in folds)


def test_the_same_seed_makes_the_same_search_and_another_seed_another(prepared: Prepared) -> None:
    _, first = tried_by(prepared, RECIPE, 4)
    _, again = tried_by(prepared, RECIPE, 4)
    _, other = tried_by(prepared, Recipe(RECIPE.model, RECIPE.parameters, 1), 4)

    assert first == again
    assert first[1].recipe.parameters != other[1].recipe.parameters


def test_ctrl_c_keeps_the_best_trial_so_far(
    prepared: Prepared, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: str) -> int:
        raise RuntimeError("reentrant call")  # as of a stream that is being written to

    def press(trial: Trial) -> None:
        if trial.number == 2:
            with monkeypatch.context() as patched:
                patched.setattr(sys.stdout, "write", busy)
                os.kill(os.getpid(), signal.SIGINT)

    best, tried = tried_by(prepared, RECIPE, 50, press)

    assert len(tried) == 3
    assert best.mean["average_precision"] == max(one.mean["average_precision"] for one in tried)
    assert "going on with the best trial so far" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_the_first_trial_finishes_it(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_and_fit(*arguments: object) -> object:
        if not pressed:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return detect(*arguments)  # type: ignore[arg-type]

    pressed: list[bool] = []
    monkeypatch.setattr("training.search.detect", press_and_fit)

    best, tried = tried_by(prepared, RECIPE, 50)

    assert tried == [best]
    assert len(best.folds) == 2


def test_a_second_ctrl_c_gives_up(prepared: Prepared) -> None:
    def press_twice(_: Trial) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        tried_by(prepared, RECIPE, 50, press_twice)


def test_the_termination_that_mlflow_run_adds_to_ctrl_c_is_ignored_once(
    prepared: Prepared,
) -> None:
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))

    def press(_: Trial) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    try:
        _, tried = tried_by(prepared, RECIPE, 50, press)
        assert len(tried) == 1
        assert received == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
