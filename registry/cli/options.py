"""The options that several commands share, with their environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.ledger.tip import Tip

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
TrackingUri = Annotated[
    str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="The tracking server's address.")
]
Config = Annotated[
    Path, typer.Option(envvar="FRAUD_LEDGER_CONFIG", help="Ledger id and trusted public keys.")
]
Floor = Annotated[
    Tip | None,
    typer.Option(
        envvar="FRAUD_LEDGER_FLOOR",
        parser=Tip.parse,
        metavar="LEDGER_ID:SEQUENCE:SHA256",
        help="The tip that the ledger must still hold, as `status` prints it.",
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
        help="Who approves, as realm:name. Left out, it is read from GitHub's or Jenkins's "
        "approval, or is the person at the keyboard."
    ),
]
Url = Annotated[str, typer.Option(help="Where the approval can be read.")]
PolicyFile = Annotated[
    Path,
    typer.Option(
        envvar="FRAUD_POLICY",
        help="The gates and their bounds.",
        show_default="registry/policy.yaml",
    ),
]

DEFAULT_CONFIG = Path(".local/ledger.yaml")
DEFAULT_KEY = Path(".local/signing-key.pem")
DEFAULT_KEY_URI = f"file2:{DEFAULT_KEY}"
