"""Verify a restored ledger, through a server of its own on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.processes import NotStarted, free_port, tracking_server
from deploy.tracking.oidc import AUTH
from deploy.tracking.settings import TrackingSettings
from registry.errors import RegistryError, VerificationError, on_one_line

VERIFY_SECONDS = 3600


def verify_restored(settings: TrackingSettings) -> None:
    """Run `registry verify` as the administrator.

    Raises VerificationError for a problem that it finds, and RegistryError where it cannot look.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="restored-") as folder:
        log = Path(folder) / "tracking.log"
        server = {"MLFLOW_HOST": "127.0.0.1", "MLFLOW_WORKERS": "1", AUTH: "basic"}
        try:
            with tracking_server(port, log, server):
                code = _verify(port, settings)
        except NotStarted:
            lines = log.read_text(errors="replace").splitlines() or ["it printed nothing"]
            raise RegistryError(
                f"restored, but no server starts on it: {on_one_line(lines[-1])}"
            ) from None
    if code == VerificationError.exit_code:
        raise VerificationError("the restored ledger does not verify: see above")
    if code:
        raise RegistryError(
            "restored, but the ledger could not be verified: see above; start the server, and run "
            "`python -m registry verify`"
        )


def _verify(port: int, settings: TrackingSettings) -> int:
    """The exit code of `registry verify`."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "registry", "verify"],
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}",
                "MLFLOW_TRACKING_USERNAME": settings.admin,
                "MLFLOW_TRACKING_PASSWORD": settings.admin_password.get_secret_value(),
            },
            check=False,
            timeout=VERIFY_SECONDS,
        ).returncode
    except subprocess.TimeoutExpired:
        raise RegistryError(
            f"restored, but `registry verify` took more than {VERIFY_SECONDS // 60} minutes"
        ) from None
