"""Searching for parameters: a few folds that roll through time, and the best mean over them."""

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


@dataclass(frozen=True)
class Trial:
    """One set of parameters, with what it detects on each fold, the oldest first."""

    number: int
    recipe: Recipe
    folds: tuple[dict[str, float], ...]

    @property
    def mean(self) -> dict[str, float]:
        """Each measure's mean over the folds."""
        return {name: float(np.mean([fold[name] for fold in self.folds])) for name in self.folds[0]}


class Stop:
    """Whether Ctrl-C was pressed."""

    pressed = False


def search(
    data: Data,
    recipe: Recipe,
    trials: int,
    folds: Sequence[Split],
    inputs: Sequence[Input],
    on_trial: Callable[[Trial], None],
) -> Trial:
    """Try `trials` sets of parameters, the recipe's own first; the best mean precision wins.

    After Ctrl-C the fit under way ends and the best trial so far wins; the first one is always
    finished. A second Ctrl-C is a KeyboardInterrupt.

    Method: tree-structured Parzen estimator (Bergstra et al., 2011), as Optuna implements it. The
    same data, seed and number of trials give the same trials: they run one after another.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=recipe.seed)
    )
    best: Trial | None = None
    with _ctrl_c_stops() as stop:
        for number in range(trials):
            trial = study.ask() if number else None
            parameters = MODELS[recipe.model].suggest(trial) if trial else recipe.parameters
            tried = Recipe(recipe.model, parameters, recipe.seed)
            measured: list[dict[str, float]] = []
            for fold in folds:
                if stop.pressed and best:
                    return best
                measured.append(detect(data, tried, fold, inputs))
            done = Trial(number, tried, tuple(measured))
            if trial:
                study.tell(trial, done.mean["average_precision"])
            if best is None or done.mean["average_precision"] > best.mean["average_precision"]:
                best = done
            on_trial(done)
            if stop.pressed:
                break
    if best is None:
        raise ValueError("a search needs at least one trial")
    return best


@contextmanager
def _ctrl_c_stops() -> Iterator[Stop]:
    """Let the first Ctrl-C set a flag: raised anywhere, it would leave half-written runs."""
    stop, before = Stop(), signal.getsignal(signal.SIGINT)

    def on_ctrl_c(*_: Any) -> None:
        stop.pressed = True
        # Past Python's streams, which refuse to be written to while they are being written to.
        os.write(2, b"  Ctrl-C: going on with the best trial so far; press again to give up\n")
        signal.signal(signal.SIGINT, before)
        # `mlflow run` answers the same Ctrl-C by terminating us, and then waits.
        signal.signal(signal.SIGTERM, _once_is_ignored(signal.getsignal(signal.SIGTERM)))

    signal.signal(signal.SIGINT, on_ctrl_c)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _once_is_ignored(then: Any) -> Callable[[int, FrameType | None], None]:
    def ignore(*_: Any) -> None:
        signal.signal(signal.SIGTERM, then)

    return ignore
