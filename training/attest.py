"""The attestation: what the training job signs about the candidate that it made.

The gates believe it, since the author of a candidate cannot use the job's key; what the author
writes into tags and files of the run, they only show as claimed.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname

from registry.cli.options import DEFAULT_PROVENANCE, DEFAULT_TRAINING_KEY
from registry.errors import UsageError
from registry.ledger.manifest import Manifest, sha256_of
from registry.ledger.signing import Signer
from registry.ledger.trust import signer_with
from registry.model.contract import Contract
from registry.provenance.attestation import LOCAL_BUILDER, Attestation, sign_attestation
from registry.provenance.identity import identity_of
from registry.provenance.repository import Repository, code_manifest
from registry.provenance.trusted import read_trusted
from registry.tracking.names import DATA_TAG, REQUIREMENTS_TAG
from training.dataset import dataset_file

CODE_FOLDER = Path(__file__).resolve().parents[1]
"""Where the code that runs is: a checkout, or a folder of installed packages."""


def training_signer(environment: Mapping[str, str]) -> Signer | None:
    """The training job's key: FRAUD_TRAINING_KEY, or the file that `registry init` made.

    None where there is neither, or where the variable is empty. Raises UsageError where
    provenance.yaml does not trust it, or the variables that name a CI run are not complete.
    """
    default = f"file2:{DEFAULT_TRAINING_KEY}" if DEFAULT_TRAINING_KEY.exists() else ""
    uri = environment.get("FRAUD_TRAINING_KEY", default)
    if not uri:
        return None
    _invocation(environment)  # what is missing is to be refused before the training
    path = Path(environment.get("FRAUD_PROVENANCE") or DEFAULT_PROVENANCE)
    keys = read_trusted(path, required=True).public_keys()
    advice = f"set FRAUD_TRAINING_KEY to the URI of a key under `training_keys` in {path}"
    return signer_with(uri, keys, advice)


@dataclass(frozen=True)
class Ran:
    """How a run was started, and when; `tags` are those of `track.log_origin` and the data."""

    parameters: Mapping[str, str]
    dataset: str
    tags: Mapping[str, str]
    started_at: datetime


def attest(signer: Signer, files: Manifest, contract: Contract, ran: Ran) -> str:
    """The signed attestation of a candidate's files, as JSON text."""
    path = dataset_file(ran.dataset).resolve()
    inside = path.is_relative_to(CODE_FOLDER)
    builder, invocation = _invocation(os.environ)
    attestation = Attestation(
        files=dict(files.sha256),
        parameters=dict(ran.parameters),
        window=contract.training_window,
        commit=Repository(CODE_FOLDER).head or "",
        code=code_manifest(CODE_FOLDER).digest,
        dataset_path=path.relative_to(CODE_FOLDER).as_posix() if inside else "",
        dataset=sha256_of(path),
        data=ran.tags[DATA_TAG],
        environment=ran.tags[REQUIREMENTS_TAG],
        builder=builder,
        invocation=invocation,
        started_at=ran.started_at,
        finished_at=datetime.now(UTC).replace(microsecond=0),
    )
    return sign_attestation(attestation, signer)


def _invocation(environment: Mapping[str, str]) -> tuple[str, str]:
    """What built the candidate, and the URL of its run; elsewhere, who started it.

    A Job on a cluster has these variables only if the pipeline passes them on. Raises UsageError
    where one is missing.
    """
    try:
        if environment.get("GITHUB_ACTIONS") == "true":
            server, repository = environment["GITHUB_SERVER_URL"], environment["GITHUB_REPOSITORY"]
            run, attempt = environment["GITHUB_RUN_ID"], environment["GITHUB_RUN_ATTEMPT"]
            return (
                f"{server}/{environment['GITHUB_WORKFLOW_REF']}",
                f"{server}/{repository}/actions/runs/{run}/attempts/{attempt}",
            )
        if "JENKINS_URL" in environment:
            return environment["JOB_URL"], environment["BUILD_URL"]
    except KeyError as error:
        raise UsageError(
            f"{error.args[0]} is not set: pass on all variables that name the run of the pipeline"
        ) from None
    if "KUBERNETES_SERVICE_HOST" in environment:  # the user of an image is nobody
        return "kubernetes", f"pod:{gethostname()}"
    return LOCAL_BUILDER, identity_of("os", getpass.getuser())
