"""A data-set file: the small YAML that gives the columns of somebody's data their roles."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from features.definitions import calendar_features, history_features
from registry.errors import first_error
from registry.evaluation.metrics import Costs
from registry.evaluation.rows import AMOUNT, BAND_PREFIX, CLUSTER, LABEL, TIME
from registry.model.contract import CalendarFeature, CalendarPart, HistoryFeature
from registry.model.scorer import OUTPUT
from training.errors import BadInput

SHIPPED = Path(__file__).parent / "datasets"
RESERVED = frozenset({LABEL, TIME, AMOUNT, CLUSTER, OUTPUT})
"""Columns that stand beside the inputs in evaluation rows and in parity rows."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Time(_Strict):
    """The time column: timestamps, ISO 8601 text, or numbers of `unit` since `origin`."""

    column: str
    unit: Literal["s", "ms"] | None = None
    origin: date | None = None

    @model_validator(mode="after")
    def _unit_and_origin_go_together(self) -> Self:
        if (self.unit is None) != (self.origin is None):
            raise ValueError("`unit` and `origin` go together")
        return self


class Entity(_Strict):
    """Someone or something with a history, and what of it becomes features.

    `risk`: its past share of fraud. `days_since`: how long ago its last known fraud and its last
    genuine transaction were. `amount_ratio`: a transaction's amount over the mean of its others.
    `drop_compromised_days`: no feature; see `training.split.drop_compromised`.
    """

    risk: bool = False
    days_since: bool = False
    amount_ratio: bool = False
    drop_compromised_days: PositiveInt | None = None


class Dataset(_Strict):
    """The roles of the columns, and how the data is to be split and judged."""

    label: str
    time: Time
    amount: str
    entities: dict[str, Entity] = {}
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    calendar: tuple[CalendarPart, ...] = ()
    windows_days: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 7, 30)
    delay_days: Annotated[int, Field(ge=0)]
    alert_budget_per_day: Annotated[int, Field(gt=0)]
    alert_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5
    threshold_for: Literal["budget", "cost"] = "budget"
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.3

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
        if twice := sorted({column for column in roles if roles.count(column) > 1}):
            raise ValueError(f"column {twice[0]!r} has two roles")
        return self

    @model_validator(mode="after")
    def _history_can_be_computed(self) -> Self:
        for name, entity in self.entities.items():
            for key in ("risk", "days_since"):
                if getattr(entity, key) and self.delay_days < 1:
                    raise ValueError(f"`{key}: true` of {name!r} needs `delay_days` of at least 1")
        if len(set(self.windows_days)) != len(self.windows_days):
            raise ValueError("`windows_days` names a window twice")
        if len(set(self.calendar)) != len(self.calendar):
            raise ValueError("`calendar` names a part twice")
        return self

    @model_validator(mode="after")
    def _inputs_have_names_of_their_own(self) -> Self:
        features = set(self.feature_names)
        if taken := sorted(features.intersection(self.columns)):
            raise ValueError(f"column {taken[0]!r} has the name of a feature: rename it")
        bands = [name for name in self.inputs if name.startswith(BAND_PREFIX)]
        if reserved := sorted(RESERVED.intersection(self.inputs)) + bands:
            raise ValueError(f"column {reserved[0]!r} has a name that is reserved: rename it")
        return self

    @property
    def costs(self) -> Costs:
        return Costs(self.alert_budget_per_day, self.alert_cost)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that must be there."""
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
        return calendar_features(self.calendar)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Of what is computed, in the order of the model's columns."""
        calendar, history = self.calendar_features, self.history
        return (*(one.name for one in calendar), *(one.name for one in history))

    @property
    def number_inputs(self) -> tuple[str, ...]:
        return (self.amount, *self.numbers, *self.feature_names)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the model takes, in the order of its columns."""
        return (*self.number_inputs, *self.categories)


def read_dataset(name: str) -> Dataset:
    """The data-set file of a shipped name (`simulated`, `creditcard`, `handbook`) or at a path.

    Raises BadInput, naming the file and the key.
    """
    path = SHIPPED / f"{name}.yaml" if name.isidentifier() else Path(name)
    try:
        return Dataset.model_validate(yaml.safe_load(path.read_text()))
    except FileNotFoundError as error:
        shipped = ", ".join(sorted(one.stem for one in SHIPPED.glob("*.yaml")))
        raise BadInput(
            f"no data-set file {name!r}: give one of {shipped}, or the path of your own YAML file"
        ) from error
    except ValidationError as error:
        first = first_error(error)
        raise BadInput(f"{path.name}: {first.field or 'the file'}: {first.message}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: a 13th month, say
        reason = " ".join(str(error).split())
        raise BadInput(f"{path.name} cannot be read as YAML: {reason}") from error
