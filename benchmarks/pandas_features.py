"""The Handbook's twelve history features by pandas, to hold the engine's speed against.

Both ways are written from the text of its chapter 3, "Baseline feature transformation".
"""

from __future__ import annotations

from collections.abc import Sequence

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


def grouped_rolling(payments: pd.DataFrame) -> list[pd.DataFrame]:
    """pandas' own `groupby().rolling()`, all entities in one call, its columns left unaligned.

    Less work than is needed: nothing is divided, and no column is brought back in order.
    """
    return [
        *_rolled(payments, "CUSTOMER_ID", "TX_AMOUNT", WINDOWS_DAYS),
        *_rolled(payments, "TERMINAL_ID", "TX_FRAUD", (0, *WINDOWS_DAYS), DELAY_DAYS),
    ]


def _rolled(
    payments: pd.DataFrame, entity: str, column: str, windows: Sequence[int], delay: int = 0
) -> list[pd.DataFrame]:
    made: list[pd.DataFrame] = []
    for days in windows:
        rolling = payments.groupby(entity).rolling(f"{delay + days}D", on="TX_DATETIME")[[column]]
        made += [rolling.count(), rolling.sum()]
    return made
