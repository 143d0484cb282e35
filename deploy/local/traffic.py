"""Transactions of the held-out days, sent to a running service one by one."""

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
    """A transaction that was sent, its label, and the service's answer."""

    transaction: dict[str, Any]
    time: str
    fraud: bool
    answer: dict[str, Any]


def choose(rows: Path, count: int) -> pl.DataFrame:
    """`count` evaluation rows in time order, one in twenty a fraud where there are enough."""
    frame = pl.read_parquet(rows).with_row_index("_row")
    frauds = frame.filter(pl.col(LABEL) == 1)
    frauds = frauds.sample(min(len(frauds), int(count * FRAUD_SHARE)), seed=SEED)
    genuine = frame.filter(pl.col(LABEL) == 0)
    genuine = genuine.sample(min(len(genuine), count - len(frauds)), seed=SEED)
    return pl.concat([frauds, genuine]).sort("_row").drop("_row")


def send(address: str, rows: pl.DataFrame, contract: Contract) -> list[Exchange]:
    """POST each row to `/predict`. Raises requests.HTTPError for an answer that is an error."""
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


def show(exchanges: list[Exchange], max_rows: int = 20) -> None:
    """Print a sample of the decisions beside the labels, and counts over all of them."""
    notable = [item for item in exchanges if item.fraud or item.answer["decision"] == "review"]
    ordinary = [
        item for item in exchanges if not item.fraud and item.answer["decision"] == "approve"
    ]
    notable = notable[: max_rows * 3 // 4]
    sample = sorted(notable + ordinary[: max_rows - len(notable)], key=lambda item: item.time)
    first = next(iter(exchanges[0].transaction))
    table = Table(title=f"{len(sample)} of {len(exchanges):,} transactions from the held-out days")
    for column in ("time", first, "probability", "decision", "truth"):
        table.add_column(column, justify="right" if column == first else "left", no_wrap=True)
    for exchange in sample:
        table.add_row(
            exchange.time,
            f"{exchange.transaction[first]:.2f}",
            f"{exchange.answer['probability']:.4f}",
            exchange.answer["decision"],
            _truth(exchange),
        )
    console = Console()
    console.print(table)
    for decision in ("review", "approve"):
        truths = [_truth(item) for item in exchanges if item.answer["decision"] == decision]
        frauds, genuine = truths.count("fraud"), truths.count("genuine")
        console.print(f"{decision}: {frauds} frauds and {genuine} genuine transactions")
    console.print("The sample has more frauds than the data, so that some can be shown.")


def _truth(exchange: Exchange) -> str:
    return "fraud" if exchange.fraud else "genuine"
