"""The branch rules of `main`, and the names of the checks that they require."""

from __future__ import annotations

from deploy.github.ruleset import checks, ruleset
from tests.places import REPOSITORY

WORKFLOW = """
on: push
jobs:
  test: {runs-on: ubuntu-24.04}
  named: {name: Terraform, runs-on: ubuntu-24.04}
  images:
    strategy:
      matrix: {runner: [ubuntu-24.04, ubuntu-24.04-arm], python: [3.11, "3.12"]}
"""


def test_a_job_with_a_matrix_reports_each_combination() -> None:
    assert checks(WORKFLOW) == [
        "test",
        "Terraform",
        "images (ubuntu-24.04, 3.11)",
        "images (ubuntu-24.04, 3.12)",
        "images (ubuntu-24.04-arm, 3.11)",
        "images (ubuntu-24.04-arm, 3.12)",
    ]


def test_the_checks_are_those_of_ci() -> None:
    found = checks((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())

    assert {"test", "terraform", "images (ubuntu-24.04)", "images (ubuntu-24.04-arm)"} <= set(found)


def test_main_takes_what_was_reviewed_signed_and_tested() -> None:
    assert ruleset(["test", "images (arm)"], 15368) == {
        "name": "fraud: main",
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": {"ref_name": {"include": ["refs/heads/main"], "exclude": []}},
        "rules": [
            {"type": "deletion"},
            {"type": "non_fast_forward"},
            {"type": "required_signatures"},
            {
                "type": "pull_request",
                "parameters": {
                    "required_approving_review_count": 1,
                    "dismiss_stale_reviews_on_push": True,
                    "require_code_owner_review": True,
                    "require_last_push_approval": True,
                    "required_review_thread_resolution": False,
                    "allowed_merge_methods": ["merge", "squash"],
                },
            },
            {
                "type": "required_status_checks",
                "parameters": {
                    "strict_required_status_checks_policy": True,
                    "required_status_checks": [
                        {"context": "images (arm)", "integration_id": 15368},
                        {"context": "test", "integration_id": 15368},
                    ],
                },
            },
        ],
    }
