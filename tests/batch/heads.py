"""Models in Production without a registry: one of trees, one by hand, one of raw transactions."""

from __future__ import annotations

import functools
import warnings

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from inference.model import ServedModel
from inference.raw import RawForm
from inference.transaction import TransactionReader
from registry.model.contract import Contract
from registry.model.scorer import Scorer
from registry.tracking.head import Head
from tests.contracts import category, contract_of, number, raw_contract
from tests.inference.models import three_inputs, weighted_sum
from training.convert import convert


def raw(contract: Contract | None = None) -> ServedModel:
    """It takes transactions, and each of its features changes the probability."""
    contract = contract or raw_contract()
    assert contract.transaction is not None
    form = RawForm(contract, contract.transaction)
    model = weighted_sum(*(0.001 / (1 + place) for place in range(len(contract.inputs))))
    reader = TransactionReader(contract, fields=form.fields)
    return ServedModel(Scorer(model, contract), reader, three_inputs().link, form)


def head_of(model: ServedModel) -> Head:
    return Head(model.link, model.scorer)


@functools.cache
def tree_bytes() -> bytes:
    """Boosted trees on a number that may be missing, another, and the code of a category."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(500, 3)).astype(np.float32)
    rows[:, 2] = random.integers(-1, 2, size=500)
    fitted = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(
        rows, rows[:, 0] + rows[:, 1] * (rows[:, 2] > 0) > 0.3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return bytes(convert(make_pipeline(fitted), 3).SerializeToString())


def trees() -> ServedModel:
    contract = contract_of(
        number("amount"),
        number("age_days", nullable=True),
        category("country", "DE", "FR", nullable=True),
    )
    return ServedModel(
        Scorer(tree_bytes(), contract), TransactionReader(contract), three_inputs().link
    )
