"""Verify: check every entry of a folded ledger against what the tracking server holds for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from registry.errors import RegistryError
from registry.evaluation.evidence import fetched_evidence
from registry.ledger.chain import Ledger
from registry.ledger.tip import Tip
from registry.lifecycle.aliases import needed_repairs
from registry.temporary import temporary_folder
from registry.tracking.client import MlflowClient
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry


@dataclass(frozen=True)
class Verification:
    """The result of `verify`: `stale` are aliases and tags that `repair` would set, no problem."""

    entries: int
    problems: tuple[str, ...]
    stale: tuple[str, ...]
    tip: Tip | None


def verify(client: MlflowClient, ledger: Ledger) -> Verification:
    """Check the ledger's findings, the files and evidence of every entry, and alias and tags."""
    problems = [str(finding) for finding in ledger.findings if finding.kind != "repeated"]
    problems += _damaged_files(client, ledger)
    stale: tuple[str, ...] = ()
    try:
        stale = tuple(repair.problem for repair in needed_repairs(client, ledger))
    except RegistryError as error:  # without a head, alias and tags cannot be compared with it
        problems.append(str(error))
    return Verification(len(ledger.chain), tuple(problems), stale, Tip.of(ledger))


def _damaged_files(client: MlflowClient, ledger: Ledger) -> Iterator[str]:
    """What is wrong with each entry's model files or, where these match, with its evidence."""
    registry = Registry(client.tracking_uri)
    checked: set[tuple[str, str]] = set()
    for link in ledger.chain:
        entry = link.statement.entry
        # Freezes and rollbacks repeat files: the same files at one address are hashed once.
        files = (entry.source, json.dumps(link.statement.files, sort_keys=True))
        if files in checked:
            continue
        checked.add(files)
        try:
            with temporary_folder("verify-") as folder:
                fetch_verified(registry, link, folder)
            with fetched_evidence(client, entry.evidence):
                pass
        except RegistryError as error:
            yield str(error)
