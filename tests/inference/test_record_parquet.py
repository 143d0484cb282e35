"""Records as Parquet: nothing is lost on the way there and back."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NotRequired, get_args, get_origin, get_type_hints

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from inference import record_parquet
from inference.record_parquet import SCHEMA, write_parquet
from registry.model.record import PredictionRecord, record_line, record_start
from registry.model.scorer import Value
from tests.inference.spooled import line, lines, records_in

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.one_of(FINITE, TEXT, st.none())


def test_the_columns_are_the_fields_of_a_record() -> None:
    hints = get_type_hints(PredictionRecord, include_extras=True)
    del hints["record"]
    assert SCHEMA.names == list(hints)
    assert [field.nullable for field in SCHEMA] == [
        get_origin(hint) is NotRequired for hint in hints.values()
    ]
    arrow = {int: pa.int64(), float: pa.float64(), str: pa.string(), dict: pa.string()}
    plain = get_type_hints(PredictionRecord)
    for field in SCHEMA:
        hint = plain[field.name]
        kind = type(get_args(hint)[0]) if get_origin(hint) is Literal else get_origin(hint) or hint
        assert field.type == arrow[kind]


@given(
    time=st.floats(0, 1e11),
    texts=st.tuples(TEXT, TEXT, TEXT),
    row=st.integers(0, 100_000),
    probability=st.floats(0, 1, width=32),
    has_history=st.booleans(),
    inputs=st.dictionaries(TEXT, VALUE, max_size=5),
    with_names=st.booleans(),
)
def test_a_record_comes_back_from_parquet_as_it_was(
    time: float,
    texts: tuple[str, str, str],
    row: int,
    probability: float,
    has_history: bool,
    inputs: dict[str, Value],
    with_names: bool,
) -> None:
    text = record_line(
        record_start(7, "0a", 0.5),
        time=time,
        request_id=texts[0],
        row=row,
        caller=texts[1],
        probability=probability,
        decision="review",
        transaction_id=texts[2],
        has_history=has_history,
        values=list(inputs.values()),
        names=list(inputs) if with_names else None,
    )
    with TemporaryDirectory() as folder:
        source, converted = Path(folder, "a.jsonl"), Path(folder, "a.parquet")
        source.write_bytes(text)
        assert write_parquet(source, converted) == 0
        assert records_in(converted) == [json.loads(text)]


def test_lines_that_are_no_records_are_left_out_and_counted(tmp_path: Path) -> None:
    source, converted = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    good = [line.text for line in lines(range(2))]
    source.write_bytes(b"".join([good[0], b'{"record":\n', b"\0\0\n", b"5\n", good[1]]))
    assert write_parquet(source, converted) == 3
    assert [record["row"] for record in records_in(converted)] == [0, 1]


def test_a_record_of_other_types_fails_and_leaves_nothing(tmp_path: Path) -> None:
    source, converted = tmp_path / "a.jsonl", tmp_path / "a.parquet"
    source.write_bytes(b'{"model_version":"seven"}\n')
    with pytest.raises((ValueError, TypeError)):
        write_parquet(source, converted)
    assert list(tmp_path.iterdir()) == [source]


def test_many_records_are_converted_in_parts_and_the_same_bytes_come_out_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_parquet, "CHUNK_BYTES", 1000)
    source = tmp_path / "a.jsonl"
    source.write_bytes(b"".join(line.text for line in lines(range(100))))
    for name in ("a.parquet", "b.parquet"):
        assert write_parquet(source, tmp_path / name) == 0
    file = parquet.ParquetFile(tmp_path / "a.parquet")
    assert file.num_row_groups > 10
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert [record["row"] for record in records_in(tmp_path / "a.parquet")] == list(range(100))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_an_analyst_reads_a_folder_and_joins_labels(tmp_path: Path) -> None:
    for version in (7, 8):
        folder = tmp_path / "hour=2026-11-28T08" / f"version={version}"
        folder.mkdir(parents=True)
        record = json.loads(line(0, version=version).text) | {"transaction_id": f"t{version}"}
        (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n")
        write_parquet(tmp_path / "a.jsonl", folder / "a.parquet")
        (tmp_path / "a.jsonl").unlink()
    records = pl.read_parquet(tmp_path, hive_partitioning=True)
    labels = pl.DataFrame({"transaction_id": ["t8"], "is_fraud": [1]})
    joined = records.join(labels, on="transaction_id")
    assert joined.select("hour", "version", "model_version", "is_fraud").rows() == [
        ("2026-11-28T08", 8, 8, 1)
    ]
