"""What runs on Spark's executors: the model file that the driver sent, verified, and its scores."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from batch.output import FILE, REASON, ROW
from batch.rows import Reasons
from batch.scoring import Piece, score
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.ledger.manifest import Manifest
from registry.model.scorer import MLMODEL_FILE, MODEL_FILE, Scorer, open_model
from registry.tracking.head import Head

SENT = (MODEL_FILE, MLMODEL_FILE)
"""The files of a model that an executor needs."""


@dataclass(frozen=True)
class Task:
    """What the driver tells executors, for `mapInArrow`.

    `link` is the ledger entry that the driver verified, and `prefix` what the names of the files
    that it sent begin with. `root` is what the addresses of input files begin with, and what the
    output leaves out.

    A batch has the columns that `names` has the names of, then the address of a row's file and its
    number there, from 0: in Spark they have other names, as its own leave no room for a backtick.
    """

    link: Link
    prefix: str
    names: tuple[str, ...]
    keys: tuple[str, ...]
    root: str
    explain: bool

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Scored rows, and rejected ones, which have a reason and no probability.

        Raises BytesMismatch where the model's files are not those of the statement.
        """
        head = Head(self.link, self._scorer())
        for batch in batches:
            *columns, addresses, numbers = batch.columns
            table = pa.table(columns, names=self.names)
            places = pa.table({FILE: self._files(addresses), ROW: pc.add(numbers, 1)})
            piece = Piece(table, places, Reasons(len(table)))
            scored, rejected = score(piece, head, self.keys, explain=self.explain)
            scored = scored.append_column(REASON, pa.nulls(len(scored), pa.string()))
            both = [scored, rejected] if len(rejected) else [scored]
            whole = pa.concat_tables(both, promote_options="default").select(scored.column_names)
            inside = [*map(key_name, range(len(self.keys))), *scored.column_names[len(self.keys) :]]
            yield from whole.rename_columns(inside).combine_chunks().to_batches()

    def _scorer(self) -> Scorer:
        signed = self.link.statement.files
        return _opened(self.prefix, tuple((name, signed[name]) for name in SENT))

    def _files(self, addresses: pa.Array) -> pa.Array:
        coded = addresses.dictionary_encode()
        root = _one_slash(self.root)
        names = [
            unquote(_one_slash(each).removeprefix(root)) for each in coded.dictionary.to_pylist()
        ]
        return pa.array(names, pa.string()).take(coded.indices)


def _one_slash(address: str) -> str:
    """Spark and Hadoop write the address of a local file with one slash or with three."""
    return re.sub("^file:/+", "file:/", address)


def key_name(place: int) -> str:
    """The name of a key's column in Spark."""
    return f"key_{place}"


@functools.lru_cache(1)
def _opened(prefix: str, digests: tuple[tuple[str, str], ...]) -> Scorer:
    """Once for each worker process, which scores one partition after the other."""
    files = Files({name: _sent(f"{prefix}{name}").read_bytes() for name, _ in digests})
    Manifest(dict(digests)).require(files.manifest, "the model's files on this executor")
    return open_model(files)


def _sent(name: str) -> Path:
    from pyspark import SparkFiles  # noqa: PLC0415 (not in the base set)

    return Path(SparkFiles.get(name))
