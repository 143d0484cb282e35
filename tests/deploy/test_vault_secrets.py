"""The secrets of the chart in a Key Vault, which here is a folder behind a stand-in for `az`."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest

from deploy import vault_secrets
from deploy.vault_secrets import MAKERS
from inference.tokens import read_tokens
from tests.ansible.plays import Machine, write_az, write_program


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    write_az(machine)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return machine


class Command:
    """`python -m deploy.vault_secrets` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str) -> tuple[int, list[str]]:
        """The exit code, and the lines of the output with those of errors."""
        self._monkeypatch.setattr(sys, "argv", ["vault_secrets", *arguments, "--vault", "kv-fraud"])
        with pytest.raises(SystemExit) as ended:
            vault_secrets.main()
        printed = self._capsys.readouterr()
        return int(ended.value.code or 0), (printed.out + printed.err).splitlines()


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


def fill(machine: Machine, *missing: str) -> None:
    """Put every secret in the vault but the missing ones; each holds its own name."""
    for name in MAKERS.keys() - set(missing):
        (machine.vault / name).write_text(name)


def test_what_is_missing_is_made_from_what_is_there(machine: Machine, command: Command) -> None:
    missing = (
        "tracking-MLFLOW-WEBHOOK-SECRET-ENCRYPTION-KEY",
        "promoter-tracking-password",
        "batch-tracking-password",
        "watch-tracking-password",
        "tracking-metrics-user",
        "tracking-metrics-password",
        "inference-tokens",
        "watch-metrics-token",
    )
    fill(machine, *missing)

    assert command("make") == (0, [*missing, "8 secrets"])

    made = {name: (machine.vault / name).read_text() for name in missing}
    assert len(base64.urlsafe_b64decode(made[missing[0]])) == 32
    assert len(made["promoter-tracking-password"]) == 43
    assert made["batch-tracking-password"] == "inference-tracking-password"
    assert made["watch-tracking-password"] == "inference-tracking-password"
    assert made["watch-metrics-token"] == "inference-metrics-token"
    assert made["tracking-metrics-user"] == "auditor"
    assert made["tracking-metrics-password"] == "monitoring-tracking-password"
    tokens = read_tokens(machine.vault / "inference-tokens")
    assert {name: token.sha256 for name, token in tokens.items()} == {
        "smoke": hashlib.sha256(b"inference-smoke-token").digest(),
        "watch": hashlib.sha256(b"watch-token").digest(),
    }
    assert {token.scopes for token in tokens.values()} == {frozenset({"predict"})}
    assert command("make") == (0, ["0 secrets"])
    assert not [call for call in machine.az_calls if made["promoter-tracking-password"] in call]


def test_a_dry_run_makes_nothing(machine: Machine, command: Command) -> None:
    fill(machine, "inference-metrics-token", "inference-metrics-tokens")

    assert command("make", "--dry-run") == (
        0,
        [
            "inference-metrics-token",
            "inference-metrics-tokens",
            "2 secrets, none of them made (--dry-run)",
        ],
    )
    assert len(machine.az_calls) == 1


@pytest.mark.parametrize("token", ["inference-smoke-token", "watch-token"])
def test_a_file_of_callers_is_not_replaced(machine: Machine, command: Command, token: str) -> None:
    fill(machine, token)

    code, [line] = command("make")

    assert code == 2
    assert line.startswith(
        f"error: inference-tokens is in the vault without {token}: make a token with"
    )


def test_passwords_are_files_that_only_their_owner_reads(
    machine: Machine, command: Command, tmp_path: Path
) -> None:
    fill(machine)
    folder = tmp_path / "passwords"
    folder.mkdir()

    assert command("passwords", str(folder)) == (0, [])
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "admin": "tracking-MLFLOW-AUTH-ADMIN-PASSWORD",
        "auditor": "monitoring-tracking-password",
        "pods": "inference-tracking-password",
        "promoter": "promoter-tracking-password",
        "trainer": "trainer-tracking-password",
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_what_az_says_is_passed_on(machine: Machine, command: Command) -> None:
    write_program(machine.folder / "bin", "az", "#!/bin/sh\necho 'no access' >&2\nexit 1\n")

    assert command("make") == (2, ["error: Key Vault kv-fraud: az ended with: no access"])


def test_az_may_be_missing(
    machine: Machine, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine.vault))

    assert command("make") == (2, ["error: az is missing; install the Azure CLI"])
