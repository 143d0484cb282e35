"""The policy file: what it may say, and that each mistake in it is named with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from registry.errors import UsageError
from registry.evaluation.gates.calibration import Calibration
from registry.evaluation.gates.lineage import Lineage
from registry.evaluation.gates.no_worse import NoWorse
from registry.evaluation.metrics import Costs
from registry.evaluation.policy import GATES, SHIPPED, Policy, read_policy
from tests.contracts import contract_of, number
from tests.places import REPOSITORY

DEMO = REPOSITORY / "deploy" / "local" / "demo-policy.yaml"
SHIPPED_GATES = [
    "floor",
    "no_worse",
    "decisions",
    "slices",
    "calibration",
    "leakage",
    "contract",
    "invariance",
    "robustness",
    "latency",
    "integrity",
    "lineage",
    "provenance",
]
ALL_GATES = [*SHIPPED_GATES, "plan", "without_history"]
"""Neither policy that is shipped has the last two: `plan` needs the signing key before each
evaluation, and `without_history` is for services that answer without histories."""

SCHEMA = REPOSITORY / "registry" / "policy.schema.json"

GOOD = """\
# Line 1 is a comment.
name: strict
evidence_max_age_days: 2
alert_budget_per_day: 5
alert_cost: 1.5
gates:
  floor:
    average_precision: 0.5
  no_worse:
    margin:
      budget_recall: 0.02
    better: [roc_auc]
    alpha: 0.1
  calibration: {max_error: 0.02}
  integrity:
    parity_tolerance: 0.00001
    opsets: {ai.onnx: 21}
    operators:
      - Cast
      - Gather
  lineage: {required: false}
"""


def read(folder: Path, text: str) -> Policy:
    (folder / "strict.yaml").write_text(text)
    return read_policy(folder / "strict.yaml")


def test_a_policy_reads_back_as_it_is_written(tmp_path: Path) -> None:
    policy = read(tmp_path, GOOD)
    assert (policy.name, policy.four_eyes, policy.evidence_max_age_days) == ("strict", True, 2)
    assert (policy.alert_budget_per_day, policy.alert_cost) == (5, 1.5)
    assert policy.gate(NoWorse) == NoWorse(
        margin={"budget_recall": 0.02}, better=("roc_auc",), alpha=0.1
    )
    assert policy.gate(Calibration) == Calibration(max_error=0.02, required=True)
    assert not policy.gates["lineage"].required


@pytest.mark.parametrize(
    ("trained_for", "budget", "note"),
    [
        (None, 5, ""),
        (5, 5, ""),
        (3, 3, "the policy strict allows up to 5"),
        (2000, 5, "the policy strict allows no more; the model was trained for 2,000"),
    ],
)
def test_a_candidate_is_judged_at_its_own_alert_budget_within_that_of_the_policy(
    tmp_path: Path, trained_for: int | None, budget: int, note: str
) -> None:
    policy = read(tmp_path, GOOD)
    contract = contract_of(number("amount"), alert_budget_per_day=trained_for)
    assert policy.costs_of(contract) == Costs(budget_per_day=budget, per_alert=1.5)
    assert policy.budget_note(trained_for) == note


def test_a_gate_that_is_left_out_is_not_run(tmp_path: Path) -> None:
    policy = read(tmp_path, GOOD)
    asked = ["floor", "no_worse", "calibration", "integrity", "lineage"]
    assert list(policy.gates) == asked
    only = read(tmp_path, GOOD[: GOOD.index("  floor:")] + "  calibration: {max_error: 0.02}\n")
    verdicts = only.verdicts(
        {"calibration": {"candidate": 0.5}, "floor": {"candidate": "nonsense"}}
    )
    assert [one.gate for one in verdicts] == ["calibration"]


def test_a_gate_that_is_asked_for_needs_its_measurements(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="floor"):
        read(tmp_path, GOOD).verdicts({"calibration": {"candidate": 0.5}})


def test_the_shipped_policy_asks_for_every_gate() -> None:
    policy = read_policy(SHIPPED)
    assert (policy.name, policy.four_eyes, policy.alert_budget_per_day) == ("default", True, 100)
    assert list(policy.gates) == SHIPPED_GATES
    assert [name for name, gate in policy.gates.items() if not gate.required] == ["latency"]


def test_the_demos_policy_asks_for_every_gate_of_one_person() -> None:
    policy = read_policy(DEMO)
    assert (policy.name, policy.four_eyes, policy.alert_budget_per_day) == ("demo", False, 20)
    assert list(policy.gates) == SHIPPED_GATES
    lineage = policy.gate(Lineage)
    assert lineage is not None
    assert not lineage.clean_tree


def test_each_gate_goes_by_one_name() -> None:
    assert list(GATES) == sorted(ALL_GATES)
    assert {name: gate.name for name, gate in read_policy(SHIPPED).gates.items()} == dict(
        zip(SHIPPED_GATES, SHIPPED_GATES, strict=True)
    )


def test_gates_run_in_the_order_of_the_file(tmp_path: Path) -> None:
    gates = "{lineage: {}, leakage: {}, calibration: {max_error: 0.02}}"
    policy = read(tmp_path, GOOD[: GOOD.index("gates:")] + f"gates: {gates}\n")
    assert list(policy.gates) == ["lineage", "leakage", "calibration"]


def test_the_documentation_has_each_gate() -> None:
    page = (REPOSITORY / "docs" / "gates.md").read_text()
    assert re.findall(r"^## `(\w+)`$", page, flags=re.MULTILINE) == sorted(ALL_GATES)


@pytest.mark.parametrize(
    ("good", "bad", "line", "said"),
    [
        ("name: strict", "name: ''", 2, "name: String should have at least 1 character"),
        ("name: strict\n", "", 1, "name: Field required"),
        ("name: strict", "name: strict\nfour_eye: false", 3, "four_eye: Extra inputs are not"),
        ("name: strict", "name: strict\nname: loose", 3, "name: duplicate key"),
        ("days: 2", "days: 0", 3, "evidence_max_age_days: Input should be greater than 0"),
        ("per_day: 5", "per_day: many", 4, "alert_budget_per_day: Input should be a valid integer"),
        ("per_day: 5", "per_day: 0", 4, "alert_budget_per_day: Input should be greater than 0"),
        ("cost: 1.5", "cost: -1", 5, "alert_cost: Input should be greater than or equal to 0"),
        ("gates:", "gates: []\nrest:", 6, "gates: Input should be a valid dictionary"),
        ("  lineage", "  drift: {}\n  lineage", 21, "gates.drift: Extra inputs are not permitted"),
        ("average_precision: 0.5", "accuracy: 0.5", 8, "gates.floor.accuracy: Extra inputs"),
        ("precision: 0.5", "precision: 1.5", 8, "gates.floor.average_precision: Input should be"),
        ("precision: 0.5", "precision: .nan", 8, "gates.floor.average_precision: Input should be"),
        ("budget_recall: 0.02", "recall: 0.02", 11, "gates.no_worse.margin.recall.[key]: Input"),
        ("recall: 0.02", "recall: -1", 11, "gates.no_worse.margin.budget_recall: Input should be"),
        ("\n      budget_recall: 0.02", " {}", 10, "gates.no_worse.margin: Dictionary should have"),
        ("[roc_auc]", "[roc_auc, auc]", 12, "gates.no_worse.better.1: Input should be"),
        ("[roc_auc]", "roc_auc", 12, "gates.no_worse.better: Input should be a valid tuple"),
        ("alpha: 0.1", "alpha: 0.7", 13, "gates.no_worse.alpha: Input should be less than or"),
        ("alpha: 0.1", "resamples: 99", 13, "gates.no_worse.resamples: Input should be greater"),
        ("{max_error: 0.02}", "{}", 14, "gates.calibration.max_error: Field required"),
        ("{max_error: 0.02}", "{max_error: 0.02, max_error: 1}", 14, "max_error: duplicate key"),
        ("0.00001", "0", 16, "gates.integrity.parity_tolerance: Input should be greater than 0"),
        ("{ai.onnx: 21}", "{ai.onnx: new}", 17, "gates.integrity.opsets.ai.onnx: Input should be"),
        ("      - Gather", "      - [Gather]", 20, "gates.integrity.operators.1: Input should be"),
        ("required: false", "required: maybe", 21, "gates.lineage.required: Input should be a"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(
    tmp_path: Path, good: str, bad: str, line: int, said: str
) -> None:
    assert GOOD.count(good) == 1
    with pytest.raises(UsageError) as caught:
        read(tmp_path, GOOD.replace(good, bad))
    assert str(caught.value).startswith(f"policy strict.yaml, line {line}: {said}")


def test_an_empty_file_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^policy strict.yaml, line 1: the file: Input should"):
        read(tmp_path, "")


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"? [a]\n: b\n"])
def test_what_is_no_yaml_is_no_policy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "policy.yaml").write_bytes(content)
    with pytest.raises(UsageError, match=r"policy .*policy.yaml cannot be read as YAML"):
        read_policy(tmp_path / "policy.yaml")


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere.yaml cannot be read"):
        read_policy(tmp_path / "nowhere.yaml")


def keys_of(schema: dict[str, Any], definition: str) -> set[str]:
    return set(schema["$defs"][definition]["properties"])


def test_the_schema_beside_the_shipped_policy_knows_every_gate_and_refuses_others() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert SHIPPED.read_text().splitlines()[0] == (
        "# yaml-language-server: $schema=policy.schema.json"
    )
    assert schema["additionalProperties"] is False
    assert set(yaml.safe_load(SHIPPED.read_text())) <= set(schema["properties"])
    assert keys_of(schema, "Gates") == set(ALL_GATES)
    assert keys_of(schema, "Slices") == {
        "required",
        "margin",
        "min_frauds",
        "alpha",
        "resamples",
    }


@pytest.mark.parametrize("path", [SHIPPED, DEMO, REPOSITORY / "tests" / "policy.yaml"])
def test_the_schema_takes_the_policies(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="an editor's checker, not a dependency")
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(SCHEMA.read_text()))
