"""`make team` prints where its parts are, and what each role needs; Ctrl-C stops all of it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

from deploy.local.processes import free_port, port_in_use
from tests.places import REPOSITORY
from tests.team import team_folder
from tests.waiting import wait_until

HOST = "127.0.0.1"
COUNT_ENTRIES = (
    "import os; from registry.tracking.rest import Registry; "
    'print(len(list(Registry(os.environ["MLFLOW_TRACKING_URI"]).versions())))'
)


def run_with(environment: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    """Python, in a shell that has read the file of an environment."""
    return subprocess.run(
        ["bash", "-c", f". {environment} && {sys.executable} {arguments}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_each_role_gets_what_it_needs_and_ctrl_c_stops_all_of_it() -> None:
    with team_folder() as folder:
        port, log = free_port(), folder / "log"
        command = [sys.executable, "-m", "deploy.local.team"]
        command += ["--folder", str(folder / "team"), "--mlflow-port", str(port)]
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_until(lambda: "Press Ctrl-C" in log.read_text() or process.poll() is not None, 200)
            assert process.poll() is None, log.read_text()
            signed_in = run_with(folder / "team" / "trainer.env", f"-c '{COUNT_ENTRIES}'")
            backups = folder / "backups"
            backed_up = run_with(
                folder / "team" / "server.env", f"-m deploy.tracking backup {backups}"
            )
            secrets = [*(folder / "team").glob("*.env"), *(folder / "team/secrets").rglob("*")]
            modes = {path.stat().st_mode & 0o777 for path in secrets if path.is_file()}
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)

        assert f"MLflow     http://{HOST}:{port} (user admin" in log.read_text()
        assert modes == {0o600}
        assert signed_in.stdout == "0\n", signed_in.stderr
        assert backed_up.returncode == 0, backed_up.stderr
        assert [path.parent.parent for path in backups.glob("*/backup.json")] == [backups]
        assert not port_in_use(port)


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.local.team", "--folder", str(tmp_path / "team")]
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        ended = subprocess.run(
            [*command, "--mlflow-port", str(port)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert ended.returncode == 1
    assert ended.stderr == (f"error: port {port} is in use; choose another with --mlflow-port\n")
    assert not (tmp_path / "team").exists()
