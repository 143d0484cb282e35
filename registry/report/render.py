"""A page as HTML and as GitHub Markdown. Every value in it is untrusted text, and escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    pass_eval_context,
    select_autoescape,
)
from jinja2.nodes import EvalContext
from markupsafe import Markup

from registry.report.content import Page, Picture

HTML_TEMPLATE = "report.html.j2"
MARKDOWN_TEMPLATE = "report.md.j2"

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$!])")


def html(page: Page, pictures: Mapping[str, Picture]) -> str:
    """One self-contained file; `pictures` by their `data:` address."""
    return _ENVIRONMENT.get_template(HTML_TEMPLATE).render(page=page, pictures=pictures)


def markdown(page: Page) -> str:
    """As a CI job's summary shows it; it can hold no pictures."""
    return _ENVIRONMENT.get_template(MARKDOWN_TEMPLATE).render(page=page)


def _visible(value: object) -> object:
    """Text without control characters and those that change the direction of writing."""
    if isinstance(value, Markup):
        return value
    return "".join(char if char.isprintable() else " " for char in str(value))


def escape_markdown(value: object) -> str:
    """Text on one line that GitHub Markdown shows as it is, also inside a table."""
    line = " ".join(str(_visible(str(value))).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", line)


@pass_eval_context
def _escaped(context: EvalContext, value: object) -> object:
    """Jinja passes every expression of a template through this, so that none is left out."""
    return _visible(value) if context.autoescape else escape_markdown(value)


def environment(templates: Path) -> Environment:
    """Renders the templates of a folder, each value escaped for HTML (`.html.j2`) or Markdown."""
    return Environment(
        loader=FileSystemLoader(templates),
        autoescape=select_autoescape(("html.j2",), default=False),
        finalize=_escaped,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_ENVIRONMENT = environment(Path(__file__).parent / "templates")
