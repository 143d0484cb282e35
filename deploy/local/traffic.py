"""Transactions of the held-out days, sent to a running service one by one as a client would."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import requests
from rich.console import Console
from rich.table import Table

from registry.model.contract import Contract
from registry.model.scorer import Value
from training.data import read_data
from training.dataset import Dataset
from training.past import ID, read_past

TIMEOUT_SECONDS = 10
LABELS_AT_ONCE = 1000


@dataclass(frozen=True)
class Stretch:
    """Consecutive transactions of a data set with `ID` and the features of training, and the
    labels that become known meanwhile: `ID`, the time from which each counts, and the label.
    """

    rows: pl.DataFrame
    labels: pl.DataFrame
    dataset: Dataset
    zoned: bool

    @property
    def start(self) -> datetime:
        time: datetime = self.rows[self.dataset.time.column][0]
        return time

    def transactions(self, contract: Contract) -> Iterator[dict[str, Any]]:
        """Each transaction as a client sends it: without what the service computes."""
        form = contract.transaction
        if form is None:
            raise ValueError("the contract does not say how a transaction is sent")
        sent = [name for name in contract.names if name not in contract.computed]
        fields = dict.fromkeys([*form.entities, form.amount, *sent])
        for row in self.rows.iter_rows(named=True):
            time = row[form.time].replace(tzinfo=UTC) if self.zoned else row[form.time]
            yield {
                form.id: row[ID],
                form.time: time.isoformat(),
                **{name: row[name] for name in fields},
            }


@dataclass(frozen=True)
class Exchange:
    """A transaction that was sent, the service's answer, and what training says of it: its label,
    and the inputs of the model in the contract's order.
    """

    transaction: dict[str, Any]
    time: str
    fraud: bool
    inputs: list[Value]
    answer: dict[str, Any]


def choose(source: str, dataset: Dataset, after: datetime, count: int) -> Stretch:
    """Of all stretches of `count` transactions from a time on, the first with the most frauds.

    It begins where no other transaction has the same time, so that a store can be filled until
    then. Raises BadInput, and ValueError where there are fewer transactions.
    """
    time, label = dataset.time.column, dataset.label
    data = read_data(source, dataset)
    frame = data.frame.with_columns(read_past(source, dataset)[ID])
    held_out = frame.filter(pl.col(time) >= after)
    if len(held_out) < count:
        raise ValueError(f"there are {len(held_out):,} transactions since {after}, not {count:,}")
    frauds = held_out.select(
        pl.col(label).cast(pl.Int64).rolling_sum(count).shift(1 - count).alias("frauds"),
        (pl.col(time) != pl.col(time).shift(1)).fill_null(value=True).alias("begins"),
    )
    possible = frauds.with_row_index("place").filter("begins").drop_nulls("frauds")
    place = possible.sort("frauds", descending=True, maintain_order=True)["place"][0]
    rows = held_out.slice(place, count)
    delay = timedelta(days=dataset.delay_days)
    start, end = rows[time][0], rows[time][-1]
    known = frame.filter((pl.col(time) + delay > start) & (pl.col(time) + delay <= end))
    return Stretch(rows, known.select(ID, pl.col(time) + delay, label), dataset, data.zoned)


def send(address: str, stretch: Stretch, contract: Contract, token: str = "") -> list[Exchange]:
    """POST each label to `/labels` when it becomes known, and each transaction to `/predict`.

    `token` is the client's, where the service asks for one. Raises requests.HTTPError for an
    answer that is an error.
    """
    exchanges: list[Exchange] = []
    waiting = deque(stretch.labels.iter_rows())
    names, time, label = contract.names, stretch.dataset.time.column, stretch.dataset.label
    with requests.Session() as session:
        if token:
            session.headers["Authorization"] = f"Bearer {token}"

        def post(path: str, body: Any) -> Any:
            response = session.post(f"{address}{path}", json=body, timeout=TIMEOUT_SECONDS)
            response.raise_for_status()
            return response.json()

        transactions = stretch.transactions(contract)
        for row, transaction in zip(stretch.rows.iter_rows(named=True), transactions, strict=True):
            due = []
            while waiting and waiting[0][1] <= row[time]:
                id_, _, fraud = waiting.popleft()
                due.append({"transaction_id": id_, "fraud": bool(fraud)})
            for begin in range(0, len(due), LABELS_AT_ONCE):
                post("/labels", {"labels": due[begin : begin + LABELS_AT_ONCE]})
            answer = post("/predict", transaction)
            inputs = [row[name] for name in names]
            when = f"{row[time]:%m-%d %H:%M}"
            exchanges.append(Exchange(transaction, when, row[label] == 1, inputs, answer))
    return exchanges


def show(exchanges: list[Exchange], amount: str, max_rows: int = 20) -> None:
    """Print a sample of the decisions beside the labels, and counts over all of them."""
    notable = [item for item in exchanges if item.fraud or item.answer["decision"] == "review"]
    ordinary = [
        item for item in exchanges if not item.fraud and item.answer["decision"] == "approve"
    ]
    notable = notable[: max_rows * 3 // 4]
    sample = sorted(notable + ordinary[: max_rows - len(notable)], key=lambda item: item.time)
    table = Table(title=f"{len(sample)} of {len(exchanges):,} transactions from the held-out days")
    for column in ("time", amount, "probability", "decision", "truth"):
        table.add_column(column, justify="right" if column == amount else "left", no_wrap=True)
    for exchange in sample:
        table.add_row(
            exchange.time,
            f"{exchange.transaction[amount]:.2f}",
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


def _truth(exchange: Exchange) -> str:
    return "fraud" if exchange.fraud else "genuine"
