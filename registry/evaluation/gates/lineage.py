from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict

SHA1 = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")
RECORDED = ("commit", "code", "data", "environment")
"""The facts that this gate reads."""


class LineageMeasured(Measured):
    run_status: str
    git_commit: str
    git_dirty: str
    data_sha256: str
    requirements_sha256: str
    claimed: tuple[str, ...]


class Lineage(Gate):
    """How the candidate was made is recorded, and can be repeated.

    The training run finished; commit, data digest and the environment's pins are recorded; with
    `clean_tree`, there was no uncommitted change. What nobody verified is noted as claimed; the
    gate `provenance` can require that it is verified.
    """

    name: ClassVar[str] = "lineage"
    measured_as: ClassVar[type[Measured]] = LineageMeasured
    advice: ClassVar[str] = "commit all changes and train it again"
    units: ClassVar[Mapping[str, Unit]] = {"": "whole"}

    clean_tree: bool = True

    def __str__(self) -> str:
        return "run finished, and commit, data and environment recorded" + (
            "; no uncommitted change" if self.clean_tree else ""
        )

    def measure(self, trial: Trial) -> LineageMeasured:
        origin = trial.provenance
        return LineageMeasured(
            run_status=trial.run_status,
            git_commit=origin.value("commit"),
            git_dirty="false" if origin.verified("code") else origin.value("code"),
            data_sha256=origin.value("data"),
            requirements_sha256=origin.value("environment"),
            claimed=tuple(name for name in origin.claimed if name in RECORDED),
        )

    def verdicts(self, measured: LineageMeasured) -> list[Verdict]:
        problems: list[str] = []
        if measured.run_status != "FINISHED":
            problems.append(f"the training run is {measured.run_status}, not FINISHED")
        if not SHA1.fullmatch(measured.git_commit):
            problems.append("no git commit was recorded")
        if self.clean_tree and measured.git_dirty != "false":
            problems.append("the tree had uncommitted changes; commit them and train again")
        if not SHA256.fullmatch(measured.data_sha256):
            problems.append("no digest of the data was recorded")
        if not SHA256.fullmatch(measured.requirements_sha256):
            problems.append("the environment's pins were not recorded")
        claimed = [f"claimed: {', '.join(measured.claimed)}"] if measured.claimed else []
        note = "; ".join([*problems, *claimed])
        return [self.verdict(measured=len(problems), bound=0, passed=not problems, note=note)]
