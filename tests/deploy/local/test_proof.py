"""The demo's proof fails if an answer differs in a bit, its version, its digest or the count."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local import proof
from deploy.local.traffic import Exchange
from inference.model import ServedModel
from tests.candidates import NAMES, numbers
from tests.inference.pods import served_head
from tests.world import World


@pytest.fixture
def served(world: World, tmp_path: Path) -> ServedModel:
    world.put_in_production()
    return served_head(world, tmp_path / "cache")


@pytest.fixture
def exchanges(served: ServedModel) -> list[Exchange]:
    """A thousand answers of the served model itself."""
    answered: list[Exchange] = []
    for inputs in numbers(1000, seed=11).tolist():
        transaction = dict(zip(NAMES, inputs, strict=True))
        _, probability = served.score(served.reader.read(json.dumps(transaction).encode()))
        answer = {
            "probability": probability,
            "decision": served.decide(probability),
            "model_version": served.version,
            "model_digest": served.short_digest,
        }
        answered.append(Exchange(transaction, "05-01 00:00", False, inputs, answer))
    return answered


def prove(exchanges: list[Exchange], served: ServedModel) -> None:
    proof.prove_answers(exchanges, served.scorer, served.link)


def test_a_thousand_true_answers_are_proven_and_any_change_is_not(
    served: ServedModel, exchanges: list[Exchange]
) -> None:
    prove(exchanges, served)

    def with_last(**change: Any) -> list[Exchange]:
        last = exchanges[-1]
        return [*exchanges[:-1], replace(last, answer=last.answer | change)]

    probability = exchanges[-1].answer["probability"]
    one_bit_more = math.nextafter(probability, 1)
    with pytest.raises(proof.NotProven) as caught:
        prove(with_last(probability=one_bit_more), served)
    assert str(caught.value) == f"answered {one_bit_more}, the signed file gives {probability}"
    with pytest.raises(proof.NotProven, match="which is not the head"):
        prove(with_last(model_version=2), served)
    with pytest.raises(proof.NotProven, match="which is not the head"):
        prove(with_last(model_digest="0" * 12), served)
    with pytest.raises(proof.NotProven, match="999 answers instead of 1000"):
        prove(exchanges[:-1], served)
    approved = {"decision": "approve"}
    all_approved = [replace(item, answer=item.answer | approved) for item in exchanges]
    with pytest.raises(proof.NotProven, match="only these decisions were made: approve"):
        prove(all_approved, served)
