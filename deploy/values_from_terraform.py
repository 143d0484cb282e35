"""`python -m deploy.values_from_terraform`: Terraform's outputs in, values of the Helm chart out.

    terraform -chdir=terraform/live output -json | deploy/values-from-terraform > values-azure.yaml

The outputs are those of terraform/outputs.tf, the keys those of helm/fraud-platform/values.yaml.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from deploy.one_line_errors import one_line_errors
from registry.errors import UsageError, first_error

COMMAND = "terraform -chdir=terraform/live output -json"

Text = Annotated[str, StringConstraints(min_length=1)]


class _Output(BaseModel):
    """One output, as `terraform output -json` prints it beside its type."""

    value: Any


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class ClientIds(_Strict):
    """Client id of each workload's managed identity."""

    tracking: Text
    inference: Text
    promoter: Text
    trainer: Text
    batch: Text
    monitoring: Text
    watch: Text


class Containers(_Strict):
    """`wasbs://` addresses of the containers that the chart uses."""

    mlflow: Text
    records: Text


class Outputs(_Strict):
    """What terraform/outputs.tf gives to the chart."""

    tenant_id: Text
    client_ids: ClientIds
    registry_host: Text
    key_vault_name: Text
    signing_key: Text
    training_key: Text
    containers: Containers
    database_uri: Text
    feature_store_url: Text
    promoter_in_cluster: bool
    endpoint_cidrs: list[Text]


Wanted = TypeVar("Wanted", bound=BaseModel)


def read_outputs(text: str | bytes, wanted: type[Wanted], source: str) -> Wanted:
    """Outputs of `terraform output -json`. Raises UsageError that names the first wrong one."""
    try:
        outputs = TypeAdapter(dict[str, _Output]).validate_json(text)
    except ValidationError as error:
        raise UsageError(
            f"{source} is not what `{COMMAND}` prints: {first_error(error).message}"
        ) from None
    try:
        return wanted.model_validate({name: output.value for name, output in outputs.items()})
    except ValidationError as error:
        first = first_error(error)
        reason = first.message
        if first.location[0] not in outputs:
            reason = "it is missing"
        elif outputs[str(first.location[0])].value is None:
            reason = "it is null"
        raise UsageError(
            f"output {first.field}: {reason}; apply the configuration first, then run `{COMMAND}`"
        ) from None


def values(outputs: Outputs) -> dict[str, Any]:
    """Values of helm/fraud-platform that are of this subscription."""
    return {
        "global": {"imageRegistry": outputs.registry_host},
        "tracking": {
            "artifacts": outputs.containers.mlflow,
            "databaseUri": outputs.database_uri,
        },
        "jobs": {
            "promotion": {
                # Where only GitHub's runners have its identity, the pod could do nothing.
                "enabled": outputs.promoter_in_cluster,
                "signingKey": outputs.signing_key,
            },
            "training": {"signingKey": outputs.training_key},
        },
        "features": {"storeUrl": outputs.feature_store_url},
        "records": {"to": f"{outputs.containers.records}/production"},
        "secrets": {"provider": "keyVault", "keyVault": outputs.key_vault_name},
        "identity": {
            "tenantId": outputs.tenant_id,
            "clientIds": outputs.client_ids.model_dump(),
        },
        "networkPolicy": {"dataCidrs": outputs.endpoint_cidrs},
    }


def main() -> None:
    """Read standard input and write standard output; exit code 2 and one line for wrong input."""
    with one_line_errors():
        made = values(read_outputs(sys.stdin.buffer.read(), Outputs, "standard input"))
    print(f"# Made by deploy/values-from-terraform of `{COMMAND}`; make it again after each apply.")
    print(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), end="")


if __name__ == "__main__":
    main()
