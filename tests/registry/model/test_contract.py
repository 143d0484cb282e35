"""Reading the contract from MLmodel, and refusing a wrong one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from registry.errors import ContractError
from registry.model.contract import (
    METADATA_KEY,
    CalendarFeature,
    Contract,
    TransactionForm,
    read_contract,
)
from tests.candidates import contract, saved_model
from tests.contracts import FORM, category, contract_of, number, raw_contract


def mlmodel() -> bytes:
    """The MLmodel file that training writes."""
    return (saved_model(1.0) / "MLmodel").read_bytes()


def rewritten(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The MLmodel file with one thing changed."""
    document = yaml.safe_load(mlmodel())
    change(document)
    return yaml.safe_dump(document).encode()


def test_a_contract_reads_back_as_training_wrote_it() -> None:
    assert read_contract(mlmodel()) == contract()


def test_the_metadata_holds_json_types_only() -> None:
    metadata = contract().as_metadata()
    assert list(metadata) == ["fraud_contract"]
    assert Contract.model_validate(json.loads(json.dumps(metadata))["fraud_contract"]) == contract()


def test_a_calendar_feature_names_its_zone_only_if_it_has_one() -> None:
    plain, zoned = CalendarFeature(name="hour", part="hour"), {"name": "night", "part": "night"}
    zoned["zone"] = "Europe/Berlin"
    features = (plain, CalendarFeature.model_validate(zoned))

    metadata = contract().model_copy(update={"calendar_features": features}).as_metadata()

    # Services of earlier versions refuse a contract with a key that they do not know.
    assert metadata["fraud_contract"]["calendar_features"] == [
        {"name": "hour", "part": "hour"},
        {"name": "night", "part": "night", "zone": "Europe/Berlin"},
    ]


def test_a_contract_holds_an_example_only_if_it_has_one() -> None:
    with_one = contract_of(number("amount"), example=(2.0,))
    stored = with_one.as_metadata()["fraud_contract"]
    assert stored["example"] == [2.0]
    assert Contract.model_validate(stored) == with_one
    assert "example" not in contract_of(number("amount")).as_metadata()["fraud_contract"]
    with pytest.raises(ValidationError, match="the example has not one value for each input"):
        contract_of(number("amount"), example=(2.0, "DE"))


def test_names_are_in_the_order_of_the_models_columns() -> None:
    assert contract(("b", "a")).names == ("b", "a")


def test_categories_are_numbered_in_their_order() -> None:
    assert category("brand", "visa", "amex").codes == {"visa": 0.0, "amex": 1.0}


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"text", b"a: [", b"\xff\xfe\x00", b"metadata: {}", b"metadata: 5"],
)
def test_without_a_contract_the_message_says_how_to_register_one(content: bytes) -> None:
    with pytest.raises(ContractError, match="mlflow run"):
        read_contract(content)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda fields: fields.pop("threshold"), "threshold"),
        (lambda fields: fields.update(threshold=1.5), "threshold"),
        (lambda fields: fields.update(threshold=float("nan")), "threshold"),
        (lambda fields: fields.update(version=3), "version"),
        (lambda fields: fields.update(delay_days=-1), "delay_days"),
        (lambda fields: fields.update(owner="me"), "owner"),
        (lambda fields: fields.update(inputs=[]), "inputs"),
        (lambda fields: fields["inputs"][1].pop("nullable"), "inputs.1.nullable"),
        (lambda fields: fields["inputs"][1].update(name=""), "inputs.1.name"),
        (lambda fields: fields["inputs"][0].update(low=float("inf")), "inputs.0.low"),
        (
            lambda fields: fields["training_window"].update(end="2026-03-01T00:00:00"),
            "training_window.end",
        ),
        (
            lambda fields: fields["training_window"].update(end="2025-12-31T00:00:00Z"),
            "training_window",
        ),
    ],
)
def test_a_wrong_field_is_named(change: Callable[[dict[str, Any]], object], field: str) -> None:
    changed = rewritten(lambda document: change(document["metadata"][METADATA_KEY]))
    with pytest.raises(ContractError, match=f"contract field '{field}'"):
        read_contract(changed)


@pytest.mark.parametrize(
    "columns",
    [
        [("amount", "double"), ("count_7d", "double")],
        [("count_7d", "double"), ("amount", "double"), ("risk_7d", "double")],
        [("amount", "double"), ("count_7d", "double"), ("risk_7d", "string")],
    ],
)
def test_a_signature_with_other_columns_is_refused(
    columns: list[tuple[str, str]],
) -> None:
    inputs = json.dumps([{"name": name, "type": kind} for name, kind in columns])
    changed = rewritten(lambda document: document["signature"].update(inputs=inputs))
    with pytest.raises(ContractError, match="signature and of the contract differ"):
        read_contract(changed)


def test_a_model_without_signature_is_refused() -> None:
    changed = rewritten(lambda document: document.pop("signature"))
    with pytest.raises(ContractError, match="no readable contract and signature"):
        read_contract(changed)


def test_two_inputs_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two inputs have the same name"):
        contract(("amount", "amount"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "category"}, "a category has categories, a number has none"),
        ({"categories": ("a",)}, "a category has categories, a number has none"),
        ({"kind": "category", "categories": ("a", "a")}, "repeats a category"),
    ],
)
def test_categories_that_make_no_sense_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        number("amount", **changes)


def test_a_contract_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        contract().threshold = 0.9  # type: ignore[misc]


def test_a_contract_with_a_transaction_is_of_version_2_and_says_what_is_computed() -> None:
    raw = raw_contract()

    assert Contract.model_validate(raw.as_metadata()["fraud_contract"]) == raw
    assert raw.as_metadata()["fraud_contract"]["transaction"]["entities"] == ["card", "shop"]
    assert set(raw.names) - raw.computed == {"amount", "channel"}


def test_a_contract_of_version_1_has_no_transaction() -> None:
    assert "transaction" not in contract().as_metadata()["fraud_contract"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": 1}, "version 2 has a transaction, and version 1 has none"),
        ({"transaction": None}, "version 2 has a transaction, and version 1 has none"),
        (
            {"transaction": FORM.model_copy(update={"entities": ("card",)})},
            "'shop' is not among the entities of a transaction",
        ),
        (
            {"transaction": FORM.model_copy(update={"id": "channel"})},
            "'channel' is both a field of a transaction and an input",
        ),
        (
            {"transaction": FORM.model_copy(update={"amount": "night"})},
            "'night' is both a field of a transaction and an input",
        ),
        ({"inputs": (number("amount"),)}, "feature 'card_count_1d' is not among the inputs"),
    ],
)
def test_a_transaction_that_does_not_fit_its_inputs_is_refused(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        raw_contract(**changed)


def test_the_fields_of_a_transaction_have_different_names() -> None:
    with pytest.raises(ValidationError, match="two fields of a transaction have the same name"):
        TransactionForm(id="a", time="a", zoned=True, amount="b", entities=())
