"""Which facts about a candidate are verified, by what, and which are only claimed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from registry.errors import Unreachable
from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.ledger.signing import CryptoSigner
from registry.model.contract import Window
from registry.provenance.collect import NOT_ATTESTED, collect
from registry.provenance.facts import FACT_NAMES, Fact, FactName
from registry.provenance.trusted import NOTHING_TRUSTED, GitHubTraining, JenkinsTraining
from tests.registry.ci_systems import RUN, CiSystem, ci_system, workflow_run
from tests.registry.provenance.origins import FINISHED, MODEL, REGISTERED, Origin, git

RUN_URL = "https://github.com/bank/fraud/actions/runs/42/attempts/1"


@pytest.fixture
def api() -> Iterator[CiSystem]:
    with ci_system() as system:
        yield system


def on_github(origin: Origin, api: CiSystem) -> Origin:
    """The candidate of a run of the training workflow."""
    builder = "https://github.com/bank/fraud/.github/workflows/train.yml@refs/heads/main"
    github = GitHubTraining(
        repository="bank/fraud", workflow=".github/workflows/train.yml", api=api.uri
    )
    return origin.trusting(github=github).attesting(builder=builder, invocation=RUN_URL)


def fact(origin: Origin, name: FactName) -> Fact:
    return next(fact for fact in origin.collected().facts if fact.name == name)


def test_an_honest_candidate_is_verified_in_every_fact(origin: Origin) -> None:
    collected = origin.collected()

    assert tuple(fact.name for fact in collected.facts) == FACT_NAMES
    assert collected.claimed == ()
    assert collected.authors == ("git:carol@example.com", "os:carol")
    assert collected.value("window") == "2026-01-01T00:00:00Z to 2026-03-01T00:00:00Z"
    assert [fact.by for fact in collected.facts if fact.name in ("commit", "authors")] == [
        "the evaluator's repository, branch main",
        "the commit's signature by carol@example.com",
    ]


def test_the_bytes_are_sealed_when_they_were_signed_and_registered(origin: Origin) -> None:
    assert origin.collected().sealed_at == REGISTERED
    assert origin.collected(registered_at=datetime(2026, 1, 1, tzinfo=UTC)).sealed_at == FINISHED


def test_without_an_attestation_everything_is_what_the_tags_say(origin: Origin) -> None:
    tags = {
        "git_commit": origin.commit,
        "git_dirty": "false",
        "data_sha256": "d" * 64,
        "requirements_sha256": "e" * 64,
        "authors": "github:bob",
    }
    collected = origin.collected(attestation=None, tags=tags)

    assert collected.claimed == FACT_NAMES
    assert {fact.reason for fact in collected.facts} == {NOT_ATTESTED}
    assert collected.sealed_at is None
    assert collected.value("data") == "d" * 64
    # The commit's author is an author all the same, whatever the tag says.
    assert collected.authors == ("github:bob", "git:carol@example.com")


def test_an_author_in_another_spelling_is_left_out_of_the_claimed_ones(origin: Origin) -> None:
    tags = {"authors": "github:b\u043eb GitHub:Dave x"}
    assert origin.collected(attestation=None, tags=tags).authors == ("github:dave",)


@pytest.mark.parametrize(
    "attestation", [b"", b"{}", b"\xff" * 10, b"[" * 100_000, b"{" + b" " * 1_000_001]
)
def test_what_is_no_attestation_verifies_nothing(origin: Origin, attestation: bytes) -> None:
    assert origin.collected(attestation=attestation).claimed == FACT_NAMES


def test_an_attestation_by_another_key_verifies_nothing(origin: Origin) -> None:
    own = replace(origin, signer=CryptoSigner(generate_private_key(SECP256R1())))
    assert "by a key that is not trusted" in own.reason("files")
    assert own.collected().claimed == FACT_NAMES


def test_a_retired_training_key_verifies_nothing(origin: Origin) -> None:
    (key,) = origin.trusted.training_keys
    retired = origin.trusting(training_keys=(key.model_copy(update={"last": 1}),))
    assert retired.collected().claimed == FACT_NAMES


def test_an_attestation_of_another_candidate_verifies_nothing(origin: Origin) -> None:
    swapped = Manifest({**MODEL.sha256, "model.onnx": "c" * 64})
    reason = "the attestation is of other files: model.onnx was changed"
    assert origin.reason("files", files=swapped) == reason
    assert origin.collected(files=swapped).claimed == FACT_NAMES


def test_nothing_is_verified_without_settings(origin: Origin) -> None:
    assert collect(origin.claims(), NOTHING_TRUSTED, {}).claimed == FACT_NAMES


def test_a_commit_that_the_evaluator_does_not_have_is_claimed(origin: Origin) -> None:
    unknown = origin.attesting(commit="f" * 40)
    assert unknown.collected().claimed == ("commit", "code", "dataset", "environment", "authors")
    assert "does not have it; fetch the whole history" in unknown.reason("commit")


def test_a_commit_on_another_branch_is_claimed(origin: Origin) -> None:
    git(origin.folder, "checkout", "--quiet", "-b", "mine")
    git(origin.folder, "commit", "--quiet", "--allow-empty", "--message", "mine")
    mine = origin.attesting(commit=git(origin.folder, "rev-parse", "HEAD"))

    assert mine.reason("commit") == "it is on no trusted branch (main); merge it"
    assert mine.trusting(trusted_branches=("main", "mine")).reason("commit") == ""


def test_a_change_that_was_not_committed_leaves_the_code_claimed(origin: Origin) -> None:
    changed = origin.attesting(code="0" * 64)
    assert changed.collected().claimed == ("code",)
    assert "commit all changes and train again" in changed.reason("code")


@pytest.mark.parametrize("changed", [{"dataset": "0" * 64}, {"dataset_path": ""}])
def test_a_data_set_file_that_is_not_the_commits_is_claimed(
    origin: Origin, changed: dict[str, str]
) -> None:
    assert origin.attesting(**changed).collected().claimed == ("dataset",)


def test_a_window_that_the_training_job_did_not_sign_is_claimed(origin: Origin) -> None:
    old = Window(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2001, 1, 1, tzinfo=UTC))
    assert origin.collected(window=old).claimed == ("window",)
    assert origin.reason("window", window=old) == (
        "the contract says 2000-01-01T00:00:00Z to 2001-01-01T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("installed", "foreign"),
    [
        ("numpy==2.0.0\nevil==1.0\n", "evil==1.0"),
        ("numpy==1.9.9\n", "numpy==1.9.9"),
        ("".join(f"a{number}==1\n" for number in range(7)), "a0==1, a1==1, a2==1, a3==1, a4==1"),
    ],
)
def test_packages_that_the_lock_files_do_not_pin_leave_the_environment_claimed(
    origin: Origin, installed: str, foreign: str
) -> None:
    content = installed.encode()
    attested = replace(origin, installed=content)
    attested = attested.attesting(environment=sha256_of_bytes(content))
    assert attested.reason("environment").partition(" at the commit: ")[2].startswith(foreign)


def test_an_environment_that_was_written_later_is_claimed(origin: Origin) -> None:
    assert origin.collected(environment=b"numpy==2.0.0\n").claimed == ("environment",)
    assert origin.collected(environment=None).claimed == ("environment",)


def test_the_authors_of_an_unsigned_commit_are_claimed(origin: Origin) -> None:
    git(origin.folder, "commit", "--quiet", "--allow-empty", "--message", "unsigned")
    unsigned = origin.attesting(commit=git(origin.folder, "rev-parse", "HEAD"))
    assert unsigned.collected().claimed == ("authors",)
    assert unsigned.collected().authors == ("git:carol@example.com", "os:carol")
    assert "so its e-mail address can be anyone's" in unsigned.reason("authors")


def test_a_commit_that_is_signed_by_an_unknown_key_has_claimed_authors(
    origin: Origin, tmp_path: Path
) -> None:
    nobody = tmp_path / "nobody"
    nobody.write_text("")
    assert origin.trusting(commit_signers=nobody).collected().claimed == ("authors",)


def test_whoever_signed_a_commit_in_anothers_name_is_an_author_too(
    origin: Origin, tmp_path: Path
) -> None:
    """Carol writes Bob's address into her commit, so that she could approve it herself."""
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={tmp_path / 'carol'}")
    git(
        origin.folder,
        *(*signing, "commit", "--quiet", "--gpg-sign", "--allow-empty"),
        *("--author", "Bob <bob@example.com>", "--message", "mine"),
    )
    forged = origin.attesting(commit=git(origin.folder, "rev-parse", "HEAD"))
    assert fact(forged, "authors").value == "git:bob@example.com git:carol@example.com"


def commit_on_github(*, verified: bool, author: str, committer: str) -> dict[str, object]:
    return {
        "commit": {"verification": {"verified": verified, "reason": "valid"}},
        "author": {"login": author},
        "committer": {"login": committer},
    }


def test_github_names_the_authors_of_a_signed_commit(origin: Origin, api: CiSystem) -> None:
    ours = on_github(origin, api).trusting(commit_signers=None)
    api.answer(
        f"/repos/bank/fraud/commits/{origin.commit}",
        commit_on_github(verified=True, author="Bob", committer="carol"),
    )
    api.answer(RUN, workflow_run(origin.commit, "dave"))

    collected = ours.collected({"GITHUB_TOKEN": "token"})

    assert collected.claimed == ()
    assert collected.authors == (
        *("git:carol@example.com", "github:bob", "github:carol", "github:dave"),
    )
    assert {headers["Authorization"] for _, headers in api.requests} == {"Bearer token"}


def test_github_is_not_believed_where_it_did_not_verify_the_signature(
    origin: Origin, api: CiSystem
) -> None:
    ours = on_github(origin, api).trusting(commit_signers=None)
    api.answer(
        f"/repos/bank/fraud/commits/{origin.commit}",
        commit_on_github(verified=False, author="bob", committer="web-flow"),
    )
    api.answer(RUN, workflow_run(origin.commit, "dave"))
    assert ours.collected().claimed == ("authors",)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"path": ".github/workflows/mine.yml"}, "has another workflow: .github/workflows/mine"),
        ({"head_sha": "f" * 40}, "has another commit: ffff"),
        ({"head_branch": "mine"}, "was on mine, which is no trusted branch"),
    ],
)
def test_a_run_of_another_workflow_commit_or_branch_names_no_starter(
    origin: Origin, api: CiSystem, changed: dict[str, str], reason: str
) -> None:
    api.answer(RUN, workflow_run(origin.commit, "dave", **changed))
    assert reason in on_github(origin, api).reason("starter")


def test_whoever_ran_a_run_again_has_started_it_too(origin: Origin, api: CiSystem) -> None:
    api.answer(RUN, workflow_run(origin.commit, "dave", triggering_actor={"login": "Erin"}))
    assert fact(on_github(origin, api), "starter").value == "github:dave github:erin"


def test_a_run_of_another_repository_names_no_starter(origin: Origin, api: CiSystem) -> None:
    other = RUN_URL.replace("bank/fraud", "mallory/fraud")
    ours = on_github(origin, api).attesting(invocation=other)
    assert ours.reason("starter") == f"provenance.yaml names no CI system that ran {other}"


def test_a_run_that_github_does_not_have_names_no_starter(origin: Origin, api: CiSystem) -> None:
    assert "GitHub knows no actions/runs/42/attempts/1" in on_github(origin, api).reason("starter")


def test_while_github_does_not_answer_nothing_is_decided(origin: Origin, api: CiSystem) -> None:
    api.answer(RUN, {}, status=500)
    with pytest.raises(Unreachable, match="GitHub did not return actions/runs/42/attempts/1"):
        on_github(origin, api).collected()


def in_jenkins(origin: Origin, api: CiSystem) -> Origin:
    job = f"{api.uri}/job/train/"
    ours = origin.trusting(jenkins=JenkinsTraining(job=job))
    return ours.attesting(invocation=f"{job}7/")


def test_jenkins_names_who_started_a_build(origin: Origin, api: CiSystem) -> None:
    api.answer(
        "/job/train/7/api/json",
        {
            "actions": [
                {"causes": [{"userId": "Dave"}, {"shortDescription": "by the timer"}]},
                {},
                {"lastBuiltRevision": {"SHA1": origin.commit}},
            ]
        },
    )
    environment = {"JENKINS_USER": "auditor", "JENKINS_API_TOKEN": "token"}
    starter = in_jenkins(origin, api).collected(environment).facts[-1]
    assert (starter.value, starter.verified) == ("jenkins:dave", True)
    assert api.requests[0][1]["Authorization"].startswith("Basic ")


def test_a_build_of_another_commit_names_no_starter(origin: Origin, api: CiSystem) -> None:
    api.answer(
        "/job/train/7/api/json",
        {"actions": [{"causes": [{"userId": "d"}]}, {"lastBuiltRevision": {"SHA1": "f" * 40}}]},
    )
    assert "did not build that commit" in in_jenkins(origin, api).reason("starter")
