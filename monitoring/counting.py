"""Records, counted in the bins of their version's training: by version, day and input.

Records are read once, some at a time. One that was sent again counts each time: a drift of the
size that matters is none of repeats.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitoring.drift import Counts
from monitoring.join import DAY_SECONDS
from monitoring.performance import Transactions
from monitoring.promise import Promise
from monitoring.sources import first_line
from registry.errors import UsageError
from registry.model.bins import Bins
from registry.model.contract import Contract, Histogram, Input
from registry.model.scorer import encode_columns

ROWS_AT_ONCE = 100_000
PROBABILITY = "probability"
_COLUMNS = ("time", "model_version", "probability", "inputs")


@dataclass(frozen=True)
class Binned:
    """Bins of a version's inputs, or of its probability, and the rows of each day in them.

    `reference_rows` is the number of rows of the reference, for each input.
    """

    bins: Bins
    reference_rows: list[int]
    days: dict[int, Counts] = field(default_factory=lambda: defaultdict(int))  # type: ignore[arg-type]

    def add(self, day: int, rows: NDArray[np.float32]) -> None:
        self.days[day] = self.days[day] + self.bins.count(rows)


def binned_inputs(contract: Contract) -> Binned:
    """Of the contract's inputs, against the rows of training."""
    rows = [sum(each.histogram.counts) + each.histogram.missing for each in contract.inputs]
    bins = Bins(contract)
    return Binned(bins, rows[: len(bins.inputs)])


def binned_probability(contract: Contract, evaluated: Transactions) -> Binned:
    """Of the probability, against the rows of the evaluation: ten bins of equally many."""
    values = evaluated.probabilities
    edges = np.unique(np.quantile(values, np.linspace(0.1, 0.9, 9)).astype(np.float32))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    histogram = Histogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()))
    described = Input(
        name=PROBABILITY, kind="number", nullable=False, reference=None, histogram=histogram
    )
    alone = contract.model_copy(update={"inputs": (described,)})
    return Binned(Bins(alone), [len(values)])


def count_records(
    records: pl.LazyFrame, promises: Mapping[int, Promise], until: float
) -> dict[int, tuple[Binned, Binned]]:
    """The rows of whole days before `until` (Unix time), by version: probabilities, and inputs.

    Records with hashes instead of values count for the probability only. Raises UsageError for
    records that cannot be read, or that are not of their version's inputs.
    """
    counted = {
        version: (
            binned_probability(promise.contract, promise.transactions),
            binned_inputs(promise.contract),
        )
        for version, promise in promises.items()
    }
    end = until // DAY_SECONDS * DAY_SECONDS
    try:
        wanted = records.select(_COLUMNS).filter(
            pl.col("time") < end, pl.col("model_version").is_in(list(promises))
        )
        for batch in wanted.collect_batches(chunk_size=ROWS_AT_ONCE, engine="streaming"):
            days = batch.with_columns(day=(pl.col("time") / DAY_SECONDS).floor().cast(pl.Int64))
            for (version, day), part in days.group_by("model_version", "day"):
                probabilities, inputs = counted[int(version)]
                number = int(day)
                probabilities.add(number, part[PROBABILITY].to_numpy()[:, None].astype(np.float32))
                values = part["inputs"].drop_nulls()
                if len(values):
                    inputs.add(number, _encoded(values, inputs.bins.inputs))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"the records cannot be read: {first_line(error)}") from error
    return counted


def _encoded(values: pl.Series, inputs: tuple[Input, ...]) -> NDArray[np.float32]:
    """Inputs as the model takes them, float32 of shape (n, inputs), from a record's JSON."""
    kinds = {each.name: pl.Float64 if each.kind == "number" else pl.String for each in inputs}
    table = values.str.json_decode(pl.Struct(kinds)).struct.unnest()
    columns = {
        each.name: table[each.name].fill_null(np.nan).to_numpy()
        if each.kind == "number"
        else table[each.name].to_list()
        for each in inputs
    }
    return encode_columns(columns, inputs)
