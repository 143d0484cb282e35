"""Which inputs change a probability most."""

from __future__ import annotations

from registry.model.reasons import Reason, top_reasons
from tests.inference.models import three_inputs


def test_each_input_is_replaced_by_its_reference_and_the_largest_change_is_first() -> None:
    scorer = three_inputs().scorer
    values = (0.5, 1.0, "FR")

    found = top_reasons(scorer, values, scorer.encode(values))

    assert found == [
        Reason("age_days", 1.0, 0.25, 0.375),
        Reason("amount", 0.5, 0.25, 0.25),
        Reason("country", "FR", "DE", 0.25),
    ]
