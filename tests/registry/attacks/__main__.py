"""Write the tables of `docs/attacks.md`, between their markers."""

import re

from tests.inference.hostile import HOSTILE_CLIENTS, hostile_table
from tests.places import REPOSITORY
from tests.registry.attacks import ATTACKS, CANDIDATE_ATTACKS, candidate_table, table

PAGE = REPOSITORY / "docs" / "attacks.md"

text = PAGE.read_text()
tables = (table(ATTACKS), candidate_table(CANDIDATE_ATTACKS), hostile_table(HOSTILE_CLIENTS))
for written in tables:
    begin, *_, end = written.splitlines()
    text = re.sub(f"{begin}.*?{end}", lambda _, new=written: new, text, flags=re.DOTALL)  # type: ignore[misc]
PAGE.write_text(text)
