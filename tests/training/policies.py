"""The shipped policy for candidates that tests train, on a tree that may be dirty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from registry.evaluation.policy import SHIPPED


def write_policy(
    folder: Path, name: str = "test", *, four_eyes: bool = False, **floor: float
) -> Path:
    """The shipped policy, but for a dirty tree and what is only claimed, and another floor.

    The tests' data are too few for a threshold that suits later days: models raise three times as
    many alerts as they were to, which cost more than they save, and the policy here lets them.

    A working copy may have uncommitted changes. The author is that of the last commit, in the realm
    `git:`; under four-eyes, someone else of that realm must approve.
    """
    content: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    content["name"] = name
    content["four_eyes"] = four_eyes
    content["verified_approver"] = False
    content["gates"]["decisions"]["min_money_saved_per_day"] = -1000
    content["gates"]["decisions"]["max_alerts_per_day_to_budget"] = 5
    content["gates"]["lineage"] = {"clean_tree": False}
    content["gates"]["provenance"] = {"verified": []}
    content["gates"]["leakage"] = {}
    if floor:
        content["gates"]["floor"] = floor
    path = folder / f"{name}-policy.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
