"""Attacks by someone who may write to the tracking server but holds no key, and what comes of each.

`python -m tests.registry.attacks` prints the table of `docs/attacks.md`.
"""

from tests.registry.attacks.attack import Attack, Refuses, Serves, table
from tests.registry.attacks.evidence import EVIDENCE
from tests.registry.attacks.files import FILES
from tests.registry.attacks.registered_model import REGISTERED_MODEL
from tests.registry.attacks.signs import SIGNS
from tests.registry.attacks.statements import STATEMENTS
from tests.registry.attacks.target import ALICE, Target
from tests.registry.attacks.versions import VERSIONS, flood, race

ATTACKS: tuple[Attack, ...] = (
    *FILES,
    *STATEMENTS,
    *VERSIONS,
    *REGISTERED_MODEL,
    *SIGNS,
    *EVIDENCE,
)

__all__ = ["ALICE", "ATTACKS", "Attack", "Refuses", "Serves", "Target", "flood", "race", "table"]
