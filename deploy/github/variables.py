"""Variables of the repository and of its environments. None is a secret: GitHub holds none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from deploy.github.gh import Gh

# A workflow could paste one into a line of its shell.
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]+$", max_length=500)]
ClientId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class ClientIds(BaseModel):
    """Client id of each identity that workflows sign in as."""

    model_config = ConfigDict(strict=True)

    deployer: ClientId
    promoter: ClientId
    evaluator: ClientId
    planner: ClientId


class GitHubOutputs(BaseModel):
    """What terraform/outputs.tf gives to the workflows."""

    model_config = ConfigDict(strict=True)

    tenant_id: ClientId
    registry_host: Word
    key_vault_name: Word
    signing_key: Word
    subscription_id: ClientId
    resource_group_name: Word
    cluster_name: Word
    github_client_ids: ClientIds


@dataclass(frozen=True)
class Given:
    """What Terraform does not know."""

    tracking_uri: str
    runner: str
    data: str
    dataset: str
    terraform_client_id: str


def variables(outputs: GitHubOutputs, given: Given) -> dict[str, dict[str, str]]:
    """Environment, "" for the repository → variable → value."""
    ids = outputs.github_client_ids
    return {
        "": {
            "AZURE_TENANT_ID": outputs.tenant_id,
            "AZURE_SUBSCRIPTION_ID": outputs.subscription_id,
            "AZURE_RESOURCE_GROUP": outputs.resource_group_name,
            "AKS_CLUSTER": outputs.cluster_name,
            "KEY_VAULT": outputs.key_vault_name,
            "REGISTRY_HOST": outputs.registry_host,
            "MLFLOW_TRACKING_URI": given.tracking_uri,
            "FRAUD_RUNNER": given.runner,
            "FRAUD_DATA": given.data,
            "FRAUD_DATASET": given.dataset,
            "DEPLOYER_CLIENT_ID": ids.deployer,
        },
        "production": {
            "PROMOTER_CLIENT_ID": ids.promoter,
            "FRAUD_SIGNING_KEY": outputs.signing_key,
        },
        "evaluation": {"EVALUATOR_CLIENT_ID": ids.evaluator},
        "plan": {"PLANNER_CLIENT_ID": ids.planner},
        "infrastructure": {"TERRAFORM_CLIENT_ID": given.terraform_client_id},
    }


def set_up(gh: Gh, repository: str, environment: str, wanted: Mapping[str, str]) -> None:
    """Set the variables of an environment, or of the repository; others stay as they are."""
    where = f"environments/{environment}" if environment else "actions"
    path = f"repos/{repository}/{where}/variables"
    found = {each["name"]: each["value"] for each in gh.items(path, "variables")}
    for name, value in wanted.items():
        if found.get(name) != value:
            request = ("PATCH", f"{path}/{name}") if name in found else ("POST", path)
            was = f"is {found[name]}" if name in found else "is not there"
            what = f"variable {name} of {environment or 'the repository'}: {was}"
            gh.change(what, *request, {"name": name, "value": value})
