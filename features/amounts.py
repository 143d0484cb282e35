"""Amounts as whole numbers of 1/10,000, so that their totals are exact in whatever order they come.

A running sum of floating-point amounts depends on the order of the additions and on where the sum
began; a sum of whole numbers does not. Training and service add these, and divide once at the end,
so that their means are equal to the bit. The price: an amount counts in a total as the nearest
multiple of 1/10,000 (ties to even), so that a mean is off by 0.00005 at most.
"""

from __future__ import annotations

import math

import numpy as np

Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

UNITS = 10_000
"""Units in an amount of 1."""
MAX_AMOUNT = 1e11
"""The largest amount, in either direction: in units it is below 2⁵³, so that a double holds it."""
MAX_TOTAL_UNITS = 2**62
"""Of the amounts of one entity, without their signs: windows of 4.6e14 fit an int64."""


def units_of(amount: float) -> int:
    """An amount in units, rounded half to even.

    Raises ValueError for one that is not finite or beyond `MAX_AMOUNT`.
    """
    if not math.fabs(amount) <= MAX_AMOUNT:
        raise ValueError(f"the amount must be a number between -{MAX_AMOUNT:g} and {MAX_AMOUNT:g}")
    return round(amount * UNITS)


def units_of_all(amounts: Floats) -> Ints:
    """`units_of` for each amount; the same values, by the same rounding (IEEE 754, half to even).

    Raises ValueError if one is not finite or beyond `MAX_AMOUNT`.
    """
    if not (np.abs(amounts) <= MAX_AMOUNT).all():
        raise ValueError(f"amounts must be numbers between -{MAX_AMOUNT:g} and {MAX_AMOUNT:g}")
    scaled = amounts * UNITS
    return np.rint(scaled, out=scaled).astype(np.int64)
