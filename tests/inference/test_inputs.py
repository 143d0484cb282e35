"""What the OpenAPI document says of each input, and which values are read."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from features.definitions import calendar_features, history_features
from inference.inputs import DescribedInput, describe_inputs
from inference.transaction import InvalidTransaction, TransactionReader
from registry.model.contract import Aggregate, CalendarPart, Contract, Histogram
from tests.contracts import category, contract_of, number

DETAILED = contract_of(
    *(
        number(name, low=0.0, high=1.0)
        for name in (
            *("amount", "hour", "night", "weekend"),
            *("CARD_count_1d", "CARD_mean_amount_1d", "CARD_amount_ratio_1d"),
            *("SHOP_count_7d", "SHOP_risk_7d"),
            *("SHOP_days_since_fraud_7d", "SHOP_days_since_genuine_7d"),
        )
    ),
    calendar_features=calendar_features(["hour", "night", "weekend"]),
    history_features=(
        *history_features(["CARD"], ratio=["CARD"], windows_days=[1], delay_days=7),
        *history_features(["SHOP"], ["SHOP"], since=["SHOP"], windows_days=[7], delay_days=14),
    ),
)
ANYTHING = (-3.4028234663852886e38, 3.4028234663852886e38)


def described(name: str, contract: Contract = DETAILED) -> DescribedInput:
    (found,) = (one for one in describe_inputs(contract) if one.input.name == name)
    return found


def test_every_kind_of_feature_is_here() -> None:
    assert {one.aggregate for one in DETAILED.history_features} == set(get_args(Aggregate))
    assert {one.part for one in DETAILED.calendar_features} == set(get_args(CalendarPart))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("amount", "number"),
        ("hour", "hour of the transaction, 0 to 23, in the time zone of the data"),
        (
            "night",
            "whether the transaction's hour is 0 to 6, in the time zone of the data",
        ),
        (
            "weekend",
            "whether the transaction is on a Saturday or Sunday, in the time zone of the data",
        ),
        (
            "CARD_count_1d",
            "number of transactions of the same CARD in the day until the transaction, which "
            "counts",
        ),
        (
            "CARD_mean_amount_1d",
            "mean amount of the transactions of the same CARD in the day until the transaction, "
            "which counts; 0 without any",
        ),
        (
            "CARD_amount_ratio_1d",
            "amount divided by the mean of other amounts of the same CARD in the day until the "
            "transaction, at most 1000; 1 without any",
        ),
        (
            "SHOP_count_7d",
            "number of transactions of the same SHOP in the 7 days until 14 days before the "
            "transaction",
        ),
        (
            "SHOP_risk_7d",
            "share of frauds among the transactions of the same SHOP in the 7 days until 14 days "
            "before the transaction; 0 without any",
        ),
        (
            "SHOP_days_since_fraud_7d",
            "days since the last known fraud of the same SHOP in the 7 days until 14 days before "
            "the transaction; 21 without any",
        ),
        (
            "SHOP_days_since_genuine_7d",
            "days since the last transaction without a known fraud of the same SHOP in the 7 days "
            "until 14 days before the transaction; 21 without any",
        ),
    ],
)
def test_an_input_says_what_it_is_of_which_entity_over_which_days(name: str, said: str) -> None:
    assert described(name).json_schema()["description"] == f"{said}; seen in training: 0 to 1"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("amount", ANYTHING),
        ("hour", (0, 23)),
        ("night", (0, 1)),
        ("weekend", (0, 1)),
        ("CARD_count_1d", (0, ANYTHING[1])),
        ("CARD_mean_amount_1d", ANYTHING),
        ("CARD_amount_ratio_1d", (ANYTHING[0], 1000)),
        ("SHOP_risk_7d", (0, 1)),
        ("SHOP_days_since_fraud_7d", (0, 21)),
        ("SHOP_days_since_genuine_7d", (0, 21)),
    ],
)
def test_what_cannot_be_is_not_in_the_schema_and_refused(
    name: str, expected: tuple[float, float]
) -> None:
    one = described(name)
    assert one.possible == expected
    low, high = expected
    bounds = {"minimum": low, "maximum": high}
    schema = one.json_schema()
    stated = schema.get("anyOf", [schema])[0]
    assert {key: stated[key] for key in bounds if key in stated} == {
        key: bound for key, bound in bounds.items() if bound not in ANYTHING
    }
    reader = TransactionReader(DETAILED)
    good = dict.fromkeys(DETAILED.names, 0.5)
    for bound, beyond in ((low, low - 1), (high, high + 1)):
        assert reader.read(json.dumps({**good, name: bound}).encode())
        if bound not in ANYTHING:
            with pytest.raises(InvalidTransaction) as refusal:
                reader.read(json.dumps({**good, name: beyond}).encode())
            assert [error["loc"] for error in refusal.value.errors] == [["body", name]]


def test_what_is_0_or_1_may_be_true_or_false() -> None:
    reader = TransactionReader(DETAILED)
    good = dict.fromkeys(DETAILED.names, 0.5)
    for name in ("night", "weekend"):
        for value, number_ in ((True, 1.0), (False, 0.0), (1, 1.0), (0.0, 0.0)):
            read = reader.read(json.dumps({**good, name: value}).encode())
            assert repr(dict(zip(DETAILED.names, read, strict=True))[name]) == repr(number_)
        assert described(name).json_schema()["anyOf"] == [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "boolean"},
        ]
    for name in ("hour", "CARD_count_1d", "SHOP_risk_7d"):
        with pytest.raises(InvalidTransaction):
            reader.read(json.dumps({**good, name: True}).encode())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"low": 0.0, "high": 1.0, "histogram": Histogram(edges=(1.0,), counts=(5, 5))}, True),
        ({"low": 0.0, "high": 1.0, "histogram": Histogram(counts=(10,))}, True),
        ({"low": 0.0, "high": 1.0, "histogram": Histogram(edges=(0.5,), counts=(5, 5))}, False),
        ({"low": 0.0, "high": 2.0}, False),
        ({"low": None, "high": None, "reference": None, "nullable": True}, False),
    ],
)
def test_a_column_is_boolean_if_training_saw_only_0_and_1(
    changed: dict[str, Any], expected: bool
) -> None:
    assert describe_inputs(contract_of(number("flag", **changed)))[0].is_boolean is expected


def test_an_example_is_another_value_that_training_saw_often() -> None:
    one = category("shop", "a", "b", "c").model_copy(
        update={"histogram": Histogram(counts=(9, 3, 5))}
    )
    inputs = (
        number("amount", histogram=Histogram(edges=(1.0, 2.0), counts=(1, 1, 1))),
        number("rare", histogram=Histogram(counts=(3,))),
        number("never", low=None, high=None, reference=None, nullable=True),
        one,
        category("only", "x"),
    )
    examples = [each.example for each in describe_inputs(contract_of(*inputs))]
    assert examples == [2.0, 2.5, None, "c", "x"]
