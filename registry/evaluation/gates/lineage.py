from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.tracking.names import DATA_TAG, GIT_COMMIT_TAG, GIT_DIRTY_TAG, REQUIREMENTS_TAG

SHA1 = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


class LineageMeasured(Measured):
    run_status: str
    git_commit: str
    git_dirty: str
    data_sha256: str
    requirements_sha256: str


class Lineage(Gate):
    """How the candidate was made is recorded, and can be repeated.

    The training run finished; commit, data digest and the environment's pins are recorded; with
    `clean_tree`, there was no uncommitted change.
    """

    name: ClassVar[str] = "lineage"
    measured_as: ClassVar[type[Measured]] = LineageMeasured
    units: ClassVar[Mapping[str, Unit]] = {"": "whole"}

    clean_tree: bool = True

    def __str__(self) -> str:
        return "run finished, and commit, data and environment recorded" + (
            "; no uncommitted change" if self.clean_tree else ""
        )

    def measure(self, trial: Trial) -> LineageMeasured:
        tags = trial.run_tags
        return LineageMeasured(
            run_status=trial.run_status,
            git_commit=tags.get(GIT_COMMIT_TAG, ""),
            git_dirty=tags.get(GIT_DIRTY_TAG, ""),
            data_sha256=tags.get(DATA_TAG, ""),
            requirements_sha256=tags.get(REQUIREMENTS_TAG, ""),
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
        note = "; ".join(problems)
        return [self.verdict(measured=len(problems), bound=0, passed=not problems, note=note)]
