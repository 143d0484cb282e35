"""A data-set file: the YAML that assigns a role to each column of a data set."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)

from features.definitions import calendar_features, history_features
from registry.errors import first_error
from registry.evaluation.metrics import Costs
from registry.evaluation.rows import AMOUNT, BAND_PREFIX, CLUSTER, LABEL, TIME
from registry.model.canonical import canonical_text
from registry.model.contract import CalendarFeature, CalendarPart, HistoryFeature
from registry.model.scorer import OUTPUT
from training.dataset_yaml import load, unknown_key
from training.errors import BadInput

SHIPPED = Path(__file__).parent / "datasets"
RESERVED = frozenset({LABEL, TIME, AMOUNT, CLUSTER, OUTPUT})
"""Columns that evaluation rows and parity rows hold beside the inputs."""
MISSING = ("NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "Null", "null", "None")
"""Texts that mean that there is no value, as pandas, R and databases write them."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone, such as `Europe/Berlin`") from error
    return name


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is not an encoding, such as `latin-1` or `utf-16`") from error
    return name


class Time(_Strict):
    """The time: timestamps, text in ISO 8601 or in `format`, or numbers in `unit` since `origin`.

    `zone` is the IANA time zone of the calendar features, and of times that have none themselves.
    """

    column: str
    unit: Literal["s", "ms"] | None = None
    origin: date | None = None
    format: str | None = None
    zone: Annotated[str, AfterValidator(_zone)] | None = None

    @model_validator(mode="after")
    def _there_is_one_way_to_read_it(self) -> Self:
        if (self.unit is None) != (self.origin is None):
            raise ValueError("`unit` and `origin` must be set together")
        if self.unit and self.format:
            raise ValueError("`format` is for text, `unit` and `origin` for numbers: remove one")
        return self


class Entity(_Strict):
    """A column that identifies who or what a history belongs to, such as a customer or a terminal.

    `risk`, `days_since` and `amount_ratio` request features: its past share of fraud; the days
    since its last known fraud and its last genuine transaction; a transaction's amount over the
    mean of its others. For `drop_compromised_days` see `training.split.drop_compromised`.
    """

    risk: bool = False
    days_since: bool = False
    amount_ratio: bool = False
    drop_compromised_days: PositiveInt | None = None


_Text = Annotated[str, BeforeValidator(canonical_text)]


def _as_tuple(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


class Dataset(_Strict):
    """The roles of the columns, and how to split the data and evaluate models on it."""

    id: str | None = None
    label: str
    positive: Annotated[str, BeforeValidator(canonical_text)] | None = None
    unlabelled: Annotated[tuple[_Text, ...], BeforeValidator(_as_tuple)] = ()
    time: Time
    amount: str
    entities: dict[str, Entity] = {}
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    missing: Annotated[tuple[_Text, ...], BeforeValidator(_as_tuple)] = MISSING
    decimal: Literal[".", ","] = "."
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    calendar: tuple[CalendarPart, ...] = ()
    windows_days: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 7, 30)
    delay_days: Annotated[int, Field(ge=0)]
    alert_budget_per_day: Annotated[int, Field(gt=0)]
    alert_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5
    threshold_for: Literal["budget", "cost"] = "budget"
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    max_fit_rows: PositiveInt = 10_000_000

    @model_validator(mode="after")
    def _each_column_has_one_role(self) -> Self:
        roles = [
            self.label,
            self.time.column,
            self.amount,
            *self.entities,
            *self.categories,
            *self.numbers,
            *self.ignored,
        ]
        roles += [] if self.id is None else [self.id]
        if repeated := sorted({column for column in roles if roles.count(column) > 1}):
            raise ValueError(f"column {repeated[0]!r} has more than one role")
        return self

    @model_validator(mode="after")
    def _history_can_be_computed(self) -> Self:
        for name, entity in self.entities.items():
            for key in ("risk", "days_since"):
                if getattr(entity, key) and self.delay_days < 1:
                    raise ValueError(
                        f"`{key}: true` of {name!r} requires `delay_days` of at least 1"
                    )
        if len(set(self.windows_days)) != len(self.windows_days):
            raise ValueError("`windows_days` contains a duplicate")
        if len(set(self.calendar)) != len(self.calendar):
            raise ValueError("`calendar` contains a duplicate")
        return self

    @model_validator(mode="after")
    def _input_names_are_free(self) -> Self:
        features = set(self.feature_names)
        if taken := sorted(features.intersection(self.columns)):
            raise ValueError(f"column {taken[0]!r} has the same name as a feature: rename it")
        bands = [name for name in self.inputs if name.startswith(BAND_PREFIX)]
        if reserved := sorted(RESERVED.intersection(self.inputs)) + bands:
            raise ValueError(f"column {reserved[0]!r} has a reserved name: rename it")
        return self

    @property
    def costs(self) -> Costs:
        return Costs(self.alert_budget_per_day, self.alert_cost)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that training reads, and the data must have."""
        return (
            self.label,
            self.time.column,
            self.amount,
            *self.entities,
            *self.categories,
            *self.numbers,
        )

    @property
    def history(self) -> tuple[HistoryFeature, ...]:
        return history_features(
            list(self.entities),
            [name for name, entity in self.entities.items() if entity.risk],
            ratio=[name for name, entity in self.entities.items() if entity.amount_ratio],
            since=[name for name, entity in self.entities.items() if entity.days_since],
            windows_days=self.windows_days,
            delay_days=self.delay_days,
        )

    @property
    def calendar_features(self) -> tuple[CalendarFeature, ...]:
        return calendar_features(self.calendar, zone=self.time.zone)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The computed inputs, in the order of the model's columns."""
        calendar, history = self.calendar_features, self.history
        return (*(feature.name for feature in calendar), *(feature.name for feature in history))

    @property
    def number_inputs(self) -> tuple[str, ...]:
        return (self.amount, *self.numbers, *self.feature_names)

    @property
    def inputs(self) -> tuple[str, ...]:
        """All inputs of the model, in the order of its columns."""
        return (*self.number_inputs, *self.categories)


def dataset_file(name: str) -> Path:
    """The path of a shipped data-set file, by its name, or of any other."""
    return SHIPPED / f"{name}.yaml" if name.isidentifier() else Path(name)


def read_dataset(name: str) -> Dataset:
    """Read a shipped data-set file by its name (such as `simulated`), or any by its path.

    Raises BadInput naming the file and the key.
    """
    path = dataset_file(name)
    try:
        return Dataset.model_validate(load(path.read_text()))
    except FileNotFoundError as error:
        shipped = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
        looked_for = name if name.isidentifier() else str(path.absolute())
        raise BadInput(
            f"no data-set file {looked_for!r}: use one of {shipped}, or the path to your own YAML "
            "file"
        ) from error
    except ValidationError as error:
        first = unknown_key(error, Dataset) or first_error(error)
        parts = (path.name, first.field, first.message)
        raise BadInput(": ".join(part for part in parts if part)) from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: such as a 13th month
        reason = " ".join(str(error).split())
        raise BadInput(f"{path.name} cannot be read as YAML: {reason}") from error
