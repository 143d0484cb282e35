"""A run on Spark: the same scores from `mapInArrow` on a cluster that exists.

Spark reads, schedules, repeats what was lost, and writes. A run that did not end is done again.
"""

from __future__ import annotations

import atexit
import json
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch.columns import columns_of
from batch.executor import SENT, Task, key_name
from batch.hadoop import Folder, root_of, states
from batch.inputs import is_below
from batch.output import (
    DECISION,
    DIGEST,
    EXPLANATION,
    FILE,
    MANIFEST,
    PROBABILITY,
    REASON,
    REJECTS,
    ROW,
    VERSION,
    Counts,
    require_same,
)
from registry import errors
from registry.errors import Refused, RegistryError, UsageError, on_one_line
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.model.scorer import read_model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_SUCCESS = "_SUCCESS"
"""What Spark writes once all parts have their names."""
_OURS = re.compile(r"part-.*|_temporary|_rejects")
_RAISED = re.compile(r"registry\.errors\.(\w+): (.*)")


@dataclass(frozen=True)
class SparkJob:
    """As `Job`, on the Spark session of the process, which `spark-submit` configures.

    `source` and `output` are paths or addresses as Spark reads them, and `source` is Parquet.
    """

    link: Link
    files: Files
    source: str
    output: str
    keys: Sequence[str] = ()
    max_rejects: float = 0.01
    explain: bool = False

    def run(self, spark: SparkSession) -> Counts:
        """Score all rows, unless an earlier run did.

        Raises Refused for too many rejects, UsageError for an input that cannot be that of the
        model and for an output of something else, and what `Task` raises.
        """
        if is_below(self.output, self.source):
            raise UsageError("the output is in the folder of the input: name one beside it")
        with _spark_errors():
            reader = spark.read.option("recursiveFileLookup", "true")
            frame = reader.parquet(self.source)
            _, contract = read_model(self.files)
            columns = columns_of(
                contract, frame.columns, keys=self.keys, label="", has_history=False
            )
            for name in columns.read:
                if name not in frame.columns:
                    raise UsageError(
                        f"{self.source} has no column {name!r}; its columns are "
                        f"{on_one_line(', '.join(frame.columns))}"
                    )
            output = Folder(spark, self.output)
            manifest = {
                "engine": "spark",
                "model_version": self.link.version,
                "model_files": dict(self.link.statement.files),
                "input": states(spark, frame.inputFiles()),
                "keys": columns.keys,
                "explain": self.explain,
            }
            if not self._claimed(output, manifest):
                self._write(spark, frame, columns.keys, columns.read)
            rejects = spark.read.parquet(f"{self.output}/{REJECTS}").count()
            return Counts(spark.read.parquet(self.output).count(), rejects)

    def _claimed(self, output: Folder, manifest: Mapping[str, Any]) -> bool:
        """Whether all parts are there; else none is."""
        names = output.names()
        if MANIFEST in names:
            require_same(self.output, json.loads(output.read(MANIFEST)), manifest)
        elif others := [name for name in names if not name.startswith(MANIFEST)]:
            raise UsageError(
                f"{self.output} holds {others[0]!r}, which is not of a batch run: name a new folder"
            )
        else:
            output.write(MANIFEST, json.dumps(manifest, indent=1) + "\n")
        if _SUCCESS in names:
            return True
        for name in names:
            if _OURS.fullmatch(name):
                output.delete(name)
        return False

    def _write(
        self, spark: SparkSession, frame: DataFrame, keys: Sequence[str], read: Sequence[str]
    ) -> None:
        from pyspark import StorageLevel  # noqa: PLC0415 (not in the base set)
        from pyspark.sql import functions as F  # noqa: N812, PLC0415

        root, prefix = root_of(spark, self.source), self._send(spark)
        task = Task(self.link, prefix, tuple(read), tuple(keys), root, self.explain)
        wanted = [F.col(_quoted(name)).alias(f"c{place}") for place, name in enumerate(read)]
        place = (F.col("_metadata.file_path").alias("file"), F.col("_metadata.row_index"))
        # Each row is scored once; what an executor loses, Spark computes again.
        scored = (
            frame.select(*wanted, *place)
            .mapInArrow(task, self._schema(frame, keys))
            .persist(StorageLevel.DISK_ONLY)
        )
        kept = [F.col(key_name(place)).alias(name) for place, name in enumerate(keys)]
        try:
            rows, rejected = scored.agg(F.count("*"), F.count(REASON)).first()
            if not rows:
                raise UsageError("the input contains no rows")
            rejects = scored.filter(F.col(REASON).isNotNull()).select(*kept, FILE, ROW, REASON)
            rejects.write.mode("overwrite").parquet(f"{self.output}/{REJECTS}")
            if rejected > self.max_rejects * rows:
                raise Refused(
                    f"{rejected:,} of {rows:,} rows are rejected, more than --max-rejects "
                    f"{self.max_rejects:g} allows; their reasons are in {self.output}/{REJECTS}"
                )
            good = scored.filter(F.col(REASON).isNull())
            good = good.select(*kept, *good.drop(REASON).columns[len(keys) :])
            good.write.mode("append").option("compression", "zstd").parquet(self.output)
        finally:
            scored.unpersist()

    def _send(self, spark: SparkSession) -> str:
        """Have each executor fetch the model's files, once; returns what their names begin with.

        The names are those of this run, as Spark sends no other file under a name. They stay until
        the process ends: an executor that comes later fetches them, too.
        """
        folder = tempfile.mkdtemp(prefix="batch-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        prefix = f"{secrets.token_hex(8)}-"
        for name in SENT:
            path = Path(folder) / f"{prefix}{name}"
            path.write_bytes(self.files[name])
            spark.sparkContext.addFile(str(path))
        return prefix

    def _schema(self, frame: DataFrame, keys: Sequence[str]) -> Any:
        from pyspark.sql import types as T  # noqa: N812, PLC0415

        text = T.StringType()
        reason = T.StructType(
            [
                T.StructField("input", text),
                T.StructField("value", text),
                T.StructField("reference", text),
                T.StructField("change", T.DoubleType()),
            ]
        )
        fields = [
            T.StructField(key_name(place), frame.schema[key].dataType)
            for place, key in enumerate(keys)
        ]
        added = {
            FILE: text,
            ROW: T.LongType(),
            PROBABILITY: T.DoubleType(),
            DECISION: text,
            VERSION: T.LongType(),
            DIGEST: text,
            **({EXPLANATION: T.ArrayType(reason)} if self.explain else {}),
            REASON: text,
        }
        return T.StructType(fields + [T.StructField(*each) for each in added.items()])


def open_session() -> SparkSession:
    """The Spark session of this process. Raises UsageError where there is no pyspark."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 (not in the base set)
    except ImportError as error:
        raise UsageError(
            "--engine spark needs pyspark 4: run it by `spark-submit`, or install it"
        ) from error
    return SparkSession.builder.appName("fraud-batch").getOrCreate()


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@contextmanager
def _spark_errors() -> Iterator[None]:
    """Raise what an executor raised of ours, and what Spark says of input and output, as ours."""
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415 (not in the base set)
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        if found := _RAISED.search(str(error)):
            kind = getattr(errors, found[1], RegistryError)
            raise kind(found[2]) from error
        reason = next((line for line in str(error).splitlines() if line.strip()), "unknown")
        raise UsageError(f"Spark cannot score this: {on_one_line(reason)}") from error
