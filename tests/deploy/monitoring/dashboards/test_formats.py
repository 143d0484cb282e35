"""What Grafana gets: everything of a definition, in its place."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest

from deploy.monitoring.dashboards.formats import DASHBOARDS, grafana, tables
from deploy.monitoring.dashboards.panel import Choice, Dashboard, Panel, Query, Row

SMALL = Dashboard(
    "small",
    "A dashboard of a test.",
    (
        Row(
            "First",
            (
                Panel("Number", "It is good.", (Query("a"),), "s", "number", 24, red_below=0.5),
                Panel("Lines", "They go.", (Query("b", "{{l}}"), Query("c")), "short", width=12),
                Panel("Heat", "It is hot.", (Query("d_bucket"),), "s", "heat map", 12),
            ),
        ),
        Row("Second", (Panel("Table", "It stands.", (Query("e"),), "short", "table"),)),
    ),
    (Choice("place", "f", "where"),),
)


def made(dashboard: Dashboard) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(grafana(dashboard))
    return document


def test_a_panel_has_the_queries_unit_and_bound_of_its_definition() -> None:
    first, number, lines, heat, second, table = made(SMALL)["panels"]

    assert [one["title"] for one in (first, second)] == ["First", "Second"]
    assert (number["type"], number["title"], number["description"]) == (
        *("stat", "Number", "It is good."),
    )
    assert number["fieldConfig"]["defaults"] == {
        "unit": "s",
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": None, "color": "red"}, {"value": 0.5, "color": "green"}],
        },
    }
    assert [(one["refId"], one["expr"], one["range"]) for one in lines["targets"]] == [
        ("A", "b", True),
        ("B", "c", True),
    ]
    assert lines["targets"][0]["legendFormat"] == "{{l}}"
    assert (heat["type"], heat["targets"][0]["format"]) == ("heatmap", "heatmap")
    assert heat["options"]["yAxis"]["unit"] == "s"
    assert (table["type"], table["targets"][0]["format"]) == ("table", "table")
    assert table["targets"][0]["instant"] is True


def test_panels_stand_in_rows_from_left_to_right() -> None:
    places = [tuple(one["gridPos"][key] for key in "xywh") for one in made(SMALL)["panels"]]

    assert places == [
        (0, 0, 24, 1),
        (0, 1, 24, 4),
        (0, 5, 12, 8),
        (12, 5, 12, 8),
        (0, 13, 24, 1),
        (0, 14, 8, 8),
    ]


def test_a_reader_chooses_the_data_source_and_what_the_definition_lets_choose() -> None:
    document = made(SMALL)
    source, place = document["templating"]["list"]

    assert (source["name"], source["type"], source["query"]) == (
        *("source", "datasource", "prometheus"),
    )
    assert (place["name"], place["query"]) == ("place", "label_values(f, where)")
    sources = [
        one["datasource"] for one in (*document["panels"], place) if one.get("type") != "row"
    ]
    assert len(sources) == 5
    assert all(one == {"type": "prometheus", "uid": "${source}"} for one in sources)


def test_swaps_are_marked() -> None:
    [swaps] = made(SMALL)["annotations"]["list"]

    assert swaps["expr"] == (
        "count by (version) (fraud_model_info) "
        "unless count by (version) (fraud_model_info offset 1m)"
    )
    assert swaps["titleFormat"] == "Version {{version}} in service"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_nothing_of_a_dashboard_overlaps_is_empty_or_has_the_same_name(
    dashboard: Dashboard,
) -> None:
    document = made(dashboard)
    panels = document["panels"]

    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
    assert max(panel["gridPos"]["x"] + panel["gridPos"]["w"] for panel in panels) == 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)
    assert all(panel.description and panel.queries for panel in dashboard.panels)


def test_each_dashboard_has_its_own_address() -> None:
    assert [made(one)["uid"] for one in DASHBOARDS] == [
        *("fraud-service", "fraud-model", "fraud-registry", "fraud-platform"),
    ]


def test_the_tables_have_a_row_for_each_panel() -> None:
    rows = [line for line in tables().splitlines() if line.startswith("| ")]

    panels = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]
    assert len(rows) == len(panels) + len(DASHBOARDS)  # their heads
    assert "| Traffic | Requests for scores | By status, of callers with a token. |" in rows
