"""The Handbook's twelve history features in pandas, to compare the speed of ours with.

Both functions follow the text of the book's chapter 3, "Baseline feature transformation".
"""

from __future__ import annotations

import pandas as pd

WINDOWS_DAYS = (1, 7, 30)
DELAY_DAYS = 7


def applied_to_each_entity(payments: pd.DataFrame) -> pd.DataFrame:
    """As in the book: a function applied to each customer, then one to each terminal.

    `payments` is sorted by time; the result has its index and order.
    """
    columns = list(payments.columns)
    by_customer = payments.groupby("CUSTOMER_ID")[columns].apply(_customer_features)
    with_customers = by_customer.reset_index(drop=True).set_index("TRANSACTION_ID", drop=False)
    columns = list(with_customers.columns)
    by_terminal = with_customers.groupby("TERMINAL_ID")[columns].apply(_terminal_features)
    features = by_terminal.reset_index(drop=True).set_index("TRANSACTION_ID", drop=False)
    return features.loc[payments["TRANSACTION_ID"]]


def _customer_features(payments: pd.DataFrame) -> pd.DataFrame:
    frame = payments.sort_values("TX_DATETIME", kind="stable").set_index("TX_DATETIME", drop=False)
    for days in WINDOWS_DAYS:
        window = frame["TX_AMOUNT"].rolling(f"{days}D")
        total, count = window.sum(), window.count()
        frame[f"CUSTOMER_ID_count_{days}d"] = count
        frame[f"CUSTOMER_ID_mean_amount_{days}d"] = total / count
    return frame


def _terminal_features(payments: pd.DataFrame) -> pd.DataFrame:
    frame = payments.sort_values("TX_DATETIME", kind="stable").set_index("TX_DATETIME", drop=False)
    labels = frame["TX_FRAUD"]
    late = labels.rolling(f"{DELAY_DAYS}D")
    late_frauds, late_count = late.sum(), late.count()
    for days in WINDOWS_DAYS:
        window = labels.rolling(f"{DELAY_DAYS + days}D")
        frauds, count = window.sum() - late_frauds, window.count() - late_count
        frame[f"TERMINAL_ID_count_{days}d"] = count
        frame[f"TERMINAL_ID_risk_{days}d"] = (frauds / count).fillna(0)
    return frame


def grouped_rolling(payments: pd.DataFrame) -> pd.DataFrame:
    """By `groupby().rolling()`: one call for all entities, with the rows then put in order.

    `payments` is sorted by time and has a unique index; the result has its index and order, and
    only the twelve columns.
    """
    frame = pd.DataFrame(index=payments.index)
    for days in WINDOWS_DAYS:
        total, count = _rolled(payments, "CUSTOMER_ID", "TX_AMOUNT", days)
        frame[f"CUSTOMER_ID_count_{days}d"] = count
        frame[f"CUSTOMER_ID_mean_amount_{days}d"] = total / count
    late_frauds, late_count = _rolled(payments, "TERMINAL_ID", "TX_FRAUD", DELAY_DAYS)
    for days in WINDOWS_DAYS:
        frauds, count = _rolled(payments, "TERMINAL_ID", "TX_FRAUD", DELAY_DAYS + days)
        frame[f"TERMINAL_ID_count_{days}d"] = count - late_count
        shares = (frauds - late_frauds) / (count - late_count)
        frame[f"TERMINAL_ID_risk_{days}d"] = shares.fillna(0)
    return frame


def _rolled(
    payments: pd.DataFrame, entity: str, column: str, days: int
) -> tuple[pd.Series[float], pd.Series[float]]:
    """Sum and count in each window, with the index of `payments` but in another order."""
    window = payments.groupby(entity).rolling(f"{days}D", on="TX_DATETIME")[column]
    # The index that pandas returns, entity and time, does not identify the transaction.
    index = payments[entity].sort_values(kind="stable").index
    return pd.Series(window.sum().to_numpy(), index), pd.Series(window.count().to_numpy(), index)
