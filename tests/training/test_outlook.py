"""What training says at its start that gates will refuse later."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from registry.evaluation.policy import SHIPPED, Policy, read_policy
from registry.provenance.repository import Repository
from tests.places import REPOSITORY
from tests.registry.provenance.origins import Origin, git, new_origin
from training.dataset import read_dataset
from training.outlook import budget_in_words, refusals

STRICT = read_policy(SHIPPED)
DEMO = read_policy(REPOSITORY / "deploy/local/demo-policy.yaml")
FOUR_FILES = ("mine.yaml", "training/a.py", "training/b.py", "training/c.py")
NOT_COMMITTED = (
    "lineage: not committed: mine.yaml, training/a.py, training/b.py and 1 more; commit, and train "
    "again"
)
NO_KEY = (
    "provenance: there is no training key, so what this run records is only claimed; run `python "
    "-m registry init`, or set FRAUD_TRAINING_KEY"
)
NO_AUTHOR = "four eyes: the commit has no author; set git's user.email, and commit again"
NO_COMMIT = "lineage: there is no git commit here; clone the repository, and train from there"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return new_origin(tmp_path)


def expected(
    origin: Origin,
    policy: Policy,
    uncommitted: tuple[str, ...] | None,
    *,
    authors: str = "git:carol@example.com",
    attested: bool = True,
    commit: str = "",
) -> list[str]:
    tags = {"git_commit": commit or git(origin.folder, "rev-parse", "HEAD"), "authors": authors}
    checkout = Repository(origin.folder)
    return list(refusals(policy, checkout, tags, uncommitted, attested=attested))


def test_a_signed_commit_with_a_training_key_is_fine(origin: Origin) -> None:
    assert expected(origin, STRICT, ()) == []


def test_everything_that_the_shipped_policy_refuses_is_said(origin: Origin) -> None:
    git(origin.folder, "commit", "--quiet", "--allow-empty", "--message", "unsigned")
    commit = git(origin.folder, "rev-parse", "HEAD")
    assert expected(origin, STRICT, FOUR_FILES, authors="", attested=False) == [
        NOT_COMMITTED,
        NO_AUTHOR,
        NO_KEY,
        f"provenance: commit {commit[:10]} is not signed, so its author is only claimed; sign it "
        "(`git commit --amend -S`)",
    ]


def test_without_a_commit_that_is_all_there_is_to_say(origin: Origin) -> None:
    assert expected(origin, STRICT, None, authors="", attested=False) == [NO_COMMIT]
    assert expected(origin, DEMO, None, commit="unknown") == [NO_COMMIT]


def test_in_an_image_the_attestation_verifies_code_and_commit(origin: Origin) -> None:
    assert expected(origin, STRICT, None, authors="") == []
    assert expected(origin, STRICT, None, authors="", attested=False) == [NO_COMMIT]


def test_what_the_policy_does_not_ask_for_is_not_said(origin: Origin) -> None:
    git(origin.folder, "commit", "--quiet", "--allow-empty", "--message", "unsigned")
    assert expected(origin, DEMO, FOUR_FILES, authors="", attested=False) == []


def test_both_alert_budgets_are_named_where_they_differ() -> None:
    dataset = read_dataset("simulated")
    assert budget_in_words(DEMO, dataset) == "20 a day"
    assert budget_in_words(STRICT, dataset) == "20 a day; the policy default allows up to 100"


def test_an_advisory_gate_refuses_nothing(origin: Origin, tmp_path: Path) -> None:
    content = yaml.safe_load(SHIPPED.read_text())
    for name in ("lineage", "leakage", "provenance"):
        content["gates"][name]["required"] = False
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(content))
    assert expected(origin, read_policy(path), FOUR_FILES, attested=False) == []
