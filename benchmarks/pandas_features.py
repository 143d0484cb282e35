"""The Handbook's twelve history features by pandas, to hold the engine's speed against.

Both ways are written from the text of its chapter 3, "Baseline feature transformation".
"""

from __future__ import annotations

import pandas as pd

WINDOWS_DAYS = (1, 7, 30)
DELAY_DAYS = 7


def applied_to_each_entity(payments: pd.DataFrame) -> pd.DataFrame:
    """The book's way: a function applied to each customer, then one to each terminal.

    `payments` is sorted by time; the result has its index and order.
    """
    columns = list(payments.columns)
    by_customer = payments.groupby("CUSTOMER_ID")[columns].apply(_of_a_customer)
    with_customers = by_customer.reset_index(drop=True).set_index("TRANSACTION_ID", drop=False)
    columns = list(with_customers.columns)
    by_terminal = with_customers.groupby("TERMINAL_ID")[columns].apply(_of_a_terminal)
    made = by_terminal.reset_index(drop=True).set_index("TRANSACTION_ID", drop=False)
    return made.loc[payments["TRANSACTION_ID"]]


def _of_a_customer(payments: pd.DataFrame) -> pd.DataFrame:
    made = payments.sort_values("TX_DATETIME", kind="stable").set_index("TX_DATETIME", drop=False)
    for days in WINDOWS_DAYS:
        window = made["TX_AMOUNT"].rolling(f"{days}D")
        total, count = window.sum(), window.count()
        made[f"CUSTOMER_ID_count_{days}d"] = count
        made[f"CUSTOMER_ID_mean_amount_{days}d"] = total / count
    return made


def _of_a_terminal(payments: pd.DataFrame) -> pd.DataFrame:
    made = payments.sort_values("TX_DATETIME", kind="stable").set_index("TX_DATETIME", drop=False)
    labels = made["TX_FRAUD"]
    late = labels.rolling(f"{DELAY_DAYS}D")
    late_frauds, late_count = late.sum(), late.count()
    for days in WINDOWS_DAYS:
        window = labels.rolling(f"{DELAY_DAYS + days}D")
        frauds, count = window.sum() - late_frauds, window.count() - late_count
        made[f"TERMINAL_ID_count_{days}d"] = count
        made[f"TERMINAL_ID_risk_{days}d"] = (frauds / count).fillna(0)
    return made


def grouped_rolling(payments: pd.DataFrame) -> pd.DataFrame:
    """The plain way: `groupby().rolling()` for all entities in one call, and columns put in order.

    `payments` is sorted by time, its index unique; the result has its index and order, and the
    twelve columns alone.
    """
    made = pd.DataFrame(index=payments.index)
    for days in WINDOWS_DAYS:
        total, count = _rolled(payments, "CUSTOMER_ID", "TX_AMOUNT", days)
        made[f"CUSTOMER_ID_count_{days}d"] = count
        made[f"CUSTOMER_ID_mean_amount_{days}d"] = total / count
    late_frauds, late_count = _rolled(payments, "TERMINAL_ID", "TX_FRAUD", DELAY_DAYS)
    for days in WINDOWS_DAYS:
        frauds, count = _rolled(payments, "TERMINAL_ID", "TX_FRAUD", DELAY_DAYS + days)
        made[f"TERMINAL_ID_count_{days}d"] = count - late_count
        shares = (frauds - late_frauds) / (count - late_count)
        made[f"TERMINAL_ID_risk_{days}d"] = shares.fillna(0)
    return made


def _rolled(
    payments: pd.DataFrame, entity: str, column: str, days: int
) -> tuple[pd.Series[float], pd.Series[float]]:
    """Sum and count in a window, with the index of `payments` but not in its order."""
    window = payments.groupby(entity).rolling(f"{days}D", on="TX_DATETIME")[column]
    # pandas gives entity and time for an index, which does not say which transaction it was.
    index = payments[entity].sort_values(kind="stable").index
    return pd.Series(window.sum().to_numpy(), index), pd.Series(window.count().to_numpy(), index)
