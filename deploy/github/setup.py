"""`deploy/github/setup`: environments, variables and rules of the repository, by the GitHub CLI.

It asks for what is there, and changes only what differs: a second run changes nothing. It deletes
nothing but the right of other branches to deploy. docs/operations/promotion.md says what for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from deploy.github import actions, environments, ruleset, variables
from deploy.github.gh import Gh
from deploy.one_line_errors import one_line_errors
from deploy.values_from_terraform import read_outputs
from registry.errors import Refused, UsageError, on_one_line
from registry.progress import warn

CI = Path(__file__).resolve().parents[2] / ".github" / "workflows" / "ci.yml"
REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
LACKING = (
    "GitHub's plan of {repository} has no {lacking}. What protects then: `registry promote` "
    "refuses, since there is no approval to read: nothing can be promoted from GitHub Actions. "
    "Ways out: GitHub Enterprise, a public repository, Jenkins with `input`, or a person who "
    "promotes on an agent with --approver, which needs `verified_approver: false` in the "
    "policy. Until then set `github_protection` for Terraform: docs/operations/promotion.md"
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def setup(
    repository: Annotated[str, typer.Option(help="OWNER/NAME of the repository on GitHub.")],
    reviewer: Annotated[
        list[str],
        typer.Option(help="Who approves, alice or ORG/TEAM; again for each, up to six."),
    ],
    tracking_uri: Annotated[str, typer.Option(help="The tracking server, from a runner.")],
    runner: Annotated[str, typer.Option(help="Label of the runners in the subnet `runners`.")],
    data: Annotated[str, typer.Option(help="Data that candidates are evaluated on.")],
    dataset: Annotated[str, typer.Option(help="Its data-set file, from the repository's root.")],
    terraform_client_id: Annotated[
        str, typer.Option(help="Client id of the identity that applies Terraform.")
    ],
    outputs: Annotated[
        typer.FileBinaryRead, typer.Option(help="What `terraform output -json` printed.")
    ] = "-",  # type: ignore[assignment]
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print each request, and change nothing.")
    ] = False,
) -> None:
    """Set up environments, variables, branch rules and Actions of a repository on GitHub.

    Example: terraform -chdir=terraform/live output -json | deploy/github/setup --dry-run
    --repository contoso/fraud --reviewer contoso/fraud-reviewers …
    """
    if not REPOSITORY.fullmatch(repository):
        raise UsageError("--repository must be OWNER/NAME")
    read = read_outputs(outputs.read(), variables.GitHubOutputs, outputs.name)
    given = variables.Given(tracking_uri, runner, data, dataset, terraform_client_id)
    wanted = variables.variables(read, given)
    gh = Gh(dry_run)
    known = gh.get(f"repos/{repository}")
    if known is None or not known.get("permissions", {}).get("admin"):
        raise UsageError(f"no repository {repository} of which you are an administrator")
    reviewers = environments.find_reviewers(gh, reviewer)
    if [each["type"] for each in reviewers] == ["User"]:
        warn(f"only {reviewer[0]} reviews: nobody can approve a run that {reviewer[0]} started")

    lacking = [
        lack
        for name in environments.ENVIRONMENTS
        for lack in environments.set_up(gh, repository, name, reviewers)
    ]
    for name, values in wanted.items():
        if not (name and "environments" in lacking):
            variables.set_up(gh, repository, name, values)
    lacking += ruleset.set_up(gh, repository, ruleset.checks(CI.read_text(encoding="utf-8")))
    actions.set_up(gh, repository, private=known["private"])
    _warn_of_unknown_owners(gh, repository)
    print(f"{gh.changes} changes{', none of them made (--dry-run)' if dry_run else ''}")
    if lacking:
        names = " and no ".join(dict.fromkeys(lacking))
        raise Refused(LACKING.format(repository=repository, lacking=names))


def _warn_of_unknown_owners(gh: Gh, repository: str) -> None:
    """GitHub asks nobody for a review where an owner is unknown, or may not write."""
    found = gh.get(f"repos/{repository}/codeowners/errors")
    if found is None:
        warn("there is no .github/CODEOWNERS on GitHub yet: nobody in particular has to review")
        return
    for error in found["errors"]:
        warn(on_one_line(f"{error['path']}, line {error['line']}: {error['message']}"))


def main() -> None:
    """Run the command line; a RegistryError ends in one line and its exit code."""
    with one_line_errors():
        app(prog_name="deploy/github/setup")


if __name__ == "__main__":
    main()
