"""Request bodies: strict JSON in, values in the model's order out, and nothing half right."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import json_rows, transaction
from inference.transaction import InvalidTransaction, TransactionReader
from inference.usual import UsualReader, Values
from tests.contracts import category, contract_of, number

AMOUNT = number("amount")
READER_CONTRACT = contract_of(
    AMOUNT,
    number("age_days", nullable=True),
    category("country", "DE", "FR"),
    category("browser", "firefox", "safari", nullable=True),
)
READER = TransactionReader(READER_CONTRACT)
FULL = {"amount": 12.5, "age_days": 3, "country": "DE", "browser": "safari"}


def errors_of(reader: TransactionReader, body: bytes) -> list[tuple[str, list[Any]]]:
    """Type and place of each error."""
    with pytest.raises(InvalidTransaction) as refusal:
        reader.read(body)
    return [(one["type"], one["loc"]) for one in refusal.value.errors]


def transaction_schema(reader: TransactionReader) -> dict[str, Any]:
    return reader.schemas()["Transaction"]


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
        ("1" + "0" * 400, "float_type"),
        ("1e39", "less_than_equal"),
        ("3.4028235e38", "less_than_equal"),
        ("-1e39", "greater_than_equal"),
    ],
)
def test_what_is_not_a_number_is_refused_under_the_fields_name(text: str, error: str) -> None:
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
        b'{"amount": ' + b"[" * 1000,
        b'{"amount": ' * 1000,
    ],
)
def test_what_is_not_json_is_refused_as_a_whole(body: bytes) -> None:
    reader = TransactionReader(contract_of(AMOUNT))
    assert errors_of(reader, body) == [("json_invalid", ["body"])]


@pytest.mark.parametrize("body", [b"[]", b'[{"amount": 1}]', b"null", b"1", b'"amount"', b"true"])
def test_json_that_is_not_an_object_is_refused_as_a_whole(body: bytes) -> None:
    assert errors_of(READER, body) == [("dict_type", ["body"])]


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
        {"type": "too_many_errors", "loc": ["body"], "msg": "1001 fields are invalid"}
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
def test_what_is_not_a_category_is_refused_under_the_fields_name(value: Any, error: str) -> None:
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
    assert list(transaction_schema(reader)["properties"]) == ["first", name]
    wrong = json.dumps({name: "2", "first": 1}).encode()
    assert errors_of(reader, wrong) == [("float_type", ["body", name])]


def test_the_schema_says_types_nulls_ranges_and_categories_in_the_contracts_order() -> None:
    schema = transaction_schema(READER)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["amount", "age_days", "country", "browser"]
    properties = schema["properties"]
    assert list(properties) == ["amount", "age_days", "country", "browser"]
    assert properties["amount"]["type"] == "number"
    assert properties["amount"]["description"] == "number; seen in training: 0 to 2.5"
    assert [one["type"] for one in properties["age_days"]["anyOf"]] == ["number", "null"]
    assert properties["age_days"]["description"] == (
        "number; seen in training: 0 to 2.5; null if missing"
    )
    assert properties["country"]["type"] == "string"
    assert properties["country"]["description"] == (
        "category; seen in training: DE, FR; others are scored as unknown"
    )
    assert [one["type"] for one in properties["browser"]["anyOf"]] == ["string", "null"]


def test_the_schemas_example_is_read() -> None:
    example = transaction_schema(READER)["example"]
    assert example == {"amount": 2.5, "age_days": 2.5, "country": "FR", "browser": "safari"}
    assert READER.read(json.dumps(example).encode()) == [2.5, 2.5, "FR", "safari"]


def test_the_example_of_the_contract_comes_first() -> None:
    reader = TransactionReader(contract_of(AMOUNT, number("age"), example=(120.5, 3.0)))
    assert transaction_schema(reader)["example"] == {"amount": 120.5, "age": 3.0}
    assert reader.schemas()["Batch"]["example"] == {"transactions": [{"amount": 120.5, "age": 3.0}]}


def outside(values: list[Any]) -> list[str]:
    return list(values.outside) if isinstance(values, Values) else []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"amount": 5.0}, []),
        ({"amount": 5.1}, ["amount"]),
        ({"amount": -2.5}, []),
        ({"amount": -2.6, "age_days": 3e38}, ["amount", "age_days"]),
        ({"country": "XX"}, ["country"]),
        ({"browser": None, "age_days": None}, []),
    ],
)
def test_values_far_outside_of_those_in_training_are_named(
    change: dict[str, Any], expected: list[str]
) -> None:
    """Training saw 0 to 2.5; as far again on either side is not far."""
    row = {**FULL, "amount": 1.0, **change}
    alone = READER.read(json.dumps(row).encode())
    assert outside(alone) == expected
    batch = json.dumps({"transactions": [{**FULL, "amount": 1.0}, row]}).encode()
    together = READER.read_batch(batch)
    assert together[1] == alone
    assert [outside(one) for one in together] == [[], expected]


def test_of_many_categories_the_schema_shows_twenty() -> None:
    names = [f"c{index}" for index in range(21)]
    reader = TransactionReader(contract_of(category("merchant", *names)))
    assert transaction_schema(reader)["properties"]["merchant"]["description"] == (
        "category; seen in training: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, "
        "c14, c15, c16, c17, c18, c19, …; others are scored as unknown"
    )


def test_an_input_that_training_never_saw_a_value_of_has_no_range() -> None:
    unseen = number("amount", nullable=True, reference=None, low=None, high=None)
    reader = TransactionReader(contract_of(unseen))
    assert transaction_schema(reader)["properties"]["amount"]["description"] == (
        "number; null if missing"
    )
    assert reader.read(b'{"amount": null}') == [None]


IGNORING = TransactionReader(READER_CONTRACT, unknown="ignore")


def test_unknown_fields_are_left_out_where_the_setting_says_so() -> None:
    body = json.dumps({"colour": "red", **FULL, "input_0": [1]}).encode()
    assert IGNORING.read(body) == [12.5, 3.0, "DE", "safari"]
    batch = json.dumps({"transactions": [{"colour": 1, **FULL}]}).encode()
    assert IGNORING.read_batch(batch) == [[12.5, 3.0, "DE", "safari"]]


def test_ignoring_unknown_fields_does_not_make_a_missing_one_good() -> None:
    assert errors_of(IGNORING, b'{"amout": 1, "age_days": 3, "country": "DE", "browser": "x"}') == [
        ("missing", ["body", "amount"])
    ]


def batch_errors(reader: TransactionReader, body: Any) -> list[tuple[str, list[Any]]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidTransaction) as refusal:
        reader.read_batch(content)
    return [(one["type"], one["loc"]) for one in refusal.value.errors]


def test_a_batch_is_read_in_its_order() -> None:
    other = {"browser": None, "country": "FR", "age_days": None, "amount": 1}
    assert READER.read_batch(json.dumps({"transactions": [FULL, other]}).encode()) == [
        [12.5, 3.0, "DE", "safari"],
        [1.0, None, "FR", None],
    ]


def test_the_fields_that_are_wrong_in_a_batch_are_named_with_their_transactions_number() -> None:
    wrong = {**FULL, "amount": "1", "colour": 1}
    missing = {name: value for name, value in FULL.items() if name != "country"}
    assert batch_errors(READER, {"transactions": [FULL, wrong, missing, 7]}) == [
        ("float_type", ["body", "transactions", 1, "amount"]),
        ("extra_forbidden", ["body", "transactions", 1, "colour"]),
        ("missing", ["body", "transactions", 2, "country"]),
        ("dict_type", ["body", "transactions", 3]),
    ]


@pytest.mark.parametrize(("rows", "fits"), [(1, True), (2, True), (3, True), (4, False)])
def test_a_batch_holds_as_many_transactions_as_the_setting_says(rows: int, fits: bool) -> None:
    reader = TransactionReader(contract_of(AMOUNT), max_rows=3)
    batch = {"transactions": [{"amount": 1}] * rows}
    if fits:
        assert len(reader.read_batch(json.dumps(batch).encode())) == rows
        assert len(reader.read_records(batch["transactions"])) == rows
    else:
        assert batch_errors(reader, batch) == [("too_long", ["body", "transactions"])]
        with pytest.raises(InvalidTransaction, match="at most 3 items"):
            reader.read_records(batch["transactions"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", ("json_invalid", ["body"])),
        (b'{"transactions": [{"amount": 1}', ("json_invalid", ["body"])),
        ([FULL], ("model_type", ["body"])),
        ({}, ("missing", ["body", "transactions"])),
        ({"transactions": []}, ("too_short", ["body", "transactions"])),
        ({"transactions": FULL}, ("list_type", ["body", "transactions"])),
        ({"transactions": None}, ("list_type", ["body", "transactions"])),
        ({"transactions": [FULL], "explain": True}, ("extra_forbidden", ["body", "explain"])),
    ],
)
def test_what_is_not_a_batch_is_refused_as_a_whole(body: Any, error: tuple[str, list[Any]]) -> None:
    assert batch_errors(READER, body) == [error]


def test_records_are_read_like_transactions_without_the_columns_beyond() -> None:
    records = [{**FULL, "index": 0}, {**FULL, "amount": 1, "age_days": None}]
    assert READER.read_records(records) == [
        [12.5, 3.0, "DE", "safari"],
        [1.0, None, "DE", "safari"],
    ]


@pytest.mark.parametrize("value", ["1", True, None, float("nan"), float("inf"), 1e39, 10**400])
def test_a_record_is_read_as_strictly_as_json(value: Any) -> None:
    with pytest.raises(InvalidTransaction) as refusal:
        READER.read_records([FULL, {**FULL, "amount": value}])
    assert [one["loc"] for one in refusal.value.errors] == [["body", 1, "amount"]]


numbers = st.none() | st.floats(allow_nan=False, width=32, allow_infinity=False) | st.integers()
values = st.fixed_dictionaries(
    {"amount": numbers, "age_days": numbers, "country": st.text(), "browser": st.none()},
    optional={"colour": st.text(max_size=2)},
)


@given(rows=st.lists(values, min_size=1, max_size=5))
def test_a_batch_reads_what_each_transaction_alone_reads(rows: list[dict[str, Any]]) -> None:
    """And refuses exactly where one alone is refused, in the same words."""
    alone: list[list[Any]] = []
    errors: list[dict[str, Any]] = []
    for place, row in enumerate(rows):
        try:
            alone.append(READER.read(json.dumps(row).encode()))
        except InvalidTransaction as error:
            errors += [
                {**one, "loc": ["body", "transactions", place, *one["loc"][1:]]}
                for one in error.errors
            ]
    body = json.dumps({"transactions": rows}).encode()
    if not errors:
        assert READER.read_batch(body) == alone
    else:
        with pytest.raises(InvalidTransaction) as refusal:
            READER.read_batch(body)
        assert refusal.value.errors == errors


def test_the_summary_holds_the_first_twenty_errors() -> None:
    with pytest.raises(InvalidTransaction) as refusal:
        READER.read_records([FULL, {**FULL, "amount": "x"}])
    assert refusal.value.summary == "1.amount: Input should be a valid number"
    with pytest.raises(InvalidTransaction) as refusal:
        READER.read_records([{}] * 6)
    assert refusal.value.summary.startswith("0.amount: Field required; 0.age_days: Field ")
    assert refusal.value.summary.endswith("; 4.browser: Field required; and 4 more")


def test_the_summary_of_an_invalid_body_names_the_body() -> None:
    with pytest.raises(InvalidTransaction) as refusal:
        READER.read(b"[]")
    assert refusal.value.summary == "body: Input should be an object"


def test_the_batchs_schema_lists_transactions_and_how_many() -> None:
    schema = TransactionReader(contract_of(AMOUNT), max_rows=3).schemas()["Batch"]
    assert schema["required"] == ["transactions"]
    assert schema["additionalProperties"] is False
    described = schema["properties"]["transactions"]
    assert described["items"] == {"$ref": "#/components/schemas/Transaction"}
    assert (described["type"], described["minItems"], described["maxItems"]) == ("array", 1, 3)
    assert schema["example"] == {"transactions": [{"amount": 2.5}]}
    assert "$defs" not in schema


def test_where_unknown_fields_are_ignored_the_schema_allows_them() -> None:
    assert transaction_schema(IGNORING).get("additionalProperties") is not False


# Bounds of a body


def refusal_of(read: Callable[[bytes], object], body: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidTransaction) as refusal:
        read(body)
    (error,) = refusal.value.errors
    return error["type"], error["msg"]


def test_a_transaction_has_a_thousand_values_more_than_the_model_at_most() -> None:
    reader = TransactionReader(contract_of(AMOUNT), unknown="ignore")
    fields = {"amount": 1, **{str(number): 0 for number in range(999)}}
    assert reader.read(json.dumps(fields).encode()) == [1.0]
    body = json.dumps({**fields, "one": 0, "more": 0}).encode()
    expected = ("too_many_values", "the body has more than 1001 values")
    assert refusal_of(reader.read, body) == expected


def test_a_row_has_a_thousand_fields_more_than_the_model_at_most() -> None:
    reader = TransactionReader(contract_of(AMOUNT), unknown="ignore")
    row = {"amount": 1, **{str(number): 0 for number in range(1000)}}
    assert reader.read_batch(json.dumps({"transactions": [row]}).encode()) == [[1.0]]
    body = json.dumps({"transactions": [{**row, "more": 0}]}).encode()
    assert refusal_of(reader.read_batch, body) == ("too_many_fields", "more than 1001 fields")
    with pytest.raises(InvalidTransaction) as refusal:
        reader.read_batch(body)
    assert refusal.value.errors[0]["loc"] == ["body", "transactions", 0]


def test_a_table_has_a_hundred_values_a_row_and_ten_lists_more_than_the_model_at_most() -> None:
    reader = TransactionReader(contract_of(AMOUNT), unknown="ignore", max_rows=10)
    reader.check_table(b"[" * 1100 + b"," * (2010 - 1100))
    refused = [
        (b"[" * 1101, "the body has more than 1100 lists and objects"),
        (b"[" * 1100 + b"," * (2011 - 1100), "the body has more than 2010 values"),
    ]
    for body, said in refused:
        assert refusal_of(reader.check_table, body) == ("too_many_values", said)


@pytest.mark.parametrize("unusual", [False, True])
def test_few_values_of_a_batch_are_validated_at_once(
    monkeypatch: pytest.MonkeyPatch, *, unusual: bool
) -> None:
    """In a call, no other request is answered."""
    sizes: list[int] = []
    read_usual = UsualReader.read

    def noting(reader: UsualReader, documents: Sequence[Any]) -> list[Values] | None:
        sizes.append(len(documents))
        return read_usual(reader, documents)

    monkeypatch.setattr(UsualReader, "read", noting)
    reader = TransactionReader(contract_of(AMOUNT))
    amounts = [1.0] * 59 + [1e30 if unusual else 1.0]
    rows = [{"amount": amount} for amount in amounts]
    read = reader.read_batch(json.dumps({"transactions": rows}).encode())
    assert read == [[amount] for amount in amounts]
    assert [outside(one) for one in read] == [[]] * 59 + [["amount"] if unusual else []]
    assert sizes == [19, 19, 19, 3]  # of up to 1,001 values each


def test_a_large_batch_is_parsed_in_pieces_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsed as a whole, it would hold the interpreter."""
    monkeypatch.setattr(transaction, "PIECE_BYTES", 20)
    monkeypatch.setattr(json_rows, "PIECE_BYTES", 20)
    monkeypatch.setattr(transaction, "MAX_WHOLE_BYTES", 100)
    reader = TransactionReader(contract_of(AMOUNT))
    body = json.dumps({"transactions": [{"amount": number} for number in range(20)]}).encode()
    assert reader.read_batch(body) == [[float(number)] for number in range(20)]
    said = (
        'Invalid JSON, or more than a list of transactions: it must be {"transactions": [...]} and '
        "nothing else"
    )
    assert refusal_of(reader.read_batch, body + b"]") == ("json_invalid", said)
    with pytest.raises(InvalidTransaction) as refusal:
        reader.read_batch(body.replace(b"13}", b"null}"))
    assert [one["loc"] for one in refusal.value.errors] == [["body", "transactions", 13, "amount"]]


def test_of_a_batch_no_more_than_a_thousand_errors_are_collected() -> None:
    body = json.dumps({"transactions": [{}] * 1000}).encode()
    expected = ("too_many_errors", "more than 1000 fields are invalid")
    assert refusal_of(READER.read_batch, body) == expected
