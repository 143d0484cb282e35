"""The options that several commands share, with their environment variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from registry import SHIPPED_POLICY
from registry.ledger.tip import Tip
from registry.provenance.trusted import Trusted, read_trusted

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
TrackingUri = Annotated[
    str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="URL of the tracking server.")
]
Config = Annotated[
    Path,
    typer.Option(envvar="FRAUD_LEDGER_CONFIG", help="File with ledger id and trusted public keys."),
]
Floor = Annotated[
    Tip | None,
    typer.Option(
        envvar="FRAUD_LEDGER_FLOOR",
        parser=Tip.parse,
        metavar="LEDGER_ID:SEQUENCE:SHA256",
        help="Tip that the ledger must still contain, as printed by `status`.",
    ),
]
SigningKey = Annotated[
    str,
    typer.Option(
        envvar="FRAUD_SIGNING_KEY",
        help="URI of the signing key: file2:PATH, or azurekms://VAULT.vault.azure.net/keys/NAME/ID.",
    ),
]
Approver = Annotated[
    str | None,
    typer.Option(
        help="Approver, as realm:name. Default: read from the approval in GitHub or Jenkins, or "
        "the current user on a terminal."
    ),
]
Url = Annotated[str, typer.Option(help="URL of the approval.")]
POLICY_VARIABLE = "FRAUD_POLICY"


def policy_path(text: str | Path = "") -> Path:
    """The policy file that is named, or that of the variable, or else the shipped one.

    An empty value is none: the MLproject's entry points pass every parameter on.
    """
    return Path(text) if str(text) else Path(os.environ.get(POLICY_VARIABLE) or SHIPPED_POLICY)


PolicyFile = Annotated[
    Path,
    typer.Option(
        envvar=POLICY_VARIABLE,
        parser=policy_path,
        metavar="PATH",
        help="Policy file: the gates and their bounds.",
        show_default="registry/policy.yaml",
    ),
]
ProvenanceFile = Annotated[
    Path,
    typer.Option(
        envvar="FRAUD_PROVENANCE",
        help="File that says what verifies where a candidate comes from: training keys, people, "
        "repository.",
    ),
]

DEFAULT_CONFIG = Path(".local/ledger.yaml")
DEFAULT_PROVENANCE = Path(".local/provenance.yaml")
DEFAULT_TRAINING_KEY = Path(".local/training-key.pem")
DEFAULT_KEY = Path(".local/signing-key.pem")
DEFAULT_KEY_URI = f"file2:{DEFAULT_KEY}"


def read_provenance(path: Path) -> Trusted:
    """What the file says; where it is the default one, there need be none."""
    return read_trusted(path, required=path != DEFAULT_PROVENANCE)
