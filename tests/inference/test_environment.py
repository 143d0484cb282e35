"""What a serving pod has installed, and that the service needs no more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from uv import find_uv_bin

from deploy.local.azure import LocalAzure
from deploy.local.processes import free_port, running
from registry.ledger.manifest import sha256_of_bytes
from registry.storage.container import open_container
from tests.candidates import NAMES
from tests.components import output_of
from tests.inference.calls import wait_for_health
from tests.places import REPOSITORY
from tests.registry.entries import promote
from tests.world import World

LEFT_OUT = (
    *("sklearn", "pandas", "polars", "pyarrow", "matplotlib", "onnx", "skl2onnx", "optuna"),
    "mlflow",
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds requirements/inference.txt and nothing else."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    interpreter = folder / "bin" / "python"
    requirements = REPOSITORY / "requirements" / "inference.txt"
    make = ["venv", "--quiet", "--python", sys.executable, str(folder)]
    install = ["pip", "install", "--quiet", "--python", str(interpreter), "--require-hashes"]
    subprocess.run([find_uv_bin(), *make], check=True, timeout=60)
    subprocess.run([find_uv_bin(), *install, "-r", str(requirements)], check=True, timeout=240)
    return interpreter


def test_the_serving_environment_leaves_training_out(python: Path) -> None:
    program = (
        "import json; from importlib.util import find_spec; from importlib.metadata import "
        "distributions; print(json.dumps([sorted(one.metadata['Name'] for one in distributions()), "
        f"[name for name in {LEFT_OUT!r} if find_spec(name)]]))"
    )
    installed, found = json.loads(output_of(program, str(python)))
    assert found == []
    assert "scikit-learn" not in installed
    assert "onnxruntime" in installed


def test_the_service_runs_there_and_answers(python: Path, world: World, tmp_path: Path) -> None:
    world.put_in_production()
    port, log = free_port(), tmp_path / "log"
    environment = {
        **world.environment,
        "FRAUD_PORT": str(port),
        "FRAUD_AUTH": "off",
        "FRAUD_CACHE": str(tmp_path / "cache"),
        "PYTHONPATH": str(REPOSITORY),
    }
    address = f"http://127.0.0.1:{port}"
    with running([str(python), "-m", "inference"], log, environment):
        assert wait_for_health(address, 200).json()["model_version"] == 1
        answer = httpx.post(f"{address}/predict", json=dict.fromkeys(NAMES, 0.0))
        assert answer.status_code == 200
        assert answer.json()["decision"] == "approve"


def test_records_as_parquet_are_refused_there_with_what_to_install(python: Path) -> None:
    program = (
        "import os; os.environ['FRAUD_RECORDS_TO'] = '/records'\n"
        "from inference.settings import read_settings\n"
        "try: read_settings()\n"
        "except Exception as error: print(error)"
    )
    assert output_of(program, str(python)) == (
        "FRAUD_RECORDS_TO: requires pyarrow; install requirements/records.txt"
    )


@pytest.mark.parametrize(
    ("modules", "required", "unwanted"),
    [
        ("inference.app", "onnxruntime", {"training", *LEFT_OUT} - {"pandas", "polars", "pyarrow"}),
        ("features.definitions, features.windows", "numpy", LEFT_OUT),
    ],
)
def test_importing_what_serves_loads_no_training_library(
    modules: str, required: str, unwanted: Collection[str]
) -> None:
    """Here everything is installed, so what is absent is not imported."""
    program = f"import sys, {modules}; print(*sorted(sys.modules))"
    loaded = output_of(program).split()
    assert required in loaded
    assert [name for name in unwanted if name in loaded] == []


def test_a_start_loads_none_of_the_large_clients_that_it_can_do_without(
    world: World,
) -> None:
    """Fetching the head included: MLflow's client alone takes longer than all the rest."""
    world.put_in_production()
    program = (
        "import sys\nfrom pathlib import Path\nimport inference.app\n"
        "from registry.ledger.trust import read_trust\n"
        "from registry.tracking.head import fetch_head\n"
        "from registry.tracking.rest import Registry\n"
        f"trust = read_trust(Path({str(world.config)!r}))\n"
        f"assert fetch_head(Registry({world.server.uri!r}), trust).link.version == 1\n"
        "print(*sorted(sys.modules))"
    )
    loaded = output_of(program).split()
    unwanted = ("mlflow", "azure.core", "azure.identity", "opentelemetry.sdk")
    assert [name for name in unwanted if name in loaded] == []


def test_files_in_blob_storage_are_fetched_without_mlflows_client(
    storage: LocalAzure, blobs: str, tmp_path: Path
) -> None:
    """Which would take five times as long to import as Azure's SDK, and six times the memory."""
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    with open_container(f"{blobs}/model") as folder:
        folder.upload(tmp_path / "model.onnx", "model.onnx")
    program = (
        "import sys\nimport inference.app\n"
        "from registry.ledger.chain import Link\n"
        "from registry.ledger.statement import Statement\n"
        "from registry.tracking.fetch import fetch_verified\n"
        "from registry.tracking.rest import Registry\n"
        "print('azure.core' in sys.modules)\n"
        f"statement = Statement.model_validate({statement_of(f'{blobs}/model', b'onnx')!r})\n"
        "files = fetch_verified(Registry('http://127.0.0.1:1'), Link(1, statement))\n"
        "print(*files, 'mlflow' in sys.modules)"
    )
    assert output_of(program, **storage.environment).split() == ["False", "model.onnx", "False"]


def statement_of(source: str, content: bytes) -> dict[str, Any]:
    statement = promote("a", source=source)
    files = {"model.onnx": sha256_of_bytes(content)}
    return statement.model_copy(update={"files": files}).model_dump(mode="json")


def test_reading_a_ledger_leaves_azure_out_and_signing_with_key_vault_finds_it() -> None:
    program = (
        "import sys\nimport registry.ledger.trust\nprint('azure.core' in sys.modules)\n"
        "import registry.ledger.vault\n"
        "print(sys.modules[registry.ledger.vault.AzureSigner.__module__].AZURE_IMPORT_ERROR)"
    )
    assert output_of(program).split() == ["False", "None"]


def test_skinny_and_full_mlflow_are_of_one_version() -> None:
    assert version("mlflow") == version("mlflow-skinny") == "3.17.2"
