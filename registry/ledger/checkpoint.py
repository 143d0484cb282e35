"""The end of the ledger, read from the newest versions alone by the checkpoint of an entry in them.

Each statement holds what its signer knew of the ledger before it. docs/decisions/following.md says
what a reader may conclude from that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from registry.ledger.chain import Finding, Ledger, Link, follow
from registry.ledger.fold import distinct
from registry.ledger.statement import Checkpoint
from registry.ledger.trust import Trust


def checkpoint_after(ledger: Ledger) -> Checkpoint | None:
    """What the entry that follows this ledger's tip says of it; None where there is no tip."""
    return list(_checkpoints(ledger))[-1] if ledger.chain else None


def false_checkpoints(ledger: Ledger) -> Iterator[Link]:
    """The entries of a whole ledger whose checkpoint is not what was before them.

    Except for the version's number: entries that were appended again have others since then. And
    `frozen` may be what it was before a key was revoked, or what it is since: whoever signed an
    entry in between could not know.
    """
    before = _checkpoints(ledger, with_overruns=True)
    for true, earlier, link in zip(_checkpoints(ledger), before, ledger.chain[1:], strict=False):
        said = link.statement.entry.checkpoint
        if said and (said.keys != true.keys or said.frozen not in (true.frozen, earlier.frozen)):
            yield link


def _checkpoints(ledger: Ledger, *, with_overruns: bool = False) -> Iterator[Checkpoint]:
    """What is true after each entry of a whole ledger.

    With `with_overruns`, as if all keys might sign all entries.
    """
    frozen, keys = False, dict[str, tuple[int, int]]()
    for link in ledger.chain:
        sequence = link.statement.entry.sequence
        counted = replace(link, overrun=False) if with_overruns else link
        frozen = counted.leaves_frozen(frozen)
        keys[link.keyid] = keys.get(link.keyid, (sequence,))[0], sequence
        yield Checkpoint(version=link.version, frozen=frozen, keys=keys)


def fold_end(
    opened: Iterable[Link | Finding], trust: Trust, digests: Collection[str]
) -> Ledger | None:
    """The end of the ledger from its newest versions; None where these alone do not prove it.

    `opened` are all versions from some number on, as `open_version` opened them; `digests` are
    those of entries that the reader remembers, which must be in the chain. The chain of the result
    begins with the oldest entry that is linked to the tip; its tip, its head and `frozen` are those
    of the whole ledger.

    A start is an entry whose checkpoint, signed by a key in use, names the number under which its
    predecessor is listed: then what followed that predecessor has a higher number, and is here. All
    signed entries must be explained from there; whatever is in doubt is for a reader of everything.
    The newest start counts only where there is no other: its own entry then is checked by the rules
    of the chain, and not only by the word of its signer.
    """
    links, _ = distinct(opened)
    by_digest = {link.digest: link for link in links}
    starts = list(_starts(links, by_digest, trust))
    for predecessor, checkpoint in starts[:-1] or starts:
        chain = [predecessor]
        while (before := by_digest.get(chain[0].statement.entry.supersedes or "")) and (
            before.version < chain[0].version  # else it is a copy
        ):
            chain.insert(0, before)
        known = {link.digest for link in chain}
        after = [link for link in links if link.digest not in known]
        ledger = follow(after, [], chain, frozen=checkpoint.frozen)
        if (
            # Not so for a rollback to a model that was in force before these versions.
            all(finding.kind == "lost" for finding in ledger.findings)
            and not any(link.overrun for link in ledger.chain)
            and ledger.models
            and {link.digest for link in ledger.chain}.issuperset(digests)
        ):
            return ledger
    return None


def _starts(
    links: Iterable[Link], by_digest: dict[str, Link], trust: Trust
) -> Iterator[tuple[Link, Checkpoint]]:
    """The links that are named by the checkpoint of a link that follows, with that checkpoint."""
    for link in links:
        entry, key = link.statement.entry, trust.by_id(link.keyid)
        predecessor, checkpoint = by_digest.get(entry.supersedes or ""), entry.checkpoint
        if (
            predecessor
            and checkpoint
            and checkpoint.version == predecessor.version < link.version
            and key.last is None
            and not key.revoked
            and _no_overrun(checkpoint, trust)
        ):
            yield predecessor, checkpoint


def _no_overrun(checkpoint: Checkpoint, trust: Trust) -> bool:
    """Whether each key that has signed is trusted for all that it signed."""
    keys = {key.keyid: key for key in trust.keys}
    return all(
        keyid in keys and keys[keyid].reaches(first) and keys[keyid].reaches(last)
        for keyid, (first, last) in checkpoint.keys.items()
    )
