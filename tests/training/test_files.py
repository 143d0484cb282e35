"""The files that people have: compressed, in folders, with other separators and encodings."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from training.errors import BadInput
from training.files import check_columns, data_files, sha256_of_data

TEXT = "t,a,y,shop\n2026-01-01,1.5,0,café\n2026-01-02,2.5,1,bar\n"
ROWS = [("1.5", "café"), ("2.5", "bar")]


def table(path: Path, encoding: str | None = None) -> pl.DataFrame:
    files = data_files(path, encoding)
    return pl.concat([file.read(["a", "shop"]).select("a", "shop") for file in files])


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", TEXT.encode()),
        ("d.CSV", TEXT.encode()),
        ("d.csv.gz", gzip.compress(TEXT.encode(), mtime=0)),
        ("D.CSV.GZ", gzip.compress(TEXT.encode(), mtime=0)),
        ("d.csv.zst", zstd(TEXT.encode())),
        ("d.tsv", TEXT.replace(",", "\t").encode()),
        ("d.tsv.gz", gzip.compress(TEXT.replace(",", "\t").encode(), mtime=0)),
        ("d.txt", TEXT.replace(",", "\t").encode()),
        ("semicolon.csv", TEXT.replace(",", ";").encode()),
        ("pipe.csv", TEXT.replace(",", "|").encode()),
        ("tab.csv", TEXT.replace(",", "\t").encode()),
        ("commas.tsv", TEXT.replace(",", "\t").replace("\ty\t", "\ty,1,2,3\t").encode()),
        ("bom.csv", TEXT.encode("utf-8-sig")),
        ("utf16.csv", TEXT.encode("utf-16")),
        ("utf16.csv.gz", gzip.compress(TEXT.encode("utf-16"), mtime=0)),
        ("crlf.csv", TEXT.replace("\n", "\r\n").encode()),
        ("a[1]*.csv", TEXT.encode()),
    ],
)
def test_a_text_file_is_read_by_what_it_is(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    assert table(tmp_path / name).rows() == ROWS


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "UTF8", "utf-8-sig"])
def test_other_encodings_are_read_by_their_key(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "d.csv").write_bytes(TEXT.encode(encoding))

    assert table(tmp_path / "d.csv", encoding).rows() == ROWS


def test_utf_8_may_be_named_and_have_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes("a,shop\n1,x\n".encode("utf-8-sig"))

    assert table(tmp_path / "d.csv", "utf-8").rows() == [("1", "x")]


def test_text_in_another_encoding_is_refused_with_the_key_that_helps(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(TEXT.encode("latin-1"))

    with pytest.raises(BadInput) as utf_8:
        table(tmp_path / "d.csv")
    with pytest.raises(BadInput) as ascii_:
        table(tmp_path / "d.csv", "ascii")

    assert str(utf_8.value) == (
        "d.csv is not text in UTF-8: set `encoding` in the data-set file to the one that it is in, "
        "such as `latin-1`"
    )
    assert str(ascii_.value) == (
        "d.csv is not text in ascii: set `encoding` in the data-set file to the one that it is in, "
        "such as `latin-1`"
    )


def test_a_row_with_more_fields_than_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,shop,z\n1,x,0\n1,5,x,0\n")

    with pytest.raises(BadInput, match=r"d\.csv cannot be read as CSV: found more fields than"):
        table(tmp_path / "d.csv")


def test_blank_lines_before_the_header_are_no_header(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("\n\na;shop\n1;x\n")

    assert table(tmp_path / "d.csv").rows() == [("1", "x")]


def test_blank_lines_are_not_rows(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,shop\n1,x\n\n2,\n,,\n".replace(",,", ",") + "\n")

    assert table(tmp_path / "d.csv").rows() == [("1", "x"), ("2", None)]


def test_utf_16_without_a_mark_is_refused_with_the_key_that_helps(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(TEXT.encode("utf-16-le"))

    with pytest.raises(BadInput, match=r"d\.csv is not text in UTF-8: set .* as `utf-16-le`"):
        table(tmp_path / "d.csv")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text("{}")

    with pytest.raises(BadInput, match=r"needs a name that ends in \.csv, \.tsv or \.txt"):
        table(tmp_path / "d.json")


def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(TEXT.encode() * 10_000)[:-20])

    with pytest.raises(BadInput, match=r"d\.csv\.gz cannot be read as CSV: "):
        table(tmp_path / "d.csv.gz")


def test_only_the_named_columns_are_read(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1], "shop": ["x"], "z": [[1]]}).write_parquet(tmp_path / "d.parquet")

    [file] = data_files(tmp_path / "d.parquet")

    assert file.columns() == ["a", "shop", "z"]
    assert file.read(["shop"]).columns == ["shop"]


def write_csv(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a\n1\n")


def write_parquet(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"a": ["1"]}).write_parquet(path)


@pytest.mark.parametrize(("suffix", "write"), [("csv", write_csv), ("parquet", write_parquet)])
def test_folders_that_are_called_by_a_value_are_columns(
    tmp_path: Path, suffix: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "shop=bar%20%3D%201" / f"part-0.{suffix}")
    write(tmp_path / "shop=007" / f"part-0.{suffix}")
    write(tmp_path / "shop=__HIVE_DEFAULT_PARTITION__" / f"part-0.{suffix}")
    write(tmp_path / "shop=007" / "_temporary" / f"part-0.{suffix}")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "shop=007" / f".part-0.{suffix}.crc").touch()
    (tmp_path / "notes.txt").write_text("not data")

    assert data_files(tmp_path)[0].columns() == ["a", "shop"]
    assert table(tmp_path).rows() == [("1", "007"), ("1", None), ("1", "bar = 1")]


def test_a_folder_of_csv_files_is_one_table_and_has_one_digest(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(TEXT)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    before = sha256_of_data(tmp_path)
    (tmp_path / "b.csv").rename(tmp_path / "c.csv")

    assert table(tmp_path).rows() == [*ROWS, *ROWS]
    assert len(before) == 64
    assert sha256_of_data(tmp_path) != before


def test_a_folder_without_data_or_of_both_kinds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"contains no \.parquet and no \.csv file"):
        data_files(tmp_path)
    write_csv(tmp_path / "a.csv")
    write_parquet(tmp_path / "b.parquet")
    with pytest.raises(BadInput, match="contains both Parquet and CSV files: pass one kind"):
        data_files(tmp_path)


def test_a_missing_column_is_named_with_the_one_most_like_it() -> None:
    with pytest.raises(BadInput) as caught:
        check_columns(["time", "amount", "y"], ["y", "amuont"])

    assert str(caught.value) == (
        "the data has no column 'amuont', which the data-set file requires; did you mean "
        "'amount'? its columns are time, amount, y"
    )


def test_a_column_that_occurs_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="several columns 'a': rename all but one"):
        check_columns(["a", "b", "a"], ["a"])
