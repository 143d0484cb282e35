"""Request bodies: strict JSON in, values in the model's order out, and nothing half right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.transaction import InvalidTransaction, TransactionReader
from registry.contract import Input
from tests.inference.models import category, contract_of, number

AMOUNT = number("amount")
READER = TransactionReader(
    contract_of(
        AMOUNT,
        number("age_days", nullable=True),
        category("country", "DE", "FR"),
        category("browser", "firefox", "safari", nullable=True),
    )
)
FULL = {"amount": 12.5, "age_days": 3, "country": "DE", "browser": "safari"}


def errors_of(reader: TransactionReader, body: bytes) -> list[tuple[str, list[Any]]]:
    """Type and place of each error."""
    with pytest.raises(InvalidTransaction) as refusal:
        reader.read(body)
    return [(one["type"], one["loc"]) for one in refusal.value.errors]


def test_values_come_in_the_models_order_whatever_the_order_in_the_body() -> None:
    body = b'{"browser": "safari", "country": "DE", "age_days": 3, "amount": 12.5}'
    assert READER.read(body) == [12.5, 3.0, "DE", "safari"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("-0.0", 0.0),
        ("7", 7.0),
        ("1e-400", 0.0),
        ("3.4028234663852886e38", 3.4028234663852886e38),
        ("-3.4028234663852886e38", -3.4028234663852886e38),
    ],
)
def test_every_number_that_float32_can_hold_is_read(text: str, value: float) -> None:
    reader = TransactionReader(contract_of(AMOUNT))
    assert reader.read(f'{{"amount": {text}}}'.encode()) == [value]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('"1"', "float_type"),
        ('"NaN"', "float_type"),
        ('""', "float_type"),
        ("true", "float_type"),
        ("false", "float_type"),
        ("null", "float_type"),
        ("[1]", "float_type"),
        ('{"value": 1}', "float_type"),
        ("NaN", "finite_number"),
        ("Infinity", "finite_number"),
        ("-Infinity", "finite_number"),
        ("1e400", "finite_number"),
        ("-1e400", "finite_number"),
        ("1" + "0" * 400, "finite_number"),
        ("1e39", "less_than_equal"),
        ("3.4028235e38", "less_than_equal"),
        ("-1e39", "greater_than_equal"),
    ],
)
def test_what_is_no_number_is_refused_under_the_fields_name(text: str, error: str) -> None:
    reader = TransactionReader(contract_of(AMOUNT))
    body = f'{{"amount": {text}}}'.encode()
    assert errors_of(reader, body) == [(error, ["body", "amount"])]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"amount=1",
        b"{",
        b'{"amount": 1}}',
        b'{"amount": 1} {"amount": 2}',
        b"{'amount': 1}",
        b'{"amount": 1,}',
        b'{"amount": 01}',
        b'{"amount": .5}',
        b'{"amount": 0x10}',
        b'{"amount": nan}',
        b'{"amount": ' + b"1" * 5000 + b"}",
        b'{"amount": "\\ud800"}',
        b'\xef\xbb\xbf{"amount": 1}',
        b'{"am\xffount": 1}',
        b"\xff\xfe\x00",
        b"\x00",
        '{"amount": 1}'.encode("utf-16"),
        b'{"amount": ' + b"[" * 100_000,
        b'{"amount": ' * 20_000,
    ],
)
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    reader = TransactionReader(contract_of(AMOUNT))
    assert errors_of(reader, body) == [("json_invalid", ["body"])]


@pytest.mark.parametrize("body", [b"[]", b'[{"amount": 1}]', b"null", b"1", b'"amount"', b"true"])
def test_json_that_is_no_object_is_refused_as_a_whole(body: bytes) -> None:
    assert errors_of(READER, body) == [("model_type", ["body"])]


def test_every_missing_field_is_named_also_the_nullable_ones() -> None:
    assert errors_of(READER, b"{}") == [
        ("missing", ["body", "amount"]),
        ("missing", ["body", "age_days"]),
        ("missing", ["body", "country"]),
        ("missing", ["body", "browser"]),
    ]


def test_an_unknown_field_is_refused_by_name() -> None:
    body = json.dumps({**FULL, "amout": 1}).encode()
    assert errors_of(READER, body) == [("extra_forbidden", ["body", "amout"])]


def test_the_readers_own_names_for_the_inputs_are_unknown_fields() -> None:
    body = json.dumps({**FULL, "input_0": 1}).encode()
    assert errors_of(READER, body) == [("extra_forbidden", ["body", "input_0"])]


def test_errors_do_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidTransaction) as refusal:
        READER.read(json.dumps({**FULL, "amount": "4000 0012 3456 7899"}).encode())
    assert refusal.value.errors == [
        {
            "type": "float_type",
            "loc": ["body", "amount"],
            "msg": "Input should be a valid number",
        }
    ]


def test_more_than_a_thousand_wrong_fields_are_counted_instead_of_named() -> None:
    body = json.dumps({str(index): 0 for index in range(1000)}).encode()
    reader = TransactionReader(contract_of(AMOUNT))
    with pytest.raises(InvalidTransaction) as refusal:
        reader.read(body)
    assert refusal.value.errors == [
        {"type": "too_many_errors", "loc": ["body"], "msg": "1001 fields are wrong"}
    ]


def test_null_is_read_where_the_contract_says_so() -> None:
    body = json.dumps({**FULL, "age_days": None, "browser": None}).encode()
    assert READER.read(body) == [12.5, None, "DE", None]


def test_null_elsewhere_is_refused() -> None:
    body = json.dumps({**FULL, "amount": None, "country": None}).encode()
    assert errors_of(READER, body) == [
        ("float_type", ["body", "amount"]),
        ("string_type", ["body", "country"]),
    ]


@pytest.mark.parametrize("name", ["DE", "FR", "XX", "", "None", "é" * 1000])
def test_any_text_up_to_a_thousand_characters_is_a_category(name: str) -> None:
    assert READER.read(json.dumps({**FULL, "country": name}).encode()) == [
        *(12.5, 3.0, name, "safari")
    ]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1, "string_type"),
        (True, "string_type"),
        (["DE"], "string_type"),
        ({"DE": 1}, "string_type"),
        ("D" * 1001, "string_too_long"),
    ],
)
def test_what_is_no_category_is_refused_under_the_fields_name(value: Any, error: str) -> None:
    body = json.dumps({**FULL, "browser": value}).encode()
    assert errors_of(READER, body) == [(error, ["body", "browser"])]


@pytest.mark.parametrize(
    "name",
    [
        *("V1", "with space", "amount-eur", "class", "model_x", "__proto__", "__class__"),
        *(
            "_private",
            "input_1",
            "model_config",
            "schema",
            "self",
            "1st",
            "a.b",
            "Betrag €",
            "金額",
        ),
        *('quo"te', "back\\slash", "new\nline", "{curly}", "%s", "<script>"),
    ],
)
def test_an_input_may_have_any_name(name: str) -> None:
    reader = TransactionReader(contract_of(number("first"), number(name)))
    assert reader.read(json.dumps({name: 2, "first": 1}).encode()) == [1.0, 2.0]
    assert list(reader.schema()["properties"]) == ["first", name]
    wrong = json.dumps({name: "2", "first": 1}).encode()
    assert errors_of(reader, wrong) == [("float_type", ["body", name])]


def test_the_schema_says_types_nulls_ranges_and_categories_in_the_contracts_order() -> None:
    schema = READER.schema()
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["amount", "age_days", "country", "browser"]
    properties = schema["properties"]
    assert list(properties) == ["amount", "age_days", "country", "browser"]
    assert properties["amount"]["type"] == "number"
    assert properties["amount"]["description"] == "number; seen in training: 0 to 2.5"
    assert [one["type"] for one in properties["age_days"]["anyOf"]] == ["number", "null"]
    assert properties["age_days"]["description"] == (
        "number; seen in training: 0 to 2.5; null where it is missing"
    )
    assert properties["country"]["type"] == "string"
    assert properties["country"]["description"] == (
        "category; seen in training: DE, FR; others are scored as unknown"
    )
    assert [one["type"] for one in properties["browser"]["anyOf"]] == ["string", "null"]


def test_the_schemas_example_is_the_contracts_reference_row() -> None:
    example = READER.schema()["example"]
    assert example == {"amount": 0.25, "age_days": 0.25, "country": "DE", "browser": "firefox"}
    assert READER.read(json.dumps(example).encode()) == [0.25, 0.25, "DE", "firefox"]


def test_of_many_categories_the_schema_shows_twenty() -> None:
    names = [f"c{index}" for index in range(21)]
    reader = TransactionReader(contract_of(category("merchant", *names)))
    assert reader.schema()["properties"]["merchant"]["description"] == (
        "category; seen in training: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, "
        "c14, c15, c16, c17, c18, c19, …; others are scored as unknown"
    )


def test_an_input_that_training_never_saw_a_value_of_has_no_range() -> None:
    unseen = Input(
        name="amount",
        kind="number",
        nullable=True,
        reference=None,
        histogram=AMOUNT.histogram,
    )
    reader = TransactionReader(contract_of(unseen))
    assert reader.schema()["properties"]["amount"]["description"] == (
        "number; null where it is missing"
    )
    assert reader.read(b'{"amount": null}') == [None]
