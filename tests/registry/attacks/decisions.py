"""Attacks by what an author writes into a model and its contract, for the gates to believe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import yaml

from registry.model.contract import METADATA_KEY, Contract, Histogram, Window
from registry.model.scorer import MODEL_FILE, Scorer
from tests.candidates import NAMES, contract, numbers, register_folder, save
from tests.contracts import category
from tests.registry.attacks.candidate import CandidateAttack, blocking
from tests.registry.graphs import outside_its_definition, share_of_largest, steps
from tests.world import POLICY, World

GOOD = steps((1.2,), (0.01, 0.9), width=len(NAMES))
"""A model that finds every fraud of the evaluation rows, of one tree."""


def verdict_on(
    world: World,
    folder: Path,
    model: onnx.ModelProto,
    described: Contract,
    policy: Path = POLICY,
) -> str:
    """Register a model made by hand, with parity rows that it made itself, and evaluate it."""
    return _verdict_on_saved(world, save(model, described, folder / "model"), policy)


def _verdict_on_saved(world: World, saved: Path, policy: Path = POLICY) -> str:
    rows = numbers()
    model = (saved / MODEL_FILE).read_bytes()
    scores = Scorer(model, contract()).score_one_by_one(rows.astype(np.float32))
    parity = pd.DataFrame(rows, columns=list(NAMES)).assign(probability=scores)
    _, evidence = world.evaluate(register_folder(world.client, saved, parity), policy)
    return blocking(evidence)


def with_first_input(**changed: object) -> Contract:
    """The contract of the candidates, with another first input."""
    described = contract()
    first = described.inputs[0].model_copy(update=changed)
    return described.model_copy(update={"inputs": (first, *described.inputs[1:])})


def _reviews_nobody(world: World, folder: Path) -> str:
    return verdict_on(world, folder, GOOD, contract(threshold=1.0))


def _reviews_everybody(world: World, folder: Path) -> str:
    return verdict_on(world, folder, GOOD, contract(threshold=0.0))


def _depends_on_the_batch(world: World, folder: Path) -> str:
    return verdict_on(world, folder, share_of_largest(len(NAMES)), contract())


def _ranges_without_width(world: World, folder: Path) -> str:
    """Above 1.2 the decision changes with every 0.02."""
    edges = [1.2 + 0.02 * step for step in range(100)]
    values = [0.01, *(0.6 if step % 2 else 0.4 for step in range(100))]
    policy = folder / "policy.yaml"
    content = yaml.safe_load(POLICY.read_text())
    content["gates"]["robustness"]["tiny_change"] = 0.01
    policy.write_text(yaml.safe_dump(content, sort_keys=False))
    model = steps(edges, values, width=len(NAMES))
    return verdict_on(world, folder, model, with_first_input(low=0.0, high=0.0), policy)


def _own_parity_rows(world: World, folder: Path) -> str:
    return verdict_on(world, folder, outside_its_definition(len(NAMES)), contract())


def _huge_categories(world: World, folder: Path) -> str:
    """The evaluation rows hold numbers: every one of them is an unseen category."""
    categories = tuple(f"c{code}" for code in range(30_000))
    huge = category("amount", *categories)
    described = contract()
    inputs = (huge, *described.inputs[1:])
    return verdict_on(world, folder, GOOD, described.model_copy(update={"inputs": inputs}))


def _huge_histogram(world: World, folder: Path) -> str:
    edges = tuple(float(edge) for edge in range(10_000))
    described = with_first_input(histogram=Histogram(edges=edges, counts=(1,) * (len(edges) + 1)))
    return verdict_on(world, folder, GOOD, described)


def _window(world: World, folder: Path, start: str, end: str) -> str:
    """Write a window into the saved file, which a `Contract` would refuse."""
    saved = save(GOOD, contract(), folder / "model")
    mlmodel = saved / "MLmodel"
    content = yaml.safe_load(mlmodel.read_text())
    content["metadata"][METADATA_KEY]["training_window"] = {"start": start, "end": end}
    mlmodel.write_text(yaml.safe_dump(content))
    return _verdict_on_saved(world, saved)


def _window_without_a_zone(world: World, folder: Path) -> str:
    return _window(world, folder, "2026-01-01T00:00:00", "2026-03-01T00:00:00")


def _window_that_ends_before_it_starts(world: World, folder: Path) -> str:
    return _window(world, folder, "2026-05-01T00:00:00Z", "2001-01-01T00:00:00Z")


def _window_in_the_future(world: World, folder: Path) -> str:
    future = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2030, 1, 1, tzinfo=UTC))
    described = contract().model_copy(update={"training_window": future})
    return verdict_on(world, folder, GOOD, described)


DECISIONS = (
    CandidateAttack(
        "threshold of 1",
        "a contract whose threshold no probability reaches, on a model that ranks well",
        "a service that sends nobody to review",
        _reviews_nobody,
        "decisions.threshold_recall FAILED",
    ),
    CandidateAttack(
        "threshold of 0",
        "a contract whose threshold every probability reaches",
        "a service that sends everybody to review, so that the analysts find nothing",
        _reviews_everybody,
        "decisions.threshold_alerts_per_day FAILED",
    ),
    CandidateAttack(
        "model that looks at the whole batch",
        "allowed operators alone (`Reshape`, `Normalizer`): it finds fraud in a batch, none alone",
        "gates that judge other answers than the service gives",
        _depends_on_the_batch,
        "invariance FAILED",
    ),
    CandidateAttack(
        "ranges without width",
        "a contract whose `low` equals its `high`, so that a tiny change of it is none",
        "a model whose decisions flip on the smallest change of an amount",
        _ranges_without_width,
        "robustness.tiny_change FAILED",
    ),
    CandidateAttack(
        "parity rows made with the model itself",
        "no scikit-learn model exists; the graph relies on how onnxruntime departs from ONNX",
        "answers that the graph does not define, and that change with the runtime",
        _own_parity_rows,
        "integrity.reference FAILED",
    ),
    CandidateAttack(
        "30,000 categories",
        "a contract with so many categories of one input",
        "as many metric series in every pod",
        _huge_categories,
        "has 30,000 categories, more than 1,000",
    ),
    CandidateAttack(
        "histogram of 10,000 edges",
        "a contract with so many bins of one input",
        "as many metric series in every pod",
        _huge_histogram,
        "has a histogram of 10,000 edges, more than 9",
    ),
    CandidateAttack(
        "training window without a time zone",
        "a contract that names no zone",
        "a traceback in the gate `leakage` instead of a verdict",
        _window_without_a_zone,
        "contract field 'training_window.start': Input should have timezone info",
    ),
    CandidateAttack(
        "training window that ends before it starts",
        "a contract whose window ends in 2001 and starts in 2026",
        "a large gap to the evaluation rows",
        _window_that_ends_before_it_starts,
        "the window ends on 2001-01-01 00:00:00+00:00, before it starts",
    ),
    CandidateAttack(
        "training window in the future",
        "a contract whose window ends years after the evaluation rows",
        "an evaluation on days that the model was trained on",
        _window_in_the_future,
        "claimed window 2026-01-01 to 2030-01-01",
    ),
)
