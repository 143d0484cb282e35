"""What the pods had counted at some time before a promotion, kept in a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from registry.atomic import atomic_write
from registry.errors import UsageError
from registry.rollout.counts import Counts


def write_recording(path: Path, counts: Mapping[str, Counts]) -> None:
    """Write the counts of each pod by its address. Raises OSError."""
    document = {
        address: [[*series, count] for series, count in sorted(of_pod.items())]
        for address, of_pod in sorted(counts.items())
    }
    with atomic_write(path) as file:
        file.write_text(json.dumps(document))


def read_recording(path: Path) -> dict[str, Counts]:
    """The counts of each pod by its address. Raises UsageError."""
    try:
        document = json.loads(path.read_text())
        return {
            address: Counter({tuple(map(str, series)): int(count) for *series, count in of_pod})
            for address, of_pod in document.items()
        }
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UsageError(f"{path} is not what `registry watch --record` writes") from error
