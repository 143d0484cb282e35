"""What is measured: ours, and MLflow's own ways.

Each prints its seconds, and those that its process had a processor, without its start.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ID, PROBABILITY = "id", "probability"


@contextmanager
def _timed() -> Iterator[None]:
    start, cpu = time.perf_counter(), time.process_time()
    yield
    print(time.perf_counter() - start, time.process_time() - cpu)


def ours(model: str, source: str, output: str) -> None:
    """`python -m batch`, from the verified files on."""
    from batch.job import Job  # noqa: PLC0415 (each process imports what it measures)
    from benchmarks.links import unsigned_link  # noqa: PLC0415
    from registry.ledger.files import MAX_MODEL_BYTES, read_files  # noqa: PLC0415
    from registry.model.scorer import MODEL_FILE, open_model  # noqa: PLC0415
    from registry.tracking.head import Head  # noqa: PLC0415

    files = read_files(Path(model), MAX_MODEL_BYTES)
    with _timed():
        Job(Head(unsigned_link(files[MODEL_FILE]), open_model(files)), source, output).run()


def pandas_loop(model: str, source: str, output: str) -> None:
    """`mlflow.pyfunc` on one file after the other."""
    import pandas as pd  # noqa: PLC0415
    from mlflow import pyfunc  # noqa: PLC0415

    loaded = pyfunc.load_model(model)
    names = loaded.metadata.get_input_schema().input_names()
    Path(output).mkdir()
    with _timed():
        for path in sorted(Path(source).iterdir()):
            frame = pd.read_parquet(path)
            frame[PROBABILITY] = loaded.predict(frame[names])[PROBABILITY]
            frame[[ID, PROBABILITY]].to_parquet(Path(output) / path.name)


def spark_udf(model: str, source: str, output: str) -> None:
    """`mlflow.pyfunc.spark_udf` on as many local executors of one core as there are cores."""
    from mlflow import pyfunc  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    cores = len(os.sched_getaffinity(0))
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    spark = (
        SparkSession.builder.master(f"local-cluster[{cores},1,2048]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.executor.memory", "2g")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    try:
        udf = pyfunc.spark_udf(spark, model, result_type="float", env_manager="local")
        names = pyfunc.load_model(model).metadata.get_input_schema().input_names()
        spark.range(2 * cores).repartition(cores).count()  # executors are there
        with _timed():
            rows = spark.read.parquet(source).withColumn(PROBABILITY, udf(*names))
            rows.select(ID, PROBABILITY).write.parquet(output)
    finally:
        spark.stop()
