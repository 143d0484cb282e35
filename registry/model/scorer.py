"""Contract → array → ONNX session → probability: the few lines that gates and service share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from registry.errors import ContractError, UsageError
from registry.model.contract import UNKNOWN_CATEGORY_CODE, Contract, Input, read_contract

SESSION_OPTIONS = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
"""One thread: then trees give the same bits for a row alone and in a batch."""

EXTERNAL_WEIGHTS = "session.model_external_initializers_file_folder_path"

MODEL_FILE = "model.onnx"
OUTPUT = "probability"

Value = float | str | None


class Scorer:
    """A model that is ready to score. One session, used by one thread at a time or by many."""

    def __init__(self, model: bytes, contract: Contract) -> None:
        """Start an ONNX session on `model`.

        Raises ContractError where the file is no ONNX model, or its one float32 input of shape
        (n, inputs) or its one output `probability` of shape (n,) is not there.
        """
        options = onnxruntime.SessionOptions()
        for name, threads in SESSION_OPTIONS.items():
            setattr(options, name, threads)
        # Weights outside the model file would be read from the working directory, where nobody
        # hashed them; below a device there is no file.
        options.add_session_config_entry(EXTERNAL_WEIGHTS, os.devnull)
        try:
            self._session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no public base class for its own errors
            raise ContractError(f"{MODEL_FILE} is not a model that onnxruntime can load") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        width = len(contract.inputs)
        if (
            len(inputs) != 1
            or inputs[0].type != "tensor(float)"
            or inputs[0].shape[1:] != [width]
            or isinstance(inputs[0].shape[0], int)
        ):
            raise ContractError(f"{MODEL_FILE} must take one float32 input of shape (n, {width})")
        if [one.name for one in outputs] != [OUTPUT] or len(outputs[0].shape) != 1:
            raise ContractError(f"{MODEL_FILE} must give one output `{OUTPUT}` of shape (n,)")
        self._input = inputs[0].name
        self.contract = contract
        self._codes = [
            (column, one.codes)
            for column, one in enumerate(contract.inputs)
            if one.kind == "category"
        ]

    def encode(self, values: Sequence[Value]) -> NDArray[np.float32]:
        """One row of raw values, in the contract's order, as float32 of shape (1, inputs).

        A missing number becomes NaN; a category its code, a missing or unseen one -1.
        """
        if len(values) != len(self.contract.inputs):
            raise ValueError(f"{len(values)} values for {len(self.contract.inputs)} inputs")
        if self._codes:
            values = list(values)
            for column, codes in self._codes:
                values[column] = _code(values[column], codes)
        return np.array([values], dtype=np.float32)  # None is NaN to numpy

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of fraud, shape (n,), for encoded rows of shape (n, inputs)."""
        (probability,) = self._session.run([OUTPUT], {self._input: rows})
        return np.asarray(probability, dtype=np.float32)

    def score_one_by_one(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `score`, each row in a call of its own: to the bit what the service answers."""
        scores = np.empty(len(rows), dtype=np.float32)
        for index in range(len(rows)):
            scores[index] = self.score(rows[index : index + 1])[0]
        return scores


def _code(value: Value, codes: Mapping[str, float]) -> float:
    # pandas says NaN for missing text; as text, it or None could be a category's own name.
    missing = value is None or value != value  # noqa: PLR0124
    return UNKNOWN_CATEGORY_CODE if missing else codes.get(str(value), UNKNOWN_CATEGORY_CODE)


def encode_columns(
    columns: Mapping[str, Sequence[Value] | NDArray[np.float64]], inputs: Sequence[Input]
) -> NDArray[np.float32]:
    """Whole columns of raw values as float32 of shape (n, inputs); the twin of `Scorer.encode`.

    Raises UsageError naming a column that is missing, or that holds text where numbers belong.
    """
    encoded: list[NDArray[np.float32]] = []
    for one in inputs:
        if one.name not in columns:
            raise UsageError(f"the rows have no column {one.name!r}, which the model takes")
        column = columns[one.name]
        if one.kind == "category":
            codes = one.codes
            coded = [_code(value, codes) for value in column]
            encoded.append(np.asarray(coded, dtype=np.float32))
        else:
            try:
                encoded.append(np.asarray(column, dtype=np.float64).astype(np.float32))
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"column {one.name!r} holds something that is no number"
                ) from error
    return np.column_stack(encoded)


def open_model(directory: Path) -> Scorer:
    """The scorer of the model in an MLflow model folder. Raises ContractError."""
    contract = read_contract(directory)
    try:
        model = (directory / MODEL_FILE).read_bytes()
    except OSError as error:
        raise ContractError(f"{MODEL_FILE} cannot be read: {error.strerror}") from error
    return Scorer(model, contract)
