from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.model.contract import CalendarFeature, Contract, HistoryFeature, TransactionForm
from registry.model.limits import limit_problems


class ContractMeasured(Measured):
    compared: bool
    breaks: tuple[str, ...]
    beyond_limits: tuple[str, ...]
    reach_days: int = 0
    production_reach_days: int = 0


class ContractCompatible(Gate):
    """What a client of Production sends is still accepted, and means the same.

    No input is gone, new, of another kind or no longer nullable, no category is unknown, and no
    feature is computed differently. A first promotion has nothing to compare with. Where history
    features look back further than Production's, the note says for how long services that compute
    them go on with Production (`docs/features.md`).

    The contract keeps to its limits: 500 inputs, 1,000 categories of each, ten bins of a histogram
    and 200 characters of a name, since every entry becomes a metric series of the service.
    """

    name: ClassVar[str] = "contract"
    measured_as: ClassVar[type[Measured]] = ContractMeasured
    advice: ClassVar[str] = "train one with the inputs that clients send, or agree with them first"
    units: ClassVar[Mapping[str, Unit]] = {"": "whole", "limits": "whole"}

    def __str__(self) -> str:
        return "what a client of Production sends is still accepted, and means the same"

    def measure(self, trial: Trial) -> ContractMeasured:
        candidate = trial.candidate.scorer.contract
        production = trial.production.scorer.contract if trial.production else None
        return ContractMeasured(
            compared=production is not None,
            breaks=contract_breaks(candidate, production) if production else (),
            beyond_limits=limit_problems(candidate),
            reach_days=candidate.reach_days,
            production_reach_days=production.reach_days if production else 0,
        )

    def verdicts(self, measured: ContractMeasured) -> list[Verdict]:
        breaks, beyond = measured.breaks, measured.beyond_limits
        notes = breaks if measured.compared else ("nothing is in Production yet to compare with",)
        note = "; ".join((*notes, *_longer_reach(measured)))
        return [
            self.verdict(measured=len(breaks), bound=0, passed=not breaks, note=note),
            self.verdict(
                part="limits",
                asks="inputs, categories and histograms of the contract are within their limits",
                measured=len(beyond),
                bound=0,
                passed=not beyond,
                note="; ".join(beyond),
            ),
        ]


def _longer_reach(measured: ContractMeasured) -> Iterator[str]:
    """From when on features are whole where they look back further than Production's."""
    longer = measured.reach_days - measured.production_reach_days
    if longer <= 0:
        return
    yield (
        f"features look back {measured.reach_days} days, Production's "
        f"{measured.production_reach_days}: a service that computes them goes on with Production "
        f"until its store is whole, up to {longer} days after the promotion, unless the days "
        "before are loaded (`python -m features load`)"
        if measured.compared
        else f"features look back {measured.reach_days} days: a service that computes them needs "
        "so much history (`python -m features load`)"
    )


def contract_breaks(candidate: Contract, production: Contract) -> tuple[str, ...]:
    """What a client of `production` sends that `candidate` refuses or reads differently."""
    breaks: list[str] = []
    before = {field.name: field for field in production.inputs}
    after = {field.name: field for field in candidate.inputs}
    breaks += (f"input {name} is gone" for name in before.keys() - after.keys())
    # The service requires every field, even one that may be null.
    breaks += (f"input {name} is new" for name in after.keys() - before.keys())
    for name in before.keys() & after.keys():
        if before[name].kind != after[name].kind:
            breaks.append(f"input {name} was a {before[name].kind}, is a {after[name].kind}")
        elif before[name].nullable and not after[name].nullable:
            breaks.append(f"input {name} may no longer be missing")
        if gone := set(before[name].categories) - set(after[name].categories):
            breaks.append(f"input {name} no longer knows {', '.join(sorted(gone))}")
    features_before = _features(production)
    features_after = _features(candidate)
    breaks += (
        f"feature {name} is computed differently"
        for name in features_before.keys() & features_after.keys()
        if features_before[name] != features_after[name]
    )
    if production.transaction is not None:
        breaks += _form_breaks(candidate.transaction, production.transaction)
    return tuple(sorted(breaks))


def _form_breaks(candidate: TransactionForm | None, production: TransactionForm) -> Iterator[str]:
    """The same of clients that send the transaction, and let the service compute the features."""
    if candidate is None:
        yield "the service can no longer compute the features of a transaction"
        return
    before, after = production.model_dump(), candidate.model_dump()
    yield from (
        f"a transaction's {field} was {before[field]!r}, is {after[field]!r}"
        for field in ("id", "time", "amount", "zoned", "unit", "origin")
        if before[field] != after[field]
    )
    gone, new = (
        set(one.entities) - set(other.entities)
        for one, other in ((production, candidate), (candidate, production))
    )
    yield from (f"entity {name} is gone" for name in gone)
    yield from (f"entity {name} is new" for name in new)


def _features(contract: Contract) -> dict[str, HistoryFeature | CalendarFeature]:
    history: dict[str, HistoryFeature | CalendarFeature] = {
        feature.name: feature for feature in contract.history_features
    }
    return history | {feature.name: feature for feature in contract.calendar_features}
