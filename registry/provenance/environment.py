"""The packages that a training job had installed, against those of the project's lock files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

LOCK_FILES = ("requirements/dev.txt", "requirements/training.txt")
OF_EVERY_ENVIRONMENT = frozenset({"pip", "setuptools", "wheel", "uv", "fraud-registry"})
"""What makes an environment, and the project itself."""

PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
MAX_NAMED = 5


def pins_of(texts: Iterable[str]) -> dict[str, set[str]]:
    """The versions that lock files allow of each package, by its normalized name (PEP 503)."""
    pins: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for line in text.splitlines():
            if match := PIN.match(line):
                pins[normalized(match[1])].add(match[2])
    return pins


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def foreign_packages(installed: str, pins: dict[str, set[str]]) -> tuple[str, ...]:
    """What is installed, as lines `name==version`, but is not pinned so in the lock files."""
    foreign: list[str] = []
    for line in installed.splitlines():
        name, _, version = line.partition("==")
        allowed = pins.get(normalized(name), set())
        if version not in allowed and normalized(name) not in OF_EVERY_ENVIRONMENT:
            foreign.append(line)
    return tuple(foreign)


def named(packages: tuple[str, ...]) -> str:
    """The first few, for a message."""
    more = len(packages) - MAX_NAMED
    return ", ".join(packages[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
