"""The expressions of GitHub Actions that our workflows use, and no others.

Contexts, strings, `==`, `!=`, `&&`, `||`, `!`, parentheses and functions without arguments. Source:
GitHub's documentation, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<operator>==|!=|&&|\|\||!|\(|\))"
    r"|(?P<call>[a-z]+)\(\)|(?P<name>[A-Za-z_][\w.-]*))"
)
PYTHON = {"&&": " and ", "||": " or ", "!": " not "}
IN_TEXT = re.compile(r"\$\{\{(.*?)\}\}")

Contexts = Mapping[str, Any]
Functions = Mapping[str, Callable[[], bool]]


def evaluate(expression: str, contexts: Contexts, functions: Functions) -> Any:
    """The value of an expression without its braces; a property that is not there is empty.

    Raises ValueError for anything that this evaluator does not know.
    """
    values: list[Any] = []
    python, position, expression = "", 0, expression.strip()
    while position < len(expression):
        match = TOKEN.match(expression, position)
        if match is None:
            raise ValueError(f"not understood: {expression[position:]!r} in {expression!r}")
        position = match.end()
        if operator := match["operator"]:
            python += PYTHON.get(operator, operator)
            continue
        if text := match["string"]:
            values.append(text[1:-1].replace("''", "'"))
        elif call := match["call"]:
            values.append(functions[call]())
        else:
            values.append(_looked_up(match["name"], contexts))
        python += f"v[{len(values) - 1}]"
    return eval(python, {"__builtins__": {}}, {"v": values})  # noqa: S307 (of our own tokens)


def _looked_up(name: str, contexts: Contexts) -> Any:
    first, *rest = name.split(".")
    if first not in contexts:
        raise ValueError(f"no context {first!r} in {name!r}")
    value: Any = contexts[first]
    for part in rest:
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return value


def resolved(text: object, contexts: Contexts, functions: Functions) -> str:
    """A text with each `${{ … }}` in it replaced by its value."""

    def value(match: re.Match[str]) -> str:
        found = evaluate(match[1], contexts, functions)
        return str(found).lower() if isinstance(found, bool) else str(found)

    return IN_TEXT.sub(value, str(text))
