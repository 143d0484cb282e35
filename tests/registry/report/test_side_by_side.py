"""What training measured of a candidate, beside the model in Production."""

from __future__ import annotations

import math

from registry.report.side_by_side import as_markdown, caution, measured_values, side_by_side
from registry.tracking.comparison import Trained

NEW = Trained(
    7,
    "a" * 32,
    "boosting | <b>",
    "boosting",
    "0123456789abcdef",
    {
        "average_precision": 0.71234,
        "average_precision_lower": 0.69,
        "average_precision_upper": 0.74,
        "budget_recall": 0.5,
        "brier_score": math.nan,
        "rows": 12.0,
    },
)
OLD = Trained(3, "b" * 32, "forest", "random_forest", "ffff", {"budget_recall": 0.25})


def test_each_measure_is_shown_with_its_interval_where_the_run_has_one() -> None:
    assert side_by_side(NEW, OLD) == [
        ("", "Candidate 7", "Production (candidate 3)"),
        ("run", "boosting | <b>", "forest"),
        ("model", "boosting", "random_forest"),
        ("data", "0123456789ab", "ffff"),
        ("Average precision", "0.712 (0.690 to 0.740)", "–"),
        ("Recall at N alerts a day", "50.0%", "25.0%"),
        ("Brier score", "–", "–"),
    ]


def test_without_production_its_column_is_empty() -> None:
    rows = side_by_side(NEW, None)
    assert rows[0] == ("", "Candidate 7", "Production")
    assert {row[2] for row in rows[1:]} == {"–"}


def test_text_of_a_run_cannot_leave_its_cell() -> None:
    lines = as_markdown(side_by_side(NEW, OLD)).splitlines()
    assert lines[:3] == [
        "|  | Candidate 7 | Production (candidate 3) |",
        "|---|---|---|",
        r"| run | boosting \| &lt;b&gt; | forest |",
    ]


def test_json_has_the_measures_and_nothing_that_is_not_a_number() -> None:
    assert measured_values(NEW) == {
        "version": 7,
        "run_id": "a" * 32,
        "model": "boosting",
        "data": "0123456789abcdef",
        "metrics": {
            "average_precision": 0.71234,
            "average_precision_lower": 0.69,
            "average_precision_upper": 0.74,
            "budget_recall": 0.5,
        },
    }


def test_it_says_what_the_comparison_does_not_prove() -> None:
    assert caution(NEW, None).startswith("Nothing to compare with")
    assert caution(NEW, OLD).startswith("They were measured on different data")
    same = Trained(3, "b" * 32, "", "", NEW.data, {})
    assert caution(NEW, same).startswith("Both were measured on the same data")
