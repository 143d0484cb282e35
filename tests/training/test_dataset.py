"""Data-set files: the shipped ones load, and an error names what is wrong with a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry.evaluation.metrics import Costs
from tests.places import REPOSITORY
from training.dataset import Dataset, Entity, read_dataset
from training.errors import BadInput

GOOD = """\
label: y
time: {column: t}
amount: a
delay_days: 1
alert_budget_per_day: 5
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_the_simulated_data_set_has_the_books_twelve_history_features() -> None:
    dataset = read_dataset("simulated")

    assert dataset.label == "fraud"
    assert dataset.alert_budget_per_day == 20
    assert len(dataset.history) == 12
    assert dataset.inputs[:3] == ("amount", "customer_id_count_1d", "customer_id_mean_amount_1d")


def test_the_credit_card_data_set_takes_the_amount_and_v1_to_v28() -> None:
    dataset = read_dataset("creditcard")

    assert dataset.inputs == ("Amount", *(f"V{number}" for number in range(1, 29)))
    assert dataset.history == ()
    assert dataset.test_share == 0.3


def test_the_handbook_data_set_reads_risk_seven_days_late() -> None:
    delays = {feature.name: feature.delay_days for feature in read_dataset("handbook").history}

    assert delays["TERMINAL_ID_risk_30d"] == 7
    assert delays["CUSTOMER_ID_count_30d"] == 0


def test_the_handbook_data_set_has_the_books_fifteen_features_and_drops_as_the_book_does() -> None:
    dataset = read_dataset("handbook")

    assert len(dataset.inputs) == 15
    assert dataset.inputs[:3] == ("TX_AMOUNT", "night", "weekend")
    assert dataset.entities["CUSTOMER_ID"].drop_compromised_days == 14


def test_the_extended_handbook_data_set_adds_to_the_books_features() -> None:
    handbook, extended = read_dataset("handbook"), read_dataset("handbook_extended")

    more = [name for name in extended.inputs if name not in handbook.inputs]
    assert set(handbook.inputs) < set(extended.inputs)
    assert more == [
        "CUSTOMER_ID_count_90d",
        "CUSTOMER_ID_mean_amount_90d",
        "CUSTOMER_ID_amount_ratio_1d",
        "CUSTOMER_ID_amount_ratio_7d",
        "CUSTOMER_ID_amount_ratio_30d",
        "CUSTOMER_ID_amount_ratio_90d",
        "TERMINAL_ID_count_90d",
        "TERMINAL_ID_risk_90d",
        "TERMINAL_ID_days_since_fraud_90d",
        "TERMINAL_ID_days_since_genuine_90d",
    ]
    delays = {feature.name: feature.delay_days for feature in extended.history}
    assert delays["TERMINAL_ID_days_since_fraud_90d"] == 7
    assert delays["CUSTOMER_ID_amount_ratio_90d"] == 0


def test_omitted_keys_have_the_documented_defaults(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, GOOD))

    assert dataset.windows_days == (1, 7, 30)
    assert dataset.test_share == 0.3
    assert dataset.inputs == ("a",)
    assert dataset.alert_cost == 5


def test_the_costs_are_the_alert_budget_and_the_cost_of_an_alert(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, GOOD)).costs == Costs(budget_per_day=5, per_alert=5)
    own = read_dataset(write(tmp_path, GOOD + "alert_cost: 2.5\n"))
    assert own.costs == Costs(budget_per_day=5, per_alert=2.5)


@pytest.mark.parametrize(
    "name",
    ["_label", "_time", "_amount", "_cluster", "_band.card age in days", "_band.", "probability"],
)
@pytest.mark.parametrize("role", ["numbers", "categories"])
def test_an_input_may_not_have_the_name_of_a_column_that_rows_hold_beside_it(
    tmp_path: Path, role: str, name: str
) -> None:
    with pytest.raises(BadInput, match=f"column {name!r} has a reserved name: rename it"):
        read_dataset(write(tmp_path, GOOD + f"{role}: ['{name}']\n"))


@pytest.mark.parametrize("name", ["_bandwidth", "_amounts", "label"])
def test_a_name_that_is_nearly_reserved_is_free(tmp_path: Path, name: str) -> None:
    assert name in read_dataset(write(tmp_path, GOOD + f"numbers: [{name}]\n")).inputs


@pytest.mark.parametrize(
    ("text", "positive"), [("Yes", "Yes"), ("on", "on"), ("true", "true"), ("1.0", "1"), ("2", "2")]
)
def test_the_value_that_means_fraud_is_the_text_that_the_data_has(
    tmp_path: Path, text: str, positive: str
) -> None:
    assert read_dataset(write(tmp_path, GOOD + f"positive: {text}\n")).positive == positive


def test_values_may_be_a_list_or_one(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, GOOD + "unlabelled: 2\n")).unlabelled == ("2",)
    assert read_dataset(write(tmp_path, GOOD + "missing: [NA, No, -1]\n")).missing == (
        "NA",
        "No",
        "-1",
    )


def test_a_column_may_have_the_name_of_a_boolean(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, GOOD + "numbers: [on, No]\n")).numbers == ("on", "No")


@pytest.mark.parametrize("cost", ["-1", ".nan", ".inf", "much"])
def test_the_cost_of_an_alert_is_a_finite_number_of_at_least_0(tmp_path: Path, cost: str) -> None:
    with pytest.raises(BadInput, match=r"mine\.yaml: alert_cost: "):
        read_dataset(write(tmp_path, GOOD + f"alert_cost: {cost}\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "labels: y\n", "mine.yaml: labels: unknown key; did you mean `label`?"),
        (GOOD.replace("label: y\n", ""), "mine.yaml: label: Field required"),
        (
            GOOD.replace("label: y\n", "lable: y\n"),
            "mine.yaml: lable: unknown key; did you mean `label`?",
        ),
        (
            GOOD.replace("{column: t}", "{colum: t}"),
            "mine.yaml: time.colum: unknown key; did you mean `column`?",
        ),
        (
            GOOD.replace("{column: t}", "{column: t, xyz: 1}"),
            "mine.yaml: time.xyz: unknown key; the keys are column, unit, origin, format, zone",
        ),
        (
            GOOD.replace("{column: t}", "{column: t, zone: CET/Berlin}"),
            "mine.yaml: time.zone: 'CET/Berlin' is not an IANA time zone, such as `Europe/Berlin`",
        ),
        (
            GOOD.replace("{column: t}", "{column: t, unit: s, origin: 2026-01-01, format: '%Y'}"),
            "mine.yaml: time: `format` is for text, `unit` and `origin` for numbers: remove one",
        ),
        (
            GOOD + "encoding: latin1252\n",
            "mine.yaml: encoding: 'latin1252' is not an encoding, such as `latin-1` or `utf-16`",
        ),
        (GOOD + "decimal: ';'\n", "mine.yaml: decimal: Input should be '.' or ','"),
        (GOOD + "numbers: [a]\n", "mine.yaml: column 'a' has more than one role"),
        (GOOD + "ignored: [y]\n", "mine.yaml: column 'y' has more than one role"),
        (
            GOOD.replace("{column: t}", "{column: t, unit: s}"),
            "mine.yaml: time: `unit` and `origin` must be set together",
        ),
        (
            GOOD.replace("{column: t}", "{column: t, origin: 2026-01-01}"),
            "mine.yaml: time: `unit` and `origin` must be set together",
        ),
        (
            GOOD.replace("{column: t}", "{column: t, unit: min, origin: 2026-01-01}"),
            "mine.yaml: time.unit: Input should be 's' or 'ms'",
        ),
        (GOOD + "test_share: 1\n", "mine.yaml: test_share: Input should be less than 1"),
        (
            GOOD.replace("delay_days: 1", "delay_days: -1"),
            "mine.yaml: delay_days: Input should be greater than or equal to 0",
        ),
        (
            GOOD + "windows_days: [1, 0]\n",
            "mine.yaml: windows_days.1: Input should be greater than 0",
        ),
        (GOOD + "windows_days: [7, 7]\n", "mine.yaml: `windows_days` contains a duplicate"),
        (
            GOOD.replace("delay_days: 1", "delay_days: 0") + "entities: {shop: {risk: true}}\n",
            "mine.yaml: `risk: true` of 'shop' requires `delay_days` of at least 1",
        ),
        (
            GOOD + "entities: {card: {}}\nnumbers: [card_count_7d]\n",
            "mine.yaml: column 'card_count_7d' has the same name as a feature: rename it",
        ),
        (
            GOOD + "numbers: [probability]\n",
            "mine.yaml: column 'probability' has a reserved name: rename it",
        ),
        (
            GOOD + "entities: {card: {risky: true}}\n",
            "mine.yaml: entities.card.risky: unknown key; did you mean `risk`?",
        ),
        ("- a\n- b\n", "mine.yaml: Input should be a valid dictionary"),
        ("", "mine.yaml: Input should be a valid dictionary"),
        ("label: [", "mine.yaml cannot be read as YAML: while parsing a flow node"),
        ("origin: 2013-13-01\n", "mine.yaml cannot be read as YAML: month must be in 1..12"),
        (
            "label: !!python/object/apply:os.system ['touch executed']\n",
            "mine.yaml cannot be read as YAML: could not determine a constructor for the tag",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_line_that_names_file_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(BadInput) as caught:
        read_dataset(write(tmp_path, text))

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_the_error_for_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(BadInput) as caught:
        read_dataset("creditcards")

    assert str(caught.value) == (
        "no data-set file 'creditcards': use one of creditcard, handbook, handbook_extended, "
        "simulated, or the path to your own YAML file"
    )


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no data-set file '.*/none.yaml'"):
        read_dataset(str(tmp_path / "none.yaml"))


def test_a_folder_or_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00label")

    with pytest.raises(BadInput, match="cannot be read as YAML"):
        read_dataset(str(tmp_path))
    with pytest.raises(BadInput, match=r"binary\.yaml cannot be read as YAML"):
        read_dataset(str(binary))


def test_the_documentation_lists_exactly_the_keys_that_exist() -> None:
    text = (REPOSITORY / "docs" / "training.md").read_text()
    table = text.split("## The data-set file")[1].split("\n## ")[0]

    assert re.findall(r"^\| `(\w+)(?:: true)?` \|", table, re.MULTILINE) == [
        *Dataset.model_fields,
        *Entity.model_fields,
    ]
