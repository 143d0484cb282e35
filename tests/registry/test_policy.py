"""The policy file, and what makes it unusable."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.errors import UsageError
from registry.policy import SHIPPED, Policy, read_policy

GOOD = """\
name: test
alert_budget_per_day: 5
floor: {average_precision: 0.5}
no_worse_margin: {budget_recall: 0.02}
parity_tolerance: 0.00001
"""


def test_a_policy_reads_back_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(GOOD)
    assert read_policy(tmp_path / "policy.yaml") == Policy(
        name="test",
        alert_budget_per_day=5,
        floor={"average_precision": 0.5},
        no_worse_margin={"budget_recall": 0.02},
        parity_tolerance=1e-5,
    )


def test_the_shipped_policy_is_a_policy() -> None:
    policy = read_policy(SHIPPED)
    assert policy.name == "default"
    assert set(policy.floor) == {"average_precision", "budget_recall"}
    assert set(policy.no_worse_margin) == {"average_precision", "budget_recall"}


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("name: test", "name: ''", "name: "),
        ("alert_budget_per_day: 5", "alert_budget_per_day: 0", "alert_budget_per_day: "),
        ("alert_budget_per_day: 5", "alert_budget: 5", "alert_budget_per_day: Field required"),
        ("average_precision: 0.5", "average_precision: 1.5", r"floor\.average_precision: "),
        ("average_precision: 0.5", "average_precision: .nan", r"floor\.average_precision: "),
        ("average_precision: 0.5", "accuracy: 0.5", r"floor\.accuracy"),
        ("{average_precision: 0.5}", "{}", "floor: "),
        ("{budget_recall: 0.02}", "{}", "no_worse_margin: "),
        ("budget_recall: 0.02", "budget_recall: -0.02", r"no_worse_margin\.budget_recall: "),
        ("0.00001", "0", "parity_tolerance: "),
        ("0.00001", ".nan", "parity_tolerance: "),
        ("parity_tolerance: 0.00001", "", "parity_tolerance: Field required"),
        ("name: test", "name: test\nfour_eyes: false", "four_eyes: "),
    ],
)
def test_a_mistake_is_named_with_the_file_and_the_key(
    tmp_path: Path, good: str, bad: str, words: str
) -> None:
    assert GOOD.count(good) == 1
    (tmp_path / "strict.yaml").write_text(GOOD.replace(good, bad))
    with pytest.raises(UsageError, match=f"policy strict.yaml: {words}"):
        read_policy(tmp_path / "strict.yaml")


def test_an_empty_file_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("")
    with pytest.raises(UsageError, match=r"policy policy.yaml: the file: "):
        read_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00"])
def test_what_is_no_yaml_is_no_policy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "policy.yaml").write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read as YAML"):
        read_policy(tmp_path / "policy.yaml")


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere.yaml"):
        read_policy(tmp_path / "nowhere.yaml")
