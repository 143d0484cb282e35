"""The repository on GitHub is as the workflows need it, after one run, and the same after two."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.deploy.github.conftest import Setup
from tests.deploy.github.hub import Hub
from tests.places import REPOSITORY

ONLY_MAIN = {"protected_branches": False, "custom_branch_policies": True}
REVIEWED = {
    "reviewers": [{"type": "Team", "id": 21}, {"type": "User", "id": 11}],
    "prevent_self_review": True,
    "can_admins_bypass": False,
}
AT = "repos/contoso/fraud"
MAIN = {"name": "main", "type": "branch"}
KEY = "azurekms://kv-contoso.vault.azure.net/keys/fraud-signing/0123456789abcdef"


def variable(where: str, name: str, value: str) -> tuple[str, str, dict[str, str]]:
    return "POST", f"{AT}/{where}/variables", {"name": name, "value": value}


FIRST_RUN = [
    (
        "PUT",
        f"{AT}/environments/production",
        {"deployment_branch_policy": ONLY_MAIN, **REVIEWED},
    ),
    ("POST", f"{AT}/environments/production/deployment-branch-policies", MAIN),
    (
        "PUT",
        f"{AT}/environments/infrastructure",
        {"deployment_branch_policy": ONLY_MAIN, **REVIEWED},
    ),
    ("POST", f"{AT}/environments/infrastructure/deployment-branch-policies", MAIN),
    (
        "PUT",
        f"{AT}/environments/release",
        {"deployment_branch_policy": ONLY_MAIN, **REVIEWED},
    ),
    ("POST", f"{AT}/environments/release/deployment-branch-policies", MAIN),
    ("PUT", f"{AT}/environments/plan", {"deployment_branch_policy": None, **REVIEWED}),
    ("PUT", f"{AT}/environments/staging", {"deployment_branch_policy": ONLY_MAIN}),
    ("POST", f"{AT}/environments/staging/deployment-branch-policies", MAIN),
    ("PUT", f"{AT}/environments/evaluation", {"deployment_branch_policy": ONLY_MAIN}),
    ("POST", f"{AT}/environments/evaluation/deployment-branch-policies", MAIN),
    variable("actions", "AZURE_TENANT_ID", "11111111-1111-1111-1111-111111111111"),
    variable("actions", "AZURE_SUBSCRIPTION_ID", "22222222-2222-2222-2222-222222222222"),
    variable("actions", "AZURE_RESOURCE_GROUP", "rg-contoso"),
    variable("actions", "AKS_CLUSTER", "aks-contoso"),
    variable("actions", "KEY_VAULT", "kv-contoso"),
    variable("actions", "REGISTRY_HOST", "acrcontoso.azurecr.io"),
    variable("actions", "MLFLOW_TRACKING_URI", "https://mlflow.contoso.example"),
    variable("actions", "FRAUD_RUNNER", "fraud"),
    variable(
        "actions",
        "FRAUD_DATA",
        "wasbs://datasets@stcontoso.blob.core.windows.net/2026.parquet",
    ),
    variable("actions", "FRAUD_DATASET", "training/datasets/handbook.yaml"),
    variable("actions", "DEPLOYER_CLIENT_ID", "00000000-0000-0000-0000-000000000001"),
    variable(
        "environments/production", "PROMOTER_CLIENT_ID", "00000000-0000-0000-0000-000000000002"
    ),
    variable("environments/production", "FRAUD_SIGNING_KEY", KEY),
    variable(
        "environments/evaluation", "EVALUATOR_CLIENT_ID", "00000000-0000-0000-0000-000000000003"
    ),
    variable("environments/plan", "PLANNER_CLIENT_ID", "00000000-0000-0000-0000-000000000004"),
    variable(
        "environments/infrastructure",
        "TERRAFORM_CLIENT_ID",
        "00000000-0000-0000-0000-000000000005",
    ),
    # The ruleset, which test_ruleset.py looks at.
    (
        "PUT",
        f"{AT}/actions/permissions",
        {"enabled": True, "sha_pinning_required": True, "allowed_actions": "all"},
    ),
    (
        "PUT",
        f"{AT}/actions/permissions/workflow",
        {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False},
    ),
    (
        "PUT",
        f"{AT}/actions/permissions/fork-pr-contributor-approval",
        {"approval_policy": "all_external_contributors"},
    ),
]


def test_the_first_run_sets_up_everything_and_the_second_nothing(hub: Hub, set_up: Setup) -> None:
    code, printed = set_up()

    assert (code, printed.splitlines()[-2]) == (0, "31 changes"), printed
    rules = [change for change in hub.changes if change[1] == f"{AT}/rulesets"]
    assert [change for change in hub.changes if change not in rules] == FIRST_RUN
    assert [method for method, _, _ in rules] == ["POST"]
    assert "variable KEY_VAULT of the repository: is not there\n    POST repos/contoso" in printed

    hub.changes.clear()
    hub.owners = {"errors": []}
    assert set_up(reviewers=("alice", "contoso/reviewers", "alice")) == (0, "0 changes\n")
    assert hub.changes == []


def test_a_dry_run_prints_every_request_and_sends_none(hub: Hub, set_up: Setup) -> None:
    code, printed = set_up("--dry-run")

    assert (code, hub.changes) == (0, [])
    assert "\n31 changes, none of them made (--dry-run)\n" in printed
    shown = re.findall(r"^    (PUT|POST) (\S+)", printed, re.MULTILINE)
    rules = ("POST", f"{AT}/rulesets")
    assert [request for request in shown if request != rules] == [each[:2] for each in FIRST_RUN]


def test_what_was_changed_by_hand_is_said_and_repaired(hub: Hub, set_up: Setup) -> None:
    set_up()
    hub.changes.clear()
    production = hub.environments["production"]
    production["can_admins_bypass"] = True
    production["protection_rules"][0]["reviewers"].pop()
    hub.policies["production"] += [{"id": 9, "name": "release/*", "type": "branch"}]
    hub.variables["production"]["FRAUD_SIGNING_KEY"] = "file2:key.pem"
    hub.variables["production"]["OF_SOMEBODY"] = "stays"
    hub.rulesets[7]["bypass_actors"] = [{"actor_id": 5, "actor_type": "RepositoryRole"}]

    code, printed = set_up()

    assert (code, [(method, path) for method, path, _ in hub.changes]) == (
        0,
        [
            ("PUT", f"{AT}/environments/production"),
            ("DELETE", f"{AT}/environments/production/deployment-branch-policies/9"),
            ("PATCH", f"{AT}/environments/production/variables/FRAUD_SIGNING_KEY"),
            ("PUT", f"{AT}/rulesets/7"),
        ],
    )
    for line in (
        'environment production: reviewers is [{"type": "Team", "id": 21}], not [{"type": "Team", '
        '"id": 21}, {"type": "User", "id": 11}]; can_admins_bypass is true, not false',
        "environment production: release/* may deploy",
        "variable FRAUD_SIGNING_KEY of production: is file2:key.pem",
        'rules of main: bypass_actors is [{"actor_id": 5, "actor_type": "RepositoryRole"}], not []',
    ):
        assert f"{line}\n    " in printed
    assert hub.variables["production"]["OF_SOMEBODY"] == "stays"
    assert set_up()[1].startswith("0 changes\n")


def test_owners_that_do_not_exist_are_warned_of(hub: Hub, set_up: Setup) -> None:
    message = "Unknown owner on line 4: make sure the team exists and has write access"
    known = {"line": 4, "path": ".github/CODEOWNERS", "message": message}
    assert "warning: there is no .github/CODEOWNERS on GitHub yet" in set_up("--dry-run")[1]

    hub.owners = {"errors": [known]}
    assert f"warning: .github/CODEOWNERS, line 4: {message}\n" in set_up("--dry-run")[1]


@pytest.mark.parametrize("repository", ["contoso", "https://github.com/contoso/fraud", "a/b/c", ""])
def test_a_repository_is_owner_and_name(set_up: Setup, repository: str) -> None:
    assert set_up(repository=repository) == (2, "error: --repository must be OWNER/NAME\n")


def test_only_an_administrator_sets_up(hub: Hub, set_up: Setup) -> None:
    hub.admin = False
    for name in ("contoso/fraud", "contoso/other"):
        refused = f"error: no repository {name} of which you are an administrator\n"
        assert set_up(repository=name) == (2, refused)


def test_the_program_reads_the_outputs_from_standard_input() -> None:
    done = subprocess.run(
        [
            REPOSITORY / "deploy" / "github" / "setup",
            *("--repository", "contoso/fraud", "--reviewer", "alice"),
            *("--tracking-uri", "https://mlflow.contoso.example", "--runner", "fraud"),
            *("--data", "data.parquet", "--dataset", "handbook.yaml"),
            *("--terraform-client-id", "00000000-0000-0000-0000-000000000005"),
        ],
        input=b'{"tenant_id": {"value": 5}}',
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable},
        cwd="/",
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == (
        b"error: output tenant_id: Input should be a valid string; apply the configuration first, "
        b"then run `terraform -chdir=terraform/live output -json`\n"
    )
