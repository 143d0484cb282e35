"""Transactions from the held-out days, sent to a running service one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import requests
from rich.console import Console
from rich.table import Table

from registry.evaluation.rows import LABEL, TIME
from registry.model.contract import Contract

TIMEOUT_SECONDS = 10
FRAUD_SHARE = 0.05
SEED = 1


@dataclass(frozen=True)
class Exchange:
    """One transaction that was sent, what was true, and what the service answered."""

    transaction: dict[str, Any]
    time: str
    fraud: bool
    answer: dict[str, Any]


def choose(rows: Path, count: int) -> pl.DataFrame:
    """`count` evaluation rows in time order; one in twenty a fraud, so that there is one to see."""
    frame = pl.read_parquet(rows).with_row_index("_row")
    frauds = frame.filter(pl.col(LABEL) == 1)
    frauds = frauds.sample(min(len(frauds), int(count * FRAUD_SHARE)), seed=SEED)
    genuine = frame.filter(pl.col(LABEL) == 0)
    genuine = genuine.sample(min(len(genuine), count - len(frauds)), seed=SEED)
    return pl.concat([frauds, genuine]).sort("_row").drop("_row")


def send(address: str, rows: pl.DataFrame, contract: Contract) -> list[Exchange]:
    """POST each row to `/predict`. Raises requests.HTTPError where one is not answered."""
    exchanges: list[Exchange] = []
    with requests.Session() as session:
        for row in rows.iter_rows(named=True):
            transaction = {name: row[name] for name in contract.names}
            response = session.post(f"{address}/predict", json=transaction, timeout=TIMEOUT_SECONDS)
            response.raise_for_status()
            exchange = Exchange(
                transaction, f"{row[TIME]:%m-%d %H:%M}", row[LABEL] == 1, response.json()
            )
            exchanges.append(exchange)
    return exchanges


def show(exchanges: list[Exchange], shown: int = 20) -> None:
    """A table of some decisions beside the truth, and of how all of them came out."""
    notable = [one for one in exchanges if one.fraud or one.answer["decision"] == "review"]
    notable = notable[: shown * 3 // 4]
    others = [one for one in exchanges if not one.fraud and one.answer["decision"] == "approve"]
    picked = sorted(notable + others[: shown - len(notable)], key=lambda one: one.time)
    first = next(iter(exchanges[0].transaction))
    table = Table(title=f"{len(picked)} of {len(exchanges):,} transactions from the held-out days")
    for column in ("time", first, "probability", "decision", "truth"):
        table.add_column(column, justify="right" if column == first else "left", no_wrap=True)
    for one in picked:
        table.add_row(
            one.time,
            f"{one.transaction[first]:.2f}",
            f"{one.answer['probability']:.4f}",
            one.answer["decision"],
            _truth(one),
        )
    console = Console()
    console.print(table)
    for decision in ("review", "approve"):
        truths = [_truth(one) for one in exchanges if one.answer["decision"] == decision]
        frauds, genuine = truths.count("fraud"), truths.count("genuine")
        console.print(f"{decision}: {frauds} frauds and {genuine} genuine transactions")
    console.print("Frauds are sent more often here than they occur, so that there are some to see.")


def _truth(one: Exchange) -> str:
    return "fraud" if one.fraud else "genuine"
