"""Print the table of `docs/attacks.md`."""

from tests.registry.attacks import ATTACKS, table

print(table(ATTACKS))
