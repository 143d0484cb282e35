"""The files that are generated from code: `make docs` writes them, a test finds stale ones.

To add one, write a function that returns its text and name it in `PAGES`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

from inference.settings import Settings
from registry import errors
from registry.evaluation.policy import Policy
from tests import architecture
from tests.places import REPOSITORY

BEGIN, END = "<!-- generated: `make docs` -->", "<!-- end of the generated part -->"


def architecture_page() -> str:
    return with_generated_part("docs/architecture.md", architecture.text())


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


def exit_codes() -> str:
    """One row per exit code; those of `registry.errors` list their exception classes."""
    meanings = {
        0: "success",
        1: "any other failure, such as a defect (with a traceback) or a server that did not start",
        2: "wrong use or input, or a server that does not answer",
        3: "refused by a gate or by verification",
        130: "interrupted by Ctrl-C (128 + SIGINT)",
        143: "the inference service was stopped by SIGTERM (128 + SIGTERM)",
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
        "| variable | default | what it sets |",
        "|---|---|---|",
    ]
    for field in Settings.model_fields.values():
        default = "" if field.default in ("", None) else f"`{field.default}`"
        lines.append(f"| `{field.validation_alias}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/architecture.dot": architecture.dot,
    "docs/architecture.md": architecture_page,
    "docs/commands.md": commands,
    "docs/exit-codes.md": exit_codes,
    "docs/settings.md": settings,
    "registry/policy.schema.json": policy_schema,
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


if __name__ == "__main__":
    main(*sys.argv[1:])
