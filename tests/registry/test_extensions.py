"""A measure is added by one entry, a gate by one class and one line in the policy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import REPOSITORY

ENTRY = """\
    Measure(
        name="fraud_money_share",
        phrase="share of the frauds' money",
        label="Share of the frauds' money at {budget} alerts a day",
        meaning="how much of the frauds' money these alerts stop",
        unit="share",
        of=lambda weighted: float(
            (weighted.alerts.saved + weighted.ranking.costs.per_alert * weighted.alerts.count)
            / (weighted.weights @ (weighted.ranking.rows.amounts * weighted.ranking.rows.labels))
        ),
        gates=("floor", "no_worse"),
        report_label="Share of the frauds' money that is stopped",
    ),
"""
GATE = '''\
from typing import Annotated, ClassVar

from pydantic import Field

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict


class PrudenceMeasured(Measured):
    share: float


class Prudence(Gate):
    """No more than a share of all transactions goes to review."""

    name: ClassVar[str] = "prudence"
    measured_as: ClassVar[type[Measured]] = PrudenceMeasured
    units: ClassVar[dict[str, Unit]] = {"": "percent"}

    max_share: Annotated[float, Field(gt=0, le=1)]

    def __str__(self) -> str:
        return f"at most {self.max_share:.0%} of the transactions go to review"

    def measure(self, trial: Trial) -> PrudenceMeasured:
        return PrudenceMeasured(share=float(trial.candidate.needs_review.mean()))

    def verdicts(self, measured: PrudenceMeasured) -> list[Verdict]:
        passed = measured.share <= self.max_share
        return [self.verdict(measured=measured.share, bound=self.max_share, passed=passed)]
'''
PROGRAM = """
import json, sys
from pathlib import Path
from docs.pages.pages import gates, measures, policy_schema
from registry.report.write import write
from tests.registry.trials import evidence_of, policy_of, trial_of

folder = Path(sys.argv[1])
policy = policy_of(folder, sys.argv[2])
trial = trial_of(folder, policy)
measured = {n: g.measure(trial).model_dump(mode="json") for n, g in policy.gates.items()}
write(folder, evidence_of(policy, measured), trial, policy)
report = (folder / "report.md").read_text()
print(json.dumps([report, json.loads(policy_schema()), gates() + measures()]))
"""
POLICY = "name: small\nalert_budget_per_day: 1\nalert_cost: 5\ngates:\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The code, to be changed."""
    copy = tmp_path / "checkout"
    for package in ("registry", "features", "training", "inference", "deploy", "docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, copy / package, ignore=ignored)
    return copy


def shown(checkout: Path, policy: str) -> tuple[str, dict[str, dict[str, dict[str, object]]], str]:
    """The report, the policy's schema and the documentation as the changed code makes them."""
    folder = checkout.parent / "evidence"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), POLICY + policy],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report, schema, documentation = json.loads(done.stdout)
    return report, schema["$defs"], documentation


def add_measure(checkout: Path, entry: str) -> None:
    table = checkout / "registry" / "evaluation" / "measures.py"
    before, after = table.read_text().split("\n)\n\nMEASURES = ")
    table.write_text(f"{before}\n{entry})\n\nMEASURES = {after}")


def test_a_measure_is_one_entry(checkout: Path) -> None:
    add_measure(checkout, ENTRY)

    report, schema, documentation = shown(
        checkout,
        "  floor: {fraud_money_share: 0.9}\n"
        "  no_worse: {margin: {fraud_money_share: 0.1}, resamples: 100}\n",
    )

    # The candidate stops 100 + 200 of 350, Production 200.
    row = "| Share of the frauds' money that is stopped | 85.7% | 57.1% | +28.6 points |"
    assert row in report
    assert r"| floor.fraud\_money\_share | share of the frauds' money is at least 0.9 | 0.857" in (
        report
    )
    assert r"| no\_worse.fraud\_money\_share | share of the frauds' money is no more" in (report)
    assert "fraud_money_share" in schema["Floor"]["properties"]
    assert "fraud_money_share" in json.dumps(schema["NoWorse"])
    assert "| `fraud_money_share` | Share of the frauds' money at N alerts a day |" in documentation


def test_a_measure_that_only_one_gate_takes_is_in_the_report_too(checkout: Path) -> None:
    add_measure(checkout, ENTRY.replace('("floor", "no_worse")', '("floor",)'))

    report, schema, _ = shown(checkout, "  floor: {fraud_money_share: 0.9}\n")

    assert "| Share of the frauds' money that is stopped | 85.7% | 57.1% | +28.6 points |" in report
    assert r"| floor.fraud\_money\_share | share of the frauds' money is at least 0.9" in report
    assert "fraud_money_share" not in json.dumps(schema["NoWorse"])


def test_a_gate_is_one_class_and_one_line_in_the_policy(checkout: Path) -> None:
    (checkout / "registry" / "evaluation" / "gates" / "prudence.py").write_text(GATE)

    report, schema, documentation = shown(checkout, "  prudence: {max_share: 0.1}\n")

    row = "| prudence | at most 10% of the transactions go to review | 25.00% | 10.00% | **FAILED**"
    assert row in report
    assert "prudence" in schema["Gates"]["properties"]
    assert "max_share" in schema["Prudence"]["properties"]
    assert "## `prudence`\n\nNo more than a share of all transactions goes" in documentation
    assert "| `max_share` | number above 0 and at most 1 |" in documentation
