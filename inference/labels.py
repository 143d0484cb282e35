"""POST /labels: which transactions were frauds, as that becomes known."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    TypeAdapter,
    ValidationError,
)

from features.online import MICROSECONDS_PER_DAY
from features.stores.store import Store
from inference.fields import MAX_ID_LENGTH, as_text
from inference.json_body import MaxValues, TooManyValues, parse
from inference.metrics import Metrics
from inference.transaction import InvalidTransaction, details_of

_MICROSECONDS = 1_000_000
_TOLERANCE = 300 * _MICROSECONDS
"""By which a client's clock may be ahead."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LABELS_AT_ONCE = 100
"""Labels after which other requests get their turn: a millisecond."""
_VALUES_OF_A_LABEL, _CONTAINERS_AROUND = 4, 2

Result = Literal["recorded", "repeated", "reversed", "contradictory", "unknown", "impossible"]


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("should be text in ISO 8601")  # pydantic would take a number as seconds
    return value


class Label(BaseModel):
    """Whether a transaction was a fraud, and since when that is known: now, if it is not said."""

    model_config = ConfigDict(extra="forbid", strict=True)

    transaction_id: Annotated[
        str, Field(min_length=1, max_length=MAX_ID_LENGTH), BeforeValidator(as_text)
    ] = Field(examples=["payment-4711"])
    fraud: bool
    known_at: Annotated[AwareDatetime, BeforeValidator(_text), Field(strict=False)] | None = Field(
        default=None, examples=["2026-03-09T08:00:00Z"]
    )


class Labels(BaseModel):
    """Several labels, at most as many as a batch of transactions has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    labels: Annotated[list[Label], Field(min_length=1), FailFast()]


class LabelResult(BaseModel):
    """What became of one label."""

    transaction_id: str
    result: Result = Field(
        description="`recorded`: it counts. `repeated`: the same was recorded before. `reversed`: "
        "it replaces the opposite label. `contradictory`: the request holds the opposite for the "
        "same transaction, and neither counts. `unknown`: no such transaction is kept. "
        "`impossible`: `known_at` is in the future"
    )
    late: bool = Field(
        description="Whether it became known later than the label delay after its transaction: "
        "features in between had other values than training would give them"
    )


class LabelResults(BaseModel):
    """The results in the order of the request."""

    results: list[LabelResult]


_SCHEMA = TypeAdapter(Label | Labels).json_schema(ref_template="#/components/schemas/{model}")
LABEL_SCHEMAS: dict[str, Any] = _SCHEMA.pop("$defs") | {"LabelsBody": _SCHEMA}
"""Of OpenAPI's components."""


def read_labels(body: bytes, max_labels: int) -> list[Label]:
    """One label, or `{"labels": [...]}`. Raises InvalidTransaction."""
    try:
        MaxValues(max_labels * _VALUES_OF_A_LABEL, max_labels + _CONTAINERS_AROUND).check(body)
        document = parse(body)
    except TooManyValues as error:
        message = f"{error}: send at most {max_labels} labels at once"
        raise InvalidTransaction.of_body("too_many_values", message) from error
    except ValueError as error:
        raise InvalidTransaction.of_body("json_invalid", f"Invalid JSON: {error}") from error
    try:
        if isinstance(document, dict) and "labels" in document:
            return Labels.model_validate(document).labels
        return [Label.model_validate(document)]
    except ValidationError as error:
        raise InvalidTransaction(details_of(error)) from error


async def record_labels(
    labels: Sequence[Label], store: Store, delay_days: float, metrics: Metrics
) -> list[LabelResult]:
    """Record each label, and count what became of it. Raises StoreUnavailable.

    Labels before that are recorded then, and to send all again is safe.
    """
    values: dict[str, set[bool]] = defaultdict(set)
    for label in labels:
        values[label.transaction_id].add(label.fraud)
    results = []
    for count, label in enumerate(labels, 1):
        if not count % LABELS_AT_ONCE:
            await asyncio.sleep(0)
        if len(values[label.transaction_id]) > 1:
            result = LabelResult(
                transaction_id=label.transaction_id, result="contradictory", late=False
            )
        else:
            result = await _record(label, store, delay_days)
        results.append(result)
        metrics.labels.labels(result.result).inc()
        if result.late:
            metrics.late_labels.inc()
    return results


async def _record(label: Label, store: Store, delay_days: float) -> LabelResult:
    now = round(time.time() * _MICROSECONDS)
    known_at = now if label.known_at is None else _micros(label.known_at)
    result: Result = "impossible"
    late = False
    if known_at <= now + _TOLERANCE:
        outcome = await store.label(label.transaction_id, fraud=label.fraud)
        result = outcome.result
        if outcome.time is not None and result != "repeated":
            late = known_at - outcome.time > delay_days * MICROSECONDS_PER_DAY
    return LabelResult(transaction_id=label.transaction_id, result=result, late=late)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
