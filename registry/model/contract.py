"""The contract: a model's inputs, its decision threshold, and where both come from.

Training writes it into the `metadata` of the model's MLmodel file; gates, service and batch read it
from there, and from nowhere else.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.errors import ContractError, first_error

UNKNOWN_CATEGORY_CODE = -1.0
"""The code of a missing category, or of one that was not in the training data."""

METADATA_KEY = "fraud_contract"

Aggregate = Literal[
    "count", "mean_amount", "risk", "amount_ratio", "days_since_fraud", "days_since_genuine"
]
CalendarPart = Literal["hour", "night", "weekend"]
Text = Annotated[str, Field(min_length=1)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HistoryFeature(_Value):
    """The definition of one history feature: what is aggregated, over which days.

    The window is `(t - delay - window, t - delay]` for a transaction at time t: with a delay of 0
    the transaction counts itself, as in the Fraud Detection Handbook, chapter 3.

    `count` is the number of the entity's transactions, `mean_amount` the mean of their amounts,
    and `risk` the share of frauds among them; each is 0 where the window holds none.

    `amount_ratio` is the transaction's amount divided by the mean of the other amounts in the
    window: at most 1000, and 1 where there is no other or their mean is not above 0.
    `days_since_fraud` and `days_since_genuine` are the days from the window's last fraud, or last
    transaction without a known fraud, to the transaction; the sum of window and delay where the
    window holds none.
    """

    name: str
    entity: str
    aggregate: Aggregate
    window_days: Annotated[int, Field(gt=0)]
    delay_days: Annotated[int, Field(ge=0)] = 0

    @property
    def value_of_empty_window(self) -> float:
        """The value without a history; days, where it is a time."""
        if self.aggregate in ("days_since_fraud", "days_since_genuine"):
            return float(self.delay_days + self.window_days)
        return 1.0 if self.aggregate == "amount_ratio" else 0.0


class CalendarFeature(_Value):
    """A part of the transaction's time in the IANA time zone `zone`, or else as the data has it.

    `hour` is the hour of the day, 0 to 23; `night` is 1 for the hours 0 to 6, and `weekend` 1 on
    Saturday and Sunday, else 0, as in the Fraud Detection Handbook, chapter 3.
    """

    name: str
    part: CalendarPart
    # Left out where there is none, so that services of earlier versions read the contract.
    zone: str | None = Field(default=None, exclude_if=lambda zone: zone is None)


class Histogram(_Value):
    """The distribution of one input over the training rows: the reference for drift.

    A number has up to nine inner `edges` (deciles) and one more count than edges; bin i holds
    `edges[i-1] <= x < edges[i]`. A category has no edges and one count for each category.
    """

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...]
    missing: int = 0


class Input(_Value):
    """One input of the model, in the order of the ONNX input's columns."""

    name: Text
    kind: Literal["number", "category"]
    nullable: bool
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    reference: float | str | None
    histogram: Histogram

    @model_validator(mode="after")
    def _categories_are_of_a_category(self) -> Self:
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"input {self.name!r} repeats a category")
        if bool(self.categories) != (self.kind == "category"):
            raise ValueError(f"input {self.name!r}: a category has categories, a number has none")
        return self

    @property
    def codes(self) -> dict[str, float]:
        """Category → the number that stands for it in the ONNX model's input."""
        return {category: float(code) for code, category in enumerate(self.categories)}


class Window(_Value):
    """The times of the first and the last transaction, inclusive, with their time zones.

    A time without a zone could be any of 26 hours, and cannot be compared with the evaluation rows.
    """

    start: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"the window ends on {self.end}, before it starts on {self.start}")
        return self

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"


class TransactionForm(_Value):
    """A transaction as a client sends it, where the service computes the features of its history.

    These are its fields beside the inputs that are not computed. The names are those of the data
    that the model was trained on, so that client and training speak of the same columns.
    """

    id: Text
    """Unique for each transaction: one that is sent again counts once."""
    time: Text
    """Text in ISO 8601, with an offset from UTC if `zoned`, else without."""
    zoned: bool
    unit: Literal["s", "ms"] | None = None
    """Where the data counts time from `origin`, midnight in UTC, such a number is taken as well."""
    origin: date | None = None
    amount: Text
    """Also where the amount is one of the inputs."""
    entities: tuple[Text, ...]
    """Who or what has a history; null where it is not known."""
    missing: tuple[str, ...] = ()
    """Texts that mean the same as null in the data."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = (self.id, self.time, self.amount, *self.entities)
        if len(set(names)) != len(names):
            raise ValueError("two fields of a transaction have the same name")
        return self


class Contract(_Value):
    """All that a caller, a gate or a pod needs to know about a model besides its bytes.

    Version 2 has a `transaction`: the service can then compute the features.
    """

    version: Literal[1, 2] = 1
    dataset: str
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)]
    history_features: tuple[HistoryFeature, ...] = ()
    calendar_features: tuple[CalendarFeature, ...] = ()
    threshold: Annotated[float, Field(ge=0, le=1)]
    threshold_method: str
    training_window: Window
    delay_days: Annotated[float, Field(ge=0)]
    alert_budget_per_day: Annotated[int, Field(gt=0)] | None = None
    """How many alerts a day the model was trained for; None in contracts of earlier releases."""
    transaction: TransactionForm | None = Field(default=None, exclude_if=lambda form: form is None)

    # Left out where there is none, so that services of earlier versions read the contract.
    example: tuple[float | str | None, ...] | None = Field(
        default=None, exclude_if=lambda example: example is None
    )
    """A transaction for the documentation, in the order of the inputs; it is nobody's."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("two inputs have the same name")
        if self.example is not None and len(self.example) != len(self.inputs):
            raise ValueError("the example has not one value for each input")
        return self

    @model_validator(mode="after")
    def _version_says_whether_there_is_a_transaction(self) -> Self:
        if (self.transaction is not None) != (self.version == 2):
            raise ValueError("version 2 has a transaction, and version 1 has none")
        if self.transaction is None:
            return self
        computed, form = self.computed, self.transaction
        if unknown := computed - set(self.names):
            raise ValueError(f"feature {min(unknown)!r} is not among the inputs")
        if other := {each.entity for each in self.history_features} - set(form.entities):
            raise ValueError(f"{min(other)!r} is not among the entities of a transaction")
        fields = {form.id, form.time, *form.entities}
        if taken := (fields & set(self.names)) | (computed & {form.amount}):
            raise ValueError(f"{min(taken)!r} is both a field of a transaction and an input")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.inputs)

    @property
    def computed(self) -> frozenset[str]:
        """The inputs that are features: computed from a transaction, its time and its history."""
        history = {feature.name for feature in self.history_features}
        return frozenset(history | {feature.name for feature in self.calendar_features})

    @property
    def reach_days(self) -> int:
        """How many days before a transaction its history features look back; 0 without any."""
        return max(
            (each.delay_days + each.window_days for each in self.history_features), default=0
        )

    def as_metadata(self) -> dict[str, Any]:
        """The contract as the `metadata` of an MLmodel file (JSON types only)."""
        return {METADATA_KEY: self.model_dump(mode="json")}


def read_contract(mlmodel: bytes) -> Contract:
    """The contract in the content of an MLmodel file, which must have the same inputs as the MLflow
    signature there.

    Raises ContractError, naming the field, where either is missing or they differ.
    """
    try:
        document = yaml.safe_load(mlmodel)
        contract = Contract.model_validate(document["metadata"][METADATA_KEY])
        columns = json.loads(document["signature"]["inputs"])
        signature = [(column["name"], column["type"]) for column in columns]
    except ValidationError as error:
        first = first_error(error)
        raise ContractError(f"MLmodel: contract field {first.field!r}: {first.message}") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ContractError(
            "MLmodel has no readable contract and signature; register the model with `mlflow run .`"
        ) from error
    if signature != [(name, "double") for name in contract.names]:
        raise ContractError("MLmodel: the inputs of the signature and of the contract differ")
    return contract
