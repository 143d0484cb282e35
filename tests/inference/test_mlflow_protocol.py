"""/invocations, compared with MLflow's own scoring server on the same model."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from typing import Any

import mlflow.pyfunc
import pandas as pd
import pytest
from mlflow.pyfunc import scoring_server

from inference.model import load_model
from tests.candidates import NAMES, files_of, numbers, saved_model
from tests.contracts import category, number
from tests.inference.calls import Caller, calling
from tests.inference.models import FULL, served, three_inputs

ROWS = [[0.5, 1.0, 2.0], [3.0, 0, 0], [-0.25, 1, -7]]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
COLUMNS = {name: [row[at] for row in ROWS] for at, name in enumerate(NAMES)}
JSON = "application/json"
CSV = "text/csv"
TABLE = pd.DataFrame(ROWS, columns=list(NAMES))

GOOD: list[tuple[str, str, Any]] = [
    ("split", JSON, {"dataframe_split": TABLE.to_dict(orient="split")}),
    ("split, no index", JSON, {"dataframe_split": {"columns": list(NAMES), "data": ROWS}}),
    (
        "split, other order",
        JSON,
        {"dataframe_split": TABLE[list(reversed(NAMES))].to_dict(orient="split")},
    ),
    ("records", JSON, {"dataframe_records": RECORDS}),
    ("records, another column", JSON, {"dataframe_records": [{**RECORDS[0], "other": "x"}]}),
    ("inputs, records", JSON, {"inputs": RECORDS}),
    ("inputs, columns", JSON, {"inputs": COLUMNS}),
    ("inputs, scalars", JSON, {"inputs": RECORDS[0]}),
    ("instances, records", JSON, {"instances": RECORDS}),
    ("instances, columns", JSON, {"instances": COLUMNS}),
    ("with a charset", "application/json; charset=UTF-8", {"inputs": RECORDS}),
    ("CSV", CSV, TABLE.to_csv(index=False)),
    ("CSV with an index", CSV, TABLE.to_csv()),
    ("CSV with a charset", "text/csv; charset=utf-8", TABLE.to_csv(index=False)),
]
BAD: list[tuple[str, str, Any]] = [
    ("nothing", JSON, b""),
    ("no JSON", JSON, b"x"),
    ("a list", JSON, []),
    ("no format", JSON, {}),
    ("two formats", JSON, {"inputs": [], "instances": []}),
    ("a column too few", JSON, {"dataframe_records": [{"amount": 1}]}),
    ("a text", JSON, {"dataframe_records": [{**RECORDS[0], "amount": "x"}]}),
    ("rows without names", JSON, {"inputs": ROWS}),
    ("split without names", JSON, {"dataframe_split": {"data": ROWS}}),
    (
        "split with a short row",
        JSON,
        {"dataframe_split": {"columns": list(NAMES), "data": [[1, 2]]}},
    ),
    ("no records", JSON, {"dataframe_records": []}),
    ("a text in CSV", CSV, "amount,count_7d,risk_7d\nx,1,2\n"),
    ("a column too few in CSV", CSV, "amount,count_7d\n1,2\n"),
    ("no UTF-8 in CSV", CSV, b"amount,count_7d,risk_7d\n\xff,1,2\n"),
]
UNSUPPORTED = [
    ("application/xml", b"<a/>"),
    ("text/csv; charset=latin-1", b"amount\n1\n"),
    ('text/csv; charset="latin-1"', b"amount\n1\n"),
    ("application/json; header=1", b"{}"),
]


@pytest.fixture(scope="module")
def mlflow_server() -> Iterator[Caller]:
    model = mlflow.pyfunc.load_model(str(saved_model(1.0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", os.environ.copy())  # it marks its process as a server
        with calling(scoring_server.init(model)) as server:
            yield server


@pytest.fixture
def same(caller: Caller) -> Caller:
    """Our service with the same model."""
    return caller.serve(load_model(files_of(saved_model(1.0)), three_inputs().link))


def content(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def asked(cases: list[tuple[str, str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("kind", "body"), [case[1:] for case in cases], ids=[case[0] for case in cases]
    )


@asked(GOOD)
def test_responses_are_bit_identical_to_those_of_mlflow(
    kind: str, body: Any, mlflow_server: Caller, same: Caller
) -> None:
    theirs = mlflow_server.post("/invocations", content(body), content_type=kind)
    ours = same.post("/invocations", content(body), content_type=kind)
    assert theirs.status_code == 200
    assert ours.status_code == 200
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert ours.json() == theirs.json()
    assert all(0 <= one["probability"] <= 1 for one in ours.json()["predictions"])


@asked(BAD)
def test_what_mlflow_refuses_is_refused_in_the_same_shape(
    kind: str, body: Any, mlflow_server: Caller, same: Caller
) -> None:
    theirs = mlflow_server.post("/invocations", content(body), content_type=kind)
    ours = same.post("/invocations", content(body), content_type=kind)
    assert theirs.status_code == 400
    assert ours.status_code == 400
    assert ours.headers["content-type"] == theirs.headers["content-type"]
    assert ours.json().keys() <= theirs.json().keys()
    assert ours.json()["error_code"] == "BAD_REQUEST"
    assert ours.json()["message"]


@pytest.mark.parametrize(("kind", "body"), UNSUPPORTED)
def test_other_formats_are_refused_as_mlflow_does(
    kind: str, body: bytes, mlflow_server: Caller, same: Caller
) -> None:
    theirs = mlflow_server.post("/invocations", body, content_type=kind)
    ours = same.post("/invocations", body, content_type=kind)
    assert (theirs.status_code, ours.status_code) == (415, 415)
    assert ours.headers["content-type"] == theirs.headers["content-type"]


def test_a_hundred_rows_are_scored_alike(mlflow_server: Caller, same: Caller) -> None:
    body = {"dataframe_split": {"columns": list(NAMES), "data": numbers(100).tolist()}}
    theirs = mlflow_server.post("/invocations", body, content_type=JSON).json()
    assert same.post("/invocations", body).json() == theirs
    assert len(theirs["predictions"]) == 100


def test_ping_answers_as_mlflow_does(mlflow_server: Caller, same: Caller) -> None:
    theirs, ours = mlflow_server.get("/ping"), same.get("/ping")
    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)


# Where the two differ, and on purpose


def test_a_missing_value_that_the_contract_does_not_allow_is_refused_instead_of_nan(
    mlflow_server: Caller, same: Caller
) -> None:
    for kind, body in (
        (JSON, {"dataframe_records": [{**RECORDS[0], "amount": None}]}),
        (CSV, "amount,count_7d,risk_7d\n,1,2\n"),
    ):
        theirs = mlflow_server.post("/invocations", content(body), content_type=kind)
        assert math.isnan(theirs.json()["predictions"][0]["probability"])
        ours = same.post("/invocations", content(body), content_type=kind)
        assert ours.status_code == 400
        assert ours.json()["message"] == "0.amount: Input should be a valid number"


@pytest.mark.parametrize("parameter", ['charset="utf-8"', 'Charset="UTF-8"', "charset=utf8"])
def test_a_charset_may_be_quoted(parameter: str, mlflow_server: Caller, same: Caller) -> None:
    kind = f"application/json; {parameter}"
    body = {"inputs": RECORDS}
    assert mlflow_server.post("/invocations", body, content_type=kind).status_code == 415
    assert same.post("/invocations", body, content_type=kind).status_code == 200


def test_a_table_without_rows_is_refused(mlflow_server: Caller, same: Caller) -> None:
    body = {"dataframe_split": {"columns": list(NAMES), "data": []}}
    assert mlflow_server.post("/invocations", body, content_type=JSON).json() == {"predictions": []}
    assert same.post("/invocations", body).status_code == 400


def test_without_a_content_type_the_body_counts_as_json(same: Caller) -> None:
    assert same.post("/invocations", {"inputs": RECORDS}).status_code == 200


# Categories, missing values and limits, on a model that MLflow's signature cannot describe


def predictions(caller: Caller, body: Any, kind: str = JSON) -> list[float]:
    answer = caller.post("/invocations", content(body), content_type=kind)
    assert answer.status_code == 200, answer.text
    return [one["probability"] for one in answer.json()["predictions"]]


def message(caller: Caller, body: Any, kind: str = JSON) -> str:
    answer = caller.post("/invocations", content(body), content_type=kind)
    assert answer.status_code == 400
    said: str = answer.json()["message"]
    return said


def test_a_category_may_be_its_name_or_the_code_that_mlflow_knows_it_by(ready: Caller) -> None:
    codes = [1, 1.0, "FR", 0, "DE", -1, -1.0, "XX", None]
    records = [{**FULL, "country": one} for one in codes]
    fr, de, unknown = 0.75, 0.5, 0.25
    expected = [fr, fr, fr, de, de, unknown, unknown, unknown, unknown]
    assert predictions(ready, {"dataframe_records": records}) == expected
    split = {"columns": list(FULL), "data": [list(one.values()) for one in records]}
    assert predictions(ready, {"dataframe_split": split}) == expected


@pytest.mark.parametrize("code", [2, 0.5, -2, 1e300])
def test_a_code_of_no_category_is_refused(code: float, ready: Caller) -> None:
    said = message(ready, {"dataframe_records": [FULL, {**FULL, "country": code}]})
    assert said == "1.country: No category has this code"


def test_what_could_be_a_category_or_a_code_is_refused(ready: Caller) -> None:
    """The number 1, true and the text "1" would be three things."""
    for value, said in (
        (True, "0.country: Input should be a valid string"),
        ("1", "0.country: No category has a number as its name; send a code as a JSON number"),
        ("1.0", "0.country: No category has a number as its name; send a code as a JSON number"),
    ):
        assert message(ready, {"dataframe_records": [{**FULL, "country": value}]}) == said
    table = "amount,age_days,country\n0.25,0.5,1\n"
    assert message(ready, table, CSV).startswith("0.country: No category has a number as its name")
    assert ready.samples()["fraud_invalid_fields_total{field=country,version=7}"] == 4


def test_categories_whose_names_are_numbers_are_named_as_text(caller: Caller) -> None:
    caller.serve(served(number("amount"), category("shop", "1", "2"), weights=(1.0, 0.25)))
    records = [{"amount": 0.5, "shop": shop} for shop in ("1", "2", "7")]
    assert predictions(caller, {"inputs": records}) == [0.5, 0.75, 0.25]
    assert predictions(caller, "amount,shop\n0.5,1\n0.5,2\n0.5,7\n", CSV) == [0.5, 0.75, 0.25]
    said = "0.shop: A number could be a name or a code; send the name, as text"
    for shop in (1, 0.0, -1):
        assert message(caller, {"inputs": [{"amount": 0.5, "shop": shop}]}) == said


def test_csv_may_begin_with_the_byte_order_mark_that_excel_writes(ready: Caller) -> None:
    table = "amount,age_days,country\r\n0.25,0.5,FR\r\n".encode("utf-8-sig")
    assert predictions(ready, table, CSV) == [0.75]


@pytest.mark.parametrize("text", ["1_0", "0x1", "\u0661", "1,5", "4000 0012 3456 7899"])
def test_what_only_python_takes_for_a_number_is_not_one_and_not_repeated(
    text: str, ready: Caller
) -> None:
    table = f'country,age_days,amount\nFR,0.5,0.25\nFR,0.5,"{text}"\n'
    assert message(ready, table, CSV) == "1.amount: Input should be a valid number"


@pytest.mark.parametrize("text", ["0.25", ".25", "+0.25", "25e-2", " 0.25 ", "0.250"])
def test_numbers_in_csv_are_written_as_usual(text: str, ready: Caller) -> None:
    assert predictions(ready, f"country,age_days,amount\nFR,0.5,{text}\n", CSV) == [0.75]


def test_csv_holds_names_of_categories_and_empty_missing_values(ready: Caller) -> None:
    table = "age_days,country,amount\n0.5,FR,0.25\n,DE,0.5\n0,,0.5\n0,XX,1\n"
    assert predictions(ready, table, CSV) == [0.75, 0.5, 0.25, 0.75]


def test_csv_may_quote_names_and_values(caller: Caller) -> None:
    caller.serve(served(number("a,b"), category("c", 'x"y', "z"), weights=(1.0, 0.25)))
    assert predictions(caller, '"a,b",c\r\n0.5,"x""y"\r\n0.5,z\r\n', CSV) == [0.5, 0.75]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "body: List should have at least 1 item after validation, not 0"),
        ("amount,age_days,country\n", "body: List should have at least 1 item"),
        ("amount,age_days,country\n1,x,DE\n", "0.age_days: Input should be a valid number"),
        ("amount,age_days,country\n1,nan,DE\n", "0.age_days: Input should be a finite number"),
        ("country,age_days,amount\nDE,2\n", "0.amount: Input should be a finite number"),
        ("amount,age_days,country\n1,2,DE,9\n", "the body is not CSV with a header: a row"),
        ("amount,amount,age_days,country\n1,9,2,DE\n", "the body is not CSV with a header"),
        ('amount,age_days,country\n1,2,"DE\n', "the body is not CSV with a header: "),
    ],
)
def test_csv_that_does_not_fit_the_model_is_refused(table: str, said: str, ready: Caller) -> None:
    assert message(ready, table, CSV).startswith(said)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": FULL},
        {"dataframe_records": [7]},
        {"dataframe_records": [[1, 2, 3]]},
        {"dataframe_split": [FULL]},
        {"dataframe_split": {"columns": ["amount", "amount"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": [1], "data": [[1]]}},
        {"dataframe_split": {"columns": "amount", "data": "x"}},
        {"inputs": {"amount": [1, 2], "age_days": [1]}},
        {"inputs": {}},
        {"inputs": None},
        {"instances": "x"},
        {"dataframe_records": [{**FULL, "amount": True}]},
        {"dataframe_records": [{**FULL, "amount": "1"}]},
    ],
)
def test_what_is_not_a_table_is_refused_with_a_message(body: Any, ready: Caller) -> None:
    assert message(ready, body)


def test_a_row_that_is_wrong_is_named_by_its_number_and_not_repeated(ready: Caller) -> None:
    card = "4000 0012 3456 7899"
    said = message(ready, {"dataframe_records": [FULL, {**FULL, "amount": card}]})
    assert said == "1.amount: Input should be a valid number"


def test_a_table_holds_as_many_rows_as_a_batch(ready: Caller) -> None:
    assert len(predictions(ready, {"dataframe_records": [FULL] * 1000})) == 1000
    assert "at most 1000 items" in message(ready, {"dataframe_records": [FULL] * 1001})


def test_rows_are_counted_like_those_of_a_batch(ready: Caller) -> None:
    predictions(ready, {"dataframe_records": [FULL, FULL]})
    message(ready, {"dataframe_records": [{**FULL, "amount": "x"}]})
    read = ready.samples()
    assert read["fraud_decisions_total{decision=review}"] == 2
    assert read["fraud_invalid_fields_total{field=amount,version=7}"] == 1
    assert read["fraud_requests_total{route=/invocations,status=400}"] == 1


def test_without_a_model_it_sends_retry_after(caller: Caller) -> None:
    answer = caller.post("/invocations", {"inputs": []})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def csv_message(caller: Caller, text: str) -> str:
    answer = caller.post("/invocations", text.encode(), content_type="text/csv")
    assert answer.status_code == 400
    said: str = answer.json()["message"]
    return said


def test_rows_of_csv_are_counted_while_they_are_read(ready: Caller) -> None:
    header, row = "amount,age_days,country\n", "1,2,DE\n"
    many = ready.post("/invocations", (header + row * 1000).encode(), content_type="text/csv")
    assert len(many.json()["predictions"]) == 1000
    # What follows is not read: it is not CSV.
    assert "at most 1000 items" in csv_message(ready, header + row * 1001 + '"')


def test_blank_lines_of_csv_are_skipped_up_to_a_thousand(ready: Caller) -> None:
    header, row = "amount,age_days,country\n", "1,2,DE\n"
    text = header + "\n" * 1000 + row
    answer = ready.post("/invocations", text.encode(), content_type="text/csv")
    assert len(answer.json()["predictions"]) == 1
    assert "more than 1000 lines are blank" in csv_message(ready, header + "\n" * 2001)


@pytest.mark.parametrize(
    "text",
    ["a\n" + "," * 10_040, '"a\n' + '",' + "," * 10_040, "a\n" + (2000 * "," + '"\n"') * 6],
    ids=["row", "header of two lines", "row of several lines"],
)
def test_commas_of_a_csv_row_are_counted_before_its_fields_are_made(
    text: str, ready: Caller
) -> None:
    assert "body: more than 1003 fields" in csv_message(ready, text)


def test_commas_in_quotes_are_no_fields(caller: Caller) -> None:
    caller.serve(served(number("a"), category("c", "," * 1000), weights=(1.0, 0.25)))
    assert predictions(caller, "a,c\n" + f'0.5,"{"," * 1000}"\n' * 20, CSV) == [0.5] * 20


def test_a_header_of_two_lines_is_as_long_as_any_other_at_most(ready: Caller) -> None:
    header = '"a\n",' + ",".join(str(number) for number in range(1003))
    assert "more than 1003 fields" in csv_message(ready, header + "\n1")


def test_a_table_of_more_columns_than_any_model_has_is_refused(ready: Caller) -> None:
    names = [str(number) for number in range(1004)]
    assert "more than 1003 fields" in csv_message(ready, ",".join(names) + "\n1")
    for body in (
        {"dataframe_split": {"columns": names, "data": []}},
        {"inputs": dict.fromkeys(names, 0)},
        {"dataframe_records": [dict.fromkeys(names, 0)]},
    ):
        assert "more than 1003 fields" in message(ready, body)


def test_a_table_of_more_rows_than_allowed_is_refused_before_it_is_read(ready: Caller) -> None:
    for body in (
        {"dataframe_split": {"columns": ["a"], "data": [0] * 1001}},
        {"inputs": {"a": [0] * 1001}},
        {"dataframe_records": [0] * 1001},
    ):
        assert "at most 1000 items" in message(ready, body)
