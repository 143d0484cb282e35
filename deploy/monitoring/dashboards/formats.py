"""The dashboards as Grafana's JSON, and as tables.

Needs grafana-foundation-sdk, which only those who change a dashboard and the tests have.
"""

from __future__ import annotations

import json
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendPlacement, StackingMode, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.monitoring.dashboards import model, platform, registry, service
from deploy.monitoring.dashboards.panel import SWAPS, Choice, Dashboard, Panel, Query

DASHBOARDS = (service.DASHBOARD, model.DASHBOARD, registry.DASHBOARD, platform.DASHBOARD)
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
SCRAPE_INTERVAL = "30s"
"""As in the chart's `monitoring.interval`: four of them are the shortest window of a rate."""
HEIGHTS = {"number": 4}

AnyPanel = timeseries.Panel | stat.Panel | table.Panel | heatmap.Panel


def grafana(dashboard: Dashboard) -> str:
    """The JSON model of a dashboard, as Grafana imports it."""
    made = (
        builders.Dashboard(dashboard.title)
        .uid(f"fraud-{dashboard.name}")
        .description(dashboard.description)
        .tags(["fraud"])
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("1m")
        .annotation(
            builders.AnnotationQuery()
            .name("Swaps")
            .datasource(SOURCE)
            .enable(True)
            .icon_color("blue")
            .expr(SWAPS.expression)
        )
        .with_variable(builders.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for choice in dashboard.choices:
        made.with_variable(_variable(choice))
    for row in dashboard.rows:
        made.with_row(builders.Row(row.title))
        for panel in row.panels:
            made.with_panel(_panel(panel))
    document = json.loads(JSONEncoder().encode(made.build()))
    # The library has no field for them; a step of a minute is that of the expression.
    [swaps] = document["annotations"]["list"]
    swaps.update(titleFormat=SWAPS.legend, step="60s")
    for number, shown in enumerate(document["panels"], start=1):
        shown["id"] = number
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _variable(choice: Choice) -> builders.QueryVariable:
    return (
        builders.QueryVariable(choice.name)
        .datasource(SOURCE)
        .query(f"label_values({choice.series}, {choice.label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _panel(panel: Panel) -> AnyPanel:
    made = _of_its_kind(panel)
    made.title(panel.title).description(panel.description).datasource(SOURCE).unit(panel.unit)
    made.span(panel.width).height(HEIGHTS.get(panel.kind, 8))
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        made.with_target(_target(query, panel).ref_id(letter))
    return made


def _of_its_kind(panel: Panel) -> AnyPanel:
    if panel.kind == "number":
        colors = [Threshold(None, "blue")]
        if panel.red_below is not None:
            colors = [Threshold(None, "red"), Threshold(panel.red_below, "green")]
        last = common.ReduceDataOptions().calcs(["lastNotNull"])
        thresholds = builders.ThresholdsConfig().steps(colors)
        return stat.Panel().thresholds(thresholds).reduce_options(last)
    if panel.kind == "table":
        return table.Panel().show_header(True)
    if panel.kind == "heat map":
        axis = heatmap.YAxisConfig().unit(panel.unit)
        return heatmap.Panel().calculate(False).y_axis(axis)
    legend = common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)
    lines = timeseries.Panel().min(0).legend(legend).tooltip(tooltip)
    if panel.kind == "areas":
        lines.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(20)
    return lines


def _target(query: Query, panel: Panel) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).interval(SCRAPE_INTERVAL)
    if query.legend:
        target.legend_format(query.legend)
    if panel.kind == "heat map":
        return target.range().format(PromQueryFormat.HEATMAP)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    return target.instant() if panel.kind == "number" else target.range()


def tables() -> str:
    """A section for each dashboard, with a row for each panel."""
    lines: list[str] = []
    for dashboard in DASHBOARDS:
        lines += [f"### {dashboard.title}", "", dashboard.description, ""]
        lines += ["| part | panel | shows |", "|---|---|---|"]
        for row in dashboard.rows:
            for panel in row.panels:
                lines.append(f"| {row.title} | {panel.title} | {panel.description} |")
        lines.append("")
    return "\n".join(lines).rstrip()
