"""Verify a restored ledger, through a server of its own on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.processes import free_port, tracking_server
from deploy.tracking.oidc import AUTH
from deploy.tracking.settings import TrackingSettings
from registry.errors import VerificationError

VERIFY_SECONDS = 3600


def verify_restored(settings: TrackingSettings) -> None:
    """Run `registry verify` as the administrator. Raises VerificationError for a problem that it
    finds, and NotStarted.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="restored-") as folder:
        log = Path(folder) / "tracking.log"
        server = {"MLFLOW_HOST": "127.0.0.1", "MLFLOW_WORKERS": "1", AUTH: "basic"}
        with tracking_server(port, log, server):
            verified = subprocess.run(
                [sys.executable, "-m", "registry", "verify"],
                env={
                    **os.environ,
                    "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}",
                    "MLFLOW_TRACKING_USERNAME": settings.admin,
                    "MLFLOW_TRACKING_PASSWORD": settings.admin_password.get_secret_value(),
                },
                check=False,
                timeout=VERIFY_SECONDS,
            )
    if verified.returncode:
        raise VerificationError("the restored ledger does not verify: see above")
