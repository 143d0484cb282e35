"""The peers: MLflow, MLServer and BentoML as their documentation advises, logs off, one worker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.inference import programs
from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.production import Production
from benchmarks.inference.servers import HOST, Server

PROGRAMS = Path(programs.__file__).parent
SAVE_SECONDS = 120.0


def mlflow_serve(production: Production) -> Server:
    """`mlflow models serve` of the model in Production."""
    columns = list(production.rows.names)
    return Server(
        name="mlflow models serve",
        command=[
            *(sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"),
            *("--model-uri", production.model_uri, "--workers", "1"),
            *("--host", HOST, "--port", "{port}"),
        ],
        environment={
            "MLFLOW_TRACKING_URI": production.tracking_uri,
            # It finds uvicorn on the PATH.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        ready="/ping",
        path="/invocations",
        body=lambda row: {"dataframe_split": {"columns": columns, "data": [row]}},
        probability=lambda answer: float(answer["predictions"][0]["probability"]),
    )


def mlserver(bin_folder: Path, production: Production, folder: Path) -> list[Server]:
    """MLServer with its scikit-learn runtime, and with a custom runtime for ONNX."""
    inputs = len(production.rows.names)
    outputs = {"outputs": [{"name": "predict_proba"}]}
    sklearn = _mlserver_folder(
        folder / "mlserver-sklearn", "mlserver_sklearn.SKLearnModel", production.joblib, {}
    )
    # Inference in the serving process is faster on one core than the default pool of one worker,
    # and the comparison is with each peer at its fastest.
    onnx = _mlserver_folder(
        folder / "mlserver-onnx",
        "mlserver_onnx.OnnxModel",
        production.onnx,
        {"parallel_workers": 0},
    )
    shutil.copy(PROGRAMS / "mlserver_onnx.py", onnx)
    return [
        _mlserver("MLServer, scikit-learn", bin_folder, sklearn, inputs, outputs),
        _mlserver("MLServer, ONNX", bin_folder, onnx, inputs, {}),
    ]


def _mlserver_folder(
    folder: Path, implementation: str, model: Path, settings: dict[str, Any]
) -> Path:
    folder.mkdir(parents=True)
    model_settings = {
        "name": "fraud",
        "implementation": implementation,
        "parameters": {"uri": str(model)},
    }
    (folder / "model-settings.json").write_text(json.dumps(model_settings))
    (folder / "settings.json").write_text(json.dumps({"debug": False, **settings}))
    return folder


def _mlserver(
    name: str, bin_folder: Path, folder: Path, inputs: int, outputs: dict[str, Any]
) -> Server:
    tensor = {"name": "rows", "shape": [1, inputs], "datatype": "FP32"}
    return Server(
        name=name,
        command=[str(bin_folder / "mlserver"), "start", str(folder)],
        environment={
            "MLSERVER_HOST": HOST,
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{spare}",
            "MLSERVER_METRICS_PORT": "{other}",
        },
        ready="/v2/models/fraud/ready",
        path="/v2/models/fraud/infer",
        body=lambda row: {"inputs": [{**tensor, "data": row}], **outputs},
        # The scikit-learn runtime returns the probabilities of both classes, fraud last.
        probability=lambda answer: float(answer["outputs"][0]["data"][-1]),
    )


def bentoml(bin_folder: Path, production: Production, folder: Path) -> list[Server]:
    """BentoML with the scikit-learn model from its store, and with the ONNX file.

    Raises CannotMeasure if the model cannot be saved to the store.
    """
    folder.mkdir(parents=True)
    environment = {
        "BENTOML_HOME": str(folder / "store"),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENCH_ONNX": str(production.onnx),
    }
    save = [str(bin_folder / "python"), str(PROGRAMS / "save_bento.py"), str(production.joblib)]
    try:
        subprocess.run(save, env={**os.environ, **environment}, check=True, timeout=SAVE_SECONDS)
    except subprocess.SubprocessError as error:
        raise CannotMeasure(f"BentoML cannot save the model: {error}") from error
    return [
        _bentoml("BentoML, scikit-learn", bin_folder, "bentoml_sklearn", environment),
        _bentoml("BentoML, ONNX", bin_folder, "bentoml_onnx", environment),
    ]


def _bentoml(name: str, bin_folder: Path, module: str, environment: dict[str, str]) -> Server:
    return Server(
        name=name,
        command=[
            *(str(bin_folder / "bentoml"), "serve", f"{module}:Fraud", "--quiet"),
            *("--working-dir", str(PROGRAMS), "--host", HOST, "--port", "{port}"),
        ],
        environment=environment,
        ready="/readyz",
        path="/predict",
        body=lambda row: {"rows": [row]},
        probability=lambda answer: float(answer[0]),
    )
