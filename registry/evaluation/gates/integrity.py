"""The gate that refuses pickles, unknown files, packages and operators, and numbers that differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from registry.errors import on_one_line
from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.isolated import Limits, ModelProcess, isolated_graph_problems
from registry.evaluation.model_files import MAX_MODEL_BYTES, file_problems, size_problems
from registry.evaluation.parity import parity, reference_parity
from registry.ledger.files import Files
from registry.model.scorer import MODEL_FILE

SEED = 20260105
MAX_PROBLEMS, MAX_PROBLEM_CHARACTERS = 20, 300


class IntegrityMeasured(Measured):
    problems: tuple[str, ...]
    model_bytes: int
    parity_difference: float
    parity_rows: int
    evaluation_rows: int
    reference_difference: float
    reference_rows: int


class Integrity(Gate):
    """The files are those that were registered: ONNX, without a pickle or other code.

    Only known files of a bounded size, MLflow flavors, ONNX opsets and operators, with no data in
    other files: no pickle is ever loaded from the registry, since unpickling runs code. The
    requirements are the packages that training pins, at the versions of the evaluator's own
    environment, from no other index or address. The digest is the one that was recorded at
    registration. All this is checked before the model is run: where it fails and is required, the
    evaluation ends there, with exit code 3 and without evidence.

    Parity, within `parity_tolerance`, twice. On the rows that training logged, at least
    `min_parity_rows` of them or as many as are evaluated where those are fewer, the ONNX model
    gives scikit-learn's own probabilities: that finds a faulty conversion, on the word of the
    candidate's author, who writes these rows. And on `reference_rows` of the evaluation rows
    onnxruntime gives the probabilities of ONNX's own reference implementation: so what the graph
    says is what is served, whatever the author logged.
    """

    name: ClassVar[str] = "integrity"
    measured_as: ClassVar[type[Measured]] = IntegrityMeasured
    advice: ClassVar[str] = "train it again with `mlflow run .`"
    units: ClassVar[Mapping[str, Unit]] = {"files": "whole", "size": "bytes"}

    parity_tolerance: Annotated[float, Field(gt=0, lt=1)]
    min_parity_rows: Annotated[int, Field(gt=0)] = 1000
    """Or the number of evaluation rows, where that is smaller: small data has no more."""

    reference_rows: Annotated[int, Field(gt=0, le=100_000)] = 500
    """The reference implementation takes some 3 ms for each row of the largest models."""

    max_model_bytes: Annotated[int, Field(gt=0)] = MAX_MODEL_BYTES
    opsets: dict[str, Annotated[int, Field(gt=0)]]
    operators: Annotated[tuple[str, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return "the files are ONNX of known operators and give scikit-learn's probabilities"

    def problems(
        self, files: Files, registered_sha256: str | None, limits: Limits
    ) -> tuple[str, ...]:
        """What is wrong with a candidate's files, found without running its graph.

        Raises ModelFailed where reading the graph takes more time or memory than `limits` allow.
        """
        if found := size_problems(files, self.max_model_bytes):
            return _bounded(found)
        found = file_problems(files)
        if registered_sha256 is None:
            found.append("no digest of the files was recorded when it was registered")
        elif files.manifest.digest != registered_sha256:
            found.append("the files are not those whose digest was recorded at registration")
        if MODEL_FILE not in files:
            return _bounded([*found, f"there is no {MODEL_FILE}"])
        with ModelProcess("candidate", limits) as process:
            found += isolated_graph_problems(
                process, files[MODEL_FILE], self.opsets, self.operators
            )
        return _bounded(found)

    def measure(self, trial: Trial) -> IntegrityMeasured:
        difference, count = parity(trial.candidate.scorer, trial.parity)
        # Files with problems are not run, wherever the gate is not required and goes on.
        reference = (1.0, 0) if trial.file_problems else self._reference_parity(trial)
        return IntegrityMeasured(
            problems=trial.file_problems,
            model_bytes=len(trial.candidate.files[MODEL_FILE]),
            parity_difference=difference,
            parity_rows=count,
            evaluation_rows=len(trial.rows.labelled.labels),
            reference_difference=reference[0],
            reference_rows=reference[1],
        )

    def _reference_parity(self, trial: Trial) -> tuple[float, int]:
        """The largest difference on a sample of the evaluation rows, and its size."""
        candidate = trial.candidate
        order = np.random.default_rng(SEED).permutation(len(candidate.scores))
        chosen = order[: self.reference_rows]
        rows = trial.rows.encoded(candidate.scorer.contract)[chosen]
        with ModelProcess("candidate", trial.limits) as process:
            model = candidate.files[MODEL_FILE]
            return reference_parity(process, model, rows, candidate.scores[chosen]), len(chosen)

    def verdicts(self, measured: IntegrityMeasured) -> list[Verdict]:
        problems = measured.problems
        difference, count = measured.parity_difference, measured.parity_rows
        needed = min(self.min_parity_rows, measured.evaluation_rows)
        note = f"on {count:,} rows"
        if count < needed:
            note += f", {needed:,} are needed; train with more test rows, or lower min_parity_rows"
        return [
            self.verdict(
                part="files",
                asks="only known files, flavors, packages and ONNX operators, as registered",
                measured=len(problems),
                bound=0,
                passed=not problems,
                note="; ".join(problems),
            ),
            self.verdict(
                part="size",
                asks=f"the model file has at most {self.max_model_bytes / 1e6:g} MB",
                measured=measured.model_bytes,
                bound=self.max_model_bytes,
                passed=measured.model_bytes <= self.max_model_bytes,
            ),
            self.verdict(
                part="parity",
                asks="ONNX gives the probabilities that training logged as scikit-learn's within "
                f"{self.parity_tolerance:g}",
                measured=difference,
                bound=self.parity_tolerance,
                passed=0 < count >= needed and difference <= self.parity_tolerance,
                note=note,
            ),
            self.verdict(
                part="reference",
                asks="onnxruntime gives the probabilities of ONNX's reference implementation "
                f"within {self.parity_tolerance:g}",
                measured=measured.reference_difference,
                bound=self.parity_tolerance,
                passed=measured.reference_rows > 0
                and measured.reference_difference <= self.parity_tolerance,
                note=f"on {measured.reference_rows:,} evaluation rows"
                if measured.reference_rows
                else "not run, because of the problems of the graph",
            ),
        ]


def _bounded(problems: list[str]) -> tuple[str, ...]:
    """The first problems, shortened: their number and the names in them are the author's."""
    shown = [on_one_line(problem)[:MAX_PROBLEM_CHARACTERS] for problem in problems[:MAX_PROBLEMS]]
    more = len(problems) - len(shown)
    return (*shown, f"and {more} more") if more else tuple(shown)
