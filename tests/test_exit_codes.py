"""docs/exit-codes.md lists every exit code, and every code that it lists is one that occurs."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import demo
from deploy.local.processes import NotStarted, free_port, inference_service, status_of
from docs.pages.pages import user_errors
from registry.cli import main as registry_main
from registry.cli.stop import Stopped
from registry.errors import RegistryError, UsageError, VerificationError
from registry.ledger.creation import create_ledger
from tests.places import REPOSITORY
from tests.waiting import wait_until

PAGE = (REPOSITORY / "docs" / "exit-codes.md").read_text()
ROWS = dict(re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.MULTILINE))


def code_of(main: Callable[[], None]) -> int:
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def registry_code(monkeypatch: pytest.MonkeyPatch, error: BaseException | None = None) -> int:
    """How `registry status` ends where reading the ledger raises, or else how `--help` does."""

    def fail(*_: object) -> None:
        assert error is not None
        raise error

    # After a signal, the process ends without waiting for its threads.
    monkeypatch.setattr("os._exit", sys.exit)
    monkeypatch.setattr("registry.cli.session.Registry", fail)
    monkeypatch.setattr(sys, "argv", ["registry", "status" if error else "--help"])
    return code_of(registry_main.main)


@pytest.mark.parametrize("error", user_errors())
def test_every_way_to_fail_ends_with_the_code_that_is_documented(
    monkeypatch: pytest.MonkeyPatch, error: type[RegistryError]
) -> None:
    code = registry_code(monkeypatch, error("no"))

    assert code == error.exit_code
    assert f"`{error.__name__}`: " in ROWS[str(code)]


def demo_code(monkeypatch: pytest.MonkeyPatch) -> int:
    """How the demo ends where a server does not start."""

    def fail(_: object) -> None:
        raise NotStarted

    monkeypatch.setattr("typer.run", fail)
    return code_of(demo.main)


def service_code(folder: Path) -> int:
    """How the service ends on SIGTERM, as a shell reports it."""
    config = folder / "ledger.yaml"
    create_ledger(config, folder / "key.pem")
    uri = f"http://127.0.0.1:{free_port()}"
    with inference_service(uri, config, free_port(), folder / "log") as (address, process):
        wait_until(lambda: status_of(f"{address}/healthcheck") == 503)
        process.terminate()
        return 128 - process.wait(30)


def test_every_code_that_is_documented_occurs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    codes = [
        registry_code(monkeypatch),
        demo_code(monkeypatch),
        *(registry_code(monkeypatch, error("no")) for error in (UsageError, VerificationError)),
        registry_code(monkeypatch, Stopped(signal.SIGHUP)),
        registry_code(monkeypatch, KeyboardInterrupt()),
        registry_code(monkeypatch, Stopped(signal.SIGUSR1)),
        service_code(tmp_path),
    ]

    assert codes == [int(code) for code in ROWS]


def test_every_program_ends_with_codes_of_the_table() -> None:
    programs = re.findall(r"^\| `.*` \| ([\d, ]+) \|", PAGE, re.MULTILINE)

    assert len(programs) == 10
    assert {code for codes in programs for code in codes.split(", ")} == set(ROWS)
