"""Headers that every answer carries."""

from __future__ import annotations

import pytest

from tests.inference.calls import Caller


@pytest.mark.parametrize("path", ["/", "/docs", "/predict", "/nothing"])
def test_every_answer_forbids_the_browser_to_fetch_from_elsewhere(
    path: str, caller: Caller
) -> None:
    assert caller.get(path).headers["content-security-policy"] == (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; worker-src blob:; base-uri 'none'; frame-ancestors 'none'"
    )
