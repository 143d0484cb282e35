"""Runs on a real Spark of two executors, in a process of its own: `test_spark.py` reads its files.

Called with a folder that holds `rows`, a folder of Parquet files; the ledger is that of the
environment, and pyspark is on the path.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from mlflow import pyfunc
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from batch import cli
from batch.spark import SparkJob
from registry.errors import BytesMismatch
from registry.ledger.files import Files
from registry.ledger.trust import read_trust
from registry.model.scorer import MODEL_FILE
from registry.tracking.head import fetch_files
from registry.tracking.names import PRODUCTION, PRODUCTION_ALIAS
from registry.tracking.rest import Registry


def executors() -> dict[int, psutil.Process]:
    found = {}
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if "CoarseGrainedExecutorBackend" in " ".join(each.cmdline()):
                found[each.pid] = each
    return found


def times(folder: Path) -> list[int]:
    return sorted(each.stat().st_mtime_ns for each in folder.glob("part-*"))


def kill_one(spark: SparkSession) -> None:
    """Kill an executor once a task of the run has ended, while others are to come."""
    tracker, done = spark.sparkContext.statusTracker(), 0
    while not done:
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        done = sum(each.numCompletedTasks for each in stages if each and each.numTasks > 2)
        time.sleep(0.002)
    next(iter(executors().values())).kill()


def main(folder: Path) -> None:
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    spark = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        # Each file is a task of its own.
        .config("spark.sql.files.maxPartitionBytes", "1m")
        .config("spark.sql.files.openCostInBytes", "1m")
        .getOrCreate()
    )
    found: dict[str, object] = {}
    try:
        registry = Registry(os.environ["MLFLOW_TRACKING_URI"])
        link, files = fetch_files(registry, read_trust(Path(os.environ["FRAUD_LEDGER_CONFIG"])))
        source = str(folder / "rows")

        spark.range(8).repartition(8).count()  # both executors are there
        before = executors()
        killer = threading.Thread(target=kill_one, args=(spark,), daemon=True)
        killer.start()
        found["killed"] = SparkJob(link, files, source, str(folder / "killed")).run(spark)
        killer.join(timeout=20)
        found["executors"] = [len(before), len(before.keys() - executors().keys())]

        first = times(folder / "killed")
        found["again"] = SparkJob(link, files, source, str(folder / "killed")).run(spark)
        found["unchanged"] = times(folder / "killed") == first

        wrong = Files({**files, MODEL_FILE: files[MODEL_FILE] + b" "})
        try:
            SparkJob(link, wrong, source, str(folder / "wrong")).run(spark)
        except BytesMismatch as error:
            found["wrong"] = str(error)

        udf = pyfunc.spark_udf(
            spark,
            f"models:/{PRODUCTION}@{PRODUCTION_ALIAS}",
            result_type="float",
            env_manager="local",
        )
        code = F.when(F.col("country") == "DE", 0.0).when(F.col("country") == "FR", 1.0)
        answer = udf("amount", "age_days", F.coalesce(code, F.lit(-1.0)))
        rows = spark.read.option("recursiveFileLookup", "true").parquet(source)
        rows.select("id", answer.alias("probability")).write.parquet(str(folder / "udf"))

        # A run that was cut off left parts, and nothing that says that they are all.
        shutil.copytree(folder / "killed", folder / "cut off")
        (folder / "cut off" / "_SUCCESS").unlink()
        sys.argv = ["batch", source, str(folder / "cut off"), "--engine", "spark"]
        cli.app(standalone_mode=False)  # in the session that there is, which it ends
    finally:
        spark.stop()
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
