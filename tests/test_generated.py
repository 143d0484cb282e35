"""Generated files are as the code would write them now; `make docs` writes them."""

from __future__ import annotations

import pytest

from tests.generated import PAGES
from tests.places import REPOSITORY


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_not_stale(page: str) -> None:
    assert (REPOSITORY / page).read_text() == PAGES[page](), "run `make docs`"
