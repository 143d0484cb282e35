"""Raw transactions: the features of their history, as the service would compute them.

A history may reach back to any row, so that all rows are in memory at once, and may be so many at
most. Each value is the one that the service gives to the same transactions in order of their time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from batch.fields import amounts, texts, times
from batch.rows import Reasons, check, decoded, numbers
from features.definitions import reads_label
from features.offline import add_calendar, add_history
from registry.errors import UsageError
from registry.model.contract import Contract, TransactionForm
from registry.progress import step

MAX_ROWS = 20_000_000
"""Of input and history together."""
_ID, _TIME, _AMOUNT, _LABEL, _ROW = "id", "time", "amount", "label", "row"
_NOT_A_ROW = -1


@dataclass(frozen=True)
class RawForm:
    """How the columns of raw transactions are read. `label` is that of known frauds, or empty."""

    contract: Contract
    form: TransactionForm
    label: str

    def __post_init__(self) -> None:
        if reads_label(self.contract.history_features) and not self.label:
            raise UsageError(
                "the model has features made from labels: name their column with --label, also "
                "where it is in the history only"
            )

    @property
    def columns(self) -> list[str]:
        """What a transaction of the input has."""
        form, contract = self.form, self.contract
        inputs = [name for name in contract.names if name not in contract.computed]
        return list(dict.fromkeys([form.id, form.time, form.amount, *form.entities, *inputs]))

    @property
    def past_columns(self) -> list[str]:
        """What a transaction of the history has."""
        form = self.form
        columns = [form.id, form.time, form.amount, *form.entities]
        return [*columns, self.label] if self.label else columns

    def read(self, table: pa.Table, reasons: Reasons) -> pl.DataFrame:
        """What becomes history of each row, those with a reason too. Raises UsageError for a column
        whose type cannot be right.
        """
        form = self.form
        columns: dict[str, Any] = {
            _ID: texts(decoded(table[form.id]), form.id, reasons, frozenset()),
            _TIME: times(decoded(table[form.time]), form, reasons),
            _AMOUNT: amounts(decoded(table[form.amount]), form.amount, reasons),
        }
        missing = frozenset({"", *form.missing})
        for place, name in enumerate(form.entities):
            columns[_entity(place)] = texts(decoded(table[name]), name, reasons, missing)
        frame = pl.DataFrame(columns).with_columns(pl.col(_TIME).cast(pl.Datetime("us")))
        label = np.full(len(table), np.nan)
        if self.label in table.column_names:
            label = numbers(decoded(table[self.label]), self.label, reasons)
            reasons.add(~np.isin(label, (0, 1)) & ~np.isnan(label), f"{self.label}: not 0 or 1")
        return frame.with_columns(pl.Series(_LABEL, label).fill_nan(None))

    def completed(
        self, tables: Iterable[pa.Table], history: Iterable[pa.Table]
    ) -> Iterator[tuple[pa.Table, Reasons]]:
        """The tables of the input with the computed inputs, and why rows are rejected.

        Raises UsageError for a wrong row of the history, and for more rows than fit.
        """
        contract = self.contract
        sent = [each for each in contract.inputs if each.name not in contract.computed]
        past = pl.concat([self._empty(), *self._past(history)])
        kept: list[tuple[pa.Table, Reasons]] = []
        frames = [self._empty()]
        first = 0
        for table in tables:
            reasons = Reasons(len(table))
            frame = self.read(table, reasons)
            check(table, contract, sent, reasons)
            numbered = frame.with_columns(pl.int_range(first, first + len(table)).alias(_ROW))
            frames.append(numbered.filter(pl.Series(reasons.valid)))
            kept.append((table, reasons))
            first += len(table)
            _refuse_too_many(len(past) + first)
        with step("computing features"):
            computed, is_repeated = self._computed(past, pl.concat(frames), first)
        first = 0
        for table, reasons in kept:
            part = slice(first, first + len(table))
            reasons.add(is_repeated[part], f"{self.form.id}: that of an earlier row")
            completed = table
            for name, values in computed.items():
                completed = completed.append_column(name, pa.array(values[part]))
            yield completed, reasons
            first += len(table)

    def _empty(self) -> pl.DataFrame:
        """No row of what `read` returns, with the number of its row."""
        entities = {_entity(place): pl.String for place in range(len(self.form.entities))}
        schema: dict[str, Any] = {
            _ID: pl.String,
            _TIME: pl.Datetime("us"),
            _AMOUNT: pl.Float64,
            **entities,
        }
        return pl.DataFrame(schema={**schema, _LABEL: pl.Float64, _ROW: pl.Int64})

    def _past(self, history: Iterable[pa.Table]) -> Iterator[pl.DataFrame]:
        rows = 0
        for table in history:
            rows += len(table)
            _refuse_too_many(rows)
            reasons = Reasons(len(table))
            frame = self.read(table, reasons)
            wrong = ~reasons.valid
            if wrong.any():
                reason = reasons.texts[int(wrong.argmax())]
                raise UsageError(
                    f"{int(wrong.sum()):,} rows of the history are invalid, the first by {reason}; "
                    "correct or remove them"
                )
            yield frame.with_columns(pl.lit(_NOT_A_ROW, pl.Int64).alias(_ROW))

    def _computed(
        self, past: pl.DataFrame, present: pl.DataFrame, rows: int
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
        """The computed inputs of each row of the input, NaN where there are none; and which rows
        repeat an id.

        A transaction counts once, as the service counts it: of the history those with an id of the
        input are left out, except for their label.
        """
        contract = self.contract
        once = present.unique(_ID, keep="first", maintain_order=True)
        past = past.unique(_ID, keep="first", maintain_order=True)
        known = past.select(_ID, pl.col(_LABEL).alias("known"))
        once = once.join(known, on=_ID, how="left", maintain_order="left").with_columns(
            pl.coalesce(_LABEL, "known").alias(_LABEL)
        )
        past = past.join(once.select(_ID), on=_ID, how="anti", maintain_order="left")
        frame = pl.concat([past, once.drop("known")]).drop(_ID)
        frame = frame.with_columns(
            pl.col(_entity(place)).cast(pl.Categorical) for place in range(len(self.form.entities))
        )
        places = {name: _entity(place) for place, name in enumerate(self.form.entities)}
        features = [
            each.model_copy(update={"entity": places[each.entity], "name": f"feature {each.name}"})
            for each in contract.history_features
        ]
        calendar = [
            each.model_copy(update={"name": f"feature {each.name}"})
            for each in contract.calendar_features
        ]
        names = [each.name for each in features] + [each.name for each in calendar]
        try:
            frame = add_history(frame, features, time=_TIME, amount=_AMOUNT, label=_LABEL)
        except ValueError as error:  # more than can be added up
            raise UsageError(f"no features can be computed: {error}") from error
        frame = add_calendar(frame.filter(pl.col(_ROW) != _NOT_A_ROW), calendar, time=_TIME)
        numbers_of_rows = frame[_ROW].to_numpy()
        computed: dict[str, NDArray[np.float64]] = {}
        for name in names:
            values = np.full(rows, np.nan)
            values[numbers_of_rows] = frame[name].to_numpy()
            computed[name.removeprefix("feature ")] = values
        is_repeated = np.zeros(rows, dtype=bool)
        is_repeated[present[_ROW].to_numpy()] = True
        is_repeated[numbers_of_rows] = False
        return computed, is_repeated


def _entity(place: int) -> str:
    return f"entity {place}"


def _refuse_too_many(rows: int) -> None:
    if rows > MAX_ROWS:
        raise UsageError(
            f"input and history have more than {MAX_ROWS:,} rows, which are in memory at once: "
            "score fewer days at a time, or leave out what is older than the features look back"
        )
