"""Limits of a contract: each of its entries becomes a metric series of the service.

Training refuses to write a contract beyond them, and the gate `contract` refuses a candidate with
one. A reader does not: what is in Production stays readable.
"""

from __future__ import annotations

from collections.abc import Iterator

from registry.model.contract import Contract, Input

MAX_INPUTS = 500
MAX_CATEGORIES = 1000
MAX_EDGES = 9
"""Inner edges of a number's histogram: ten bins."""

MAX_NAME_LENGTH = 200
"""Characters in the name of an input or a category."""

MAX_NAMED = 5
"""Inputs that are named; a contract may hold thousands of wrong ones."""


def limit_problems(contract: Contract) -> tuple[str, ...]:
    """What is too much in a contract, and histograms that do not fit their inputs."""
    problems = [problem for input_ in contract.inputs for problem in _problems(input_)]
    left = len(problems) - MAX_NAMED
    if left > 0:
        problems[MAX_NAMED:] = [f"{left:,} more problems of inputs"]
    if len(contract.inputs) > MAX_INPUTS:
        problems.append(f"it has {len(contract.inputs):,} inputs, more than {MAX_INPUTS:,}")
    return tuple(problems)


def _problems(input_: Input) -> Iterator[str]:
    name = f"input {input_.name[:MAX_NAME_LENGTH]}"
    if len(input_.name) > MAX_NAME_LENGTH:
        yield f"{name}… has a name of more than {MAX_NAME_LENGTH} characters"
    if len(input_.categories) > MAX_CATEGORIES:
        yield f"{name} has {len(input_.categories):,} categories, more than {MAX_CATEGORIES:,}"
    if any(len(category) > MAX_NAME_LENGTH for category in input_.categories):
        yield f"{name} has a category of more than {MAX_NAME_LENGTH} characters"
    edges, counts = input_.histogram.edges, input_.histogram.counts
    if len(edges) > MAX_EDGES:
        yield f"{name} has a histogram of {len(edges):,} edges, more than {MAX_EDGES}"
    bins = len(edges) + 1 if input_.kind == "number" else len(input_.categories)
    if len(counts) != bins:
        yield f"{name} has a histogram of {len(counts):,} counts instead of {bins:,}"
    if input_.kind == "category" and edges:
        yield f"{name} is a category, and its histogram has edges"
    if list(edges) != sorted(set(edges)) or min((*counts, input_.histogram.missing)) < 0:
        yield f"{name} has a histogram whose edges do not rise, or with a count below 0"
