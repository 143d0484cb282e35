"""Generated files are as the code would write them now; `make docs` writes them."""

from __future__ import annotations

from tests.generated import generated
from tests.places import REPOSITORY


def test_generated_files_are_not_stale() -> None:
    stale = [
        str(path.relative_to(REPOSITORY))
        for path, content in generated().items()
        if not path.exists() or path.read_text() != content
    ]
    assert stale == []
