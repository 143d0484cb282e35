"""Rejected fields, counted by name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from inference.invalid_fields import InvalidFields
from inference.transaction import InvalidTransaction
from registry.model.limits import MAX_INPUTS
from tests.contracts import number
from tests.inference.calls import samples_of
from tests.inference.models import served, three_inputs

MODEL = three_inputs()


def refusal(*locations: tuple[str | int, ...]) -> InvalidTransaction:
    return InvalidTransaction(
        [{"type": "missing", "loc": ["body", *one], "msg": "x"} for one in locations]
    )


def counted(fields: InvalidFields, version: int = 7) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(fields)
    read = samples_of(generate_latest(registry).decode())
    end = f",version={version}}}"
    assert all(name.endswith(end) for name in read)
    return {name.partition("field=")[2].removesuffix(end): value for name, value in read.items()}


def test_fields_are_counted_by_name_and_all_unknown_ones_together() -> None:
    fields = InvalidFields()
    fields.start(MODEL)
    fields.count(refusal(("amount",), ("country",), ("amuont",), ("x",)), MODEL)
    fields.count(refusal(("transactions", 3, "amount")), MODEL)
    assert counted(fields) == {"amount": 2, "country": 1, "(unknown)": 2}


def test_an_error_of_the_body_or_of_a_whole_row_is_the_bodys() -> None:
    fields = InvalidFields()
    fields.start(MODEL)
    for location in ((), ("transactions",), ("transactions", 2), (4,)):
        fields.count(refusal(location), MODEL)
    assert counted(fields) == {"(body)": 4}


def test_after_a_swap_the_names_are_those_of_the_new_model() -> None:
    fields, new = InvalidFields(), served(number("fee"), weights=(1.0,), version=8)
    fields.start(MODEL)
    fields.count(refusal(("amount",)), MODEL)
    fields.start(new)
    fields.count(refusal(("fee",)), new)
    fields.count(refusal(("amount",)), MODEL)  # of a request that was read before the swap
    assert counted(fields, version=8) == {"fee": 1}


def test_before_a_model_is_served_nothing_is_counted() -> None:
    fields = InvalidFields()
    fields.count(refusal(("amount",)), MODEL)
    assert counted(fields) == {}


def test_beyond_the_first_inputs_fields_are_counted_as_unknown() -> None:
    inputs = tuple(number(f"x{index}") for index in range(MAX_INPUTS + 1))
    model, fields = served(*inputs, weights=(0.0,) * len(inputs)), InvalidFields()
    fields.start(model)
    fields.count(refusal(("x499",), ("x500",)), model)
    assert counted(fields) == {"x499": 1, "(unknown)": 1}
