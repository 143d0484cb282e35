"""Each peer gets requests in its own protocol, and the configuration files it documents."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.inference import peers
from benchmarks.inference.production import Production, Rows
from benchmarks.inference.servers import Server


@pytest.fixture
def production(tmp_path: Path) -> Production:
    return Production(
        tracking_uri="http://127.0.0.1:1",
        ledger_config=tmp_path / "ledger.yaml",
        model_uri="models:/fraud-detector-production/1",
        onnx=tmp_path / "model.onnx",
        joblib=tmp_path / "model.joblib",
        rows=Rows(("a", "b"), np.array([[1.0, 0.5]]), np.array([0.25])),
    )


def request(server: Server, production: Production) -> object:
    (body,) = server.bodies(production.rows)
    return json.loads(body)


def read(server: Server, answer: object) -> float:
    assert server.probability is not None
    return server.probability(answer)


def test_mlflow_gets_a_dataframe(production: Production) -> None:
    server = peers.mlflow_serve(production)
    split = {"columns": ["a", "b"], "data": [[1.0, 0.5]]}
    assert request(server, production) == {"dataframe_split": split}
    assert read(server, {"predictions": [{"probability": 0.25}]}) == 0.25


def test_mlserver_gets_a_tensor_and_its_scikit_learn_runtime_returns_both_classes(
    production: Production, tmp_path: Path
) -> None:
    sklearn, onnx = peers.mlserver(Path("bin"), production, tmp_path)
    inputs = [{"name": "rows", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 0.5]}]
    assert request(onnx, production) == {"inputs": inputs}
    assert request(sklearn, production) == {
        "inputs": inputs,
        "outputs": [{"name": "predict_proba"}],
    }
    assert read(sklearn, {"outputs": [{"data": [0.75, 0.25]}]}) == 0.25
    assert read(onnx, {"outputs": [{"data": [0.25]}]}) == 0.25


def test_mlserver_has_its_defaults_for_scikit_learn_and_no_access_log(
    production: Production, tmp_path: Path
) -> None:
    peers.mlserver(Path("bin"), production, tmp_path)
    settings = json.loads((tmp_path / "mlserver-sklearn" / "settings.json").read_text())
    model = json.loads((tmp_path / "mlserver-sklearn" / "model-settings.json").read_text())
    assert settings == {"debug": False}
    assert model == {
        "name": "fraud",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(production.joblib)},
    }


def test_the_custom_runtime_of_mlserver_is_beside_its_settings(
    production: Production, tmp_path: Path
) -> None:
    peers.mlserver(Path("bin"), production, tmp_path)
    folder = tmp_path / "mlserver-onnx"
    assert json.loads((folder / "settings.json").read_text()) == {
        "debug": False,
        "parallel_workers": 0,
    }
    assert "class OnnxModel(MLModel)" in (folder / "mlserver_onnx.py").read_text()
