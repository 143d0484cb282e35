"""Files of secrets: only their owner can read them, from their first byte on."""

from __future__ import annotations

from pathlib import Path

from registry.atomic import write_temporary


def write_secret(file: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all. Raises OSError."""
    write_temporary(file, content.encode(), 0o600).replace(file)
