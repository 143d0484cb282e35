"""The files that are generated from code: `make docs` writes them, a test finds stale ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from inference.settings import Settings
from registry.evaluation.policy import Policy
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


def generated() -> dict[Path, str]:
    return {
        REPOSITORY / "docs" / "commands.md": commands(),
        REPOSITORY / "docs" / "settings.md": settings(),
        REPOSITORY / "registry" / "policy.schema.json": policy_schema(),
    }


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content)
        print(path.relative_to(REPOSITORY))
