"""The fold: from the versions of `fraud-detector-production` to the ledger.

Pure functions over values; nothing here talks to a server. Every reader folds in the same way, so
promoters that race need no lock: the loser's entry is void by construction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from registry.errors import VerificationError
from registry.ledger.chain import Finding, Ledger, Link, Version
from registry.ledger.statement import open_envelope
from registry.ledger.trust import Trust


def fold(versions: Iterable[Version], trust: Trust) -> Ledger:
    """Derive the ledger from the versions that the server lists.

    Links are followed from the first statement; of several successors of one entry the lowest
    version wins. A signed entry that follows nothing in the chain breaks it: honest promoters
    follow the tip only, so the entry that it followed was deleted.

    Raises VerificationError if the ledger does not extend the floor of `trust`.
    """
    signed, findings = _signed(sorted(versions, key=lambda version: version.number), trust)
    successors: dict[str | None, list[Link]] = defaultdict(list)
    for link in signed:
        successors[link.statement.entry.supersedes].append(link)
    chain: list[Link] = []
    models: list[Link] = []
    frozen = in_doubt = False
    following: str | None = None
    while True:
        winner: Link | None = None
        for link in successors.pop(following, []):
            if reason := _void(link, len(chain) + 1, models, frozen=frozen):
                findings.append(Finding(link.version, "void", reason))
            elif winner is None:
                winner = link
            else:
                findings.append(Finding(link.version, "lost", f"version {winner.version} won"))
        if winner is None:
            break
        chain.append(winner)
        if winner.puts_in_force:
            models.append(winner)
        following = winner.statement.digest
        action = winner.statement.entry.action
        # An unfreeze past its key's last sequence has no effect: the key may be stolen.
        frozen = action == "freeze" or (frozen and (action != "unfreeze" or winner.overrun))
        in_doubt = winner.overrun or (in_doubt and action != "rollback")
    for followed, links in successors.items():
        reason = f"it follows {followed}, which is not in the chain"
        findings += (Finding(link.version, "broken", reason) for link in links)
    findings.sort(key=lambda finding: finding.version)
    ledger = Ledger(tuple(chain), tuple(findings), frozen=frozen, in_doubt=in_doubt)
    if trust.floor is not None:
        trust.floor.require(ledger)
    return ledger


def _signed(versions: list[Version], trust: Trust) -> tuple[list[Link], list[Finding]]:
    """The versions with a statement of this ledger, each statement once, and the others."""
    links: list[Link] = []
    findings: list[Finding] = []
    keys = trust.public_keys()
    seen: dict[str, int] = {}
    for version in versions:
        if version.envelope is None:
            findings.append(Finding(version.number, "passed over", "it has no statement"))
            continue
        try:
            statement, keyid = open_envelope(version.envelope, keys)
        except VerificationError as error:
            findings.append(Finding(version.number, "passed over", str(error)))
            continue
        entry, key = statement.entry, trust.by_id(keyid)
        if entry.ledger_id != trust.ledger_id:
            findings.append(Finding(version.number, "passed over", "it belongs to another ledger"))
        elif entry.sequence < key.first:
            reason = "its key may not sign this sequence yet"
            findings.append(Finding(version.number, "passed over", reason))
        elif entry.source != version.source:
            reason = f"its source is {version.source!r}, but its statement names {entry.source!r}"
            findings.append(Finding(version.number, "void", reason))
        elif statement.digest in seen:
            first = seen[statement.digest]
            findings.append(Finding(version.number, "repeated", f"it repeats version {first}"))
        else:
            seen[statement.digest] = version.number
            links.append(Link(version.number, statement, overrun=not key.reaches(entry.sequence)))
    return links, findings


def _void(link: Link, sequence: int, models: list[Link], *, frozen: bool) -> str:
    """Why a signed successor of the chain does not count; empty when it does.

    `sequence` is its place in the chain, `models` the entries before it that put a model in force.
    """
    entry = link.statement.entry
    if entry.sequence != sequence:
        return f"its sequence is {entry.sequence}, but its place is {sequence}"
    match entry.action:
        case "promote":
            return "the ledger is frozen" if frozen else ""
        case "rollback":
            if any(_has_model_of(link, model) for model in models):
                return ""
            return "it rolls back to files that were never in force"
        case "freeze" | "unfreeze":
            if models and _has_model_of(link, models[-1]):
                return ""
            return f"its action is {entry.action}, but it does not repeat the entry in force"


def _has_model_of(link: Link, other: Link) -> bool:
    """Whether both entries name the same files at the same address."""
    return link.has_files_of(other) and link.statement.entry.source == other.statement.entry.source
