from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.record_parquet import write_parquet
from monitoring.join import Joined, join
from monitoring.labels import Counts, LabelColumns
from monitoring.sources import data_files, scan
from registry.errors import UsageError
from registry.model.record import record_line, record_start
from tests.monitoring.tables import DAY, TERMS, UNTIL, WITH_TIME, joined, labels, records


def outcome(result: Joined) -> list[tuple[int, int, float, int | None]]:
    rows = result.rows.select("version", "day", "probability", "label").rows()
    return sorted((v, day, round(p, 6), label) for v, day, p, label in rows)


def test_a_transaction_that_was_sent_again_counts_with_its_first_record() -> None:
    result = joined(
        records(
            {"transaction_id": "a", "time": 5 * DAY + 9, "probability": 0.25},
            {"transaction_id": "a", "time": 5 * DAY, "probability": 0.75},
            {"transaction_id": "a", "time": 6 * DAY, "probability": 0.5},
        ),
        labels([("a", 1, None)]),
    )

    assert outcome(result) == [(1, 5, 0.75, 1)]
    assert result.counts == Counts(records=3, repeated_records=2, labels=1, frauds=1)


def test_a_transaction_counts_once_the_delay_has_passed_since_the_end_of_its_day() -> None:
    result = joined(
        records(
            {"transaction_id": "a", "time": 12 * DAY + DAY - 1},
            {"transaction_id": "b", "time": 13 * DAY},
        ),
        labels([("a", 0, None), ("b", 0, None)]),
    )

    assert outcome(result) == [(1, 12, 0.1, 0)]
    assert result.counts == Counts(records=2, labels=2, immature=1, genuine=1)
    assert result.days.rows() == [(1, 12, 1)]


def test_of_several_labels_the_one_that_became_known_last_counts() -> None:
    rows = [
        ("reversed", 1, 8 * DAY),
        ("reversed", 0, 9 * DAY),
        ("repeated", 1, 8 * DAY),
        ("repeated", 1, 19 * DAY),
        ("contradictory", 1, 8 * DAY),
        ("contradictory", 0, 8 * DAY),
        ("early", 1, 21 * DAY),
        ("late", 1, 14 * DAY),
        ("nobody's", 1, None),
    ]
    names = ["reversed", "repeated", "contradictory", "early", "late"]
    sent = [
        {"transaction_id": name, "time": 5 * DAY, "probability": n / 8}
        for n, name in enumerate(names)
    ]

    result = joined(records(*sent), labels(rows))

    # Those without a label are among the two highest scores: they may be alerts.
    assert outcome(result) == [
        (1, 5, 0.0, 0),
        (1, 5, 0.125, 1),
        (1, 5, 0.375, None),
        (1, 5, 0.5, 1),
    ]
    assert result.counts == Counts(
        records=5,
        labels=9,
        early_labels=1,
        repeated_labels=1,
        reversed_labels=1,
        contradictory_labels=1,
        labels_without_record=1,
        late_labels=1,
        unlabelled=2,
        genuine=1,
        frauds=2,
    )


def test_what_has_no_label_is_genuine_where_only_frauds_are_reported() -> None:
    sent = records({"transaction_id": "a"}, {"transaction_id": "b"}, {"transaction_id": "c"})
    both = labels([("b", 1, None), ("c", 1, None), ("c", 0, None)])

    result = join(sent.lazy(), both.lazy(), WITH_TIME, TERMS, UNTIL, unlabelled_is_genuine=True)

    assert (result.counts.genuine, result.counts.frauds, result.counts.unlabelled) == (1, 1, 1)


def test_inputs_give_amounts_and_slices_and_the_labels_an_amount_where_they_do_not() -> None:
    result = join(
        records(
            {"transaction_id": "a", "inputs": '{"amount": 3.5, "the \\"shop\\"": "web"}'},
            {"transaction_id": "b", "inputs": None},
        ).lazy(),
        labels([("a", 1, None), ("b", 1, None)]).with_columns(paid=pl.lit(7.0)).lazy(),
        LabelColumns(amount="paid"),
        TERMS,
        UNTIL,
        amount="amount",
        slices=['the "shop"'],
    )

    assert sorted(result.rows.select("amount", 'slice.the "shop"').rows()) == [
        (3.5, "web"),
        (7.0, None),
    ]


def test_a_large_join_keeps_possible_alerts_frauds_and_a_sample_of_the_rest() -> None:
    sent = records(
        *(
            {"transaction_id": str(n), "time": n % 2 * DAY, "probability": n / 4000}
            for n in range(4000)
        )
    )
    named = labels((str(n), int(n % 100 == 0), None) for n in range(4000))

    result = joined(sent, named, part_rows=700, kept_rows=400)

    rows = result.rows
    assert result.counts == Counts(records=4000, labels=4000, genuine=3960, frauds=40)
    assert rows.filter(label=1)["weight"].to_list() == [1] * 40
    assert sorted(rows.filter(pl.col("rank") < 2).select("day", "rank", "probability").rows()) == [
        (0, 0, pytest.approx(3998 / 4000)),
        (0, 1, pytest.approx(3996 / 4000)),
        (1, 0, pytest.approx(3999 / 4000)),
        (1, 1, pytest.approx(3997 / 4000)),
    ]
    assert set(rows["weight"]) == {1, 10}
    assert rows["weight"].sum() == pytest.approx(4000, rel=0.15)


@pytest.mark.parametrize(
    ("record_rows", "label_rows", "message"),
    [
        (records({}).drop("time"), labels([]), "the records have no column 'time'"),
        (records({}), labels([]).drop("fraud"), "the labels have no column 'fraud'"),
    ],
)
def test_a_missing_column_is_named(
    record_rows: pl.DataFrame, label_rows: pl.DataFrame, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        joined(record_rows, label_rows)


def test_the_files_of_the_sink_are_records(tmp_path: Path) -> None:
    lines, folder = tmp_path / "lines", tmp_path / "hour=1970-01-01T00" / "version=1"
    common: dict[str, Any] = {
        "time": 9.5,
        "request_id": "r",
        "row": 0,
        "caller": "",
        "values": [3.5, "web"],
        "names": ["amount", "channel"],
    }
    start = record_start(1, "d" * 64, 0.5)
    lines.write_bytes(
        record_line(start, probability=0.75, decision="review", transaction_id="a", **common)
        + record_line(start, probability=0.25, decision="approve", **common)
    )
    folder.mkdir(parents=True)
    write_parquet(lines, folder / "pod-1-2.parquet")

    result = join(
        scan(data_files(str(tmp_path))),
        labels([("a", 1, None)]).lazy(),
        LabelColumns(),
        TERMS,
        UNTIL,
        amount="amount",
        slices=["channel"],
    )

    assert result.counts == Counts(records=2, records_without_id=1, labels=1, frauds=1)
    [row] = result.rows.select("probability", "review", "amount", "slice.channel").rows()
    assert row == (0.75, True, 3.5, "web")


def test_nothing_gives_nothing() -> None:
    result = joined(records({}).clear(), labels([]))

    assert (result.rows.height, result.days.height, result.counts) == (0, 0, Counts())


ids = st.sampled_from(["a", "b", "c", None, ""])
record_rows = st.lists(
    st.tuples(ids, st.integers(0, 15), st.sampled_from([1, 2]), st.sampled_from([0.25, 0.5, 0.75]))
)
label_rows = st.lists(
    st.tuples(ids, st.sampled_from([0, 1, 2, None]), st.sampled_from([None, 3, 9, 22]))
)


@given(record_rows, label_rows)
@settings(max_examples=30)
def test_the_counts_are_those_of_a_naive_join(
    sent: list[tuple[str | None, int, int, float]],
    named: list[tuple[str | None, int | None, int | None]],
) -> None:
    result = joined(
        records(
            *(
                {"transaction_id": i, "time": d * DAY, "model_version": v, "probability": p}
                for i, d, v, p in sent
            )
        ),
        labels((i, f, None if k is None else k * DAY) for i, f, k in named),
        part_rows=2,
    )

    first: dict[str, tuple[int, int, float]] = {}
    for name, d, v, p in sorted((i, d, v, p) for i, d, v, p in sent if i):
        first.setdefault(name, (d, v, p))
    words: dict[str, dict[float, set[int]]] = defaultdict(lambda: defaultdict(set))
    for i, f, k in named:
        if i and f in (0, 1) and (k or 0) <= 20:
            words[i][-1 if k is None else k].add(f)
    last = {i: moments[max(moments)] for i, moments in words.items()}
    label = {i: said.pop() for i, said in last.items() if len(said) == 1}
    mature = [name for name, (d, v, _) in first.items() if v == 1 and d + 8 <= 20]
    counts = result.counts
    assert counts.records_without_id == sum(not i for i, *_ in sent)
    assert counts.repeated_records == sum(bool(i) for i, *_ in sent) - len(first)
    assert counts.other_versions == sum(v == 2 for _, v, _ in first.values())
    assert counts.contradictory_labels == len(words) - len(label)
    assert counts.labels_without_record == len(words.keys() - first.keys())
    assert counts.frauds == sum(label.get(name) == 1 for name in mature)
    assert counts.genuine == sum(label.get(name) == 0 for name in mature)
    assert counts.unlabelled == sum(name not in label for name in mature)
    assert result.days["count"].sum() == len(mature)
