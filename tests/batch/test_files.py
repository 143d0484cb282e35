"""Files of any kind become tables of so many rows, or one line that says what is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from batch.files import InputFile, check_columns, digests, input_files
from registry.errors import UsageError
from registry.storage.container import open_container

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


def test_a_folder_or_a_glob_names_its_files_in_order(tmp_path: Path) -> None:
    for name in ("b/2.csv", "b/1.csv", "a.csv", "_SUCCESS.csv", "readme.txt"):
        put(tmp_path / name)

    assert [file.name for file in input_files(str(tmp_path))] == ["a.csv", "b/1.csv", "b/2.csv"]
    found = input_files(f"{tmp_path}/b/*.csv")
    assert [file.path.name for file in found] == ["1.csv", "2.csv"]
    assert list(digests(found)) == [f"{tmp_path}/b/1.csv", f"{tmp_path}/b/2.csv"]
    with pytest.raises(UsageError, match=r"no data at .*/c; pass a Parquet or CSV file"):
        input_files(f"{tmp_path}/c")
    put(tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="names both Parquet and CSV files: pass one kind"):
        input_files(str(tmp_path))


def test_an_address_in_blob_storage_is_downloaded(
    blobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.files.CACHE", tmp_path / "cache")
    file = put(tmp_path / "a.csv")
    with open_container(blobs) as container:
        container.upload(file.path, "night/a.csv")

    for address in (f"{blobs}/night", f"{blobs}/night/a.csv"):
        [found] = input_files(address)
        assert found.name == "a.csv"
        assert rows_of(found) == rows_of(file)


def test_all_files_need_the_columns_with_one_type(tmp_path: Path) -> None:
    for name, values in {"a": ["1"], "b": [1]}.items():
        parquet.write_table(pa.table({"x": values, name: [0]}), tmp_path / f"{name}.parquet")
    files = input_files(str(tmp_path))

    with pytest.raises(UsageError, match=r"b\.parquet has no column 'a'; its columns are x, b"):
        check_columns(files, ["a"])
    with pytest.raises(UsageError, match=r"column 'x' is of type int64 in b\.parquet, but string"):
        check_columns(files, ["x"])
    check_columns(files[:1], ["a"])
