"""Looks: how often the same rows have judged before, and the correction of a bound for it.

Each evaluation on the same rows is another *look* at them. The best of fifty equal candidates looks
better than it is, so the k-th look is allowed only a part of the error rate `alpha`. The parts of
all looks sum to `alpha`, so that whatever the number of candidates, their order and the rule for
stopping, the chance that any look errs is at most `alpha` (union bound). Source: alpha-spending, as
in Foster and Stine, 2008, and Tian and Ramdas, 2021 (online control of the familywise error rate).
"""

from __future__ import annotations

from math import pi
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

MIN_RESAMPLES_BEYOND = 20
"""Resamples beyond an end of an interval. With fewer, the end itself depends on chance."""

Values = NDArray[np.float64]


def alpha_of_look(alpha: float, earlier_looks: int) -> float:
    """The part of the error rate `alpha` that a look is allowed, after so many earlier ones.

    6 / π² / k² for the k-th look: 61 % of `alpha` for the first, 15 % for the second.
    """
    return alpha * 6 / (pi * (earlier_looks + 1)) ** 2


def interval_ends(measured: Values, resampled: Values, alpha: float) -> tuple[Values, Values]:
    """The lower and upper ends, shape (m,), of one-sided intervals of confidence `1 - alpha`.

    `measured` are m differences, shape (m,), and `resampled` the same in each resample of a
    bootstrap, shape (resamples, m); NaN where a resample does not determine it. The ends are the
    `alpha` and `1 - alpha` quantiles of the resamples (Efron and Tibshirani, 1993, percentile
    interval). Where fewer than 20 resamples lie beyond them, they are the difference ∓ that normal
    quantile × the standard error of the resamples.
    """
    if alpha * len(resampled) >= MIN_RESAMPLES_BEYOND:
        lower, upper = np.nanquantile(resampled, [alpha, 1 - alpha], axis=0)
        return lower, upper
    half = NormalDist().inv_cdf(1 - alpha) * np.nanstd(resampled, axis=0)
    return measured - half, measured + half
