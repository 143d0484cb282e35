"""Attacks by someone with write access to the tracking server but no key, and their outcomes.

`python -m tests.registry.attacks` prints the table of `docs/attacks.md`.
"""

from tests.registry.attacks.aliases import ALIASES
from tests.registry.attacks.attack import Attack, Refuses, Serves, table
from tests.registry.attacks.evidence import EVIDENCE
from tests.registry.attacks.files import FILES
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

__all__ = ["ALICE", "ATTACKS", "Attack", "Refuses", "Serves", "Target", "flood", "race", "table"]
