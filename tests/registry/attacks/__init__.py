"""Attacks and their outcomes: on the ledger, and on the way into Production.

`python -m tests.registry.attacks` writes the tables of `docs/attacks.md`.
"""

from tests.registry.attacks.age import AGE
from tests.registry.attacks.aliases import ALIASES
from tests.registry.attacks.attack import Attack, Refuses, Serves, table
from tests.registry.attacks.candidate import CandidateAttack, candidate_table
from tests.registry.attacks.candidate_files import CANDIDATE_FILES
from tests.registry.attacks.decisions import DECISIONS
from tests.registry.attacks.evidence import EVIDENCE
from tests.registry.attacks.files import FILES
from tests.registry.attacks.looks import LOOKS
from tests.registry.attacks.provenance import PROVENANCE
from tests.registry.attacks.registered_model import REGISTERED_MODEL
from tests.registry.attacks.statements import STATEMENTS
from tests.registry.attacks.target import ALICE, Target
from tests.registry.attacks.versions import VERSIONS, flood, race

ATTACKS: tuple[Attack, ...] = (
    *FILES,
    *STATEMENTS,
    *VERSIONS,
    *REGISTERED_MODEL,
    *ALIASES,
    *EVIDENCE,
)

CANDIDATE_ATTACKS: tuple[CandidateAttack, ...] = (
    *PROVENANCE,
    *CANDIDATE_FILES,
    *DECISIONS,
    *AGE,
    *LOOKS,
)

__all__ = [
    "ALICE",
    "ATTACKS",
    "CANDIDATE_ATTACKS",
    "Attack",
    "CandidateAttack",
    "Refuses",
    "Serves",
    "Target",
    "candidate_table",
    "flood",
    "race",
    "table",
]
