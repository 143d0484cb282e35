"""The picture in docs/mlflow-ui.md, from a real server that real training runs filled.

`make screenshots` takes it; it needs Chromium. No test compares the picture: durations and ages
differ each time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from deploy.local.processes import free_port, mlflow_server
from docs.pages.architecture import DOCS, REPOSITORY

PICTURE = DOCS / "mlflow-ui.png"
RUNS = (
    ("--model", "logistic_regression"),
    ("--model", "random_forest"),
    ("--model", "hist_gradient_boosting", "--trials", "2"),
)
COLUMNS = {
    "attributes.`Run Name`": 290,
    "runDateAndNestInfo": 140,
    "attributes.`Models`": 185,
    "metrics.`average_precision`": 150,
    "metrics.`average_precision_lower`": 180,
    "metrics.`average_precision_upper`": 180,
    "metrics.`budget_recall`": 115,
    "metrics.`budget_recall_lower`": 150,
    "metrics.`budget_recall_upper`": 150,
    "metrics.`threshold`": 100,
}
"""The columns of the table, as MLflow 3.17 names them, and their widths in pixels."""
EXPERIMENT = "1"
"""The first one of a new server, beside its own default."""
SIZE = (1800, 440)
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def train(uri: str) -> None:
    """Make the training runs, on the simulated data."""
    for arguments in RUNS:
        subprocess.run(
            [sys.executable, "-m", "training", "train", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "MLFLOW_TRACKING_URI": uri},
            check=True,
        )


def settings_of_the_page() -> dict[str, str]:
    """What the page keeps in the browser's storage once columns, order and filter are chosen."""
    table = {
        "searchFilter": "metrics.threshold >= 0",
        "orderByKey": "metrics.`average_precision`",
        "orderByAsc": False,
        "selectedColumns": list(COLUMNS),
        "columnOrder": list(COLUMNS),
        "columnWidths": COLUMNS,
    }
    page = f'ExperimentPage-["{EXPERIMENT}"]-ReactComponentState'
    return {
        f"MLflowLocalStorage-1.1-{page}": json.dumps(table),
        "mlflow.workflowType_v1": '"machine_learning"',
        "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true",
    }


def main() -> None:
    """Train, and take the picture of the runs beside each other."""
    with (
        tempfile.TemporaryDirectory(prefix="screenshots-") as folder,
        mlflow_server(Path(folder), free_port()) as uri,
    ):
        train(uri)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
            for name, value in settings_of_the_page().items():
                page.add_init_script(f"localStorage[{json.dumps(name)}] = {json.dumps(value)}")
            page.goto(f"{uri}/#/experiments/{EXPERIMENT}/runs")
            page.get_by_label("Toggle sidebar").click()
            page.get_by_text(RUNS[0][1]).wait_for()
            page.screenshot(path=PICTURE)
            browser.close()
    print(PICTURE.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
