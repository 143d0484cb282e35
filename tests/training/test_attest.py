"""What the training job signs, and with which key."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname

import pytest
import yaml

from registry.errors import UsageError
from registry.ledger.manifest import Manifest, sha256_of
from registry.ledger.signing import Signer
from registry.provenance.attestation import Attestation, open_attestation
from registry.provenance.repository import Repository
from registry.provenance.trusted import create_trusted, read_trusted
from tests.candidates import contract
from tests.places import REPOSITORY
from training.attest import Ran, attest, training_signer

FILES = Manifest({"model.onnx": "a" * 64})
STARTED = datetime(2026, 3, 9, 11, tzinfo=UTC)
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "bank/fraud",
    "GITHUB_RUN_ID": "42",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_WORKFLOW_REF": "bank/fraud/.github/workflows/train.yml@refs/heads/main",
}


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of a training job in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in (*GITHUB, "JENKINS_URL", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    create_trusted(Path("provenance.yaml"), Path("training.pem"))
    return {"FRAUD_PROVENANCE": "provenance.yaml", "FRAUD_TRAINING_KEY": "file2:training.pem"}


def signer_of(keys: dict[str, str]) -> Signer:
    signer = training_signer(keys)
    assert signer is not None
    return signer


def attested(keys: dict[str, str], dataset: str = "simulated") -> Attestation:
    ran = Ran(
        {"dataset": dataset},
        dataset,
        {"data_sha256": "d" * 64, "requirements_sha256": "e" * 64},
        STARTED,
    )
    text = attest(signer_of(keys), FILES, contract(), ran)
    trusted = read_trusted(Path("provenance.yaml"), required=True)
    return open_attestation(text, trusted.public_keys())[0]


def test_it_states_files_window_commit_data_and_environment(keys: dict[str, str]) -> None:
    attestation = attested(keys)

    assert attestation.files == {"model.onnx": "a" * 64}
    assert attestation.window == contract().training_window
    assert attestation.commit == Repository(REPOSITORY).line("rev-parse", "HEAD")
    assert attestation.dataset_path == "training/datasets/simulated.yaml"
    assert attestation.dataset == sha256_of(REPOSITORY / attestation.dataset_path)
    assert (attestation.data, attestation.environment) == ("d" * 64, "e" * 64)
    assert (attestation.builder, attestation.invocation) == ("local", f"os:{getpass.getuser()}")
    assert attestation.started_at == STARTED < attestation.finished_at


def test_a_data_set_file_outside_of_the_repository_has_no_path_in_it(
    keys: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text("label: fraud\n")
    attestation = attested(keys, str(path))
    assert (attestation.dataset_path, attestation.dataset) == ("", sha256_of(path))


def test_in_github_actions_it_names_workflow_and_attempt(
    keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)
    attestation = attested(keys)
    assert attestation.builder == (
        "https://github.com/bank/fraud/.github/workflows/train.yml@refs/heads/main"
    )
    assert attestation.invocation == "https://github.com/bank/fraud/actions/runs/42/attempts/1"


def test_in_jenkins_it_names_job_and_build(
    keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = "https://jenkins.example/job/train/"
    for name, value in {"JENKINS_URL": "x", "JOB_URL": job, "BUILD_URL": f"{job}7/"}.items():
        monkeypatch.setenv(name, value)
    attestation = attested(keys)
    assert (attestation.builder, attestation.invocation) == (job, f"{job}7/")


def test_in_a_pod_it_names_nobody(keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    attestation = attested(keys)
    assert (attestation.builder, attestation.invocation) == ("kubernetes", f"pod:{gethostname()}")


@pytest.mark.parametrize(
    ("passed_on", "missing"),
    [
        ({"GITHUB_ACTIONS": "true"}, "GITHUB_SERVER_URL"),
        ({**GITHUB, "GITHUB_RUN_ATTEMPT": None}, "GITHUB_RUN_ATTEMPT"),
        ({"JENKINS_URL": "x", "JOB_URL": "y"}, "BUILD_URL"),
    ],
)
def test_a_run_that_is_named_in_part_is_refused_before_the_training(
    keys: dict[str, str], passed_on: dict[str, str | None], missing: str
) -> None:
    run = {name: value for name, value in passed_on.items() if value}
    with pytest.raises(UsageError, match=f"^{missing} is not set"):
        training_signer({**keys, **run})


def test_without_a_key_nothing_is_signed(keys: dict[str, str]) -> None:
    assert training_signer({}) is None


def test_the_key_that_init_made_is_used_where_no_other_is_set(keys: dict[str, str]) -> None:
    create_trusted(Path(".local/provenance.yaml"), Path(".local/training-key.pem"))
    assert signer_of({}).public_key.keyid != signer_of(keys).public_key.keyid


def test_a_key_that_is_not_trusted_is_refused_before_the_training(keys: dict[str, str]) -> None:
    create_trusted(Path("other.yaml"), Path("other.pem"))
    other = {**keys, "FRAUD_TRAINING_KEY": "file2:other.pem"}
    with pytest.raises(UsageError, match=r"key under `training_keys` in provenance\.yaml"):
        training_signer(other)


def test_a_retired_key_is_refused_before_the_training(keys: dict[str, str]) -> None:
    path = Path("provenance.yaml")
    content = yaml.safe_load(path.read_text())
    content["training_keys"][0]["last"] = 1
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError, match="no public key is trusted"):
        training_signer(keys)
