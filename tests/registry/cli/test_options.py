"""The policy file that commands read where none, or an empty one, is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import SHIPPED_POLICY
from registry.cli.options import policy_path


def test_the_policy_is_the_one_given_then_that_of_the_variable_then_the_shipped_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRAUD_POLICY", "")
    assert policy_path() == SHIPPED_POLICY
    monkeypatch.setenv("FRAUD_POLICY", "ours.yaml")
    assert policy_path() == Path("ours.yaml")
    assert policy_path("mine.yaml") == Path("mine.yaml")
