"""Models whose probability can be worked out by hand: a weighted sum of the inputs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from onnx import TensorProto, helper, numpy_helper

from inference.model import ServedModel
from inference.raw import RawForm
from inference.transaction import MAX_ROWS, TransactionReader, UnknownFields
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.ledger.statement import (
    CandidateRef,
    Entry,
    EvidenceRef,
    PolicyRef,
    Statement,
    sign,
)
from registry.lifecycle.append import next_place
from registry.model.contract import Contract, Input
from registry.model.scorer import MODEL_FILE, Scorer
from registry.tracking.client import suppress_exists
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from tests.contracts import category, contract_of, number, raw_contract
from tests.world import World


def weighted_sum(*weights: float, rows: int | None = None) -> bytes:
    """An ONNX model that adds up weight × input, a missing input counting as 0.

    With `rows`, it fails at run time on any other number of rows.
    """
    column = np.asarray(weights, dtype=np.float32).reshape(-1, 1)
    nodes = [
        helper.make_node("IsNaN", ["inputs"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "inputs"], ["filled"]),
        helper.make_node("MatMul", ["filled", "weights"], ["products"]),
        helper.make_node("Reshape", ["products", "shape"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "weighted_sum",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None])],
        [
            numpy_helper.from_array(np.asarray(0, dtype=np.float32), "zero"),
            numpy_helper.from_array(column, "weights"),
            numpy_helper.from_array(np.asarray([rows or -1], dtype=np.int64), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


FULL = {"amount": 0.25, "age_days": 0.5, "country": "FR"}
"""A transaction for `three_inputs`, whose probability is 0.75."""


def three_inputs() -> ServedModel:
    """amount + age_days / 2, and a quarter more for FR."""
    inputs = (
        number("amount"),
        number("age_days", nullable=True),
        category("country", "DE", "FR", nullable=True),
    )
    return served(*inputs, weights=(1.0, 0.5, 0.25))


def served(
    *inputs: Input,
    weights: tuple[float, ...],
    threshold: float = 0.5,
    version: int = 7,
    unknown: UnknownFields = "refuse",
    max_rows: int = MAX_ROWS,
) -> ServedModel:
    """A model as the service holds it after loading: ledger version 7, candidate 11."""
    contract = contract_of(*inputs, threshold=threshold)
    reader = TransactionReader(contract, unknown=unknown, max_rows=max_rows)
    return _served(contract, weighted_sum(*weights), reader, version=version)


RAW = {
    "transaction_id": "a",
    "time": "2026-03-02T12:00:00Z",
    "card": "c1",
    "shop": "s1",
    "amount": 10.0,
    "channel": "web",
}
"""A transaction for `raw_model`."""


def raw_model(
    contract: Contract | None = None,
    *,
    max_rows: int = MAX_ROWS,
    action: Literal["promote", "rollback"] = "promote",
    answers_without_history: bool = False,
) -> ServedModel:
    """.1 × the card's transactions of a day, and .5 × the shop's risk of 7 days."""
    contract = contract or raw_contract()
    assert contract.transaction is not None
    form = contract.transaction
    raw = RawForm(contract, form, answers_without_history=answers_without_history)
    reader = TransactionReader(contract, max_rows=max_rows, fields=raw.fields)
    return _served(contract, raw_weights(contract), reader, raw=raw, action=action)


def raw_weights(contract: Contract) -> bytes:
    weights = {"card_count_1d": 0.1, "shop_risk_7d": 0.5}
    return weighted_sum(*(weights.get(name, 0.0) for name in contract.names))


def _served(
    contract: Contract,
    model: bytes,
    reader: TransactionReader,
    *,
    version: int = 7,
    raw: RawForm | None = None,
    action: Literal["promote", "rollback"] = "promote",
) -> ServedModel:
    entry = Entry(
        ledger_id="ledger",
        sequence=1,
        supersedes=None,
        action=action,
        source="mlflow-artifacts:/1/model",
        **_judged("run"),
    )
    statement = Statement(files={MODEL_FILE: sha256_of_bytes(model)}, entry=entry)
    return ServedModel(Scorer(model, contract), reader, Link(version, statement), raw)


def _judged(run_id: str) -> dict[str, CandidateRef | EvidenceRef | PolicyRef | str | datetime]:
    return {
        "candidate": CandidateRef(version=11, run_id=run_id),
        "evidence": EvidenceRef(run_id=run_id, sha256="0" * 64),
        "policy": PolicyRef(name="test", sha256="0" * 64),
        "verdict": "4 of 4 checks passed",
        "approver": "github:alice",
        "approved_at": datetime(2026, 5, 1, tzinfo=UTC),
    }


def write_model(folder: Path, model: bytes, *inputs: Input) -> Path:
    """A model folder with the two files that a reader needs."""
    return write_contract_model(folder, model, contract_of(*inputs))


def write_contract_model(folder: Path, model: bytes, contract: Contract) -> Path:
    columns = json.dumps([{"name": name, "type": "double"} for name in contract.names])
    mlmodel = {"metadata": contract.as_metadata(), "signature": {"inputs": columns}}
    folder.mkdir()
    (folder / "MLmodel").write_text(yaml.safe_dump(mlmodel))
    (folder / MODEL_FILE).write_bytes(model)
    return folder


def append_signed(world: World, folder: Path) -> None:
    """Put a folder's files in force with a good signature and without any gate."""
    experiment = world.client.get_experiment_by_name("signed by hand")
    experiment_id = (
        experiment.experiment_id if experiment else world.client.create_experiment("signed by hand")
    )
    run = world.client.create_run(experiment_id)
    world.client.log_artifacts(run.info.run_id, str(folder), "model")
    source = f"{run.info.artifact_uri}/model"
    entry = Entry(
        ledger_id=world.trust.ledger_id,
        **next_place(world.ledger),
        action="promote",
        source=source,
        **_judged(run.info.run_id),
    )
    statement = Statement(files=dict(Manifest.of(folder).sha256), entry=entry)
    append(world, source, run.info.run_id, sign(statement, world.signer))


def append(
    world: World, source: str | None, run_id: str | None, envelope: str | None = None
) -> int:
    """Add a version to `fraud-detector-production`, as any client with the permission can."""
    with suppress_exists():
        world.client.create_registered_model(PRODUCTION)
    tags = {STATEMENT_TAG: envelope} if envelope is not None else {}
    made = world.client.create_model_version(PRODUCTION, source or "", run_id=run_id, tags=tags)
    return int(made.version)
