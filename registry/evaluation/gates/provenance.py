from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.provenance.facts import Fact, FactName


class ProvenanceMeasured(Measured):
    facts: tuple[Fact, ...]


class ProvenanceVerified(Gate):
    """Facts about the candidate's origin are verified, not only claimed by its author.

    `verified` lists the facts that must be: `files`, `commit`, `code`, `dataset`, `data`, `window`,
    `environment`, `authors`, `starter`. Verified means: signed by the training job's key, and found
    in the evaluator's own repository or by the API of the CI system, as `provenance.yaml` says.
    The others are shown as claimed (in-toto, and SLSA v1.1 Provenance).
    """

    name: ClassVar[str] = "provenance"
    measured_as: ClassVar[type[Measured]] = ProvenanceMeasured
    advice: ClassVar[str] = (
        "let the training job attest it (docs/provenance.md), and train it again"
    )
    units: ClassVar[Mapping[str, Unit]] = {"": "whole"}

    verified: tuple[FactName, ...] = ()

    def __str__(self) -> str:
        if not self.verified:
            return "where it comes from is shown, and may be only claimed"
        return f"verified: {', '.join(self.verified)}"

    def measure(self, trial: Trial) -> ProvenanceMeasured:
        return ProvenanceMeasured(facts=trial.provenance.facts)

    def verdicts(self, measured: ProvenanceMeasured) -> list[Verdict]:
        known = {fact.name: fact for fact in measured.facts}
        missing = [
            f"{name} is claimed: {known[name].reason if name in known else 'nothing is recorded'}"
            for name in self.verified
            if name not in known or not known[name].verified
        ]
        others = [
            fact.name
            for fact in measured.facts
            if not fact.verified and fact.name not in self.verified
        ]
        notes = [*missing, *([f"claimed: {', '.join(others)}"] if others else [])]
        return [
            self.verdict(measured=len(missing), bound=0, passed=not missing, note="; ".join(notes))
        ]
