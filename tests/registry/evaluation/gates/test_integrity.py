"""Integrity: files, flavors and graphs that have no business in a model, digests, and parity."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from math import nextafter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml
from onnx import TensorProto, helper

from registry.evaluation.gates.gate import ScoredModel, Trial
from registry.evaluation.gates.integrity import Integrity, IntegrityMeasured
from registry.evaluation.isolated import Limits
from registry.ledger.files import Files
from registry.model.scorer import MODEL_FILE, OUTPUT, open_model
from tests.candidates import NAMES, files_of, numbers, saved_model
from tests.registry.graphs import INPUT, empty_nodes, first_input, integer, model_of
from tests.registry.trials import rows_of, small_trial

OPERATORS = ("Cast", "Clip", "Gather", "LinearClassifier", "Normalizer")
GATE = Integrity(
    parity_tolerance=1e-5, opsets={"ai.onnx": 18, "ai.onnx.ml": 3}, operators=OPERATORS
)

LIMITS = Limits(seconds=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder as training makes it, to be changed by a test."""
    return shutil.copytree(saved_model(1.0), tmp_path / "model")


def trial_of(parity: bytes = b"", judged: Files | None = None, **changed: Any) -> Trial:
    """Files without problems; the scorer is that of the files as made."""
    files = files_of(saved_model(1.0))
    scorer = open_model(files)
    rows = rows_of([1, 0], columns=pd.DataFrame(numbers(2), columns=list(NAMES)))
    scores = scorer.score(rows.encoded(scorer.contract))
    return small_trial(rows, ScoredModel(judged or files, scorer, scores), parity=parity, **changed)


def problems(folder: Path, gate: Integrity = GATE) -> tuple[str, ...]:
    """Those of the files as they now are, registered so."""
    files = files_of(folder)
    return gate.problems(files, files.manifest.digest, LIMITS)


def change_mlmodel(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "MLmodel"
    content = yaml.safe_load(path.read_text())
    change(content["flavors"])
    path.write_text(yaml.safe_dump(content))


def put(folder: Path, model: onnx.ModelProto) -> None:
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())


def test_what_training_made_has_no_problems(folder: Path) -> None:
    assert problems(folder) == ()


@pytest.mark.parametrize(
    "name", ["loader.py", "code/loader.py", "model.pkl", "data/model.onnx", "model.onnx.data"]
)
def test_a_file_of_an_unknown_name(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("print('hello')")
    assert problems(folder) == (f"file {name} is not known",)


def test_an_unknown_flavor(folder: Path) -> None:
    change_mlmodel(folder, lambda flavors: flavors.update(sklearn={}, keras={}))
    assert problems(folder) == ("flavor keras is not known", "flavor sklearn is not known")


def test_a_loader_that_runs_code_of_its_own(folder: Path) -> None:
    change_mlmodel(
        folder, lambda flavors: flavors["python_function"].update(loader_module="loader")
    )
    assert problems(folder) == ("the python_function flavor loads with loader",)


@pytest.mark.parametrize("text", ["", "flavors: [onnx]", "flavors: {onnx: {}}", "a: [", "\x00"])
def test_an_mlmodel_without_flavors(folder: Path, text: str) -> None:
    (folder / "MLmodel").write_text(text)
    assert problems(folder) == ("MLmodel names no flavors that can be read",)


def test_no_mlmodel_at_all(folder: Path) -> None:
    (folder / "MLmodel").unlink()
    assert problems(folder) == ("MLmodel names no flavors that can be read",)


def external() -> onnx.TensorProto:
    tensor = TensorProto(name="zero", data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


def test_weights_in_another_file_that_is_not_there(folder: Path) -> None:
    model = first_input()
    model.graph.initializer[1].CopyFrom(external())
    put(folder, model)
    assert problems(folder) == ("model.onnx keeps data in other files",)


def test_weights_in_a_file_of_the_working_directory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(4))
    monkeypatch.chdir(tmp_path)
    model = first_input()
    model.graph.initializer[1].CopyFrom(external())
    put(folder, model)
    assert problems(folder) == ("model.onnx keeps data in other files",)


def test_an_attribute_in_another_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(4))
    monkeypatch.chdir(tmp_path)
    nodes = [
        helper.make_node("Constant", [], ["zero"], value=external()),
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Clip", ["value", "zero"], [OUTPUT]),
    ]
    put(folder, model_of(nodes, [integer("first", 0)]))
    gate = GATE.model_copy(update={"operators": (*OPERATORS, "Constant")})
    assert problems(folder, gate) == ("model.onnx keeps data in other files",)


def test_a_sub_graph(folder: Path) -> None:
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node("Gather", [INPUT, "first"], [name], axis=1)],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None])],
        )
        for name in ("then", "else")
    }
    truth = helper.make_tensor("truth", TensorProto.BOOL, [], [True])
    nodes = [helper.make_node("If", ["truth"], [OUTPUT], **branches)]
    put(folder, model_of(nodes, [integer("first", 0), truth]))
    held = "model.onnx holds functions or sub-graphs"
    assert problems(folder) == ("operator If is not known", held)
    assert problems(folder, GATE.model_copy(update={"operators": (*OPERATORS, "If")})) == (held,)


def test_a_local_function(folder: Path) -> None:
    """It goes by the name of an operator that is known."""
    function = helper.make_function(
        "local",
        "Clip",
        ["x"],
        ["y"],
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_opsetid("", 18)],
    )
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Clip", ["value"], [OUTPUT], domain="local"),
    ]
    put(folder, model_of(nodes, [integer("first", 0)], functions=[function]))
    assert problems(folder) == (
        "opset local 1 is not known",
        "model.onnx holds functions or sub-graphs",
    )


def test_an_unknown_operator(folder: Path) -> None:
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Tanh", ["value"], ["small"]),
        helper.make_node("Abs", ["small"], [OUTPUT]),
    ]
    put(folder, model_of(nodes, [integer("first", 0)]))
    assert problems(folder) == ("operator Abs is not known", "operator Tanh is not known")


def test_an_opset_that_is_newer_than_the_policy_allows(folder: Path) -> None:
    nodes = [helper.make_node("Gather", [INPUT, "first"], [OUTPUT], axis=1)]
    put(folder, model_of(nodes, [integer("first", 0)], opset=19))
    assert problems(folder) == ("opset ai.onnx 19 is not known",)


@pytest.mark.parametrize("kept", [0, 40, -3])
def test_a_truncated_file(folder: Path, kept: int) -> None:
    path = folder / MODEL_FILE
    path.write_bytes(path.read_bytes()[:kept])
    (problem,) = problems(folder)
    assert problem.startswith("model.onnx is not valid ONNX: ")


def test_no_model_file(folder: Path) -> None:
    (folder / MODEL_FILE).unlink()
    assert problems(folder) == ("there is no model.onnx",)


def test_no_digest_was_registered(folder: Path) -> None:
    assert GATE.problems(files_of(folder), None, LIMITS) == (
        "no digest of the files was recorded when it was registered",
    )


def test_another_digest_was_registered(folder: Path) -> None:
    assert GATE.problems(files_of(folder), "0" * 64, LIMITS) == (
        "the files are not those whose digest was recorded at registration",
    )


@pytest.fixture
def recorded(folder: Path) -> pd.DataFrame:
    """Fifty rows with the probabilities that the model gives."""
    rows = numbers(50)
    frame = pd.DataFrame(rows, columns=list(NAMES))
    scorer = open_model(files_of(folder))
    return frame.assign(probability=scorer.score_one_by_one(rows.astype(np.float32)))


def parity(folder: Path, frame: pd.DataFrame) -> tuple[float, int, bool]:
    measured = GATE.measure(trial_of(frame.to_parquet()))
    passed = GATE.verdicts(measured)[-2].passed
    return measured.parity_difference, measured.parity_rows, passed


def test_the_same_numbers_are_parity(folder: Path, recorded: pd.DataFrame) -> None:
    assert parity(folder, recorded) == (0.0, 50, True)


def test_one_row_that_is_off_by_twice_the_tolerance_is_none(
    folder: Path, recorded: pd.DataFrame
) -> None:
    shifted = recorded["probability"].to_numpy(dtype=np.float64).copy()
    shifted[17] -= 2e-5
    difference, count, passed = parity(folder, recorded.assign(probability=shifted))
    assert difference == pytest.approx(2e-5)
    assert (count, passed) == (50, False)


def test_a_probability_that_is_no_number_is_none(folder: Path, recorded: pd.DataFrame) -> None:
    with_gap = recorded["probability"].where(recorded.index != 3)
    assert parity(folder, recorded.assign(probability=with_gap)) == (1.0, 50, False)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.iloc[:0],
        lambda frame: frame.drop(columns="amount"),
        lambda frame: frame.drop(columns="probability"),
        lambda frame: frame.assign(probability="high"),
        lambda frame: frame.assign(probability=[{"p": 0.1}] * len(frame)),
        lambda frame: frame.assign(amount="much"),
    ],
    ids=["no rows", "no input", "no probability", "text", "structs", "text as input"],
)
def test_rows_that_cannot_be_compared_are_no_parity(
    folder: Path, recorded: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    assert parity(folder, change(recorded)) == (1.0, 0, False)


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_no_file_of_rows_is_no_parity(content: bytes) -> None:
    measured = GATE.measure(trial_of(content))
    assert (measured.parity_difference, measured.parity_rows) == (1.0, 0)


def test_parity_passes_at_its_tolerance_and_fails_just_above() -> None:
    def passed(difference: float, rows: int = 50) -> bool:
        found = IntegrityMeasured(
            problems=(),
            model_bytes=1,
            parity_difference=difference,
            parity_rows=rows,
            evaluation_rows=50,
            reference_difference=0.0,
            reference_rows=50,
        )
        *_, verdict, _ = GATE.verdicts(found)
        assert (verdict.gate, verdict.measured, verdict.bound) == (
            "integrity.parity",
            difference,
            1e-5,
        )
        return verdict.passed

    assert passed(1e-5)
    assert not passed(nextafter(1e-5, 1))
    assert not passed(0.0, rows=0)


@pytest.mark.parametrize(
    ("rows", "evaluation_rows", "note", "passed"),
    [
        (1000, 10**6, "on 1,000 rows", True),
        (
            999,
            10**6,
            "on 999 rows, 1,000 are needed; train with more test rows, or lower min_parity_rows",
            False,
        ),
        (400, 400, "on 400 rows", True),
        (10_000, 400, "on 10,000 rows", True),
        (
            399,
            400,
            "on 399 rows, 400 are needed; train with more test rows, or lower min_parity_rows",
            False,
        ),
    ],
)
def test_parity_is_shown_on_enough_rows_or_on_as_many_as_are_judged(
    rows: int, evaluation_rows: int, note: str, passed: bool
) -> None:
    found = IntegrityMeasured(
        problems=(),
        model_bytes=1,
        parity_difference=0.0,
        parity_rows=rows,
        evaluation_rows=evaluation_rows,
        reference_difference=0.0,
        reference_rows=50,
    )
    *_, verdict, _ = GATE.verdicts(found)
    assert (verdict.note, verdict.passed) == (note, passed)


def test_each_problem_is_said_and_one_is_enough_to_fail() -> None:
    found = IntegrityMeasured(
        problems=("a", "b"),
        model_bytes=1,
        parity_difference=0,
        parity_rows=1,
        evaluation_rows=1,
        reference_difference=1.0,
        reference_rows=0,
    )
    files, *_, reference = GATE.verdicts(found)
    assert (files.gate, files.measured, files.bound) == ("integrity.files", 2, 0)
    assert files.note == "a; b"
    assert not files.passed
    assert reference.note == "not run, because of the problems of the graph"


@pytest.mark.parametrize(("count", "passed"), [(1000, True), (1001, False)])
def test_the_size_passes_at_its_bound(count: int, passed: bool) -> None:
    found = IntegrityMeasured(
        problems=(),
        model_bytes=count,
        parity_difference=0,
        parity_rows=1,
        evaluation_rows=1,
        reference_difference=0.0,
        reference_rows=1,
    )
    _, size, *_ = GATE.model_copy(update={"max_model_bytes": 1000}).verdicts(found)
    assert (size.gate, size.measured, size.bound) == ("integrity.size", count, 1000)
    assert size.asks == "the model file has at most 0.001 MB"
    assert size.passed is passed


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    size = (folder / MODEL_FILE).stat().st_size
    at_the_bound = GATE.model_copy(update={"max_model_bytes": size})
    assert problems(folder, at_the_bound) == ()
    below = GATE.model_copy(update={"max_model_bytes": size - 1})
    assert problems(folder, below) == ("model.onnx has 0.000448 MB, more than 0.000447 MB",)


def test_a_file_whose_graph_grows_when_it_is_parsed_is_stopped(folder: Path) -> None:
    """20 MB of empty nodes, which take more than 2 GB of memory."""
    (folder / MODEL_FILE).write_bytes(empty_nodes(10_000_000))
    files = files_of(folder)
    found = GATE.problems(files, files.manifest.digest, Limits(memory_bytes=10**9))
    assert found == (
        "model.onnx is not valid ONNX: Error parsing message with type 'onnx.ModelProto' "
        "(or it needs more memory than it may use)",
    )


def test_problems_are_shortened_and_on_one_line(folder: Path) -> None:
    names = [f"{number:02}\n{'x' * 1000}" for number in range(30)]
    nodes = [helper.make_node(name, [INPUT], [f"{name[:2]}"]) for name in names]
    put(folder, model_of([*nodes, helper.make_node("Gather", [INPUT, "first"], [OUTPUT], axis=1)]))
    found = problems(folder)
    assert len(found) == 21
    assert found[0] == f"operator 00\\n{'x' * 97} is not known"
    assert found[-1] == "and 2 more"


def test_what_training_made_agrees_with_the_reference_implementation() -> None:
    found = GATE.measure(trial_of())
    assert found.reference_difference < 1e-6
    assert found.reference_rows == 2
    *_, verdict = GATE.verdicts(found)
    assert (verdict.gate, verdict.bound, verdict.passed) == ("integrity.reference", 1e-5, True)
    assert verdict.note == "on 2 evaluation rows"


def test_scores_that_the_reference_does_not_give_fail_whatever_parity_rows_say(
    folder: Path, recorded: pd.DataFrame
) -> None:
    """The file's graph answers otherwise than the session that scored, whose own rows agree."""
    put(folder, first_input(3))
    found = GATE.measure(trial_of(recorded.to_parquet(), judged=files_of(folder)))
    files, _, parity, reference = GATE.verdicts(found)
    assert (files.passed, parity.passed, reference.passed) == (True, True, False)
    assert reference.measured > 0.001


def test_files_with_problems_are_not_run_by_the_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*_: object) -> float:
        raise AssertionError("it was run")

    monkeypatch.setattr("registry.evaluation.gates.integrity.reference_parity", run)
    found = GATE.measure(trial_of(file_problems=("operator Tanh is not known",)))
    assert found.reference_difference == 1.0


def test_the_reference_takes_a_sample() -> None:
    gate = GATE.model_copy(update={"reference_rows": 1})
    assert gate.measure(trial_of()).reference_rows == 1


@pytest.mark.parametrize(
    ("difference", "rows", "passed"),
    [(1e-5, 1, True), (nextafter(1e-5, 1), 1, False), (0.0, 0, False)],
)
def test_the_reference_passes_at_the_tolerance_on_at_least_one_row(
    difference: float, rows: int, passed: bool
) -> None:
    found = IntegrityMeasured(
        problems=(),
        model_bytes=1,
        parity_difference=0.0,
        parity_rows=1,
        evaluation_rows=1,
        reference_difference=difference,
        reference_rows=rows,
    )
    *_, verdict = GATE.verdicts(found)
    assert (verdict.measured, verdict.passed) == (difference, passed)
