"""Attacks on where a candidate comes from, and on who may approve it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.signing import CryptoSigner
from registry.lifecycle.approval import Approval, approvals
from registry.lifecycle.evaluate import evaluate
from registry.lifecycle.promote import promote
from registry.model.contract import Window
from registry.provenance.people import People
from registry.tracking.names import AUTHORS_TAG, CANDIDATES
from tests.registry.attacks.candidate import CandidateAttack, blocking
from tests.registry.ci_systems import APPROVALS, ci_system, review
from tests.registry.provenance.origins import (
    Origin,
    attest_candidate,
    git,
    log_origin,
    new_origin,
    strict_policy,
)
from tests.world import World

AUTHOR = "git:carol@example.com"


def attempt(
    world: World, folder: Path, origin: Origin, candidate: int, approver: str = AUTHOR
) -> str:
    """Evaluate and promote; the reason of the refusal, or the entry."""
    policy = strict_policy(folder)
    reference, evidence = evaluate(
        world.client, world.trust, str(candidate), world.rows, policy, trusted=origin.trusted
    )
    if evidence.blocking:
        return blocking(evidence)
    link, _ = promote(
        world.client,
        world.trust,
        world.signer,
        str(reference),
        (Approval(approver),),
        policy,
        trusted=origin.trusted,
    )
    return str(link)


def _by(change: Callable[[Origin], Origin], approver: str = AUTHOR) -> Callable[..., str]:
    """An attempt with what the training job attested changed."""

    def attack(world: World, folder: Path) -> str:
        candidate = world.register()
        honest = attest_candidate(world, new_origin(folder), candidate)
        changed = change(honest)
        log_origin(world, changed, candidate)
        return attempt(world, folder, changed, candidate, approver)

    return attack


def _tag_names_another_author(world: World, folder: Path) -> str:
    candidate = world.register()
    run = str(world.client.get_model_version(CANDIDATES, str(candidate)).run_id)
    world.client.set_tag(run, AUTHORS_TAG, "github:bob")
    return attempt(world, folder, new_origin(folder), candidate)


def _own_key(origin: Origin) -> Origin:
    return replace(origin, signer=CryptoSigner(generate_private_key(SECP256R1())))


def _window_of_another_year(origin: Origin) -> Origin:
    old = Window(start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2001, 1, 1, tzinfo=UTC))
    return origin.attesting(window=old)


def _attestation_of_another_candidate(world: World, folder: Path) -> str:
    origin = attest_candidate(world, new_origin(folder), world.register())
    candidate = world.register(threshold=0.4)
    log_origin(world, origin, candidate)
    return attempt(world, folder, origin, candidate)


def _commit(origin: Origin, *options: str) -> Origin:
    git(origin.folder, "commit", "--quiet", "--allow-empty", "--message", "mine", *options)
    return origin.attesting(commit=git(origin.folder, "rev-parse", "HEAD"))


def _own_branch(origin: Origin) -> Origin:
    git(origin.folder, "checkout", "--quiet", "-b", "mine")
    return _commit(origin)


def _in_anothers_name(origin: Origin) -> Origin:
    return _commit(origin, "--author", "Bob <bob@example.com>")


def _foreign_package(origin: Origin) -> Origin:
    installed = origin.installed + b"evil==1.0\n"
    changed = replace(origin, installed=installed)
    return changed.attesting(environment=sha256_of_bytes(installed))


def _second_account(origin: Origin) -> Origin:
    people = People({"carol": (AUTHOR, "git:carol@home.example")})
    return origin.trusting(people=people)


def _approvals_on_github(reviews: list[dict[str, object]], **changed: str) -> Callable[..., str]:
    """An attempt in a workflow run with these reviews."""

    def attack(world: World, _: Path) -> str:
        with ci_system() as github:
            github.answer(APPROVALS, reviews)
            environment = {**github.environment, **changed}
            return str(approvals(environment, None, "production", at_terminal=False))

    return attack


PROVENANCE = (
    CandidateAttack(
        "another author named",
        "the run's tag `authors` says `github:bob`",
        "approving one's own candidate",
        _tag_names_another_author,
        "authors is claimed: the candidate has no attestation",
    ),
    CandidateAttack(
        "approved by the author",
        "everything is verified, and the commit's author approves",
        "approving one's own candidate",
        _by(lambda origin: origin),
        "four eyes: git:carol@example.com is an author",
    ),
    CandidateAttack(
        "approver with a blank",
        "`git:carol@example.com ` with a blank at its end",
        "approving one's own candidate as if somebody else did",
        _by(lambda origin: origin, f"{AUTHOR} "),
        "holds a blank",
    ),
    CandidateAttack(
        "approver with another case or a look-alike",
        "a Cyrillic letter in `git:c\u0430rol@example.com`",
        "approving one's own candidate as if somebody else did",
        _by(lambda origin: origin, "git:c\u0430rol@example.com"),
        "holds characters that are not ASCII",
    ),
    CandidateAttack(
        "approved from a second account",
        "the author's private account, which `people` lists",
        "approving one's own candidate as if somebody else did",
        _by(_second_account, "git:carol@home.example"),
        "git:carol@home.example, who is git:carol@example.com, is an author",
    ),
    CandidateAttack(
        "commit in another's name",
        "an unsigned commit whose author is Bob's e-mail address",
        "approving one's own candidate",
        _by(_in_anothers_name),
        "authors is claimed: the commit is not signed by a known key",
    ),
    CandidateAttack(
        "attestation by the author's own key",
        "the right content, signed by a key of their own",
        "any claim about the origin",
        _by(_own_key),
        "the signature is by a key that is not trusted",
    ),
    CandidateAttack(
        "attestation of another candidate",
        "the genuine one of an honest candidate, in the run of another",
        "any model under an honest origin",
        _attestation_of_another_candidate,
        "the attestation is of other files: MLmodel was changed",
    ),
    CandidateAttack(
        "training window of another year",
        "the contract claims a window that the training job did not sign",
        "a model that trained on the evaluation rows",
        _by(_window_of_another_year),
        "the policy requires at least: attested",
    ),
    CandidateAttack(
        "code of a branch of one's own",
        "the commit is on no trusted branch",
        "code that nobody reviewed",
        _by(_own_branch),
        "commit is claimed: it is on no trusted branch (main)",
    ),
    CandidateAttack(
        "uncommitted code",
        "the training job ran other code than that of the commit",
        "code that nobody reviewed",
        _by(lambda origin: origin.attesting(code="0" * 64)),
        "code is claimed: what ran is not the code of the commit",
    ),
    CandidateAttack(
        "foreign package in the environment",
        "a package that the lock files do not pin was installed",
        "code that nobody reviewed",
        _by(_foreign_package),
        "environment is claimed: not pinned in",
    ),
    CandidateAttack(
        "approval of another environment",
        "Bob approved `training`; the author has approved nothing",
        "a promotion that nobody approved",
        _approvals_on_github([review("bob", environment="training")]),
        "no one approved the environment production in this run, only training",
    ),
    CandidateAttack(
        "approval of an earlier attempt",
        "the approved run is run again",
        "a promotion of something else than was approved",
        _approvals_on_github([review("bob")], GITHUB_RUN_ATTEMPT="2"),
        "start a new run of the workflow",
    ),
)
