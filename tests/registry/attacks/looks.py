"""Attacks on plans, and on the counting of looks at the same rows."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from registry.lifecycle import past
from registry.lifecycle.plan import planned_query
from tests.candidates import rewrite_rows
from tests.registry.attacks.candidate import CandidateAttack, blocking
from tests.world import POLICY, World

FLOOR_ALONE = """
name: floor
alert_budget_per_day: 5
alert_cost: 1
gates: {floor: {average_precision: 0.5}}
"""
MARGIN = "margin: {average_precision: 0.05}"


def _policy(folder: Path, text: str) -> Path:
    path = folder / "changed.yaml"
    path.write_text(text)
    return path


def _with_plan(folder: Path) -> Path:
    return _policy(folder, POLICY.read_text() + "  plan: {}\n")


def _evaluated_first(world: World, folder: Path) -> str:
    number = world.register()
    world.evaluate(number)
    return str(world.plan(number, _with_plan(folder)))


def _evaluated_first_and_signed_by_hand(world: World, folder: Path) -> str:
    number, policy = world.register(), _with_plan(folder)
    world.evaluate(number)
    with patch("registry.lifecycle.plan.evaluations", lambda _: []):
        world.plan(number, policy)
    return blocking(world.evaluate(number, policy)[1])


def _planned_for_other_bounds(world: World, folder: Path) -> str:
    number, policy = world.register(), _with_plan(folder)
    world.plan(number, policy)
    lower = policy.read_text().replace("average_precision: 0.5}", "average_precision: 0.1}")
    return blocking(world.evaluate(number, _policy(folder, lower))[1])


def _planned_for_other_rows(world: World, folder: Path) -> str:
    number, policy = world.register(), _with_plan(folder)
    world.plan(number, policy, planned_query("test", "2026-05-01T00Z", "2026-06-01T00Z"))
    return blocking(world.evaluate(number, policy)[1])


def _luckiest_of_many(world: World, folder: Path, rows: Path | None = None) -> str:
    """The sixth candidate on these rows, with Production's. On a first look it would be better."""
    for threshold in (0.1, 0.2, 0.3, 0.4):
        other = world.register(0.2, threshold=threshold)
        world.evaluate(other, _policy(folder, FLOOR_ALONE))
    asks_to_be_better = POLICY.read_text().replace(MARGIN, f"{MARGIN}, better: [average_precision]")
    policy = _policy(folder, asks_to_be_better)
    return blocking(world.evaluate(world.register(0.6), policy, rows)[1])


def _luckiest_on_rewritten_rows(world: World, folder: Path) -> str:
    rewritten = rewrite_rows(world.rows, folder / "rewritten.parquet")
    return _luckiest_of_many(world, folder, rewritten)


def _evaluations_that_race(world: World, _: Path) -> str:
    with patch.object(past, "evaluations", lambda _: []):
        _first, (second, _evidence) = (
            world.evaluate(world.register(quality)) for quality in (0.9, 1.0)
        )
    return str(world.promote(second))


LOOKS = (
    CandidateAttack(
        "evaluated first, planned later",
        "an evaluation to see the results, then `registry plan` with bounds that they meet",
        "bounds that look as if they had been chosen before the results",
        _evaluated_first,
        "was evaluated on this data already",
    ),
    CandidateAttack(
        "evaluated first, plan signed by hand",
        "the same, by someone who has the key and leaves out the check of `plan`",
        "bounds that look as if they had been chosen before the results",
        _evaluated_first_and_signed_by_hand,
        "its plan (entry 1) came after an evaluation",
    ),
    CandidateAttack(
        "planned with other bounds",
        "a plan under one policy, an evaluation under one with lower bounds",
        "lower bounds than those that were agreed",
        _planned_for_other_bounds,
        "there is no plan of this candidate, policy and rows",
    ),
    CandidateAttack(
        "planned for other rows",
        "a plan for the transactions of May, an evaluation on those of April",
        "rows that suit the candidate",
        _planned_for_other_rows,
        "there is no plan of this candidate, policy and rows",
    ),
    CandidateAttack(
        "the luckiest of many candidates",
        "one candidate after another on the same rows, until one is ahead by chance",
        "a candidate that is no better than Production",
        _luckiest_of_many,
        "look 6 at these rows",
        against_production=True,
    ),
    CandidateAttack(
        "rows rewritten to reset the count",
        "the same, but for the last candidate the rows are in another order, without one of them, "
        "and under another data set's name",
        "a candidate that is no better than Production",
        _luckiest_on_rewritten_rows,
        "look 6 at these rows",
        against_production=True,
    ),
    CandidateAttack(
        "evaluations that race",
        "two candidates are evaluated at once, so that neither evaluation counts the other",
        "two first looks at the same rows",
        _evaluations_that_race,
        "the evidence allows for 0 earlier evaluations on these rows, but there were 1",
    ),
)
