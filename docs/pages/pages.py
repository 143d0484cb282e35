"""The files that are generated from code: `make docs` writes them, a test finds stale ones.

To add one, write a function that returns its text and name it in `PAGES`.
"""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic_settings import BaseSettings

from deploy.monitoring import formats
from deploy.monitoring.dashboards import formats as dashboards
from deploy.tracking.settings import TrackingSettings
from docs.pages import architecture, bounds, chart
from docs.pages.architecture import REPOSITORY
from inference.drift import FAMILIES
from inference.metrics import Metrics
from inference.settings import Settings
from monitoring import exposition
from registry import errors
from registry.evaluation.measures import MEASURES
from registry.evaluation.policy import GATES, Policy
from registry.model.bins import MAX_BINNED_CATEGORIES, MAX_BINS
from registry.model.limits import MAX_INPUTS

CHART = "helm/fraud-platform"
BEGIN, END = "<!-- generated: `make docs` -->", "<!-- end of the generated part -->"


def architecture_page() -> str:
    return with_generated_part("docs/architecture.md", architecture.text())


def hostile_clients() -> str:
    return with_generated_part("docs/hostile-clients.md", bounds.table())


def chart_values() -> str:
    values = (REPOSITORY / CHART / "values.yaml").read_text()
    return with_generated_part(f"{CHART}/README.md", chart.table(values))


def commands() -> str:
    """The help of every command of four programs, as one Markdown page."""
    programs = {
        "python -m registry": "registry.cli.main",
        "python -m features": "training.store_cli",
        "python -m batch": "batch.cli",
        "python -m monitoring": "monitoring.cli",
    }
    return "\n".join(_help(name, module) for name, module in programs.items())


def _help(name: str, module: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "typer", module, "utils", "docs", "--name", name],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def exit_codes() -> str:
    """One row per exit code; those of `registry.errors` list their exception classes."""
    meanings = {
        0: "success",
        1: "any other failure, such as a defect (with a traceback) or a server that did not start",
        2: "invalid usage or input, a server that does not answer, or a full disk",
        3: "refused by a gate or by verification, or `monitoring live` proposes a rollback",
        129: "the terminal was closed (128 + SIGHUP)",
        130: "interrupted by Ctrl-C (128 + SIGINT)",
        138: "stopped by SIGUSR1 (128 + SIGUSR1)",
        143: "stopped by SIGTERM (128 + SIGTERM)",
    }
    rows = ["| code | meaning | exception classes |", "|---|---|---|"]
    for code, meaning in meanings.items():
        classes = [
            f"`{error.__name__}`: {(error.__doc__ or '').splitlines()[0]}"
            for error in user_errors()
            if error.exit_code == code
        ]
        rows.append(f"| {code} | {meaning} | {'<br>'.join(classes)} |")
    return with_generated_part("docs/exit-codes.md", "\n".join(rows))


def user_errors() -> list[type[errors.RegistryError]]:
    """The exception classes of `registry.errors`, without their base, which is never raised."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type)
        and issubclass(value, errors.RegistryError)
        and value is not errors.RegistryError
    ]


def policy_schema() -> str:
    """The JSON schema of a policy file; editors check a policy against it while it is written."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Policy.model_json_schema(),
    }
    return json.dumps(schema, indent=1) + "\n"


def settings() -> str:
    """The service's settings as a Markdown table."""
    lines = [
        "# Settings of the inference service",
        "",
        "Environment variables. A wrong value stops the start with a one-line error.",
        "",
        *_settings_table(Settings),
    ]
    return "\n".join(lines) + "\n"


def tracking_settings() -> str:
    """The page of the tracking server, with its settings."""
    table = "\n".join(_settings_table(TrackingSettings))
    return with_generated_part("docs/operations/tracking.md", table)


def _settings_table(kind: type[BaseSettings]) -> list[str]:
    lines = ["| variable | default | what it sets |", "|---|---|---|"]
    for field in kind.model_fields.values():
        has_none = field.is_required() or field.default in ("", None)
        default = "" if has_none else f"`{field.default}`"
        lines.append(f"| `{field.validation_alias}` | {default} | {field.description} |")
    return lines


def metrics() -> str:
    """The service's metrics as a Markdown table, from what it exports while no model is loaded."""
    service = Metrics(requests_in_flight=lambda: 0, ledger_lag_seconds=lambda: 0.0)
    exported = service.expose().decode()
    labels: dict[str, tuple[str, ...]] = {name: one[2] for name, one in FAMILIES.items()}
    for collector in service.registry._collector_to_names:
        fields = vars(collector)
        for family in [fields] if "_name" in fields else map(vars, collector.collect()):
            labels[family.get("_name") or family["name"]] = family["_labelnames"]
    lines = [
        "# Metrics of the inference service",
        "",
        "`GET /metrics` exports these in Prometheus' text format. A histogram NAME has the series",
        "`NAME_bucket`, `NAME_sum` and `NAME_count`. Most counters and histograms also have a",
        "timestamp `_created`, unless there are several workers.",
        "",
        "With several workers, counters, histograms and `fraud_requests_in_flight` are summed",
        "over them, `fraud_ledger_lag_seconds` is the largest, and `fraud_input_stability_index`",
        "is computed from the sums. The other gauges are those of the worker that loaded a model",
        "last.",
        "",
        "The series of inputs and of invalid fields are those of the model that the scraped",
        "process serves: a promotion replaces them. They are of its",
        f"first {MAX_INPUTS} inputs, in at most {MAX_BINS:,} bins of all inputs together.",
        f"Of a category, up to {MAX_BINNED_CATEGORIES} values have a bin of their own,",
        "and fewer in a model with more than a hundred such inputs.",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", exported, re.MULTILINE):
        if not name.endswith("_created"):
            [meaning] = re.findall(rf"^# HELP {name} (.*)$", exported, re.MULTILINE)
            names = labels.get(name) or labels.get(name.removesuffix("_total"), ())
            shown = ", ".join(f"`{label}`" for label in names)
            lines.append(f"| `{name}` | {kind} | {shown} | {meaning} |")
    lines += [
        "",
        "## Of `python -m monitoring`",
        "",
        "`live` and `drift` write these with `--metrics-file`, each its own; all are gauges",
        "([monitoring.md](monitoring.md)).",
        "",
        "| metric | labels | meaning |",
        "|---|---|---|",
    ]
    for name, (meaning, names) in exposition.FAMILIES.items():
        shown = ", ".join(f"`{label}`" for label in names)
        lines.append(f"| `{name}` | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"


def alerts() -> str:
    return with_generated_part("docs/operations/alerts.md", formats.table())


def dashboards_page() -> str:
    return with_generated_part("docs/operations/dashboards.md", dashboards.tables())


def measures() -> str:
    """The measures as a Markdown table."""
    lines = [
        "# Measures",
        "",
        "What is measured of a model on evaluation rows, and on the test days of a training run. A",
        "gate can bound the measures that name it. To add one, add an entry to",
        "[measures.py](../registry/evaluation/measures.py).",
        "",
        "| measure | shown as | meaning | unit | better | gates |",
        "|---|---|---|---|---|---|",
    ]
    for measure in MEASURES.values():
        label = measure.label.format(budget="N")
        gates = ", ".join(f"`{gate}`" for gate in measure.gates)
        lines.append(
            f"| `{measure.name}` | {label} | {measure.meaning} | {measure.unit} "
            f"| {measure.better} | {gates} |"
        )
    return "\n".join(lines) + "\n"


def gates() -> str:
    """What each gate requires, from its docstring, and its keys in a policy."""
    lines = [
        "# Gates",
        "",
        "The [policy](../registry/policy.yaml) sets the bounds; gates run in the order in which it",
        "lists them. A gate that is left out is not run; one with `required: false` is shown and",
        "stops nothing. An editor checks a policy against its",
        "[schema](../registry/policy.schema.json) while it is written. To add a gate, add a module",
        "with a class to [gates/](../registry/evaluation/gates) and a line to the policy.",
    ]
    for name, gate in GATES.items():
        lines += ["", f"## `{name}`", "", inspect.cleandoc(gate.__doc__ or ""), ""]
        lines += ["| key | value | default |", "|---|---|---|"]
        schema = gate.model_json_schema()
        for key, field in schema["properties"].items():
            default = json.dumps(field["default"]) if field.get("default") is not None else ""
            lines.append(f"| `{key}` | {_values(field)} | {default} |")
    return "\n".join(lines) + "\n"


def _values(field: dict[str, Any]) -> str:
    """The values that a policy's key may have, from its JSON schema."""
    field = next((kind for kind in field.get("anyOf", ()) if kind["type"] != "null"), field)
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_values(field['items'])}"
    if field["type"] == "object":
        keys = _values(field["propertyNames"]) if "propertyNames" in field else "text"
        return f"{_values(field['additionalProperties'])} for any of {keys}"
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    bounds = [f"{word} {field[key]:g}" for key, word in words.items() if key in field]
    kinds = {"boolean": "`true` or `false`", "string": "text", "integer": "whole number"}
    return " ".join([kinds.get(field["type"], field["type"]), " and ".join(bounds)]).strip()


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/architecture.dot": architecture.dot,
    "docs/architecture.md": architecture_page,
    "docs/commands.md": commands,
    "docs/exit-codes.md": exit_codes,
    "docs/gates.md": gates,
    "docs/hostile-clients.md": hostile_clients,
    "docs/measures.md": measures,
    "docs/metrics.md": metrics,
    "docs/operations/alerts.md": alerts,
    "docs/operations/dashboards.md": dashboards_page,
    "docs/operations/tracking.md": tracking_settings,
    "docs/settings.md": settings,
    f"{CHART}/README.md": chart_values,
    f"{CHART}/files/rules.yaml": formats.prometheus,
    **{
        f"{CHART}/files/dashboards/{dashboard.name}.json": partial(dashboards.grafana, dashboard)
        for dashboard in dashboards.DASHBOARDS
    },
    "registry/policy.schema.json": policy_schema,
    **{
        f"terraform/rules/{group.name}.json": partial(formats.azure, group)
        for group in formats.GROUPS
    },
}


def with_generated_part(page: str, part: str) -> str:
    """A page as it is, with `part` between its two marks."""
    before, _, rest = (REPOSITORY / page).read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{part}\n\n{END}{after}"


def main(pattern: str = "") -> None:
    """Write the pages whose path matches a pattern, and draw the pictures that match it."""
    for page, make in PAGES.items():
        if re.search(pattern, page):
            (REPOSITORY / page).write_text(make())
            print(page)
    for source in sorted((REPOSITORY / "docs").glob("*.dot")):
        picture = source.relative_to(REPOSITORY).with_suffix(".svg")
        if not re.search(pattern, str(picture)):
            continue
        if shutil.which("dot") is None:
            print(f"{picture} is not drawn: install Graphviz, on Debian `apt-get install graphviz`")
        else:
            architecture.draw(source)
            print(picture)
