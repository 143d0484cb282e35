"""The model card of a small model: what it says, and that it needs no other file."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from registry.model.contract import Contract, Histogram, Input, Window
from registry.model.scorer import Scorer
from tests.registry.graphs import first_input
from training import model_card
from training.assess import Assessment, assess
from training.data import Data
from training.dataset import Dataset
from training.metric_labels import LABELS
from training.model_card import Card
from training.split import Split, split_data

FACTS = {"model": "made <b>by hand</b>", "commit": "a" * 40}


def dataset(**changed: object) -> Dataset:
    roles = {
        "label": "fraud",
        "time": {"column": "when"},
        "amount": "amount",
        "numbers": ["hint"],
        "delay_days": 1,
        "alert_budget_per_day": 5,
        "test_share": 0.4,
    }
    return Dataset.model_validate(roles | changed)


def made(described: Dataset) -> Data:
    """Twenty days of a hundred transactions; the `amount` says much of the label."""
    generator = np.random.default_rng(0)
    labels = (generator.random(2000) < 0.05).astype(np.int8)
    minutes = np.sort(generator.integers(0, 20 * 24 * 60, 2000))
    frame = pl.DataFrame(
        {
            "fraud": labels,
            "when": [datetime(2026, 1, 1) + timedelta(minutes=int(one)) for one in minutes],
            "amount": 0.5 * generator.random(2000) + 0.4 * labels,
            "hint": generator.random(2000),
            "card": generator.integers(0, 100, 2000),
        }
    )
    return Data(frame, described, Path("/home/somebody/payments.parquet"), "d" * 64)


def contract_of(data: Data) -> Contract:
    inputs = tuple(
        Input(
            name=name,
            kind="number",
            nullable=name == "hint",
            low=0.0,
            high=1.0,
            reference=0.5,
            histogram=Histogram(edges=(0.5,), counts=(1, 1)),
        )
        for name in data.dataset.inputs
    )
    return Contract(
        dataset="payments.yaml",
        inputs=inputs,
        threshold=0.6,
        threshold_method="chosen by hand",
        training_window=Window(
            start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 12, tzinfo=UTC)
        ),
        delay_days=1,
    )


def assessed(data: Data) -> tuple[Split, Contract, Assessment]:
    split, contract = split_data(data.frame, data.dataset), contract_of(data)
    model = first_input(width=len(contract.inputs))
    return split, contract, assess(data, split.test, Scorer(model.SerializeToString(), contract), 0)


@pytest.fixture(scope="module")
def small() -> tuple[Data, Split, Contract, Assessment]:
    data = made(dataset())
    return data, *assessed(data)


@pytest.fixture(scope="module")
def page(small: tuple[Data, Split, Contract, Assessment]) -> Card:
    return model_card.build(*small, FACTS)


@pytest.fixture(scope="module")
def written(
    page: Card,
    small: tuple[Data, Split, Contract, Assessment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("card")
    model_card.write(folder, page, small[-1])
    return folder


def test_every_picture_is_a_file_and_stands_in_the_page(written: Path) -> None:
    names = sorted(path.name for path in (written / "plots").iterdir())
    text = (written / "model_card.html").read_text()
    assert names == [
        "alerts_recall.png",
        "by_day.png",
        "by_slice.png",
        "importance.png",
        "money_saved.png",
        "precision_recall.png",
        "reliability.png",
        "score_distribution.png",
    ]
    assert text.count('<img src="data:image/png;base64,') == 8
    assert (written / "model_card.html").stat().st_size < 600_000


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(written: Path) -> None:
    text = (written / "model_card.html").read_text()
    assert re.findall(r"https?://|src=\"(?!data:)|<script|<link|@import|url\(", text) == []
    assert "default-src 'none'" in text


def test_text_of_others_is_escaped_and_no_folder_of_this_machine_is_told(written: Path) -> None:
    text = (written / "model_card.html").read_text()
    assert "made &lt;b&gt;by hand&lt;/b&gt; on payments" in text
    assert "<b>" not in text
    assert "somebody" not in text


def test_every_measure_is_told_with_its_interval(
    page: Card, small: tuple[Data, Split, Contract, Assessment]
) -> None:
    found = small[-1].estimates
    assert len(page.measures) == len(found) == 11
    by_name = {name: (value, interval) for name, value, interval, _ in page.measures}
    one = found["average_precision"]
    assert by_name["Average precision"] == (
        f"{one.value:.3f}",
        f"{one.lower:.3f} to {one.upper:.3f}",
    )
    assert "Recall at 5 alerts a day" in by_name
    assert found.keys() | {"card_precision"} == LABELS.keys()


def test_windows_data_threshold_and_inputs_are_told(page: Card) -> None:
    (trained, first, *_), (tested, second, *counts) = page.windows
    assert (trained, tested) == ("trained on", "tested on")
    assert first.startswith("2026-01-01 00:")
    assert first.split(" to ")[1] < second.split(" to ")[0]
    assert counts[0] == "800"
    facts = dict(page.facts)
    assert facts["data"] == "payments.parquet"
    assert facts["sha256 of the data"] == "d" * 64
    assert facts["threshold"] == "0.6: chosen by hand"
    assert facts["commit"] == "a" * 40
    assert [row[:4] for row in page.inputs] == [
        ("amount", "number", "0 to 1", "no"),
        ("hint", "number", "0 to 1", "yes"),
    ]
    assert float(page.inputs[0][4]) > 0.5
    assert float(page.inputs[1][4]) == 0.0


def test_limits_are_those_of_the_data(
    page: Card, small: tuple[Data, Split, Contract, Assessment]
) -> None:
    limits = " ".join(page.limits)
    assert "independent frauds, days: 9" in limits
    assert "names nobody" in limits
    assert "known after 1 days" in limits
    assert "simulated" not in limits

    owned = made(dataset(entities={"card": {}}, delay_days=0))
    owned = replace(
        owned,
        frame=owned.frame.with_columns(
            pl.lit(0.0).alias(one.name) for one in owned.dataset.history
        ),
    )
    split, contract, found = assessed(owned)
    contract = contract.model_copy(update={"dataset": "handbook"})
    limits = " ".join(model_card.build(owned, split, contract, found, FACTS).limits)
    assert "resample card" in limits
    assert "known at once" in limits
    assert "simulated" in limits
    assert "card_precision" in found.estimates
