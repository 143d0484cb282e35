# Evidently is installed in its own environment.
# mypy: ignore-errors
"""The first day on which Evidently's defaults call any column drifted, printed as JSON."""

import json
import sys
import warnings

import pandas as pd

warnings.simplefilter("ignore")
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.metrics import DriftedColumnsCount  # noqa: E402


def main() -> None:
    folder = sys.argv[1]
    reference, days = (pd.read_csv(f"{folder}/{name}.csv") for name in ("training", "days"))
    numbers = [name for name in reference if name != "channel"]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=["channel"])
    training = Dataset.from_pandas(reference, definition)
    for day, rows in days.groupby("day"):
        current = Dataset.from_pandas(rows.drop(columns="day"), definition)
        found = Report([DriftedColumnsCount()]).run(current, training).dict()
        if found["metrics"][0]["value"]["count"]:
            print(json.dumps(int(day)))
            return
    print(json.dumps(None))


main()
