"""The gates: each compares one measurement with one bound of the policy.

Measuring is apart from judging. `promote` judges again from the recorded measurements, so a
verdict that somebody edited is found out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from registry.contract import Contract
from registry.metrics import Detection
from registry.policy import Policy


class Measurements(BaseModel):
    """What was measured of a candidate, and of Production on the same rows where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    candidate: Detection
    production: Detection | None
    contract_breaks: tuple[str, ...]
    parity_difference: float
    parity_rows: int


class Verdict(BaseModel):
    """One gate's answer: what it asks, what was measured, the bound, passed or not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    asks: str
    measured: float
    bound: float
    passed: bool
    note: str = ""

    def __str__(self) -> str:
        word = "passed" if self.passed else "FAILED"
        note = f" ({self.note})" if self.note else ""
        return f"{self.gate} {word}: {self.measured:.6g} against {self.bound:.6g}{note}"


class Gate(Protocol):
    """One check of a candidate; `str(gate)` says in a sentence what it asks."""

    def judge(self, measured: Measurements) -> Verdict: ...


@dataclass(frozen=True)
class Floor:
    measure: str
    bound: float

    def __str__(self) -> str:
        return f"{_words(self.measure)} is at least {self.bound:g}"

    def judge(self, measured: Measurements) -> Verdict:
        value = asdict(measured.candidate)[self.measure]
        return Verdict(
            gate=f"floor.{self.measure}",
            asks=str(self),
            measured=value,
            bound=self.bound,
            passed=value >= self.bound,
        )


@dataclass(frozen=True)
class NoWorse:
    measure: str
    margin: float

    def __str__(self) -> str:
        return f"{_words(self.measure)} is no more than {self.margin:g} below Production's"

    def judge(self, measured: Measurements) -> Verdict:
        note, difference = "nothing is in Production yet to compare with", 0.0
        if measured.production is not None:
            production = asdict(measured.production)[self.measure]
            difference = asdict(measured.candidate)[self.measure] - production
            note = f"Production has {production:.4f}"
        return Verdict(
            gate=f"no_worse.{self.measure}",
            asks=str(self),
            measured=difference,
            bound=-self.margin,
            passed=difference >= -self.margin,
            note=note,
        )


@dataclass(frozen=True)
class ContractCompatible:
    def __str__(self) -> str:
        return "everything a client of Production sends is still accepted"

    def judge(self, measured: Measurements) -> Verdict:
        breaks = measured.contract_breaks
        return Verdict(
            gate="contract",
            asks=str(self),
            measured=len(breaks),
            bound=0,
            passed=not breaks,
            note="; ".join(breaks),
        )


@dataclass(frozen=True)
class Parity:
    tolerance: float

    def __str__(self) -> str:
        return f"the ONNX model gives scikit-learn's probabilities within {self.tolerance:g}"

    def judge(self, measured: Measurements) -> Verdict:
        return Verdict(
            gate="parity",
            asks=str(self),
            measured=measured.parity_difference,
            bound=self.tolerance,
            passed=measured.parity_rows > 0 and measured.parity_difference <= self.tolerance,
            note=f"on {measured.parity_rows:,} rows",
        )


def _words(measure: str) -> str:
    return measure.replace("budget_", "alert-budget ").replace("_", " ")


def gates_of(policy: Policy) -> tuple[Gate, ...]:
    """The gates that a policy asks for, in the order in which they are shown."""
    return (
        *(Floor(measure, bound) for measure, bound in policy.floor.items()),
        *(NoWorse(measure, margin) for measure, margin in policy.no_worse_margin.items()),
        ContractCompatible(),
        Parity(policy.parity_tolerance),
    )


def judge(measured: Measurements, policy: Policy) -> tuple[Verdict, ...]:
    return tuple(gate.judge(measured) for gate in gates_of(policy))


def contract_breaks(candidate: Contract, production: Contract) -> tuple[str, ...]:
    """What a client of `production` sends that `candidate` would refuse; empty when nothing."""
    breaks: list[str] = []
    before = {one.name: one for one in production.inputs}
    after = {one.name: one for one in candidate.inputs}
    breaks += (f"input {name} is gone" for name in before.keys() - after.keys())
    breaks += (
        f"input {name} is new and may not be missing"
        for name in after.keys() - before.keys()
        if not after[name].nullable
    )
    for name in before.keys() & after.keys():
        if before[name].kind != after[name].kind:
            breaks.append(f"input {name} was a {before[name].kind}, is a {after[name].kind}")
        elif before[name].nullable and not after[name].nullable:
            breaks.append(f"input {name} may not be missing any more")
    return tuple(sorted(breaks))
