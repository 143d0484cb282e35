"""Which metrics and labels a PromQL expression asks for, as promql-parser reads it."""

from __future__ import annotations

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Expr,
    LabelModifierType,
    MatrixSelector,
    VectorSelector,
    parse,
    walk,
)


def filled(expression: str, **choices: str) -> str:
    """An expression of a dashboard as Prometheus takes it, with a reader's choices."""
    for name, value in {"__rate_interval": "1m", **choices}.items():
        expression = expression.replace(f"${name}", value)
    return expression


def asked(expression: str) -> set[tuple[str, str]]:
    """Each metric with `""` and with each label by which it is selected, grouped or matched.

    Raises ValueError where it is not PromQL.
    """
    return _asked(parse(expression))


def _asked(expression: Expr) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()

    def visit(node: Expr) -> None:
        selector = node.vector_selector if isinstance(node, MatrixSelector) else node
        if isinstance(selector, VectorSelector):
            labels = [matcher.name for matcher in selector.matchers.matchers]
            assert selector.name
            found.update((selector.name, label) for label in ("", *labels))
        elif isinstance(node, AggregateExpr | BinaryExpr):
            found.update((name, label) for name, _ in _inside(node) for label in _labels(node))

    walk(expression, visit)
    return found


def _inside(node: AggregateExpr | BinaryExpr) -> set[tuple[str, str]]:
    parts = [node.expr] if isinstance(node, AggregateExpr) else [node.lhs, node.rhs]
    return {one for part in parts for one in _asked(part)}


def _labels(node: AggregateExpr | BinaryExpr) -> list[str]:
    """Those of `by` or `on`; of `without` and `ignoring`, a label may be missing."""
    if isinstance(node, AggregateExpr):
        by = node.modifier
        return by.labels if by and by.type == AggModifierType.By else []
    on = node.modifier.matching if node.modifier else None
    return on.labels if on and on.type == LabelModifierType.Include else []
