"""Searching for parameters: the best mean over a few folds that roll through time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np
import optuna

from registry.model.contract import Input
from training.data import Data
from training.fit import Recipe, detect
from training.models import MODELS
from training.split import Split

OBJECTIVE = "average_precision"


@dataclass(frozen=True)
class Trial:
    """One set of parameters with its measures on each fold, by name, the oldest fold first."""

    number: int
    recipe: Recipe
    folds: tuple[dict[str, float], ...]

    @property
    def mean(self) -> dict[str, float]:
        """Each measure's mean over the folds."""
        return {name: float(np.mean([fold[name] for fold in self.folds])) for name in self.folds[0]}


class StopRequest:
    """Whether Ctrl-C was pressed."""

    is_set = False


def search(
    data: Data,
    recipe: Recipe,
    trials: int,
    folds: Sequence[Split],
    inputs: Sequence[Input],
    on_trial: Callable[[Trial], None],
) -> Trial:
    """Try `trials` sets of parameters, the recipe's own first; the best mean precision wins.

    After Ctrl-C the current fit is completed and the best trial so far wins; the first trial is
    always completed. A second Ctrl-C raises KeyboardInterrupt.

    Method: tree-structured Parzen estimator (Bergstra et al., 2011), as Optuna implements it. The
    same data, seed and number of trials give the same trials, because they run sequentially.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=recipe.seed)
    )
    best: Trial | None = None
    with _ctrl_c_stops() as stop:
        for number in range(trials):
            suggestion = study.ask() if number else None
            parameters = recipe.parameters
            if suggestion:
                parameters = MODELS[recipe.model].suggest(suggestion)
            trial_recipe = Recipe(recipe.model, parameters, recipe.seed)
            detections: list[dict[str, float]] = []
            for fold in folds:
                if stop.is_set and best:
                    return best
                detections.append(detect(data, trial_recipe, fold, inputs))
            finished = Trial(number, trial_recipe, tuple(detections))
            if suggestion:
                study.tell(suggestion, finished.mean[OBJECTIVE])
            if best is None or finished.mean[OBJECTIVE] > best.mean[OBJECTIVE]:
                best = finished
            on_trial(finished)
            if stop.is_set:
                break
    if best is None:
        raise ValueError("a search needs at least one trial")
    return best


@contextmanager
def _ctrl_c_stops() -> Iterator[StopRequest]:
    """Let the first Ctrl-C set a flag: an exception at any point would leave half-written runs."""
    stop, before = StopRequest(), signal.getsignal(signal.SIGINT)

    def on_ctrl_c(*_: Any) -> None:
        stop.is_set = True
        # Bypasses Python's streams, which are not reentrant: one may be writing right now.
        os.write(2, b"  Ctrl-C: continuing with the best trial so far; press again to abort\n")
        signal.signal(signal.SIGINT, before)
        # `mlflow run` reacts to the same Ctrl-C by sending SIGTERM to this process, and waits.
        signal.signal(signal.SIGTERM, _ignore_once(signal.getsignal(signal.SIGTERM)))

    signal.signal(signal.SIGINT, on_ctrl_c)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _ignore_once(handler: Any) -> Callable[[int, FrameType | None], None]:
    """Ignores one SIGTERM, and restores `handler` for the next."""

    def ignore(*_: Any) -> None:
        signal.signal(signal.SIGTERM, handler)

    return ignore
