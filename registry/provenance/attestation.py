"""What the training job signs about a candidate, by a key that only that job can use.

Sources: in-toto Attestation Framework v1 (Statement), SLSA v1.1 (Provenance predicate: build
definition, resolved dependencies, run details) and DSSE v1.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from registry.errors import VerificationError
from registry.ledger.signing import Key, Signer
from registry.ledger.statement import (
    STATEMENT_TYPE,
    Sha256,
    format_time,
    sign_payload,
    verified_payload,
)
from registry.model.contract import Window

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://fraud-registry.example/training/v1"
LOCAL_BUILDER = "local"
"""The builder of a training run outside of a CI system."""

MAX_BYTES = 1_000_000
"""Size of an attestation: a model has few files."""


class Attestation(BaseModel):
    """One training run: the files that it wrote, and what went into them.

    `code` is the digest of the code and configuration that ran, as `repository.code_manifest` has
    it; `dataset_path` is relative to the repository, or empty where the data-set file lies outside.
    `invocation` is the URL of the CI run, on a cluster without one the pod, and elsewhere the
    identity of whoever started it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: Annotated[dict[str, Sha256], Field(min_length=1)]
    parameters: dict[str, str]
    window: Window
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")]
    code: Sha256
    dataset_path: str
    dataset: Sha256
    data: Sha256
    environment: Sha256
    builder: str
    invocation: str
    started_at: AwareDatetime
    finished_at: AwareDatetime

    def payload(self) -> bytes:
        """The canonical bytes: in-toto Statement v1 as JSON with sorted keys and no white space."""
        document = {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": name, "digest": {"sha256": digest}}
                for name, digest in sorted(self.files.items())
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": self.parameters,
                    "internalParameters": {"trainingWindow": self.window.model_dump(mode="json")},
                    "resolvedDependencies": [
                        {"name": "commit", "digest": {"gitCommit": self.commit}},
                        {"name": "code", "digest": {"sha256": self.code}},
                        {
                            "name": "dataset",
                            "uri": self.dataset_path,
                            "digest": {"sha256": self.dataset},
                        },
                        {"name": "data", "digest": {"sha256": self.data}},
                        {"name": "environment", "digest": {"sha256": self.environment}},
                    ],
                },
                "runDetails": {
                    "builder": {"id": self.builder},
                    "metadata": {
                        "invocationId": self.invocation,
                        "startedOn": format_time(self.started_at),
                        "finishedOn": format_time(self.finished_at),
                    },
                },
            },
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()


def sign_attestation(attestation: Attestation, signer: Signer) -> str:
    """The attestation in a DSSE envelope with the signer's one signature, as JSON text."""
    return sign_payload(attestation.payload(), signer)


def open_attestation(text: str, keys: list[Key]) -> tuple[Attestation, str]:
    """The attestation in an envelope, and the id of the key that signed it.

    Raises VerificationError where there is not exactly one signature, by one of the keys, over an
    attestation in its canonical form.
    """
    if len(text) > MAX_BYTES:
        raise VerificationError(f"the attestation has more than {MAX_BYTES:,} bytes")
    payload, keyid = verified_payload(text, keys)
    try:
        attestation = _parse(json.loads(payload))
        canonical = attestation.payload()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise VerificationError("the signed payload is not an attestation of a training") from error
    if canonical != payload:
        raise VerificationError("the signed payload is not in canonical form")
    return attestation, keyid


def _parse(document: dict[str, Any]) -> Attestation:
    definition = document["predicate"]["buildDefinition"]
    details = document["predicate"]["runDetails"]
    inputs = {each["name"]: each for each in definition["resolvedDependencies"]}
    digests = {name: next(iter(each["digest"].values())) for name, each in inputs.items()}
    metadata = details["metadata"]
    return Attestation.model_validate(
        {
            "files": {each["name"]: each["digest"]["sha256"] for each in document["subject"]},
            "parameters": definition["externalParameters"],
            "window": definition["internalParameters"]["trainingWindow"],
            "dataset_path": inputs["dataset"]["uri"],
            **digests,
            "builder": details["builder"]["id"],
            "invocation": metadata["invocationId"],
            "started_at": metadata["startedOn"],
            "finished_at": metadata["finishedOn"],
        }
    )
