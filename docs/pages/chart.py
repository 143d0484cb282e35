"""The values of the Helm chart as Markdown, from the comments above their keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Key:
    """A key of values.yaml: its path, the comment right above it, its value, its keys."""

    path: str
    comment: str
    value: Any
    keys: tuple[Key, ...]

    @property
    def is_group(self) -> bool:
        """Whether the keys below it are documented one by one."""
        return any(key.comment or key.is_group for key in self.keys)

    def rows(self) -> Iterator[Key]:
        """The keys that have a row in the table, in the file's order."""
        if not self.is_group:
            yield self
        for key in self.keys if self.is_group else ():
            yield from key.rows()


def read_keys(text: str) -> tuple[Key, ...]:
    """The top-level keys of values.yaml."""
    return _keys(yaml.compose(text), yaml.safe_load(text), "", text.splitlines())


def _keys(node: yaml.Node | None, value: Any, prefix: str, lines: list[str]) -> tuple[Key, ...]:
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        return ()
    found = []
    for name, below in node.value:
        path = f"{prefix}{name.value}"
        inner = value[name.value]
        keys = _keys(below, inner, f"{path}.", lines)
        found.append(Key(path, _comment(lines, name.start_mark.line), inner, keys))
    return tuple(found)


def _comment(lines: list[str], line: int) -> str:
    words: list[str] = []
    while line and (match := re.match(r"\s*# (.*)", lines[line - 1])):
        words.insert(0, match[1])
        line -= 1
    return " ".join(words)


def table(text: str) -> str:
    """A section for each top-level key, with a row for each documented key below it."""
    parts = []
    for top in read_keys(text):
        parts += [f"### {top.path}", "", "| key | default | meaning |", "|---|---|---|"]
        for key in top.rows():
            default = json.dumps(key.value) if key.value not in ("", [], {}) else ""
            shown = f"`{default}`" if default else ""
            parts.append(f"| `{key.path}` | {shown} | {key.comment.replace('|', chr(92) + '|')} |")
        parts.append("")
    return "\n".join(parts).rstrip()
