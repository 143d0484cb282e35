"""A real PostgreSQL server for tests, on loopback and in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.processes import START_SECONDS, NotStarted, free_port, running
from tests.components import missing

USER = "postgres"
INSTALLATION = "`apt-get install postgresql` installs it, and adds the user that it runs as"


@contextmanager
def postgresql(log: Path) -> Iterator[str]:
    """Start PostgreSQL on a free port of 127.0.0.1, with an empty database; yields its URI.

    Skips the test, or fails it under REQUIRE_COMPONENTS, where PostgreSQL is not installed. It
    refuses to run as root; then it runs as Debian's user `postgres`, with its data in a folder that
    this user can reach (pytest's own are for their owner only).
    """
    programs = _programs() or missing("PostgreSQL's server", INSTALLATION)
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        data, port, as_user = Path(folder) / "data", free_port(), []
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
            as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"]
        subprocess.run(
            [
                *(*as_user, str(programs / "initdb"), "--pgdata", str(data)),
                *("--username", USER, "--auth", "trust", "--encoding", "UTF8"),
                *("--locale", "C", "--no-sync"),
            ],
            check=True,
            cwd=folder,
            capture_output=True,
        )
        command = [
            *(*as_user, str(programs / "postgres"), "-D", str(data)),
            *("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"),
            *("-c", f"unix_socket_directories={folder}"),
        ]
        with running(command, log) as process:
            _wait_until_ready(process, programs, port, log)
            yield f"postgresql+psycopg2://{USER}@127.0.0.1:{port}/postgres"


def _programs() -> Path | None:
    """The folder of `initdb` and `postgres`; Debian has one per version, not on the PATH."""
    if os.geteuid() == 0 and USER not in (user.pw_name for user in pwd.getpwall()):
        return None
    on_path = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(debian, key=lambda folder: folder.parent.name.zfill(4), reverse=True)
    for folder in (*on_path, *newest_first):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    return None


def _wait_until_ready(
    process: subprocess.Popen[bytes], programs: Path, port: int, log: Path
) -> None:
    is_ready = [
        str(programs / "pg_isready"),
        *("--host", "127.0.0.1", "--port", str(port), "--username", USER),
    ]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(is_ready, check=False, capture_output=True).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStarted(f"PostgreSQL does not respond on port {port}; see {log}")
        time.sleep(0.1)
