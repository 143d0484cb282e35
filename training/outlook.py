"""What gates will refuse of a candidate, and at which alert budget, known before it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.evaluation.gates.leakage import Leakage
from registry.evaluation.gates.lineage import Lineage
from registry.evaluation.gates.provenance import ProvenanceVerified
from registry.evaluation.policy import GateKind, Policy
from registry.provenance.repository import COMMIT, Repository
from registry.tracking.names import AUTHORS_TAG, GIT_COMMIT_TAG
from training.dataset import Dataset

SHOWN_FILES = 3


def budget_in_words(policy: Policy, dataset: Dataset) -> str:
    """The alert budget of the data-set file, and where the policy judges at another."""
    budget = dataset.alert_budget_per_day
    note = policy.budget_note(budget)
    return f"{budget:,} a day" + (f"; {note}" if note else "")


def refusals(
    policy: Policy,
    checkout: Repository,
    origin: Mapping[str, str],
    uncommitted: tuple[str, ...] | None,
    *,
    attested: bool,
) -> Iterator[str]:
    """Why gates of the policy will refuse the candidate of a run, each with what to do about it.

    `origin` are the tags of the run (`track.log_origin`), `uncommitted` the files that the checkout
    does not have like that, and `attested` is whether the run has a training key.
    """
    lineage, provenance = _required(policy, Lineage), _required(policy, ProvenanceVerified)
    verified = provenance.verified if provenance else ()
    commit = origin[GIT_COMMIT_TAG]
    if uncommitted is None:
        # In an image with a known commit, the attestation is what verifies its code.
        if lineage and not (attested and COMMIT.fullmatch(commit)):
            yield "lineage: there is no git commit here; clone the repository, and train from there"
        return
    if uncommitted and ((lineage and lineage.clean_tree) or "code" in verified):
        yield f"lineage: not committed: {_listed(uncommitted)}; commit, and train again"
    if not origin[AUTHORS_TAG] and policy.four_eyes:
        yield "four eyes: the commit has no author; set git's user.email, and commit again"
    leakage = _required(policy, Leakage)
    if not attested and (set(verified) - {"commit"} or (leakage and leakage.at_least != "claimed")):
        yield (
            "provenance: there is no training key, so what this run records is only claimed; run "
            "`python -m registry init`, or set FRAUD_TRAINING_KEY"
        )
    if "authors" in verified and not checkout.is_signed(commit):
        yield (
            f"provenance: commit {commit[:10]} is not signed, so its author is only claimed; sign "
            "it (`git commit --amend -S`)"
        )


def _required(policy: Policy, kind: type[GateKind]) -> GateKind | None:
    """The gate of this class, if one that fails would stop a promotion."""
    gate = policy.gate(kind)
    return gate if gate and gate.required else None


def _listed(files: tuple[str, ...]) -> str:
    more = len(files) - SHOWN_FILES
    return ", ".join(files[:SHOWN_FILES]) + (f" and {more} more" if more > 0 else "")
