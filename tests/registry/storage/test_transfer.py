"""A download in ranges: in order, a few at a time, and no more of them once it has failed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from registry.storage import transfer
from registry.storage.transfer import parts


class Blob:
    """A blob whose ranges take their time; the one that starts at `fails_at` cannot be read."""

    def __init__(self, content: bytes, fails_at: int | None = None) -> None:
        self._content, self._fails_at = content, fails_at
        self.starts: list[int] = []
        self.at_once = self.max_at_once = 0
        self._lock = threading.Lock()

    def download_blob(self, start: int, length: int, **options: Any) -> Blob:
        assert options["etag"] == '"the etag"'
        with self._lock:
            self.starts.append(start)
            self.at_once += 1
            self.max_at_once = max(self.max_at_once, self.at_once)
        threading.Event().wait(0.002)
        with self._lock:
            self.at_once -= 1
        if start == self._fails_at:
            raise OSError("cut")
        return Blob(self._content[start : start + length])

    def readall(self) -> bytes:
        return self._content


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", 2)


def received(blob: Any, size: int) -> list[bytes]:
    return list(parts(blob, size, "the etag"))


def test_ranges_come_in_order_and_four_at_a_time() -> None:
    blob = Blob(bytes(range(51)))
    assert b"".join(received(blob, 51)) == bytes(range(51))
    assert sorted(blob.starts) == [*range(0, 51, 2)]
    assert blob.max_at_once == 4


def test_a_small_blob_is_one_request_and_an_empty_one_is_none() -> None:
    small, empty = Blob(b"ab"), Blob(b"")
    assert received(small, 2) == [b"ab"]
    assert received(empty, 0) == [b""]
    assert (small.starts, empty.starts) == ([0], [])


def test_after_a_failure_only_the_ranges_under_way_end() -> None:
    blob = Blob(bytes(2000), fails_at=4)
    with pytest.raises(OSError, match="cut"):
        received(blob, 2000)
    assert len(blob.starts) <= 12


def test_a_reader_that_stops_does_not_wait_for_the_rest() -> None:
    blob = Blob(bytes(2000))
    reading = parts(blob, 2000, "the etag")  # type: ignore[arg-type]
    next(reading)
    reading.close()
    assert len(blob.starts) <= 12
