"""The files that are generated from code: `make docs` writes them, a test finds stale ones."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from inference.settings import Settings
from registry.evaluation.measures import MEASURES
from registry.evaluation.policy import GATES, Policy
from tests.places import REPOSITORY


def commands() -> str:
    """The help of every `python -m registry` command, as one Markdown page."""
    arguments = ["registry.cli.main", "utils", "docs", "--name", "python -m registry"]
    return subprocess.run(
        [sys.executable, "-m", "typer", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


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
        "Environment variables. A wrong one stops the start with one line.",
        "",
        "| variable | default | what it sets |",
        "|---|---|---|",
    ]
    for field in Settings.model_fields.values():
        default = "" if field.default in ("", None) else f"`{field.default}`"
        lines.append(f"| `{field.validation_alias}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


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


def generated() -> dict[Path, str]:
    return {
        REPOSITORY / "docs" / "commands.md": commands(),
        REPOSITORY / "docs" / "gates.md": gates(),
        REPOSITORY / "docs" / "measures.md": measures(),
        REPOSITORY / "docs" / "settings.md": settings(),
        REPOSITORY / "registry" / "policy.schema.json": policy_schema(),
    }


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content)
        print(path.relative_to(REPOSITORY))
