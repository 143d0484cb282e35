"""Four eyes: an approver may not be someone who has a part in what is approved.

People are compared, not strings: identities have one spelling, and `people` in provenance.yaml says
which of them belong to one person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from registry.errors import Refused
from registry.ledger.chain import Ledger
from registry.ledger.manifest import sha256_of
from registry.lifecycle.approval import Approval
from registry.progress import warn
from registry.provenance.people import People
from registry.provenance.repository import Repository

IN_LEDGER = {"rollback": "rolled back", "freeze": "froze the ledger", "unfreeze": "unfroze it"}


def parties(ledger: Ledger, policy_path: Path) -> dict[str, str]:
    """Who has another part in a promotion than its authors: identity → what they did.

    That is who changed the policy since Production was promoted, and who rolled back, froze or
    unfroze since the last promotion. Warns where the former is not known.
    """
    did: dict[str, str] = {}
    for link in reversed(ledger.chain):
        entry = link.statement.entry
        if entry.action == "promote":
            break
        if entry.action in IN_LEDGER:
            did.setdefault(entry.approver, f"{IN_LEDGER[entry.action]} in entry {entry.sequence}")
    if ledger.head is not None:
        known = ledger.head.statement.entry.policy.sha256
        changers = Repository(policy_path.parent).changers(policy_path, known)
        if changers is None and sha256_of(policy_path) != known:
            warn(
                f"four eyes: {policy_path} differs from the policy of Production, and is in no git "
                "checkout: who changed it is not known, and may be the approver"
            )
        for address in changers or ():
            did.setdefault(f"git:{address.lower()}", f"changed {policy_path.name}")
    return did


def choose(
    approvals: tuple[Approval, ...],
    authors: tuple[str, ...],
    others: dict[str, str],
    people: People,
) -> Approval:
    """The first approval by someone who is neither an author nor one of the others.

    `others` are identities, each with what they did. Raises Refused with the reason for each
    approval. Where an approver and the authors have no realm in common, and `people` does not know
    them all, they may be the same person: that is refused too.
    """
    reasons: list[str] = []
    for approval in approvals:
        reason = next(_objections(approval.approver, authors, others, people), "")
        if not reason:
            return approval
        reasons.append(reason)
    raise Refused(
        f"four eyes: {'; '.join(reasons)}. Have another person approve it, in a realm in which the "
        "authors are known, list everyone's identities under `people` in provenance.yaml, or set "
        "`four_eyes: false` in the policy and evaluate again"
    )


def _objections(
    approver: str, authors: tuple[str, ...], others: dict[str, str], people: People
) -> Iterator[str]:
    for author in authors:
        if people.same(approver, author):
            known = "" if approver == author else f", who is {author},"
            yield f"{approver}{known} is an author"
    for other, did in others.items():
        if people.same(approver, other):
            yield f"{approver} {did}"
    if not people.comparable(approver, authors):
        known = ", ".join(authors) or "not recorded"
        yield f"{approver} has no realm in common with the authors ({known})"
