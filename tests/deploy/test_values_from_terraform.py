"""Terraform's outputs become values of the chart; what is missing or wrong is named."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from deploy.github.variables import GitHubOutputs
from deploy.values_from_terraform import Outputs, read_outputs, values
from registry.errors import UsageError
from tests.places import REPOSITORY

SCHEMA = REPOSITORY / "helm" / "fraud-platform" / "values.schema.json"
CLIENT_IDS = {
    "tracking": "00000000-0000-0000-0000-000000000001",
    "inference": "00000000-0000-0000-0000-000000000002",
    "promoter": "00000000-0000-0000-0000-000000000003",
    "trainer": "00000000-0000-0000-0000-000000000004",
    "batch": "00000000-0000-0000-0000-000000000005",
    "monitoring": "00000000-0000-0000-0000-000000000006",
    "watch": "00000000-0000-0000-0000-000000000007",
}
SIGNING_KEY = "azurekms://kv-contoso.vault.azure.net/keys/fraud-signing/0123456789abcdef"
TRAINING_KEY = "azurekms://kv-contoso.vault.azure.net/keys/fraud-training/fedcba9876543210"
DATABASE = "postgresql+psycopg2://id-contoso-tracking@psql.postgres.database.azure.com:5432/mlflow?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt&plugin=entra"
OUTPUTS = {
    "tenant_id": "11111111-1111-1111-1111-111111111111",
    "client_ids": CLIENT_IDS,
    "registry_host": "acrcontoso.azurecr.io",
    "key_vault_name": "kv-contoso",
    "signing_key": SIGNING_KEY,
    "training_key": TRAINING_KEY,
    "containers": {
        "mlflow": "wasbs://mlflow@stcontoso.blob.core.windows.net",
        "records": "wasbs://records@stcontoso.blob.core.windows.net",
        "evidence": "wasbs://evidence@stcontoso.blob.core.windows.net",
    },
    "database_uri": DATABASE,
    "feature_store_url": "rediss://redis-contoso.westeurope.redis.azure.net:10000?login=entra",
    "promoter_in_cluster": True,
    "endpoint_cidrs": ["10.40.64.0/20"],
}
VALUES = {
    "global": {"imageRegistry": "acrcontoso.azurecr.io"},
    "tracking": {
        "artifacts": "wasbs://mlflow@stcontoso.blob.core.windows.net",
        "databaseUri": DATABASE,
    },
    "jobs": {
        "promotion": {"enabled": True, "signingKey": SIGNING_KEY},
        "training": {"signingKey": TRAINING_KEY},
    },
    "features": {"storeUrl": "rediss://redis-contoso.westeurope.redis.azure.net:10000?login=entra"},
    "records": {"to": "wasbs://records@stcontoso.blob.core.windows.net/production"},
    "secrets": {"provider": "keyVault", "keyVault": "kv-contoso"},
    "identity": {"tenantId": "11111111-1111-1111-1111-111111111111", "clientIds": CLIENT_IDS},
    "networkPolicy": {"dataCidrs": ["10.40.64.0/20"]},
}


def printed(outputs: dict[str, Any]) -> str:
    """Outputs as `terraform output -json` prints them."""
    return json.dumps(
        {name: {"sensitive": False, "type": "string", "value": v} for name, v in outputs.items()}
    )


def read(text: str) -> Outputs:
    return read_outputs(text, Outputs, "standard input")


def test_outputs_become_values_of_the_chart() -> None:
    assert values(read(printed(OUTPUTS))) == VALUES


def test_the_outputs_are_those_of_the_configuration() -> None:
    text = (REPOSITORY / "terraform" / "outputs.tf").read_text()

    chart, _, workflows = text.partition("# --- for GitHub's workflows alone ---")
    assert re.findall(r'^output "(\w+)"', chart, re.MULTILINE) == list(Outputs.model_fields)
    assert set(re.findall(r'^output "(\w+)"', workflows, re.MULTILINE)) == (
        set(GitHubOutputs.model_fields) - set(Outputs.model_fields)
    )
    assert set(OUTPUTS) == set(Outputs.model_fields)


def test_without_a_promoter_in_the_cluster_there_is_no_promotion_job() -> None:
    made = values(read(printed(OUTPUTS | {"promoter_in_cluster": False})))

    assert made["jobs"]["promotion"]["enabled"] is False


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"signing_key": None}, "output signing_key: it is null; apply"),
        ({"client_ids": {**CLIENT_IDS, "batch": None}}, "output client_ids.batch: Input should be"),
        ({"key_vault_name": ""}, "output key_vault_name: String should have at least 1"),
        ({"endpoint_cidrs": "10.0.0.0/8"}, "output endpoint_cidrs: Input should be a valid list"),
        (
            {"promoter_in_cluster": "yes"},
            "output promoter_in_cluster: Input should be",
        ),
    ],
)
def test_a_wrong_output_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(printed(OUTPUTS | wrong))

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_missing_output_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"^output {name}: it is missing; apply"):
        read(printed({key: value for key, value in OUTPUTS.items() if key != name}))


@pytest.mark.parametrize("text", ["", "null", "[]", '{"tenant_id": "x"}', "No outputs found", "\0"])
def test_what_terraform_does_not_print_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="standard input is not what `terraform"):
        read(text)


def run(stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    """The program as somebody calls it, from another folder."""
    environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable}
    program = REPOSITORY / "deploy" / "values-from-terraform"
    return subprocess.run(
        [program],
        input=stdin,
        env=environment,
        cwd="/",
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_the_program_reads_json_and_writes_yaml() -> None:
    done = run(printed(OUTPUTS).encode())

    assert (done.returncode, done.stderr) == (0, b"")
    assert yaml.safe_load(done.stdout) == VALUES
    assert done.stdout.startswith(b"# Made by deploy/values-from-terraform of `terraform ")


def test_the_program_ends_with_one_line_and_no_values() -> None:
    done = run(b"\xff")

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: standard input is not what `terraform ")
    assert done.stderr.count(b"\n") == 1


def test_the_chart_takes_the_values() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    if not SCHEMA.exists():
        pytest.skip("there is no helm/fraud-platform/values.schema.json")

    jsonschema.validate(VALUES, json.loads(SCHEMA.read_text()))
