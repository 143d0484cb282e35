"""A server and a client of MLflow 3.18, with the same tests as those of the pinned version.

What differs is in docs/operations/mlflow-versions.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.request import urlopen

import mlflow
import pytest

from deploy.local.processes import free_port, mlflow_server
from registry.tracking.names import CANDIDATES
from tests.candidates import saved_model
from tests.mlflow_3_18 import mlflow_3_18
from tests.places import REPOSITORY
from tests.registry.faulty import faulty
from tests.registry.lifecycle.test_append import (  # noqa: F401
    test_a_promoter_that_lost_gets_the_entry_that_won,
    test_a_statement_appended_twice_wins_both_times_and_counts_once,
)
from tests.registry.lifecycle.test_pending import (  # noqa: F401
    test_evidence_that_passed_is_pending_until_it_is_promoted,
)
from tests.registry.lifecycle.test_prune import (  # noqa: F401
    test_candidate_runs_model_and_files_are_deleted_once,
)
from tests.registry.lifecycle.test_verify import (  # noqa: F401
    test_a_plan_that_was_changed_is_named,
)
from tests.registry.test_faults import INSERT, UNKNOWN
from tests.registry.test_race import (  # noqa: F401
    test_processes_that_append_the_same_statement_all_win_and_it_counts_once,
)
from tests.registry.tracking.test_fetch import (  # noqa: F401
    link,
    test_the_approved_files_are_fetched,
)
from tests.registry.tracking.test_overview import (  # noqa: F401
    test_candidates_are_found_by_their_runs_on_all_pages,
    test_runs_are_found_on_all_pages_newest_first,
    test_the_candidate_in_staging_is_found_by_its_alias,
)
from tests.registry.tracking.test_rest import (  # noqa: F401
    test_a_file_that_is_not_there_is_unreachable,
    test_a_folder_that_is_not_there_is_empty,
    test_a_server_without_the_registered_model_has_an_empty_ledger,
    test_versions_are_read_from_a_number_on,
)
from tests.world import Server, World


@pytest.fixture(scope="module")
def packages() -> str:
    """For the variable PYTHONPATH of a process that is to use MLflow 3.18."""
    return os.pathsep.join((str(mlflow_3_18()), str(REPOSITORY)))


@pytest.fixture(scope="module")
def server(packages: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mlflow-3.18")
    path = {"PYTHONPATH": packages}
    with mlflow_server(folder, free_port(), workers=2, environment=path) as uri:
        yield Server(uri, folder)


def python(path: str, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Run Python with this variable PYTHONPATH: its exit code, and what it printed."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env={**os.environ, **environment, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return ended.returncode, ended.stdout


def test_the_server_is_of_the_other_version(world: World) -> None:
    with urlopen(f"{world.server.uri}/version") as response:  # noqa: S310 (only loopback addresses)
        assert response.read() == b"3.18.0"
    assert mlflow.__version__ != "3.18.0"


def test_a_client_of_3_18_does_not_repeat_an_insert_and_the_same_command_finishes(
    world: World, packages: str
) -> None:
    reference, _ = world.evaluate(world.register())
    promote = ("-m", "registry", "promote", reference, "--approver", "github:alice")
    with faulty(world.server.uri) as front:
        front.fail(INSERT, "bad gateway")
        environment = {**world.environment, "MLFLOW_TRACKING_URI": front.uri}
        code, output = python(packages, environment, *promote)
        assert (code, UNKNOWN in output) == (2, True), output
        (entry,) = world.ledger.chain
        code, output = python(packages, environment, *promote)
    assert (code, output.splitlines()[-1]) == (
        0,
        "already in Production: version 1: promote of candidate 1 by github:alice",
    )
    assert (world.ledger.chain, world.ledger.findings) == ((entry,), ())


LIST = """
import os, sys
import registry.tracking.client
import mlflow.artifacts
folder = mlflow.artifacts.download_artifacts(f"models:/{sys.argv[1]}/1")
print(*sorted(os.listdir(folder)))
"""


def test_a_download_by_name_adds_a_file_up_to_3_17_and_none_from_3_18_on(
    world: World, packages: str
) -> None:
    world.register()
    logged = ["MLmodel", "conda.yaml", "model.onnx", "python_env.yaml", "requirements.txt"]
    for path, expected in (
        (packages, logged),
        (str(REPOSITORY), sorted([*logged, "registered_model_meta"])),
    ):
        code, output = python(path, world.environment, "-c", LIST, CANDIDATES)
        assert (code, output.splitlines()[-1].split()) == (0, expected)


LOAD = """
import sys
import registry.tracking.client
import mlflow.pyfunc
from pathlib import Path
from registry.ledger.files import MAX_MODEL_BYTES, read_files
from registry.model.scorer import open_model
open_model(read_files(Path(sys.argv[1]), MAX_MODEL_BYTES))
try:
    mlflow.pyfunc.load_model(sys.argv[1])
except mlflow.MlflowException as error:
    print(error)
"""


def test_3_18_loads_no_model_that_could_run_code_and_ours_is_scored_all_the_same(
    packages: str,
) -> None:
    code, output = python(packages, {}, "-c", LOAD, str(saved_model(1.0)))
    assert (code, "MLFLOW_ALLOW_MODEL_CODE_EXECUTION" in output) == (0, True), output
