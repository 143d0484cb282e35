"""The roles that columns of unknown data may have, guessed from their names and values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from registry.model.limits import MAX_CATEGORIES
from training.profile import Profile

_LABEL = re.compile(r"fraud|label|class|target|chargeback", re.IGNORECASE)
_LEAK = re.compile(r"fraud|label|chargeback", re.IGNORECASE)
_AMOUNT = re.compile(r"amount|amt|betrag|montant|importe|eur|usd|gbp|price|value", re.IGNORECASE)
_TIME = re.compile(r"time|date|datum|when|stamp|_at$", re.IGNORECASE)
_ENTITY = re.compile(
    r"card|karte|customer|client|kunde|user|account|acct|konto|merchant|terminal|shop|store|device"
    r"|iban|payer|payee|name_?(orig|dest)|id$",
    re.IGNORECASE,
)
_ID = re.compile(r"(trans|trx|tx|payment).*(id|number|no)$|^(id|uuid)$", re.IGNORECASE)
_CODE = re.compile(r"code|type|category|mcc|country|zip|kind|channel|currency", re.IGNORECASE)
_MIN_ENTITY_ROWS = 1.2
"""Rows for each value of an entity: where hardly one occurs twice, there is no history."""
_MAX_CODES = 50
"""Whole numbers with more values than these are taken for quantities, unless called a code."""


def guess_roles(profiles: Sequence[Profile]) -> dict[str, list[Profile]]:
    """Each column under one role: `label`, `time`, `amount`, `entities` and so on, or `ignored`.

    Under `label` are candidates only, and under `time` every column that may be it: one is to be
    chosen.
    """
    free = list(profiles)

    def take(chosen: Sequence[Profile]) -> list[Profile]:
        for each in chosen:
            free.remove(each)
        return list(chosen)

    roles = {"label": take([each for each in free if _is_label(each)])}
    roles["time"] = take(_times(free))
    amounts = [each for each in free if each.kind == "number" and not each.missing]
    named = [each for each in amounts if _AMOUNT.search(each.name)]
    roles["amount"] = take((named or [each for each in amounts if not each.is_whole])[:1])
    ignored = [each for each in free if _is_known_too_late(each)]
    take(ignored)
    roles["id"] = take([each for each in free if _is_id(each)][:1])
    roles["entities"] = take([each for each in free if _is_entity(each)])
    roles["categories"] = take([each for each in free if _is_category(each)])
    roles["numbers"] = take([each for each in free if _is_number(each)])
    roles["ignored"] = [*ignored, *free]
    return roles


def _is_label(column: Profile) -> bool:
    if column.kind not in ("number", "text") or not 2 <= column.distinct <= 3:
        return False
    return bool(_LABEL.search(column.name)) or set(column.counts) == {"0", "1"}


def _times(columns: Sequence[Profile]) -> list[Profile]:
    """The first timestamp; or else a number that is called a time; or else nothing."""
    stamps = [each for each in columns if each.kind == "time"]
    named = [each for each in columns if each.kind == "number" and _TIME.search(each.name)]
    since_epoch = [each for each in named if each.readings]
    return (stamps or since_epoch or named)[:1]


def _is_known_too_late(column: Profile) -> bool:
    """What is called like the label may be known only with it, and later times never recur."""
    is_time = column.kind in ("time", "number") and bool(_TIME.search(column.name))
    return bool(_LEAK.search(column.name)) or is_time


def _is_id(column: Profile) -> bool:
    """A transaction's own: a different one in each row."""
    is_different = column.distinct == column.rows > 1 and not column.missing
    is_identifier = column.kind == "text" or (column.kind == "number" and column.is_whole)
    return bool(_ID.search(column.name)) and is_different and is_identifier


def _is_entity(column: Profile) -> bool:
    repeats = (column.rows - column.missing) / max(column.distinct, 1) >= _MIN_ENTITY_ROWS
    is_identifier = column.kind == "text" or (column.kind == "number" and column.is_whole)
    is_code = column.distinct <= _MAX_CODES and bool(_CODE.search(column.name))
    return bool(_ENTITY.search(column.name)) and is_identifier and repeats and not is_code


def _is_category(column: Profile) -> bool:
    if not 2 <= column.distinct <= MAX_CATEGORIES:
        return False
    if column.kind == "text":
        return column.distinct < column.rows / 2
    is_code = bool(_CODE.search(column.name)) or column.distinct <= _MAX_CODES
    return column.kind == "number" and column.is_whole and is_code


def _is_number(column: Profile) -> bool:
    is_row_number = column.is_whole and column.distinct == column.rows
    return column.kind == "number" and column.distinct > 1 and not is_row_number
