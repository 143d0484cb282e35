"""The served model: how it decides, and what has to hold before it is served."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

from inference.model import ServedModel, load_head
from inference.transaction import InvalidTransaction
from registry.errors import (
    BytesMismatch,
    ContractError,
    NotFound,
    Unreachable,
    VerificationError,
)
from registry.store import connect
from tests.candidates import saved_model
from tests.conftest import World
from tests.inference.conftest import make_world
from tests.inference.models import append, append_signed, number, served, weighted_sum, write_model


def body(amount: float) -> bytes:
    return json.dumps({"amount": amount}).encode()


@pytest.mark.parametrize(
    ("amount", "decision"),
    [(0.0, "approve"), (0.499, "approve"), (0.5, "review"), (0.501, "review"), (1.0, "review")],
)
def test_a_probability_that_reaches_the_threshold_is_reviewed(amount: float, decision: str) -> None:
    model = served(number("amount"), weights=(1.0,), threshold=0.5)
    assert model.predict(body(amount)).decision == decision


def test_a_threshold_taken_from_a_score_reviews_that_score_and_approves_the_next_below() -> None:
    score = np.float32(0.1)
    model = served(number("amount"), weights=(1.0,), threshold=float(score))
    at, below = (
        model.predict(body(float(score))),
        model.predict(body(float(np.nextafter(score, np.float32(0))))),
    )
    assert (at.probability, at.decision) == (0.10000000149011612, "review")
    assert (below.probability, below.decision) == (0.09999999403953552, "approve")


@pytest.mark.parametrize("amounts", [(3e38, -3e38), (3e38, 3e38), (-3e38, -3e38)])
def test_a_score_that_is_not_finite_is_refused(amounts: tuple[float, float]) -> None:
    model = served(number("in"), number("out"), weights=(10.0, 10.0))
    with pytest.raises(InvalidTransaction, match="The model cannot score these values"):
        model.predict(json.dumps(dict(zip(("in", "out"), amounts, strict=True))).encode())


def test_the_digest_is_of_the_onnx_file() -> None:
    model = served(number("amount"), weights=(1.0,))
    assert model.digest == hashlib.sha256(weighted_sum(1.0)).hexdigest()


@pytest.fixture
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def load(world: World) -> ServedModel:
    return load_head(world.client, world.trust)


def test_the_head_is_loaded_and_nothing_of_it_stays_on_the_disk(
    world: World, own_temporary_folder: Path
) -> None:
    head = world.put_in_production()
    model = load(world)
    assert model.link == head
    assert (
        model.digest == hashlib.sha256((saved_model(1.0) / "model.onnx").read_bytes()).hexdigest()
    )
    assert list(own_temporary_folder.iterdir()) == []


def test_the_last_of_two_promotions_is_loaded(world: World, tmp_path: Path) -> None:
    for weight in (0.25, 0.5):
        model = weighted_sum(weight)
        append_signed(world, write_model(tmp_path / str(weight), model, number("amount")))
    loaded = load(world)
    assert loaded.link.version == 2
    assert loaded.predict(body(1.0)).probability == 0.5


def test_an_empty_ledger_says_to_promote_something(world: World) -> None:
    with pytest.raises(NotFound, match="nothing is in Production yet; promote a candidate with"):
        load(world)


def test_nothing_is_loaded_where_no_version_is_signed(world: World) -> None:
    candidate = world.client.get_model_version("fraud-detector", str(world.register()))
    assert append(world, candidate.source, candidate.run_id) == 1
    with pytest.raises(NotFound, match="nothing is in Production yet"):
        load(world)


def test_what_another_ledger_signed_is_not_loaded(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = make_world(world.server, folder)
    other.put_in_production()
    assert load(other).link.version == 1
    with pytest.raises(NotFound, match="nothing is in Production yet"):
        load(world)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda folder: (folder / "extra.py").write_text("1"), "extra.py was added"),
        (lambda folder: (folder / "MLmodel").write_text(""), "MLmodel was changed"),
    ],
)
def test_files_that_are_not_the_ones_signed_are_named(
    damage: object, named: str, world: World, tmp_path: Path, own_temporary_folder: Path
) -> None:
    assert callable(damage)
    folder = write_model(tmp_path / "model", weighted_sum(1.0), number("amount"))
    append_signed(world, folder)
    head = world.ledger.head
    assert head
    damage(world.server.stored(head.statement.entry.source))
    with pytest.raises(BytesMismatch) as refusal:
        load(world)
    assert str(refusal.value) == f"the files of ledger version 1: {named}"
    assert list(own_temporary_folder.iterdir()) == []


def test_a_damaged_head_does_not_bring_the_entry_before_it_back(
    world: World, tmp_path: Path
) -> None:
    for weight in (0.25, 0.5):
        model = weighted_sum(weight)
        append_signed(world, write_model(tmp_path / str(weight), model, number("amount")))
    head = world.ledger.head
    assert head
    (world.server.stored(head.statement.entry.source) / "model.onnx").write_bytes(
        weighted_sum(0.25)
    )
    with pytest.raises(BytesMismatch, match="ledger version 2: model\\.onnx was changed"):
        load(world)


def test_a_deleted_entry_is_a_broken_ledger_and_not_an_older_head(
    world: World, tmp_path: Path
) -> None:
    for weight in (0.25, 0.5, 0.75):
        model = weighted_sum(weight)
        append_signed(world, write_model(tmp_path / str(weight), model, number("amount")))
    world.client.delete_model_version("fraud-detector-production", "2")
    with pytest.raises(VerificationError, match="the ledger is broken: version 3"):
        load(world)


def test_signed_files_that_are_no_model_are_refused(world: World, tmp_path: Path) -> None:
    append_signed(world, write_model(tmp_path / "model", b"no model", number("amount")))
    with pytest.raises(ContractError, match="is not a model that onnxruntime can load"):
        load(world)


def test_a_model_that_takes_more_inputs_than_its_contract_is_refused(
    world: World, tmp_path: Path
) -> None:
    append_signed(world, write_model(tmp_path / "model", weighted_sum(1.0, 1.0), number("amount")))
    with pytest.raises(ContractError, match="must take one float32 input of shape"):
        load(world)


def test_a_server_that_does_not_answer_is_unreachable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Unreachable, match="reading the ledger"):
        load_head(connect("http://127.0.0.1:9"), world.trust)
