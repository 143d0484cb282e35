"""Contract → array → ONNX session → probability: the code that gates, service and batch share.

Only ONNX is loaded, never a pickle: unpickling would run code from the model's files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from time import perf_counter

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from registry.errors import ContractError, UsageError
from registry.model.canonical import canonical_text
from registry.model.contract import UNKNOWN_CATEGORY_CODE, Contract, Input, read_contract

SESSION_OPTIONS = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
"""One thread: then trees give bit-identical results for a row alone and in a batch."""

MATRIX_OPERATORS = tuple(
    name.encode()
    for name in ("LinearClassifier", "LinearRegressor", "Gemm", "MatMul", "SVMClassifier")
)
"""Operators that multiply matrices. Their sums are rounded in an order that depends on how many
rows are scored together, so a model with one of them is scored row by row."""

EXTERNAL_WEIGHTS = "session.model_external_initializers_file_folder_path"

MODEL_FILE = "model.onnx"
MLMODEL_FILE = "MLmodel"
OUTPUT = "probability"

Value = float | str | None


class Scorer:
    """A model that is ready to score. Its one session may be used by many threads at once.

    A row gets the same bits alone, in any order and in any batch, if the model is made of operators
    that treat each row on its own: trees do by themselves, and a model that multiplies matrices is
    scored row by row (docs/decisions/row-by-row.md). The gate `invariance` refuses all others.
    """

    def __init__(self, model: bytes, contract: Contract) -> None:
        """Start an ONNX session on `model`, the content of the ONNX file.

        Raises ContractError where that is not an ONNX model with exactly one input, float32 of
        shape (n, inputs), and one output, `probability` of shape (n,).
        """
        options = onnxruntime.SessionOptions()
        for name, threads in SESSION_OPTIONS.items():
            setattr(options, name, threads)
        # External weights would be read from the working directory, where their bytes are not
        # verified. Below a device there is no file.
        options.add_session_config_entry(EXTERNAL_WEIGHTS, os.devnull)
        try:
            self._session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no public base class for its own errors
            raise ContractError(f"{MODEL_FILE} is not a model that onnxruntime can load") from error
        # onnxruntime would keep the file's bytes for another provider to start again with.
        self._session._model_bytes = None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        width = len(contract.inputs)
        if (
            len(inputs) != 1
            or inputs[0].type != "tensor(float)"
            or inputs[0].shape[1:] != [width]
            or isinstance(inputs[0].shape[0], int)
        ):
            raise ContractError(f"{MODEL_FILE} must take one float32 input of shape (n, {width})")
        if [output.name for output in outputs] != [OUTPUT] or len(outputs[0].shape) != 1:
            raise ContractError(f"{MODEL_FILE} must return one output `{OUTPUT}` of shape (n,)")
        self._input = inputs[0].name
        # The names of operators stand as plain text in the file. One that occurs elsewhere, such
        # as in the name of a tensor, costs time and changes no result.
        self._row_by_row = any(operator in model for operator in MATRIX_OPERATORS)
        self.contract = contract
        self._codes = [
            (index, column.codes)
            for index, column in enumerate(contract.inputs)
            if column.kind == "category"
        ]

    def encode(self, values: Sequence[Value]) -> NDArray[np.float32]:
        """One row of raw values, in the contract's order, as float32 of shape (1, inputs).

        A missing number becomes NaN; a category its code, a missing or unseen one -1.
        """
        if len(values) != len(self.contract.inputs):
            raise ValueError(f"{len(values)} values for {len(self.contract.inputs)} inputs")
        if self._codes:
            values = list(values)
            for index, codes in self._codes:
                values[index] = _code(values[index], codes)
        return np.array([values], dtype=np.float32)  # None is NaN to numpy

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of fraud, shape (n,), for encoded rows of shape (n, inputs)."""
        return self.score_one_by_one(rows) if self._row_by_row else self._run(rows)

    def score_one_by_one(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `score`, each row in its own call: bit-identical to what the service answers."""
        scores = np.empty(len(rows), dtype=np.float32)
        for index in range(len(rows)):
            scores[index] = self._run(rows[index : index + 1])[0]
        return scores

    def seconds_one_by_one(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """How many seconds each row takes in its own call, shape (n,)."""
        seconds = np.empty(len(rows))
        for index in range(len(rows)):
            start = perf_counter()
            self.score(rows[index : index + 1])
            seconds[index] = perf_counter() - start
        return seconds

    def _run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        (probability,) = self._session.run([OUTPUT], {self._input: rows})
        return np.asarray(probability, dtype=np.float32)


def _code(value: Value, codes: Mapping[str, float]) -> float:
    code = codes.get(value) if isinstance(value, str) else None
    if code is not None:  # what clients send nearly always, at the cost of one look-up
        return code
    # pandas has NaN for missing text. As text, "nan" or "None" could be a category's name.
    text = canonical_text(value)
    return UNKNOWN_CATEGORY_CODE if text is None else codes.get(text, UNKNOWN_CATEGORY_CODE)


def encode_columns(
    columns: Mapping[str, Sequence[Value] | NDArray[np.float64]], inputs: Sequence[Input]
) -> NDArray[np.float32]:
    """Whole columns of raw values, as float32 of shape (n, inputs), encoded as by `Scorer.encode`.

    Raises UsageError, naming a column that is missing, or that holds text instead of numbers.
    """
    encoded: list[NDArray[np.float32]] = []
    for described in inputs:
        name = described.name
        if name not in columns:
            raise UsageError(f"the rows have no column {name!r}, which the model needs")
        if described.kind == "category":
            codes = described.codes
            try:
                coded = [_code(value, codes) for value in columns[name]]
            except ValueError as error:
                raise UsageError(f"column {name!r}: {error}; write it as text") from error
            encoded.append(np.asarray(coded, dtype=np.float32))
            continue
        try:
            encoded.append(np.asarray(columns[name], dtype=np.float64).astype(np.float32))
        except (TypeError, ValueError) as error:
            raise UsageError(f"column {name!r} holds a value that is not a number") from error
    return np.column_stack(encoded)


def read_model(files: Mapping[str, bytes]) -> tuple[bytes, Contract]:
    """The ONNX file among a model's files, and its contract. Raises ContractError."""
    for name in (MLMODEL_FILE, MODEL_FILE):
        if name not in files:
            raise ContractError(f"the model has no file {name}")
    return files[MODEL_FILE], read_contract(files[MLMODEL_FILE])


def open_model(files: Mapping[str, bytes]) -> Scorer:
    """The scorer of a model's files, by their path in its MLflow folder. Raises ContractError.

    It takes bytes and not a folder, so that what scores is what the caller has hashed.
    """
    return Scorer(*read_model(files))
