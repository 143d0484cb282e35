"""The words of YAML that stay text, and the keys that a misspelled one may mean."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from training.dataset_yaml import load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("y", "y"),
        ("1", 1),
        ("2.0", 2.0),
        ("null", None),
    ],
)
def test_only_true_and_false_are_booleans(text: str, value: Any) -> None:
    assert load(text) == value
    assert type(load(text)) is type(value)


def test_objects_of_python_are_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        load("!!python/object/apply:os.system ['true']")
