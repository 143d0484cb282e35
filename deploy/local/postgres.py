"""A PostgreSQL server as a child process on loopback."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import START_SECONDS, NotStarted, free_port, running
from deploy.local.restartable import Restartable
from deploy.secret_file import write_secret

USER = "postgres"
INSTALLATION = "`apt-get install postgresql` installs it, and adds the user that it runs as"


@dataclass(frozen=True)
class Postgres:
    port: int
    password: str
    server: Restartable

    @property
    def uri(self) -> str:
        """Without the password, which programs take from PGPASSWORD."""
        return f"postgresql+psycopg2://{USER}@127.0.0.1:{self.port}/postgres"

    @property
    def uri_with_password(self) -> str:
        return self.uri.replace("@", f":{self.password}@")


def postgres_programs() -> Path | None:
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


@contextmanager
def postgres_server(folder: Path, log: Path, port: int | None = None) -> Iterator[Postgres]:
    """PostgreSQL on 127.0.0.1 with its data in `folder`, made where it is missing.

    It refuses to run as root; then it runs as Debian's user `postgres`, which must be able to reach
    the folder. Raises NotStarted.
    """
    programs = postgres_programs()
    if programs is None:
        raise NotStarted(f"PostgreSQL's server is not installed: {INSTALLATION}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
        as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"]
    data, password_file = folder / "data", folder / "password"
    if not (data / "PG_VERSION").exists():
        _initialise(programs, as_user, data, password_file)
    port = free_port() if port is None else port
    command = [
        *(*as_user, str(programs / "postgres"), "-D", str(data)),
        *("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"),
        *("-c", f"unix_socket_directories={folder}"),
    ]

    @contextmanager
    def start() -> Iterator[subprocess.Popen[bytes]]:
        with running(command, log) as process:
            _wait_until_ready(process, programs, port, log)
            yield process

    server = Restartable(start)
    try:
        server.start()
        yield Postgres(port, password_file.read_text(), server)
    finally:
        server.stop()


def _initialise(programs: Path, as_user: list[str], data: Path, password_file: Path) -> None:
    """Under another name first: of an interrupted initialisation nothing is used."""
    new = data.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    write_secret(password_file, secrets.token_urlsafe(24))
    if as_user:
        shutil.chown(password_file, USER, USER)
    command = [
        *(*as_user, str(programs / "initdb"), "--pgdata", str(new), "--username", USER),
        *("--auth", "scram-sha-256", "--pwfile", str(password_file)),
        *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
    ]
    made = subprocess.run(command, check=False, cwd=data.parent, capture_output=True, text=True)
    if made.returncode:
        reason = (made.stderr.strip().splitlines() or ["no output"])[-1]
        raise NotStarted(
            f"PostgreSQL's data cannot be made in {data.parent}, which its user must be able to "
            f"reach: {reason}"
        )
    new.rename(data)


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
