"""Reading data: every kind of file, and a one-line error for every way that it can be invalid."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.keys import dataset
from training import simulate
from training.data import read_data, read_transactions
from training.dataset import read_dataset
from training.errors import BadInput

JAN_1, JAN_2, JAN_3 = datetime(2026, 1, 1), datetime(2026, 1, 2), datetime(2026, 1, 3)
JAN_3_UTC = "2026-01-03T12:00Z"
CSV = "t,a,y\n2026-01-01T00:00:00,1.5,0\n2026-01-02T00:00:00,2.5,1\n"


LABEL_HINT = (
    "set `positive` to the value that means fraud, or list it under `unlabelled` if it means that "
    "the label is not known yet"
)
SECONDS = {"time": {"column": "t", "unit": "s", "origin": date(2026, 1, 1)}}


def frame(**columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(
        {"t": [JAN_1, JAN_2, JAN_3], "a": [1.0, 2.0, 3.0], "y": [0, 1, 0]} | columns
    )


def parquet(folder: Path, table: pl.DataFrame, name: str = "data.parquet") -> str:
    table.write_parquet(folder / name)
    return str(folder / name)


def csv(folder: Path, text: str) -> str:
    (folder / "data.csv").write_text(text)
    return str(folder / "data.csv")


def test_parquet_is_read_with_its_roles_and_types(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(k=["x", None, "z"], n=[1, None, 3], other=[7, 8, 9]))

    data = read_data(path, dataset(categories=["k"], numbers=["n"]))

    assert data.frame.schema == {
        "y": pl.Int8(),
        "t": pl.Datetime("us"),
        "a": pl.Float64(),
        "k": pl.String(),
        "n": pl.Float64(),
    }
    assert data.frame["k"].to_list() == ["x", None, "z"]
    assert data.frame["n"].to_list() == [1.0, None, 3.0]
    assert data.labels(data.frame).tolist() == [0, 1, 0]


def test_csv_is_read_as_parquet_is(tmp_path: Path) -> None:
    data = read_data(csv(tmp_path, CSV), dataset())

    assert data.frame.rows() == [(0, JAN_1, 1.5), (1, JAN_2, 2.5)]


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    parquet(tmp_path, frame(), "b.parquet")
    parquet(tmp_path, frame(t=[JAN_2, JAN_2, JAN_2]), "a.parquet")
    (tmp_path / "notes.txt").write_text("not data")

    data = read_data(str(tmp_path), dataset())

    assert data.frame["t"].to_list() == [JAN_1, JAN_2, JAN_2, JAN_2, JAN_2, JAN_3]
    digests = {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("a.parquet", "b.parquet")
    }
    lines = f"{digests['a.parquet']}  a.parquet\n{digests['b.parquet']}  b.parquet\n"
    assert data.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_a_name_with_glob_characters_is_a_plain_name(tmp_path: Path) -> None:
    assert len(read_data(parquet(tmp_path, frame(), "a[1]*.parquet"), dataset()).frame) == 3


def test_rows_are_sorted_by_time_and_equal_times_keep_their_order(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(t=[JAN_3, JAN_1, JAN_1]))

    assert read_data(path, dataset()).frame["a"].to_list() == [2.0, 3.0, 1.0]


def test_files_that_differ_only_after_row_ten_thousand_have_different_digests(
    tmp_path: Path,
) -> None:
    lines = [f"2026-01-{1 + row % 28:02},{row},{row % 2}" for row in range(12_000)]
    first = read_data(csv(tmp_path, "\n".join(["t,a,y", *lines])), dataset())
    lines[11_000] = lines[11_000].replace("11000", "11001")
    text = "\n".join(["t,a,y", *lines])
    second = read_data(csv(tmp_path, text), dataset())

    assert second.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert first.sha256 != second.sha256


def test_history_features_are_added_with_the_names_of_their_entity(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(card=["k", "k", "k"]))

    data = read_data(path, dataset(entities={"card": {}}, windows_days=[1]))

    assert data.frame["card_count_1d"].to_list() == [1.0, 1.0, 1.0]
    assert data.frame["card_mean_amount_1d"].to_list() == [1.0, 2.0, 3.0]


def test_times_may_be_seconds_or_milliseconds_since_an_origin(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(t=[0, 90_000_000, 172_800_500]))
    milliseconds = {"column": "t", "unit": "ms", "origin": date(2026, 1, 1)}

    seconds = read_data(path, dataset(**SECONDS)).frame["t"]
    thousandths = read_data(path, dataset(time=milliseconds)).frame["t"]

    assert seconds.to_list()[:2] == [JAN_1, datetime(2028, 11, 7, 16)]
    assert thousandths.to_list() == [
        JAN_1,
        datetime(2026, 1, 2, 1),
        datetime(2026, 1, 3, 0, 0, 0, 500_000),
    ]


def test_text_times_with_a_zone_become_utc(tmp_path: Path) -> None:
    times = ["2026-01-01T02:00:00+02:00", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    path = parquet(tmp_path, frame(t=times))

    assert read_data(path, dataset()).frame["t"].to_list() == [JAN_1, JAN_2, JAN_3]


def test_a_number_that_is_nan_is_missing(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(n=[float("nan"), None, 3.0]))

    assert read_data(path, dataset(numbers=["n"])).frame["n"].to_list() == [None, None, 3.0]


def test_categories_of_a_csv_file_stay_as_they_are_written(tmp_path: Path) -> None:
    text = "t,a,y,k,hour\n2026-01-01,1,0,007,10:30\n2026-01-02,2,1,,09:00\n"

    data = read_data(csv(tmp_path, text), dataset(categories=["k", "hour"]))

    assert data.frame["k"].to_list() == ["007", None]
    assert data.frame["hour"].to_list() == ["10:30", "09:00"]


def test_booleans_are_labels_too(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(y=[False, True, False]))

    assert read_data(path, dataset()).frame["y"].to_list() == [0, 1, 0]


@pytest.mark.parametrize(
    ("columns", "roles", "message"),
    [
        (
            {},
            {"numbers": ["n"]},
            "the data has no column 'n', which the data-set file requires; its columns are t, a, y",
        ),
        ({"y": [0, 1, 2]}, {}, f"column 'y': '2' in row 3 is neither 0 nor 1: {LABEL_HINT}"),
        (
            {"y": [0.0, 0.5, 1.0]},
            {},
            f"column 'y': '0.5' in row 2 is neither 0 nor 1: {LABEL_HINT}",
        ),
        (
            {"y": ["no", "yes", "no"]},
            {},
            f"column 'y': 'no' in row 1 is neither 0 nor 1: {LABEL_HINT}",
        ),
        (
            {"y": [0, 1, None]},
            {},
            "column 'y' (the label) has no value in 1 row, first in row 3: set `unlabelled: ''` if "
            "such labels are not known yet, or remove the rows",
        ),
        (
            {"a": ["1", "2", "three"]},
            {},
            "column 'a': 'three' in row 3 is not a number: list it under `missing` if it means "
            "that there is no value",
        ),
        (
            {"a": [[1], [2], [3]]},
            {},
            "column 'a' contains lists or structs; expected one value per row",
        ),
        ({"a": [JAN_1, JAN_1, JAN_1]}, {}, "column 'a' contains times, but numbers are expected"),
        ({"a": [1.0, 2.0, float("inf")]}, {}, "column 'a': inf in row 3 is infinite"),
        ({"a": [1.0, float("-inf"), 2.0]}, {}, "column 'a': -inf in row 2 is infinite"),
        ({"a": [1.0, 2.0, 3.5e38]}, {}, "column 'a': 3.5e+38 in row 3 is too large for float32"),
        ({"a": [1.0, 2.0, 1.1e11]}, {}, "column 'a': 110000000000.0 in row 3 is beyond 1e+11"),
        (
            {"a": [1.0, 2.0, None]},
            {},
            "column 'a' (the amount) has no value in 1 row, first in row 3: remove the rows, or "
            "fill in the amounts",
        ),
        (
            {"a": [1.0, float("nan"), float("nan")]},
            {},
            "column 'a' (the amount) has no value in 2 rows, first in row 2: remove the rows, or "
            "fill in the amounts",
        ),
        (
            {"k": [["x"], ["y"], ["z"]]},
            {"categories": ["k"]},
            "column 'k' contains lists or structs; expected one value per row",
        ),
        (
            {"k": [["x"], ["y"], ["z"]]},
            {"entities": {"k": {}}},
            "column 'k' contains lists or structs; expected one value per row",
        ),
        (
            {"t": ["2026-01-01", "yesterday", "2026-01-03"]},
            {},
            "column 't': 'yesterday' in row 2 is not ISO 8601: set `format` in `time` to how it is "
            "written, such as `'%d/%m/%Y %H:%M:%S'`",
        ),
        (
            {"t": [0, 1, 2]},
            {},
            "column 't' (the time) is of type Int64: set `unit` and `origin` if it counts seconds "
            "or milliseconds, or else `format`",
        ),
        (
            {"t": [0.5, 1.5, 2.5]},
            {},
            "column 't' (the time) is of type Float64: set `unit` and `origin` if it counts "
            "seconds or milliseconds, or else `format`",
        ),
        (
            {},
            SECONDS,
            "column 't' (the time) is of type Datetime(time_unit='us', time_zone=None), not a "
            "number: remove `unit` and `origin`",
        ),
        (
            {"t": [0, 1, 1_700_000_000_000]},
            SECONDS,
            "column 't': 1700000000000 in row 3 would be in the year 55896, before 1980 or after "
            "2100: check `unit`, `origin` and `format`, or remove the row",
        ),
        (
            {"t": [0.0, 1.0, float("nan")]},
            SECONDS,
            "column 't' (the time) has no value in 1 row, first in row 3: remove the rows",
        ),
        (
            {"t": [JAN_1, JAN_2, None]},
            {},
            "column 't' (the time) has no value in 1 row, first in row 3: remove the rows",
        ),
        (
            {"t": [JAN_1, JAN_1, JAN_1]},
            {},
            "column 't' (the time) has the same value in every row",
        ),
    ],
)
def test_a_wrong_column_is_named(
    tmp_path: Path, columns: dict[str, list[Any]], roles: dict[str, Any], message: str
) -> None:
    path = parquet(tmp_path, frame(**columns))

    with pytest.raises(BadInput) as caught:
        read_data(path, dataset(**roles))

    assert str(caught.value) == message


def truncated(folder: Path) -> str:
    path = parquet(folder, frame())
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) // 2])
    return path


def text_called_parquet(folder: Path) -> str:
    (folder / "text.parquet").write_text(CSV)
    return str(folder / "text.parquet")


def zero_bytes(folder: Path) -> str:
    (folder / "none.parquet").touch()
    return str(folder / "none.parquet")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: parquet(folder, frame().clear()), "data.parquet contains no rows"),
        (lambda folder: csv(folder, "t,a,y\n"), "data.csv contains no rows"),
        (lambda folder: csv(folder, ""), "data.csv cannot be read as CSV: empty CSV"),
        (
            lambda folder: csv(folder, "t,a,y\n2026-01-01,1,0,9\n"),
            "data.csv cannot be read as CSV: found more fields than defined in 'Schema'",
        ),
        (zero_bytes, "none.parquet cannot be read as Parquet: "),
        (truncated, "data.parquet cannot be read as Parquet: "),
        (text_called_parquet, "text.parquet cannot be read as Parquet: "),
        (lambda folder: str(folder / "nothing.parquet"), "no data at "),
        (lambda folder: str(folder / "nothing.csv"), "no data at "),
        (str, "folder "),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(
    tmp_path: Path, make: Callable[[Path], str], message: str
) -> None:
    path = make(tmp_path)

    with pytest.raises(BadInput) as caught:
        read_data(path, dataset())

    assert str(caught.value).startswith(message)
    assert Path(path).name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_in_a_folder_names_the_file(tmp_path: Path) -> None:
    parquet(tmp_path, frame(), "a.parquet")
    parquet(tmp_path, frame(a=["1", "y", "z"]), "b.parquet")

    with pytest.raises(BadInput, match=r"b\.parquet: column 'a': 'y' in row 2 is not a number"):
        read_data(str(tmp_path), dataset())


def test_a_parquet_file_with_a_flipped_bit_is_read_or_refused_but_nothing_else(
    tmp_path: Path,
) -> None:
    whole = Path(parquet(tmp_path, frame())).read_bytes()
    refused = 0
    for position in range(4, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        (tmp_path / "damaged.parquet").write_bytes(damaged)
        try:
            read_data(str(tmp_path / "damaged.parquet"), dataset())
        except BadInput as error:
            refused += "\n" not in str(error)
    assert refused > 10


def test_the_simulated_data_is_made_once_and_cached(tmp_path: Path) -> None:
    first = read_data("simulated", read_dataset("simulated"), cache=tmp_path / "cache")
    [path] = (tmp_path / "cache").iterdir()
    modified = path.stat().st_mtime_ns
    second = read_data("simulated", read_dataset("simulated"), cache=tmp_path / "cache")

    assert re.fullmatch(r"simulated-20260101-[0-9a-f]{8}\.parquet", path.name)
    assert path.stat().st_mtime_ns == modified
    assert first.sha256 == second.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_simulated_data_is_made_again_when_the_simulator_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "simulate.py"
    changed.write_text(Path(simulate.__file__).read_text() + "# changed")
    cache = tmp_path / "cache"
    read_data("simulated", read_dataset("simulated"), cache=cache)

    monkeypatch.setattr(simulate, "__file__", str(changed))
    read_data("simulated", read_dataset("simulated"), cache=cache)

    assert len(list(cache.iterdir())) == 2


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(parquet(tmp_path, frame()))
    read = pl.read_parquet

    def read_and_change(*arguments: Any, **named: Any) -> pl.DataFrame:
        content = read(*arguments, **named)
        frame().head(2).write_parquet(path)
        return content

    monkeypatch.setattr(pl, "read_parquet", read_and_change)
    with pytest.raises(BadInput, match="changed while it was read; run again once"):
        read_data(str(path), dataset())


@pytest.mark.parametrize(
    ("ids", "counts"),
    [
        (["007", "7", "7"], [1.0, 1.0, 2.0]),
        (["1e5", "100000", "1e5"], [1.0, 1.0, 2.0]),
        (["9007199254740993", "9007199254740992", "9007199254740993"], [1.0, 1.0, 2.0]),
    ],
)
def test_entities_of_a_csv_file_are_text_always(
    tmp_path: Path, ids: list[str], counts: list[float]
) -> None:
    lines = [f"2026-01-0{row + 1},{row},{row % 2},{card}" for row, card in enumerate(ids)]
    path = csv(tmp_path, "\n".join(["t,a,y,card", *lines]))

    data = read_data(path, dataset(entities={"card": {}}, windows_days=[7]))

    assert data.frame["card"].dtype == pl.Categorical  # a code of 4 bytes for each row
    assert data.frame["card"].to_list() == ids
    assert data.frame["card_count_7d"].to_list() == counts


@pytest.mark.parametrize(
    "absent", [None, "", " ", "NULL", "NaN", "nan", "NA", "N/A", "None", "<NA>", float("nan")]
)
def test_rows_without_an_entity_share_no_history_and_are_counted(
    tmp_path: Path, absent: str | float | None
) -> None:
    present = 7.0 if isinstance(absent, float) else "7"
    path = parquet(tmp_path, frame(card=[absent, absent, present]))

    data = read_data(path, dataset(entities={"card": {}}, windows_days=[7]))

    assert data.frame["card"].to_list() == [None, None, "7"]
    assert data.frame["card_count_7d"].to_list() == [0.0, 0.0, 1.0]
    assert data.notes == (
        "2 of 3 rows have no 'card': they get no history, and are not the same entity",
    )


def test_rows_without_a_known_label_are_history_but_not_examples(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(y=[2, 0, 1], card=["k", "k", "k"]))

    data = read_data(path, dataset(unlabelled=[2], entities={"card": {}}, windows_days=[7]))

    assert data.frame["y"].to_list() == [0, 1]
    assert data.frame["card_count_7d"].to_list() == [2.0, 3.0]
    assert data.notes == (
        "1 of 3 rows have no known label (`unlabelled`): they count in histories, but are neither "
        "trained nor tested on",
    )


@pytest.mark.parametrize(
    ("amounts", "notes"),
    [
        ([0.1, 12.3456, 1e9], ()),
        (
            [0.1, 0.00001, 12.34567],
            (
                "2 of 3 amounts have more than 4 decimals: mean amounts are made of amounts "
                "rounded to 1/10,000; a unit 1,000 times smaller keeps more of them",
            ),
        ),
    ],
)
def test_amounts_that_lose_decimals_in_means_are_noted(
    tmp_path: Path, amounts: list[float], notes: tuple[str, ...]
) -> None:
    path = parquet(tmp_path, frame(a=amounts, card=["k", "k", "k"]))

    assert read_data(path, dataset(entities={"card": {}}, windows_days=[7])).notes == notes


def test_labels_that_are_all_unknown_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(y=[2, 2, 2]))

    with pytest.raises(BadInput, match=r"'y' \(the label\) has no known value: check `unlabelled`"):
        read_data(path, dataset(unlabelled=2))


def test_a_label_that_is_called_none_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(y=["None", "fraud", "None"]))

    assert read_data(path, dataset(positive="fraud")).frame["y"].to_list() == [0, 1, 0]


def test_files_of_a_folder_may_differ_in_the_type_of_a_number(tmp_path: Path) -> None:
    parquet(tmp_path, frame(a=[1, 2, 3], k=[5411, 1, 2]), "a.parquet")
    parquet(tmp_path, frame(a=["4", "5", "6"], k=[5411.0, None, 2.5]), "b.parquet")

    data = read_data(str(tmp_path), dataset(categories=["k"]))

    assert sorted(data.frame["a"]) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert data.frame["k"].to_list() == ["5411", "5411", "1", None, "2", "2.5"]


def test_a_file_without_rows_says_nothing_about_offsets(tmp_path: Path) -> None:
    full = frame(t=["2026-01-01T12:00+01:00", "2026-01-02T12:00Z", JAN_3_UTC])
    (tmp_path / "b.csv").write_text(full.write_csv())
    (tmp_path / "a.csv").write_text(full.clear().write_csv())

    assert len(read_data(str(tmp_path), dataset()).frame) == 3


def test_files_of_a_folder_that_differ_in_stating_an_offset_need_a_zone(tmp_path: Path) -> None:
    parquet(tmp_path, frame(t=["2026-01-01T12:00Z", "2026-01-02T12:00Z", JAN_3_UTC]), "a.parquet")
    parquet(tmp_path, frame(t=["2026-01-01", "2026-01-02", "2026-01-03"]), "b.parquet")

    with pytest.raises(BadInput, match="in some files, but not in others: set `zone` in `time`"):
        read_data(str(tmp_path), dataset())

    data = read_data(str(tmp_path), dataset(time={"column": "t", "zone": "Europe/Berlin"}))
    assert data.frame["t"].to_list()[:2] == [datetime(2025, 12, 31, 23), datetime(2026, 1, 1, 12)]


def test_files_of_a_folder_may_each_be_of_an_hour(tmp_path: Path) -> None:
    time = {"column": "t", "unit": "ms", "origin": date(2026, 1, 1)}
    parquet(tmp_path, frame(t=[0, 1_000, 2_000]), "a.parquet")
    parquet(tmp_path, frame(t=[172_800_000, 172_801_000, 172_802_000]), "b.parquet")

    assert read_data(str(tmp_path), dataset(time=time)).frame["t"].to_list()[3] == JAN_3


def test_a_label_may_be_of_one_kind_in_one_file_of_a_folder(tmp_path: Path) -> None:
    parquet(tmp_path, frame(y=["legit", "legit", "legit"]), "a.parquet")
    parquet(tmp_path, frame(y=["legit", "fraud", "legit"]), "b.parquet")

    data = read_data(str(tmp_path), dataset(positive="fraud"))

    assert data.frame["y"].to_list() == [0, 0, 0, 1, 0, 0]


CELLS = st.one_of(
    st.lists(st.integers(-(2**53) + 1, 2**53 - 1), min_size=2, max_size=2),
    st.lists(st.booleans(), min_size=2, max_size=2),
    st.lists(st.integers(-(2**52), 2**52).map(float), min_size=2, max_size=2),
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), min_size=2),
)


@given(cells=CELLS, gap=st.booleans())
def test_a_category_and_an_entity_are_the_same_from_csv_and_parquet(
    cells: list[Any], gap: bool
) -> None:
    values = [*cells, *([None] if gap else [])]
    size = len(values)
    times = [JAN_1 + timedelta(hours=row) for row in range(size)]
    table = pl.DataFrame({"t": times, "a": 1.0, "y": 0, "k": values, "c": values})
    roles = dataset(categories=["k"], entities={"c": {}})
    with tempfile.TemporaryDirectory() as folder:
        table.write_csv(Path(folder) / "data.csv")
        read = [
            read_transactions(parquet(Path(folder), table), roles).frame,
            read_transactions(str(Path(folder) / "data.csv"), roles).frame,
        ]

    assert read[0].equals(read[1])
    assert read[0]["k"].to_list() == read[0]["c"].to_list()


def test_the_hours_of_seconds_since_1970_are_of_the_zone(tmp_path: Path) -> None:
    path = parquet(tmp_path, frame(t=[1_782_907_200, 1_782_910_800, 1_782_993_600]))
    time = {"column": "t", "unit": "s", "origin": date(1970, 1, 1), "zone": "America/New_York"}

    data = read_data(path, dataset(time=time, calendar=["hour"]))

    assert data.frame["t"].to_list()[0] == datetime(2026, 7, 1, 12)
    assert data.frame["hour"].to_list() == [8.0, 9.0, 8.0]


def test_calendar_features_are_of_the_zone(tmp_path: Path) -> None:
    summer = [datetime(2026, 7, 1, 22, 30), datetime(2026, 7, 3, 21, 59), datetime(2026, 7, 3, 22)]
    path = parquet(tmp_path, frame(t=[f"{time.isoformat()}Z" for time in summer]))
    time = {"column": "t", "zone": "Europe/Berlin"}

    data = read_data(path, dataset(time=time, calendar=["hour", "night", "weekend"]))

    assert data.frame["t"].to_list() == summer
    assert data.frame["hour"].to_list() == [0.0, 23.0, 0.0]
    assert data.frame["night"].to_list() == [1.0, 0.0, 1.0]
    assert data.frame["weekend"].to_list() == [0.0, 0.0, 1.0]


def test_calendar_features_are_computed(tmp_path: Path) -> None:
    calendar = dataset().model_copy(update={"calendar": ("night", "weekend")})

    read = read_data(parquet(tmp_path, frame()), calendar).frame

    times = read[calendar.time.column].to_list()
    assert read["night"].to_list() == [float(time.hour <= 6) for time in times]
    assert set(read["weekend"].to_list()) <= {0.0, 1.0}
