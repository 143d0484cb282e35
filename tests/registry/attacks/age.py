"""Attacks on the age of evidence."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from unittest.mock import patch

from registry.lifecycle import evaluate
from tests.registry.attacks.candidate import CandidateAttack
from tests.world import World


class _NextYear(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(days=365)


def _evidence_of_the_future(world: World, _: Path) -> str:
    with patch.object(evaluate, "datetime", _NextYear):
        reference, _evidence = world.evaluate(world.register())
    return str(world.promote(reference))


AGE = (
    CandidateAttack(
        "evidence dated in the future",
        "the evaluator's clock is a year ahead, so that the evidence never grows old",
        "a promotion on evidence of any age",
        _evidence_of_the_future,
        "is dated",
    ),
)
