"""`deploy/github/setup` in this process, against a GitHub in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.github import setup
from tests.deploy.github.hub import REPOSITORY, Hub, serving

OUTPUTS = {
    "tenant_id": "11111111-1111-1111-1111-111111111111",
    "subscription_id": "22222222-2222-2222-2222-222222222222",
    "resource_group_name": "rg-contoso",
    "cluster_name": "aks-contoso",
    "key_vault_name": "kv-contoso",
    "registry_host": "acrcontoso.azurecr.io",
    "signing_key": "azurekms://kv-contoso.vault.azure.net/keys/fraud-signing/0123456789abcdef",
    "github_client_ids": {
        "deployer": "00000000-0000-0000-0000-000000000001",
        "promoter": "00000000-0000-0000-0000-000000000002",
        "evaluator": "00000000-0000-0000-0000-000000000003",
        "planner": "00000000-0000-0000-0000-000000000004",
    },
    "promoter_in_cluster": False,
}
OPTIONS = {
    "--repository": REPOSITORY,
    "--tracking-uri": "https://mlflow.contoso.example",
    "--runner": "fraud",
    "--data": "wasbs://datasets@stcontoso.blob.core.windows.net/2026.parquet",
    "--dataset": "training/datasets/handbook.yaml",
    "--terraform-client-id": "00000000-0000-0000-0000-000000000005",
}


class Setup:
    """The command."""

    def __init__(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self._outputs = folder / "outputs.json"
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(
        self,
        *flags: str,
        reviewers: tuple[str, ...] = ("contoso/reviewers", "alice"),
        outputs: dict[str, Any] | None = None,
        **options: str,
    ) -> tuple[int, str]:
        """The exit code, and the output with that of errors."""
        outputs = OUTPUTS if outputs is None else outputs
        self._outputs.write_text(json.dumps({key: {"value": outputs[key]} for key in outputs}))
        given = OPTIONS | {f"--{name}": value for name, value in options.items()}
        arguments = [text for option in given.items() for text in option]
        arguments += [text for name in reviewers for text in ("--reviewer", name)]
        arguments += ["--outputs", str(self._outputs), *flags]
        self._monkeypatch.setattr(sys, "argv", ["setup", *arguments])
        with pytest.raises(SystemExit) as ended:
            setup.main()
        printed = self._capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def hub(programs: Path) -> Iterator[Hub]:
    hub = Hub()
    with serving(hub, programs):
        yield hub


@pytest.fixture
def set_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Setup:
    return Setup(tmp_path, capsys, monkeypatch)
