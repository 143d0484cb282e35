"""What the evidence of a ledger version promised, measured again from the scores that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import polars as pl
from pydantic import ValidationError

from monitoring.performance import Estimate, Transactions, measure, transactions_of
from registry.errors import BytesMismatch
from registry.evaluation.evidence import Evidence
from registry.evaluation.metrics import Costs
from registry.evaluation.policy import parse_policy
from registry.evaluation.rows import LABEL, TIME
from registry.ledger.chain import Link
from registry.ledger.manifest import sha256_of_bytes
from registry.model.contract import Contract, read_contract
from registry.model.scorer import MLMODEL_FILE
from registry.tracking.evidence_file import evidence_address, fetch_evidence_file, fetch_file
from registry.tracking.names import EVIDENCE_FILE, MODEL_FOLDER, POLICY_FILE, SCORES_FILE
from registry.tracking.rest import Registry

MAX_FILE_BYTES = 2**30
CANDIDATE = "candidate"


@dataclass(frozen=True)
class Promise:
    """A ledger version: its contract, alert budget and costs, and how it did in its evaluation.

    `transactions` are those of the evaluation, without amounts; what money it would have saved is
    in `estimates` without an interval.
    """

    version: int
    contract: Contract
    costs: Costs
    transactions: Transactions
    estimates: dict[str, Estimate]


def fetch_promise(registry: Registry, link: Link, *, resamples: int) -> Promise:
    """Download the evidence of a ledger version, verify what is read of it, and measure.

    Raises BytesMismatch where a file is not what the statement names, and Unreachable.
    """
    try:
        evidence = Evidence.model_validate_json(fetch_evidence_file(registry, link))
    except ValidationError as error:
        raise BytesMismatch(f"{EVIDENCE_FILE} is not evidence of this version") from error
    root = evidence_address(link.statement.entry).removesuffix(EVIDENCE_FILE)

    def content(name: str) -> bytes:
        found = fetch_file(registry, f"{root}{name}", MAX_FILE_BYTES)
        if sha256_of_bytes(found) != evidence.files.get(name):
            raise BytesMismatch(f"{name} of ledger version {link.version} is not its evidence")
        return found

    contract = read_contract(content(f"{MODEL_FOLDER}/{MLMODEL_FILE}"))
    costs = parse_policy(content(POLICY_FILE), POLICY_FILE).costs_of(contract)
    transactions = evaluated(content(SCORES_FILE), costs.budget_per_day)
    estimates = measure(transactions, costs, resamples=resamples)
    for gate in ("floor", "no_worse"):
        for name, value in (evidence.measurements.get(gate, {}).get(CANDIDATE) or {}).items():
            estimates.setdefault(name, Estimate(float(value), np.nan, np.nan))
    return Promise(link.version, contract, costs, transactions, estimates)


def evaluated(scores: bytes, budget_per_day: int) -> Transactions:
    """The transactions of `scores.parquet`. Raises BytesMismatch where it is not that."""
    try:
        table = pl.read_parquet(BytesIO(scores))
        day = pl.col(TIME).dt.convert_time_zone("UTC").dt.epoch("d").cast(pl.Int32)
        rank = pl.col("probability").rank("ordinal", descending=True).over("day")
        rows = table.select(
            day=day,
            probability=pl.col(CANDIDATE).cast(pl.Float32),
            label=pl.col(LABEL).cast(pl.Int8),
        ).with_columns(
            version=0,
            rank=rank.cast(pl.Int64) - 1,
            amount=pl.lit(None, dtype=pl.Float64),
            sampled=pl.lit(None, dtype=pl.Boolean),
            weight=pl.lit(1, dtype=pl.UInt8),
        )
    except pl.exceptions.PolarsError as error:
        raise BytesMismatch(f"{SCORES_FILE} does not hold the scores of an evaluation") from error
    days = rows.group_by("version", "day").agg(count=pl.len())
    return transactions_of(rows, days, 0, budget_per_day)
