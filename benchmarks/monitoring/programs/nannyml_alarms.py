# NannyML is installed in its own environment.
# mypy: ignore-errors
"""The first day on which NannyML's defaults raise an alert, printed as JSON.

With `days.csv` in the folder, for the drift of any column; with `alerts.csv`, for
precision.
"""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd

warnings.simplefilter("ignore")
import nannyml  # noqa: E402


def main() -> None:
    folder = Path(sys.argv[1])
    if (folder / "alerts.csv").exists():
        reference, served = (pd.read_csv(folder / f"{name}.csv") for name in ("evidence", "alerts"))
        calculator = nannyml.PerformanceCalculator(
            metrics=["precision"],
            y_true="fraud",
            y_pred="alert",
            y_pred_proba="probability",
            problem_type="classification_binary",
            chunk_size=100,
        )
    else:
        reference = pd.read_csv(folder / "training.csv")
        served = pd.read_csv(folder / "days.csv")
        per_day = len(served) // served["day"].nunique()
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=list(reference), treat_as_categorical=["channel"], chunk_size=per_day
        )
    calculator.fit(reference)
    found = calculator.calculate(served).filter(period="analysis").to_df()
    alerts = found[[name for name in found.columns if name[-1] == "alert"]].any(axis=1)
    days = [number for number, alert in enumerate(alerts) if alert]
    print(json.dumps(days[0] if days else None))


main()
