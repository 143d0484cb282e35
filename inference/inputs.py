"""What each input of a model is: its description, its ranges, its JSON Schema and an example."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from features.definitions import MAX_RATIO
from features.ranges import FLOAT32_MAX, MAX_CATEGORY_LENGTH, Range, possible_range
from registry.model.contract import CalendarPart, Contract, HistoryFeature, Input
from registry.model.scorer import Value

MAX_SHOWN_CATEGORIES = 20
PARTS: dict[CalendarPart, str] = {
    "hour": "hour of the transaction, 0 to 23, in the time zone of the data",
    "night": "whether the transaction's hour is 0 to 6, in the time zone of the data",
    "weekend": "whether the transaction is on a Saturday or Sunday, in the time zone of the data",
}


class DescribedInput:
    """One input, with what the contract's features say about it."""

    def __init__(
        self, input_: Input, history: HistoryFeature | None, part: CalendarPart | None
    ) -> None:
        self.input, self._history, self._part = input_, history, part
        self._categories = frozenset(input_.categories)
        self._low, self._high = self.usual

    @property
    def name(self) -> str:
        return self.input.name

    @property
    def is_number(self) -> bool:
        return self.input.kind == "number"

    @property
    def is_boolean(self) -> bool:
        """Whether it may be given as true or false: it is 0 or 1.

        Of a column of the data only its range and deciles are known.
        """
        if self._history or self._part:
            return self._part in ("night", "weekend")
        seen = {self.input.low, self.input.high, *self.input.histogram.edges}
        return self.input.kind == "number" and seen == {0.0, 1.0}

    @property
    def possible(self) -> Range:
        """The values that can be; others are refused."""
        return possible_range(self._history, self._part)

    @property
    def usual(self) -> Range:
        """The values that are not far outside of what training saw: at most its range away."""
        low, high = self.input.low, self.input.high
        if low is None or high is None:
            return self.possible
        width = high - low
        return Range(
            max(low - width, self.possible.low),
            min(high + width, self.possible.high),
        )

    def is_usual(self, value: Value) -> bool:
        """Whether it is not far outside of what training saw, or missing."""
        if isinstance(value, str):
            return value in self._categories
        return value is None or self._low <= value <= self._high

    @property
    def annotation(self) -> Any:
        """The type of its values for pydantic."""
        return self._annotation(self.possible, known=False)

    @property
    def usual_annotation(self) -> Any:
        """The type of those that are not far outside of what training saw."""
        return self._annotation(self.usual, known=True)

    def _annotation(self, range_: Range, *, known: bool) -> Any:
        annotation: Any
        if self.input.kind == "category":
            annotation = Annotated[str, Field(max_length=MAX_CATEGORY_LENGTH)]
            if known:
                annotation = Literal[self.input.categories]
        else:
            annotation = Annotated[float, Field(ge=range_.low, le=range_.high)]
            if self.is_boolean:
                annotation = Annotated[annotation, BeforeValidator(_as_number)]
        return annotation | None if self.input.nullable else annotation

    def json_schema(self) -> dict[str, Any]:
        types: list[dict[str, Any]] = []
        if self.input.kind == "category":
            types.append({"type": "string", "maxLength": MAX_CATEGORY_LENGTH})
        else:
            low, high = self.possible
            bounds = {"minimum": low, "maximum": high}
            types.append(
                {"type": "number"}
                | {name: bound for name, bound in bounds.items() if abs(bound) < FLOAT32_MAX}
            )
        if self.is_boolean:
            types.append({"type": "boolean"})
        if self.input.nullable:
            types.append({"type": "null"})
        schema = types[0] if len(types) == 1 else {"anyOf": types}
        return {**schema, "description": self.description}

    @property
    def description(self) -> str:
        input_ = self.input
        parts = ["number"]
        if input_.kind == "category":
            shown = ", ".join(input_.categories[:MAX_SHOWN_CATEGORIES])
            more = ", …" if len(input_.categories) > MAX_SHOWN_CATEGORIES else ""
            parts = ["category", f"seen in training: {shown}{more}; others are scored as unknown"]
        elif self._history:
            parts = [_of_history(self._history)]
        elif self._part:
            parts = [PARTS[self._part]]
        if input_.low is not None and input_.high is not None:
            parts.append(f"seen in training: {input_.low:g} to {input_.high:g}")
        if input_.nullable:
            parts.append("null if missing")
        return "; ".join(parts)

    @property
    def example(self) -> Value:
        """A value that training saw and that differs from the reference, where there is one.

        For contracts of earlier releases, which hold no example.
        """
        input_ = self.input
        if input_.kind == "category":
            counts = zip(input_.histogram.counts, input_.categories, strict=False)
            others = [one for one in counts if one[1] != input_.reference]
            return max(others, key=lambda one: one[0])[1] if others else input_.reference
        value = input_.histogram.edges[-1] if input_.histogram.edges else input_.high
        return input_.reference if value is None else value


def describe_inputs(contract: Contract) -> list[DescribedInput]:
    """The inputs in the contract's order."""
    history = {one.name: one for one in contract.history_features}
    parts = {one.name: one.part for one in contract.calendar_features}
    return [
        DescribedInput(input_, history.get(input_.name), parts.get(input_.name))
        for input_ in contract.inputs
    ]


def _as_number(value: Any) -> Any:
    return float(value) if value is True or value is False else value


def _of_history(feature: HistoryFeature) -> str:
    until = "until the transaction, which counts"
    if feature.delay_days:
        until = f"until {_days(feature.delay_days)} before the transaction"
    past = f"same {feature.entity} in the {_days(feature.window_days)} {until}"
    if feature.aggregate == "amount_ratio":
        past = past.removesuffix(", which counts")
    longest = feature.window_days + feature.delay_days
    return {
        "count": f"number of transactions of the {past}",
        "mean_amount": f"mean amount of the transactions of the {past}; 0 without any",
        "risk": f"share of frauds among the transactions of the {past}; 0 without any",
        "amount_ratio": f"amount divided by the mean of other amounts of the {past}, at most "
        f"{MAX_RATIO:g}; 1 without any",
        "days_since_fraud": f"days since the last known fraud of the {past}; {longest} without any",
        "days_since_genuine": f"days since the last transaction without a known fraud of the "
        f"{past}; {longest} without any",
    }[feature.aggregate]


def _days(count: int) -> str:
    return "day" if count == 1 else f"{count} days"
