"""Definitions of features: names, windows and delays, and what is refused."""

from __future__ import annotations

import pytest

from features.definitions import calendar_features, history_features
from registry.model.contract import CalendarFeature, HistoryFeature


def test_a_customer_and_a_risky_terminal_get_the_books_twelve_features() -> None:
    features = history_features(["customer", "terminal"], {"terminal"}, delay_days=7)

    assert [(each.name, each.delay_days) for each in features] == [
        ("customer_count_1d", 0),
        ("customer_mean_amount_1d", 0),
        ("customer_count_7d", 0),
        ("customer_mean_amount_7d", 0),
        ("customer_count_30d", 0),
        ("customer_mean_amount_30d", 0),
        ("terminal_count_1d", 7),
        ("terminal_risk_1d", 7),
        ("terminal_count_7d", 7),
        ("terminal_risk_7d", 7),
        ("terminal_count_30d", 7),
        ("terminal_risk_30d", 7),
    ]


def test_a_definition_says_what_its_name_says() -> None:
    assert history_features(["shop"], ["shop"], windows_days=[3], delay_days=2) == (
        HistoryFeature(
            name="shop_count_3d", entity="shop", aggregate="count", window_days=3, delay_days=2
        ),
        HistoryFeature(
            name="shop_risk_3d", entity="shop", aggregate="risk", window_days=3, delay_days=2
        ),
    )


def test_ratios_have_each_window_and_no_delay_and_days_since_the_longest_and_the_delay() -> None:
    features = history_features(
        ["card", "shop"], ratio=["card"], since=["shop"], windows_days=[1, 3], delay_days=2
    )

    beyond_the_book = [each for each in features if each.aggregate not in ("count", "mean_amount")]
    assert [(each.name, each.window_days, each.delay_days) for each in beyond_the_book] == [
        ("card_amount_ratio_1d", 1, 0),
        ("card_amount_ratio_3d", 3, 0),
        ("shop_days_since_fraud_3d", 3, 2),
        ("shop_days_since_genuine_3d", 3, 2),
    ]


@pytest.mark.parametrize("role", ["risky", "ratio", "since"])
def test_a_name_that_is_not_an_entity_is_refused(role: str) -> None:
    with pytest.raises(ValueError, match=r"\['terminal'\] are not among the entities \['shop'\]"):
        history_features(["shop"], **{role: ["terminal"]}, delay_days=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(("role", "name"), [("risky", "risk_1d"), ("since", "days_since_fraud_1d")])
def test_a_label_is_not_read_without_a_delay(role: str, name: str) -> None:
    entities: dict[str, list[str]] = {role: ["shop"]}

    with pytest.raises(ValueError, match=f"'shop_{name}': a feature made from labels needs"):
        history_features(["shop"], **entities, windows_days=[1], delay_days=0)


def test_a_calendar_feature_has_the_name_of_its_part() -> None:
    assert calendar_features(["weekend", "hour"]) == (
        CalendarFeature(name="weekend", part="weekend"),
        CalendarFeature(name="hour", part="hour"),
    )
    assert calendar_features(["hour"], zone="Asia/Tokyo") == (
        CalendarFeature(name="hour", part="hour", zone="Asia/Tokyo"),
    )
