"""`python -m deploy.vault_secrets`: the secrets of the chart in Azure Key Vault, by the Azure CLI.

`make` makes those that are missing, and changes none; `passwords` writes the users' passwords into
a folder, as `deploy.tracking.rights` reads them. Names are those of the chart: PART-KEY.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer

from deploy.one_line_errors import one_line_errors
from deploy.secret_file import write_secret
from registry.errors import Unreachable, UsageError, on_one_line

TIMEOUT_SECONDS = 120
PASSWORDS: Mapping[str, str] = {
    "admin": "tracking-MLFLOW-AUTH-ADMIN-PASSWORD",
    "pods": "inference-tracking-password",
    "promoter": "promoter-tracking-password",
    "trainer": "trainer-tracking-password",
    "auditor": "monitoring-tracking-password",
}
"""User of the tracking server → the secret that holds its password."""


@dataclass(frozen=True)
class Vault:
    """A Key Vault, in which `az` is signed in as someone who may read and write secrets."""

    name: str

    def names(self) -> set[str]:
        """The names of all secrets. Raises Unreachable."""
        return set(self._az("list", "--query", "[].name"))

    def read(self, secret: str) -> str:
        """The value of a secret. Raises Unreachable."""
        return str(self._az("show", "--name", secret, "--query", "value"))

    def write(self, secret: str, value: str) -> None:
        """Set a secret, through a file: everyone may see the arguments of a process."""
        with NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write(value)
            file.flush()
            self._az("set", "--name", secret, "--file", file.name, "--query", "name")

    def _az(self, *arguments: str) -> list[str] | str:
        command = ["az", "keyvault", "secret", *arguments, "--vault-name", self.name]
        try:
            done = subprocess.run(
                [*command, "--output", "json", "--only-show-errors"],
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=True,
            )
            answer: list[str] | str = json.loads(done.stdout)
        except subprocess.CalledProcessError as error:
            said = on_one_line(error.stderr.strip())
            raise Unreachable(f"Key Vault {self.name}: az ended with: {said}") from None
        except FileNotFoundError:
            raise UsageError("az is missing; install the Azure CLI") from None
        except (subprocess.TimeoutExpired, ValueError):
            raise Unreachable(f"Key Vault {self.name}: no answer from az; try it again") from None
        return answer


Maker = Callable[[Vault], str]


def _random(_vault: Vault) -> str:
    return secrets.token_urlsafe(32)


def _fernet_key(_vault: Vault) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _copy_of(secret: str) -> Maker:
    return lambda vault: vault.read(secret)


def _tokens(**secret_of: str) -> Maker:
    """A file of tokens (inference/tokens.py) with the line of each token that is in a secret."""

    def line(vault: Vault, caller: str, secret: str) -> str:
        return f"{caller} {hashlib.sha256(vault.read(secret).encode()).hexdigest()}\n"

    return lambda vault: "".join(line(vault, *pair) for pair in secret_of.items())


MAKERS: Mapping[str, Maker] = {
    "tracking-MLFLOW-FLASK-SERVER-SECRET-KEY": _random,
    "tracking-MLFLOW-WEBHOOK-SECRET-ENCRYPTION-KEY": _fernet_key,
    **dict.fromkeys(PASSWORDS.values(), _random),
    "batch-tracking-password": _copy_of(PASSWORDS["pods"]),
    "watch-tracking-password": _copy_of(PASSWORDS["pods"]),
    "tracking-metrics-user": lambda _vault: "auditor",
    "tracking-metrics-password": _copy_of(PASSWORDS["auditor"]),
    "inference-smoke-token": _random,
    "watch-token": _random,
    "inference-tokens": _tokens(smoke="inference-smoke-token", watch="watch-token"),
    "inference-metrics-token": _random,
    "inference-metrics-tokens": _tokens(prometheus="inference-metrics-token"),
    "watch-metrics-token": _copy_of("inference-metrics-token"),
}
"""Secret → how it is made. What is made of another comes after it: killed between the two, the next
run makes the rest."""

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
Name = Annotated[str, typer.Option(help="Name of the vault.")]


@app.command()
def make(
    vault: Name,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be made, and make nothing.")
    ] = False,
) -> None:
    """Make the secrets that are missing. One that is there is never changed.

    Example: python -m deploy.vault_secrets make --vault kv-fraud --dry-run
    """
    store = Vault(vault)
    there = store.names()
    for token, tokens in (
        ("inference-smoke-token", "inference-tokens"),
        ("watch-token", "inference-tokens"),
        ("inference-metrics-token", "inference-metrics-tokens"),
    ):
        if tokens in there and token not in there:
            raise UsageError(
                f"{tokens} is in the vault without {token}: make a token with `python -m "
                f"inference token NAME`, add its line to {tokens}, and set {token} to the token"
            )
    missing = [name for name in MAKERS if name not in there]
    for name in missing:
        if not dry_run:
            store.write(name, MAKERS[name](store))
        print(name, flush=True)
    print(f"{len(missing)} secrets{', none of them made (--dry-run)' if dry_run else ''}")


@app.command()
def passwords(
    folder: Annotated[Path, typer.Argument(help="Folder for a file for each user.")], vault: Name
) -> None:
    """Write each user's password into a file of the user's name, which only you can read.

    Example: python -m deploy.vault_secrets passwords "$(mktemp -d)" --vault kv-fraud
    """
    store = Vault(vault)
    for user, secret in PASSWORDS.items():
        write_secret(folder / user, store.read(secret))


def main() -> None:
    """Run the command line; a RegistryError ends in one line and its exit code."""
    with one_line_errors():
        app(prog_name="python -m deploy.vault_secrets")


if __name__ == "__main__":
    main()
