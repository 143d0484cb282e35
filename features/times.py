"""The time of a transaction, from what a client or a file has for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from registry.model.contract import TransactionForm

_MIN_TIME, _MAX_TIME = datetime(1980, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""As in training: outside of these, a time was written in another unit."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MIN_MICROS, MAX_MICROS = (_MIN_TIME - _EPOCH) // _MICROSECOND, (_MAX_TIME - _EPOCH) // _MICROSECOND
"""The same in microseconds since 1970: from the first on, and before the second."""
_SCALES = {"s": 1_000_000, "ms": 1_000}


def micros_of(value: Any, form: TransactionForm) -> int:
    """A time of a transaction as microseconds since 1970. Raises ValueError, saying what is taken.

    A number since `origin` is rounded as training does it: half to even.
    """
    if isinstance(value, str):
        moment = _moment_of(value, form)
    elif form.unit and form.origin and type(value) in (int, float):  # which no boolean is
        moment = _since(form.origin, value, _SCALES[form.unit])
    else:
        number = f", or a number of {form.unit} since {form.origin}" if form.unit else ""
        raise ValueError(f"should be text in ISO 8601{number}")
    if not _MIN_TIME <= moment < _MAX_TIME:
        raise ValueError(f"is in the year {moment.year}, before 1980 or after 2099")
    since = moment - _EPOCH  # dividing it by a microsecond takes longer than all of this
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment_of(text: str, form: TransactionForm) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("should be a time in ISO 8601, such as 2026-03-01T14:25:00Z") from None
    if form.zoned and moment.tzinfo is None:
        raise ValueError("needs an offset from UTC, such as Z or +01:00")
    if not form.zoned and moment.tzinfo is not None:
        raise ValueError("has an offset from UTC, but the times that the model knows have none")
    return moment if form.zoned else moment.replace(tzinfo=UTC)


def _since(origin: date, value: float, scale: int) -> datetime:
    start = datetime(origin.year, origin.month, origin.day, tzinfo=UTC)
    try:
        return start + round(float(value) * scale) * _MICROSECOND
    except (OverflowError, ValueError):
        raise ValueError("is too far from the origin") from None
