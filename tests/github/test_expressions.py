"""The expressions of the workflows, as GitHub documents them."""

from __future__ import annotations

import pytest

from tests.github.expressions import evaluate, resolved

CONTEXTS = {
    "inputs": {"data": "", "to": "3"},
    "vars": {"DATA": "wasbs://x"},
    "steps": {"watch": {"outputs": {"code": "3"}, "outcome": "failure"}},
    "github": {"event_name": "push"},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.data || vars.DATA", "wasbs://x"),
        ("inputs.to || vars.DATA", "3"),
        ("steps.watch.outputs.code == '3'", True),
        ("failure() && steps.watch.outputs.code == '3'", True),
        ("always() && steps.missing.outcome == 'success'", False),
        ("github.event_name == 'push' && 'a' || 'b'", "a"),
        ("!(github.event_name != 'push')", True),
        ("'it''s'", "it's"),
        ("steps.watch.outputs.missing", ""),
    ],
)
def test_it_has_the_value_that_github_gives_it(expression: str, value: object) -> None:
    functions = {"always": lambda: True, "failure": lambda: True}
    assert evaluate(expression, CONTEXTS, functions) == value


@pytest.mark.parametrize("expression", ["secrets.TOKEN", "1 + 1", "format('{0}', 'a')"])
def test_what_it_does_not_know_is_an_error(expression: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        evaluate(expression, CONTEXTS, {})


def test_expressions_in_a_text_are_replaced() -> None:
    text = "oci://${{ vars.DATA }}/helm-${{ inputs.to }}"
    assert resolved(text, CONTEXTS, {}) == "oci://wasbs://x/helm-3"
