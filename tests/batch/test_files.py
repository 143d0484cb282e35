"""Files of any kind become tables of so many rows, or one line that says what is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from batch.files import InputFile
from registry.errors import UsageError

CSV = "id,amount\na,1.5\nb,\n"


def put(path: Path, content: str | bytes = CSV) -> InputFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return InputFile(path, path.name)


def rows_of(file: InputFile, rows: int = 10) -> list[dict[str, object]]:
    names = file.schema().names
    return [row for table, _ in file.tables(names, rows) for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.csv", "\ufeff" + CSV),
        ("a.csv", CSV.replace(",", ";")),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.csv", CSV.replace("\n", "\r\n")),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("a*[b]?.csv", CSV),
    ],
)
def test_csv_is_read_as_text_with_null_where_there_is_none(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    assert rows_of(put(tmp_path / name, content)) == [
        {"id": "a", "amount": "1.5"},
        {"id": "b", "amount": None},
    ]


def test_tables_have_the_same_rows_whatever_the_row_groups(tmp_path: Path) -> None:
    table = pa.table({"a": range(10), "x.y": range(10)})
    shares = []
    for group in (1, 3, 10):
        path = tmp_path / f"{group}.parquet"
        parquet.write_table(table, path, row_group_size=group)
        read = list(InputFile(path, path.name).tables(["x.y"], 4))
        assert [part["x.y"].to_pylist() for part, _ in read] == [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
            [8, 9],
        ]
        shares.append(read[-1][1])
    assert shares == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "", "a.csv is empty"),
        ("a.parquet", "", "a.parquet cannot be read as Parquet"),
        ("a.parquet", CSV, "a.parquet cannot be read as Parquet"),
        ("a.csv", "id,name\na,Müller\n".encode("latin-1"), "a.csv is not text in UTF-8: conv"),
        ("a.csv", "id,näme\na,b\n".encode("latin-1"), "a.csv is not text in UTF-8: conv"),
        ("a.csv", CSV.encode("utf-16"), "a.csv is not text in UTF-8: convert it"),
        ("a.csv", CSV.encode("utf-16-le"), "a.csv is not text in UTF-8: convert it"),
        ("a.csv", "id,id\na,b\n", "a.csv has several columns 'id': rename all but one"),
        ("a.csv", "id,amount\na\n", "a.csv cannot be read as CSV: CSV parse error"),
        ("a.csv.gz", b"no gzip", "a.csv.gz cannot be read as CSV"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: str | bytes, problem: str
) -> None:
    file = put(tmp_path / name, content)

    with pytest.raises(UsageError, match=f"^{problem}"):
        rows_of(file)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    file = put(tmp_path / "a.csv")
    tables = file.tables(["id"], 1)
    next(tables)
    put(file.path, CSV * 2)

    with pytest.raises(UsageError, match=r"a\.csv changed while it was read: run again"):
        list(tables)
    again = InputFile(file.path, "a.csv")
    again.sha256()
    put(file.path, CSV * 3)
    with pytest.raises(UsageError, match=r"a\.csv changed while it was read: run again"):
        next(again.tables(["id"], 1))
