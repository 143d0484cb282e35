"""Which store a URL names, and which URLs name none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from features.stores.folder import segments
from features.stores.opening import open_store
from registry.errors import UsageError


def opened_and_closed(url: str) -> tuple[str, ...]:
    async def use() -> tuple[str, ...]:
        store = open_store(url, ["card"], reach=1, lateness=1)
        await store.close()
        return store.kinds

    return asyncio.run(use())


@pytest.mark.parametrize("url", ["memory:{}", "memory://{}", "memory:{}?fsync=0"])
def test_a_url_names_a_folder(tmp_path: Path, url: str) -> None:
    assert opened_and_closed(url.format(tmp_path / "new%20folder")) == ("card",)
    assert list(segments(tmp_path / "new folder")) == [1]


def test_without_a_folder_nothing_is_kept() -> None:
    assert opened_and_closed("memory:") == ("card",)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mongodb://host", "no kind of store is named 'mongodb': use `memory:/folder`, or"),
        ("/folder", "no kind of store is named ''"),
        ("memory://folder", "`memory://folder`: write `memory:/` and the folder's path"),
        ("memory:/folder?fsync=-1", "`fsync=-1`: a number of seconds is needed"),
        ("memory:/folder?fsync=often", "`fsync=often`: a number"),
        ("memory:/folder?sync=1", r"`\?sync=1`: a folder has one setting"),
        ("memory:?fsync=1", r"`\?fsync=1`: a folder has one setting"),
    ],
)
def test_a_url_that_names_none_is_refused(url: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        open_store(url, ["card"], reach=1, lateness=1)
