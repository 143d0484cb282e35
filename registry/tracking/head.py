"""The model in Production, verified: from the registry to a scorer in one call."""

from __future__ import annotations

from dataclasses import dataclass

from registry.errors import NotFound
from registry.ledger.chain import Ledger, Link
from registry.ledger.files import Files
from registry.ledger.fold import fold
from registry.ledger.trust import Trust
from registry.model.scorer import Scorer, open_model
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry


@dataclass(frozen=True)
class Head:
    """The ledger's head, and the scorer of its files."""

    link: Link
    scorer: Scorer


def head_of(ledger: Ledger) -> Link:
    """The ledger's head. Raises NotFound where nothing is in Production, and VerificationError
    where the ledger is broken or in doubt.
    """
    if ledger.head is None:
        raise NotFound("nothing is in Production yet; promote a candidate with `registry promote`")
    return ledger.head


def fetch_files(registry: Registry, trust: Trust) -> tuple[Link, Files]:
    """Read the ledger, and fetch its head's files.

    Raises what `head_of`, `fetch_verified` and `Registry.versions` raise.
    """
    link = head_of(fold(registry.versions(), trust))
    return link, fetch_verified(registry, link)


def fetch_head(registry: Registry, trust: Trust) -> Head:
    """`fetch_files`, and open the scorer. Raises what these and `open_model` raise."""
    link, files = fetch_files(registry, trust)
    return Head(link, open_model(files))
