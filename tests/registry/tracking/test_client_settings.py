"""The defaults of MLflow's client: set before it is imported, never by importing `registry`."""

from __future__ import annotations

import json

import pytest

from tests.components import output_of
from tests.places import REPOSITORY

CLIENT = "import registry.tracking.client"
TRAINING = """
import contextlib, sys
sys.argv[1:] = ["--help"]
with contextlib.suppress(SystemExit):
    import training.__main__
"""
DEFAULTS = {
    "MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def imports_of(notebook: str) -> str:
    """The import statements of a notebook, in order."""
    cells = json.loads((REPOSITORY / "notebooks" / notebook).read_text())["cells"]
    lines = [line.rstrip() for cell in cells for line in cell["source"]]
    return "\n".join(line for line in lines if line.startswith(("import ", "from ")))


@pytest.mark.parametrize(
    ("imported", "expected"),
    [("import registry", {}), ("import registry.tracking.head", {}), (CLIENT, DEFAULTS)],
)
def test_only_the_client_module_changes_the_environment(
    imported: str, expected: dict[str, str]
) -> None:
    before, after = "before = dict(os.environ)", "dict(os.environ.items() - before.items())"
    changed = json.loads(
        output_of(f"import json, os; {before}; {imported}; print(json.dumps({after}))")
    )
    changed.pop("_RJEM_MALLOC_CONF", None)  # set by Polars
    assert changed == expected


def test_a_variable_that_the_user_has_set_stays() -> None:
    variable = "os.environ['MLFLOW_HTTP_REQUEST_TIMEOUT']"
    assert output_of(f"import os; {variable} = '5'; {CLIENT}; print({variable})") == "5"


@pytest.mark.parametrize(
    "imports",
    [
        *("import registry.cli.main", TRAINING, "import deploy.local.demo"),
        *(f"import inference.app; {CLIENT}", imports_of("2_compare.ipynb")),
        imports_of("3_review.ipynb"),
    ],
    ids=["registry", "training", "demo", "inference", "2_compare", "3_review"],
)
def test_telemetry_is_off_at_every_entry_point(imports: str) -> None:
    client = "from mlflow.telemetry import get_telemetry_client; print(get_telemetry_client())"
    assert output_of(f"{imports}\n{client}").splitlines()[-1] == "None"
