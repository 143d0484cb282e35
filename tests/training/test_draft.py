"""The data-set file that is written to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training import own_data
from training.data import read_transactions
from training.dataset import read_dataset
from training.draft import describe, write_new
from training.errors import BadInput

ODD = """\
Datum;Karte;Betrag;Fraud Flag;no;ort
02/03/2026 10:00;007;1,50;Yes;1;Köln
03/03/2026 11:00;7;2,5;No;2;Ulm
04/03/2026 11:00;7;3;?;2;Ulm
05/03/2026 11:00;7;3;No;2;Ulm
"""


def odd(folder: Path) -> Path:
    path = folder / "odd.csv"
    path.write_bytes(ODD.encode("latin-1"))
    return path


def test_the_file_explains_each_guess_and_leaves_the_label_open(tmp_path: Path) -> None:
    data, _ = own_data.write(tmp_path)

    assert (
        describe(data).yaml
        == """\
# Made by `python -m training describe-data` from 4,000 rows of payments.csv
# Each role is a guess from names and values: check every line.
# The label is never guessed. Remove the `#` before the right one:
# label: is_fraud    # number, 2 distinct: 0 (3,868), 1 (132)
time: {column: when}    # time, 4,000 distinct: 2026-01-01T00:00:00.000000 to \
2026-02-09T23:45:36.000000
#   add `zone: Europe/Berlin`, or yours, to `time` if times are local
amount: eur    # number, 3,440 distinct: 0.01 to 568.47
entities:    # who or what has a history; {risk: true} for terminals and shops
  card: {}    # number, 50 distinct: 0 to 49
categories:
  - mcc    # number, 3 distinct: 5411 (1,985), 5812 (1,169), 0742 (846)
  - country    # text, 3 distinct: IT (1,328), DE (1,285), FR (1,187); missing in 200 rows
numbers:
  - distance_km    # number, 896 distinct: 0 to 208.8; missing in 400 rows
ignored:
  - note    # text, 1 distinct: x (4,000)
delay_days: 7    # days until a fraud is known; the data does not say: ask
alert_budget_per_day: 20    # alerts that can be reviewed in a day: ask
"""
    )


def test_the_file_is_refused_until_the_label_is_chosen_and_then_reads_the_data(
    tmp_path: Path,
) -> None:
    data, _ = own_data.write(tmp_path)
    text = describe(data).yaml
    path = tmp_path / "draft.yaml"
    path.write_text(text)

    with pytest.raises(BadInput, match=r"draft\.yaml: label: Field required"):
        read_dataset(str(path))
    path.write_text(text.replace("# label:", "label:"))

    read = read_transactions(str(data), read_dataset(str(path)))
    assert read.frame.columns == [
        "is_fraud",
        "when",
        "eur",
        "card",
        "mcc",
        "country",
        "distance_km",
    ]
    assert read.frame["is_fraud"].sum() == 132


def test_what_has_two_readings_is_left_open_too(tmp_path: Path) -> None:
    lines = describe(odd(tmp_path)).yaml.splitlines()

    assert [line.split("    #")[0] for line in lines[3:]] == [
        '# label: "Fraud Flag"',
        "# positive: Yes",
        "# unlabelled: []",
        "# The time is not clear. Remove the `#` before the right line, and correct it:",
        '# time: {column: Datum, format: "%d/%m/%Y %H:%M"}',
        '# time: {column: Datum, format: "%m/%d/%Y %H:%M"}',
        "#   add `zone: Europe/Berlin`, or yours, to `time` if times are local",
        "amount: Betrag",
        "entities:",
        "  Karte: {}",
        "categories:",
        "  - no",
        "ignored:",
        "  - ort",
        "decimal: ','",
        "encoding: latin-1",
        "delay_days: 7",
        "alert_budget_per_day: 20",
    ]


def test_the_odd_file_is_read_once_its_questions_are_answered(tmp_path: Path) -> None:
    data, path = odd(tmp_path), tmp_path / "odd.yaml"
    text = describe(data).yaml.replace("# unlabelled: []", "# unlabelled: '?'")
    for line in ("label", "positive", "unlabelled", 'time: {column: Datum, format: "%d'):
        text = text.replace(f"# {line}", line)
    path.write_text(text)

    frame = read_transactions(str(data), read_dataset(str(path))).frame

    assert frame["Fraud Flag"].to_list() == [1, 0, None, 0]
    assert frame["Datum"].dt.date().cast(str).to_list()[0] == "2026-03-02"
    assert frame["Betrag"].to_list() == [1.5, 2.5, 3.0, 3.0]
    assert frame["Karte"].to_list() == ["007", "7", "7", "7"]
    assert frame["no"].to_list() == ["1", "2", "2", "2"]


def test_a_label_of_0_1_and_2_suggests_that_2_is_not_known_yet(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("Labels,Amount\n0,1.5\n1,2\n2,3\n")

    lines = describe(tmp_path / "s.csv").yaml.splitlines()

    assert lines[3:5] == [
        "# label: Labels    # number, 3 distinct: 0 (1), 1 (1), 2 (1)",
        '# unlabelled: ["2"]    # the values that mean that it is not known yet',
    ]


def test_what_is_not_found_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("k\nx\ny\n")

    lines = describe(tmp_path / "s.csv").yaml.splitlines()

    assert lines[3:6] == [
        "# label: the column with the frauds    # no column looks like it",
        "# time: {column: the column with the time}    # no column looks like it",
        "# amount: the column with the amount    # no column looks like one",
    ]


def test_the_table_shows_what_was_seen_in_each_column(tmp_path: Path) -> None:
    assert (
        describe(odd(tmp_path)).table
        == """\
column      type    missing  distinct  role        values
Fraud Flag  text    0        3         label?      No (2), ? (1), Yes (1)
Datum       time    0        4         time        02/03/2026 10:00 to 05/03/2026 11:00
Betrag      number  0        3         amount      3 (2), 1,50 (1), 2,5 (1)
Karte       number  0        2         entities    7 (3), 007 (1)
no          number  0        2         categories  2 (3), 1 (1)
ort         text    0        2         ignored     Ulm (3), Köln (1)"""
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.exists, "no data at .*; pass a Parquet or CSV file, or a folder"),
        (lambda path: path.write_text("a,b\n"), r"s\.csv contains no rows"),
        (lambda path: path.write_text(""), r"s\.csv cannot be read as CSV: empty CSV"),
    ],
)
def test_data_that_cannot_be_read_is_refused(tmp_path: Path, make: object, message: str) -> None:
    assert callable(make)
    make(tmp_path / "s.csv")

    with pytest.raises(BadInput, match=message):
        describe(tmp_path / "s.csv")


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("work of an afternoon")

    with pytest.raises(BadInput, match=r"mine\.yaml exists: delete it, or pass another name by"):
        write_new(path, "new")
    with pytest.raises(BadInput, match=r"none/mine\.yaml cannot be written: No such file"):
        write_new(tmp_path / "none" / "mine.yaml", "new")

    assert path.read_text() == "work of an afternoon"


def test_the_id_of_a_transaction_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("trx_id,amount,time\n1,2.5,2026-01-01\n2,3,2026-01-02\n")

    assert "id: trx_id    # number, 2 distinct: 1 (1), 2 (1)\n" in describe(path).yaml
