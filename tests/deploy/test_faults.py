"""The fault table names tests that exist, and the page has it as it is now."""

from __future__ import annotations

import re

from tests.deploy.faults import FAULTS
from tests.deploy.report import PAGE, page
from tests.places import REPOSITORY


def test_each_row_names_a_test() -> None:
    sources = (REPOSITORY / "tests" / "deploy").rglob("test_*.py")
    tests = {name for path in sources for name in re.findall(r"def (test_\w+)", path.read_text())}

    assert {fault.test for fault in FAULTS} <= tests


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text() == page(), "run `make report-team`"
