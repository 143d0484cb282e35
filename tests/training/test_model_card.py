"""The model card of a small model: what it states, and that it needs no other file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from registry.evaluation.measures import MEASURES
from registry.model.contract import Contract
from registry.model.scorer import Scorer
from tests.registry.graphs import first_input
from tests.training.payments import contract_of, data_of, dataset
from training import model_card
from training.assess import Assessment, assess
from training.data import Data
from training.model_card import ModelCard
from training.split import Split, split_data

FACTS = {"model": "made <b>by hand</b>", "commit": "a" * 40}


def assessed(data: Data) -> tuple[Split, Contract, Assessment]:
    split, contract = split_data(data.frame, data.dataset), contract_of(data)
    model = first_input(width=len(contract.inputs))
    return split, contract, assess(data, split.test, Scorer(model.SerializeToString(), contract), 0)


@pytest.fixture(scope="module")
def small() -> tuple[Data, Split, Contract, Assessment]:
    data = data_of(dataset())
    return data, *assessed(data)


@pytest.fixture(scope="module")
def card(small: tuple[Data, Split, Contract, Assessment]) -> ModelCard:
    return model_card.build(*small, FACTS)


@pytest.fixture(scope="module")
def written(
    card: ModelCard,
    small: tuple[Data, Split, Contract, Assessment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("card")
    model_card.write(folder, card, small[-1])
    return folder


def test_every_plot_is_a_file_and_embedded_in_the_page(written: Path) -> None:
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


def test_untrusted_text_is_escaped_and_no_folder_of_this_machine_is_named(written: Path) -> None:
    text = (written / "model_card.html").read_text()
    assert "made &lt;b&gt;by hand&lt;/b&gt; on payments" in text
    assert "<b>" not in text
    assert "somebody" not in text


def test_every_measure_is_listed_with_its_interval(
    card: ModelCard, small: tuple[Data, Split, Contract, Assessment]
) -> None:
    estimates = small[-1].estimates
    assert len(card.measures) == len(estimates) == 11
    by_name = {name: (value, interval) for name, value, interval, _ in card.measures}
    precision = estimates["average_precision"]
    interval = f"{precision.lower:.3f} to {precision.upper:.3f}"
    assert by_name["Average precision"] == (f"{precision.value:.3f}", interval)
    assert "Recall at 5 alerts a day" in by_name
    assert estimates.keys() | {"card_precision"} == MEASURES.keys()


def test_windows_data_threshold_and_inputs_are_listed(card: ModelCard) -> None:
    (trained, first, *_), (tested, second, *counts) = card.windows
    assert (trained, tested) == ("trained on", "tested on")
    assert first.startswith("2026-01-01 00:")
    assert first.split(" to ")[1] < second.split(" to ")[0]
    assert counts[0] == "800"
    facts = dict(card.facts)
    assert facts["data"] == "payments.parquet"
    assert facts["sha256 of the data"] == "d" * 64
    assert facts["threshold"] == "0.6: chosen by hand"
    assert facts["commit"] == "a" * 40
    assert [row[:4] for row in card.inputs] == [
        ("amount", "number", "0 to 1", "no"),
        ("hint", "number", "0 to 1", "yes"),
    ]
    assert float(card.inputs[0][4]) > 0.5
    assert float(card.inputs[1][4]) == 0.0


def test_limits_are_those_of_the_data(
    card: ModelCard, small: tuple[Data, Split, Contract, Assessment]
) -> None:
    limits = " ".join(card.limits)
    assert "independent frauds, days: 9" in limits
    assert "does not identify customers" in limits
    assert "known after 1 day;" in limits
    assert "simulated" not in limits
    assert "at random" not in limits

    owned = data_of(dataset(entities={"card": {}}, delay_days=0))
    owned = replace(
        owned,
        frame=owned.frame.with_columns(
            pl.lit(0.0).alias(feature.name) for feature in owned.dataset.history
        ),
    )
    split, contract, assessment = assessed(owned)
    contract = contract.model_copy(update={"dataset": "handbook"})
    few = owned.dataset.model_copy(update={"max_fit_rows": 500})
    owned = replace(owned, dataset=few)
    limits = " ".join(model_card.build(owned, split, contract, assessment, FACTS).limits)
    assert "resample by card" in limits
    assert "known at once" in limits
    assert "simulated" in limits
    assert "fitted on 500 rows, drawn at random" in limits
    assert "card_precision" in assessment.estimates
