"""A contract at its limits, and one beyond each of them."""

from __future__ import annotations

import pytest

from registry.model.contract import Histogram, Input
from registry.model.limits import limit_problems
from tests.contracts import category, contract_of, number


def with_histogram(input_: Input, *counts: int, edges: tuple[float, ...] = ()) -> Input:
    histogram = Histogram(edges=edges, counts=counts)
    return input_.model_copy(update={"histogram": histogram})


def many(count: int) -> tuple[str, ...]:
    return tuple(f"c{code}" for code in range(count))


AMOUNT = number("amount")
RISING = tuple(float(edge) for edge in range(10))


@pytest.mark.parametrize(
    "inputs",
    [
        (AMOUNT, category("channel", "shop", "web")),
        tuple(number(name) for name in many(500)),
        (category("merchant", *many(1000)),),
        (category("merchant", "m" * 200), number("n" * 200)),
        (with_histogram(AMOUNT, *[1] * 10, edges=RISING[:9]),),
    ],
    ids=["small", "500 inputs", "1,000 categories", "long names", "ten bins"],
)
def test_a_contract_within_its_limits_has_no_problems(inputs: tuple[Input, ...]) -> None:
    assert limit_problems(contract_of(*inputs)) == ()


@pytest.mark.parametrize(
    ("input_", "problem"),
    [
        (category("m", *many(100_000)), "input m has 100,000 categories, more than 1,000"),
        (category("m", "c" * 201), "input m has a category of more than 200 characters"),
        (number("n" * 201), f"input {'n' * 200}… has a name of more than 200 characters"),
        (
            with_histogram(AMOUNT, *[1] * 11, edges=RISING),
            "input amount has a histogram of 10 edges, more than 9",
        ),
        (with_histogram(AMOUNT, 1, 2), "input amount has a histogram of 2 counts instead of 1"),
        (
            with_histogram(category("m", "a", "b"), 1),
            "input m has a histogram of 1 counts instead of 2",
        ),
        (
            with_histogram(category("m", "a", "b"), 1, 2, edges=(1.0,)),
            "input m is a category, and its histogram has edges",
        ),
        (
            with_histogram(AMOUNT, 1, 2, 3, edges=(2.0, 1.0)),
            "input amount has a histogram whose edges do not rise, or with a count below 0",
        ),
        (
            with_histogram(AMOUNT, 1, 2, 3, edges=(1.0, 1.0)),
            "input amount has a histogram whose edges do not rise, or with a count below 0",
        ),
        (
            with_histogram(AMOUNT, -1),
            "input amount has a histogram whose edges do not rise, or with a count below 0",
        ),
    ],
)
def test_what_is_beyond_a_limit_is_named(input_: Input, problem: str) -> None:
    assert limit_problems(contract_of(input_)) == (problem,)


def test_too_many_inputs_are_counted() -> None:
    inputs = tuple(number(name) for name in many(501))
    assert limit_problems(contract_of(*inputs)) == ("it has 501 inputs, more than 500",)


def test_of_many_problems_the_first_are_named() -> None:
    inputs = tuple(with_histogram(number(name), -1) for name in many(100))
    problems = limit_problems(contract_of(*inputs))
    assert len(problems) == 6
    assert problems[-1] == "95 more problems of inputs"
