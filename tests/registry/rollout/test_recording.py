"""Counts in a file: read as they were written, and refused if they are something else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from registry.errors import UsageError
from registry.rollout.counts import Counts
from registry.rollout.recording import read_recording, write_recording


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    counts: Counts = Counter(
        {("requests", "/predict", "200"): 7, ("seconds", "/predict", "+Inf"): 0}
    )
    path = tmp_path / "before.json"
    write_recording(path, {"http://a": counts, "http://b": Counter()})
    assert path.read_text() == (
        '{"http://a": [["requests", "/predict", "200", 7], ["seconds", "/predict", "+Inf", 0]], '
        '"http://b": []}'
    )
    assert read_recording(path) == {"http://a": counts, "http://b": Counter()}


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"a": 1}', b'{"a": [1]}', b'{"a": [[]]}', b'{"a": [["x", "y"]]}', b"\xff"],
)
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not what `registry watch --record` writes"):
        read_recording(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"before\.json cannot be read: No such file"):
        read_recording(tmp_path / "before.json")
