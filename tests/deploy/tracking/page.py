"""docs/operations/rights.md, with the tables as they are now."""

from __future__ import annotations

import re

from tests.deploy.tracking.attempts import REFUSALS
from tests.deploy.tracking.holes import HOLES
from tests.deploy.tracking.matrix import holes_table, refusals_table, roles_table
from tests.places import REPOSITORY

PAGE = REPOSITORY / "docs" / "operations" / "rights.md"


def page() -> str:
    text = PAGE.read_text()
    for table in (roles_table(), refusals_table(REFUSALS), holes_table(HOLES)):
        begin, *_, end = table.splitlines()
        text = re.sub(f"{begin}.*?{end}", lambda _, new=table: new, text, flags=re.DOTALL)  # type: ignore[misc]
    return text
