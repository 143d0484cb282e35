"""The fields of a transaction as a client sends it, where the service computes its features."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field

from features.amounts import MAX_AMOUNT
from features.times import micros_of
from inference.inputs import DescribedInput, describe_inputs
from registry.model.canonical import canonical_text
from registry.model.contract import Contract, TransactionForm
from registry.model.scorer import Value

MAX_ID_LENGTH = 200
"""Characters of a transaction's id, and of an entity."""
TIME_OF_TRANSACTION = "time of the transaction"
"""How the description of its time begins, by which `smoke` finds it."""
_TEXTS = (str, int, float)
_Text = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


def as_text(value: Any) -> Any:
    """A number from JSON as the text that training has for it; anything else as it is."""
    return canonical_text(value) if isinstance(value, _TEXTS) else value


class DescribedField(Protocol):
    """A field of a body: its name, its type for pydantic, its JSON Schema and an example."""

    @property
    def name(self) -> str: ...
    @property
    def is_number(self) -> bool: ...
    @property
    def annotation(self) -> Any: ...
    @property
    def usual_annotation(self) -> Any: ...
    @property
    def example(self) -> Value: ...
    def json_schema(self) -> dict[str, Any]: ...
    def is_usual(self, value: Value) -> bool: ...


class _Field:
    """A field that is no input of the model."""

    is_number = False
    annotation: Any

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def usual_annotation(self) -> Any:
        return self.annotation

    def is_usual(self, _value: Value) -> bool:
        return True


class IdField(_Field):
    """The transaction's id. Whole numbers are taken as their text, as in the data of training."""

    annotation = Annotated[_Text, BeforeValidator(as_text)]
    example = "payment-4711"

    def json_schema(self) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
                {"type": "integer"},
            ],
            "description": "id of the transaction: one that is sent again counts once, and has the "
            "same features",
        }


class EntityField(_Field):
    """Who or what has a history; null, and what the data has in its place, is nobody's."""

    example = "4711"

    def __init__(self, name: str, missing: frozenset[str]) -> None:
        super().__init__(name)

        def as_entity(value: Any) -> Any:
            text = as_text(value)
            return None if isinstance(text, str) and text.strip() in missing else text

        self.annotation = Annotated[_Text | None, BeforeValidator(as_entity)]

    def json_schema(self) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": MAX_ID_LENGTH},
                {"type": "integer"},
                {"type": "null"},
            ],
            "description": f"{self.name} of the transaction, whose history counts; null if it is "
            "not known",
        }


class TimeField(_Field):
    """When the transaction took place; as a value, microseconds since 1970."""

    def __init__(self, form: TransactionForm) -> None:
        super().__init__(form.time)
        self._form = form
        self.annotation = Annotated[int, BeforeValidator(lambda value: micros_of(value, form))]

    @property
    def example(self) -> str:
        return "2026-03-01T14:25:00" + ("+01:00" if self._form.zoned else "")

    def json_schema(self) -> dict[str, Any]:
        offset = "with an offset from UTC" if self._form.zoned else "without an offset from UTC"
        text = {"type": "string", "examples": [self.example]}
        description = f"{TIME_OF_TRANSACTION}: ISO 8601, {offset}"
        if not self._form.unit:
            return {**text, "description": description}
        return {
            "anyOf": [text, {"type": "number"}],
            "description": f"{description}, or {self._form.unit} since {self._form.origin}",
        }


class AmountField(_Field):
    """An amount that is no input of the model, but counts in histories."""

    is_number = True
    annotation = Annotated[float, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
    example = 12.5

    def json_schema(self) -> dict[str, Any]:
        bounds = {"minimum": -MAX_AMOUNT, "maximum": MAX_AMOUNT}
        return {"type": "number", **bounds, "description": "amount of the transaction"}


def describe_fields(contract: Contract, form: TransactionForm) -> list[DescribedField]:
    """Id, time, entities, and the inputs that are not computed, in this order; then the amount,
    unless it is one of the inputs.
    """
    inputs: list[DescribedInput] = [
        each for each in describe_inputs(contract) if each.name not in contract.computed
    ]
    missing = frozenset({"", *form.missing})
    amount = [] if form.amount in contract.names else [AmountField(form.amount)]
    entities = [EntityField(name, missing) for name in form.entities]
    return [IdField(form.id), TimeField(form), *entities, *inputs, *amount]
