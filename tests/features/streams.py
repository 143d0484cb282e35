"""Streams of transactions, and what must hold of a store that is sent one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import polars as pl
from hypothesis import strategies as st

from features.definitions import history_features
from features.offline import add_history
from features.online import Plan, Transaction, Window
from features.stores.outcomes import Answer, LabelOutcome
from registry.model.contract import HistoryFeature

DAY = 86_400_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)
START_US = 1_767_225_600_000_000
KINDS = ("card", "shop")
FEATURES = history_features(
    KINDS, {"shop"}, ratio=["card"], since=["shop"], windows_days=(1, 3), delay_days=2
)
DELAYED_RATIO = HistoryFeature(
    name="old", entity="card", aggregate="amount_ratio", window_days=2, delay_days=1
)

Row = tuple[int, str | None, str | None, float, bool | None]

# Multiples of six hours, so that equal times and the edges of windows are frequent.
streams = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda quarter: START_US + quarter * DAY // 4),
        st.sampled_from(["c", "d", None]),
        st.sampled_from(["s", "t", None]),
        st.one_of(
            st.integers(0, 100_000).map(lambda cents: cents / 100),
            st.floats(-1e11, 1e11, allow_nan=False),
        ),
        st.sampled_from([False, True, None]),
    ),
    max_size=25,
)


def offline(rows: Sequence[Row], features: Sequence[HistoryFeature]) -> list[list[float]]:
    schema = {
        "time": pl.Int64(),
        "card": pl.String(),
        "shop": pl.String(),
        "amount": pl.Float64(),
        "fraud": pl.Boolean(),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("time").cast(pl.Datetime("us"))
    )
    added = add_history(frame, features, time="time", amount="amount", label="fraud")
    return [list(row) for row in added.select([each.name for each in features]).rows()]


def transaction(number: int, row: Row) -> Transaction:
    return Transaction(str(number), row[0], row[3], (row[1], row[2]))


class Recording(Protocol):
    """A store that is waited for."""

    def add(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer: ...

    def peek(
        self, transaction: Transaction, windows: Mapping[str, tuple[Window, ...]]
    ) -> Answer: ...

    def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome: ...


def check_arrivals(rows: list[Row], store: Recording) -> None:
    """At its arrival, each transaction has the features of those that came before."""
    features = (*FEATURES, DELAYED_RATIO)
    plan = Plan(features)

    for number, row in enumerate(rows):
        arrived = transaction(number, row)
        foreseen = store.peek(arrived, plan.windows)
        answer = store.add(arrived, plan.windows)
        if row[4] is not None:
            store.label(arrived.id, fraud=row[4])

        assert foreseen == answer
        values = plan.values(arrived, answer.seen)
        assert values == offline(rows[: number + 1], features)[-1]


def check_whole(rows: list[Row], store: Recording) -> None:
    """Once all arrived, all have the features of the whole table."""
    plan = Plan(FEATURES)
    for number, row in enumerate(rows):
        store.add(transaction(number, row), plan.windows)
    for number, row in enumerate(rows):
        if row[4] is not None:
            store.label(str(number), fraud=not row[4])
            store.label(str(number), fraud=row[4])

    again = [store.add(transaction(number, row), plan.windows) for number, row in enumerate(rows)]

    values = [
        plan.values(transaction(number, row), answer.seen)
        for number, (row, answer) in enumerate(zip(rows, again, strict=True))
    ]
    assert values == offline(rows, FEATURES)


def check_forgetting(rows: list[Row], store: Recording) -> None:
    """Forgetting what no window reaches changes nothing; the store takes nothing late."""
    in_order = sorted(rows, key=lambda row: row[0])
    plan = Plan(FEATURES)

    values = []
    for number, row in enumerate(in_order):
        arrived = transaction(number, row)
        values.append(plan.values(arrived, store.add(arrived, plan.windows).seen))
        if row[4] is not None:
            store.label(arrived.id, fraud=row[4])

    assert values == offline(in_order, FEATURES)
