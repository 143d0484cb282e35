"""The one text of a category or an entity, whatever type a file or a client has it in.

Training, the gates and the service call the same function, so that `5411` in a CSV file, 5411 in a
Parquet file, 5411.0 where a missing value made the column one of floats, and a client's `"5411"`
are one category.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np

_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")
_BOOLEANS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
_MIN_INEXACT: dict[type, float] = {np.float16: 2.0**11, np.float32: 2.0**24}
"""From here on, a float may stand for several whole numbers; of 64 bits, from 2**53 on."""


def canonical_text(value: Any) -> str | None:
    """The text of a value from JSON, numpy or a file; None where it is None or NaN.

    Whole numbers have no fraction (`5411.0` is `5411`), and booleans are `true` and `false`. All
    other text stays as it is: `007`, `7` and `1e5` are three identifiers. Applied to its own
    result, it changes nothing. Raises ValueError for a float so large that it may stand for several
    whole numbers, and for bytes that are not UTF-8.
    """
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        # To look for a point first costs less than to match: most have none.
        if "." in value and (whole := _WHOLE.fullmatch(value)):
            return "0" if whole[1] == "-0" else whole[1]
        return _BOOLEANS.get(value, value)
    if value is None or value != value:  # noqa: PLR0124
        return None
    if isinstance(value, float | np.floating):
        if abs(float(value)) >= _MIN_INEXACT.get(type(value), 2.0**53):
            raise ValueError(f"{value} is a float that may have lost its last digits")
        return canonical_text(str(int(value)) if value.is_integer() else str(value))
    return canonical_text(format(value, "f") if isinstance(value, Decimal) else str(value))
