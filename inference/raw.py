"""From a transaction as a client sends it to the inputs of the model, in two steps.

First the values of its fields (`TransactionReader` over `describe_fields`), then, with what a store
says of its history, the inputs in the contract's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from features.online import Calendar, Plan, Seen, Transaction
from inference.fields import DescribedField, describe_fields
from inference.inputs import describe_inputs
from inference.usual import Values
from registry.model.contract import Contract, TransactionForm
from registry.model.scorer import Value

TIME_PLACE = 1
"""Of the time, among the values of a transaction's fields."""


class RawForm:
    """How the inputs of one contract are made of a transaction and its history."""

    def __init__(
        self, contract: Contract, form: TransactionForm, *, answers_without_history: bool = False
    ) -> None:
        """`answers_without_history`: whether the model may score while the store is away."""
        self.answers_without_history = answers_without_history
        self.fields: list[DescribedField] = describe_fields(contract, form)
        self.id, self.time, self.amount = form.id, form.time, form.amount
        self.entities, self.zoned = form.entities, form.zoned
        self.plan = Plan(contract.history_features)
        self.no_history: Mapping[str, None] = dict.fromkeys(self.plan.windows)
        """In place of what a store says, where there is none."""
        self._calendar = Calendar(contract.calendar_features)
        names = [field.name for field in self.fields]
        self._first_input = 2 + len(form.entities)
        self._sent = [*enumerate(self.fields)][self._first_input :]
        self._amount = names.index(form.amount)
        computed = [each.name for each in contract.history_features]
        computed += [each.name for each in contract.calendar_features]
        usual = {one.name: one.usual for one in describe_inputs(contract)}
        self._ranges = [(name, usual[name].low, usual[name].high) for name in computed]
        self._in_order = contract.names
        # Fields first, then history, then the calendar: where each input of the model is in that.
        sources = [*names, *computed]
        places = [sources.index(name) for name in contract.names]
        self._inputs: Callable[[list[Value]], Sequence[Value]] = (
            itemgetter(*places) if len(places) > 1 else lambda available: [available[places[0]]]
        )
        self._computed = [(name, contract.names.index(name)) for name in computed]

    def transaction(self, values: Sequence[Any], kinds: Sequence[str]) -> Transaction:
        """What becomes history, of the values of `fields`; `kinds` are those of the store.

        A kind that the model does not know has no entity.
        """
        id_, time, *rest = values[: self._first_input]
        if kinds != self.entities:
            by_name = dict(zip(self.entities, rest, strict=True))
            rest = [by_name.get(kind) for kind in kinds]
        return Transaction(id_, time, float(values[self._amount]), tuple(rest))

    def inputs(
        self,
        values: Sequence[Value],
        transaction: Transaction,
        seen: Mapping[str, Sequence[Seen] | None],
    ) -> Values:
        """The inputs in the contract's order; `seen` as for `Plan.values`."""
        history = self.plan.values(transaction, seen)
        computed = [*history, *self._calendar.values(transaction.time)]
        completed = Values(self._inputs([*values, *computed]))
        outside = [
            name
            for (name, low, high), value in zip(self._ranges, computed, strict=True)
            if not low <= value <= high
        ]
        for place, field in self._sent:
            if not field.is_usual(values[place]):
                outside.append(field.name)
        if outside:
            outside.sort(key=self._in_order.index)
        completed.outside = outside
        return completed

    def computed(self, inputs: Sequence[Value]) -> dict[str, Value]:
        """The features among the inputs of the model, by name."""
        return {name: inputs[place] for name, place in self._computed}
