"""Scored rows of the served model, counted and shown to Prometheus."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference.drift import Drift
from inference.model import ServedModel
from registry.model.contract import Histogram
from registry.model.limits import MAX_INPUTS
from tests.contracts import category, number
from tests.inference.calls import samples_of
from tests.inference.models import served

AMOUNT = number("amount").model_copy(
    update={"histogram": Histogram(edges=(0.1, 1.0), counts=(20, 60, 20))}
)
COUNTRY = category("country", "DE", "FR")
MODEL = served(AMOUNT, COUNTRY, weights=(1.0, 1.0))
ROW = np.array([[0.5, 1.0]], dtype=np.float32)


def started(model: ServedModel = MODEL) -> Drift:
    drift = Drift()
    drift.start(model)
    return drift


def counted(drift: Drift) -> dict[str, float]:
    """The counts above 0, by the labels `bin` and `input`."""
    return {
        name.removeprefix("fraud_input_rows_total{").removesuffix(",version=7}"): value
        for name, value in samples_of(drift.expose()).items()
        if name.startswith("fraud_input_rows_total") and value
    }


def test_each_bin_of_the_served_model_has_a_count_and_a_reference() -> None:
    drift = started()
    drift.add(MODEL, np.array([[0.5, 1], [0.5, 0], [7, -1]], dtype=np.float32))
    drift.flush()
    read = samples_of(drift.expose())
    rows, share = "fraud_input_rows_total", "fraud_input_reference_share"
    assert read == {
        f"{rows}{{bin=-inf..0.1,input=amount,version=7}}": 0,
        f"{rows}{{bin=0.1..1,input=amount,version=7}}": 2,
        f"{rows}{{bin=1..inf,input=amount,version=7}}": 1,
        f"{rows}{{bin=missing,input=amount,version=7}}": 0,
        f"{rows}{{bin=DE,input=country,version=7}}": 1,
        f"{rows}{{bin=FR,input=country,version=7}}": 1,
        f"{rows}{{bin=unknown,input=country,version=7}}": 1,
        f"{share}{{bin=-inf..0.1,input=amount,version=7}}": 0.2,
        f"{share}{{bin=0.1..1,input=amount,version=7}}": 0.6,
        f"{share}{{bin=1..inf,input=amount,version=7}}": 0.2,
        f"{share}{{bin=missing,input=amount,version=7}}": 0,
        f"{share}{{bin=DE,input=country,version=7}}": 0.5,
        f"{share}{{bin=FR,input=country,version=7}}": 0.5,
        f"{share}{{bin=unknown,input=country,version=7}}": 0,
    }


def test_there_is_no_stability_index_below_a_thousand_rows() -> None:
    drift = started()
    drift.add(MODEL, np.repeat(ROW, 999, axis=0))
    index = "fraud_input_stability_index{input=amount,version=7}"
    assert index not in samples_of(drift.expose())
    drift.add(MODEL, ROW)
    drift.flush()
    # All in the middle: 0.4 ln(1 / 0.6) + 2 * (0.0001 - 0.2) ln(0.0001 / 0.2)
    assert samples_of(drift.expose())[index] == pytest.approx(0.2043303 + 3.0388410, abs=1e-6)


def test_without_a_model_no_metric_has_a_sample() -> None:
    text = Drift().expose()
    assert samples_of(text) == {}
    assert text.count("# TYPE") == 3


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "金額", "{curly}", "a,b=c"])
def test_inputs_and_categories_of_any_name_can_be_read_again(name: str) -> None:
    model = served(category(name, name, "other"), weights=(1.0,))
    drift = started(model)
    drift.add(model, np.zeros((2, 1), dtype=np.float32))
    read = samples_of(drift.expose())
    assert read[f"fraud_input_rows_total{{bin={name},input={name},version=7}}"] == 2


def test_only_the_first_inputs_are_counted() -> None:
    inputs = tuple(number(f"x{index}") for index in range(MAX_INPUTS + 1))
    model = served(*inputs, weights=(0.0,) * len(inputs))
    drift = started(model)
    drift.add(model, np.zeros((1, len(inputs)), dtype=np.float32))
    drift.flush()
    expected = {f"bin=-inf..inf,input=x{index}": 1 for index in range(MAX_INPUTS)}
    assert counted(drift) == expected


def test_nothing_is_counted_twice() -> None:
    drift = started()
    drift.add(MODEL, np.repeat(ROW, 2, axis=0))
    for _ in range(3):
        drift.flush()
    assert counted(drift) == {"bin=0.1..1,input=amount": 2, "bin=FR,input=country": 2}


def test_rows_of_a_model_that_was_replaced_are_ignored() -> None:
    """They may have another number of inputs, and the series of their version are gone."""
    old = served(number("x"), weights=(1.0,), version=6)
    drift = started(old)
    drift.start(MODEL)
    drift.add(old, np.zeros((1, 1), np.float32))
    drift.flush()
    assert counted(drift) == {}
    assert "version=6" not in str(samples_of(drift.expose()))


def test_single_rows_are_counted_many_at_a_time_and_none_is_lost() -> None:
    drift = started()
    for _ in range(4096 // 2 - 1):  # values, of which a row has two
        drift.add(MODEL, ROW)
    assert counted(drift) == {}
    drift.add(MODEL, ROW)
    assert counted(drift) == {"bin=0.1..1,input=amount": 2048, "bin=FR,input=country": 2048}
    drift.add(MODEL, ROW)
    drift.flush()
    assert counted(drift) == {"bin=0.1..1,input=amount": 2049, "bin=FR,input=country": 2049}


def test_rows_that_another_thread_is_counting_are_left_to_it() -> None:
    """The event loop must not wait for the thread of a large batch."""
    drift = started()
    drift.add(MODEL, ROW)
    rows = drift._rows
    assert rows is not None
    with rows._lock:
        drift.flush()
        drift.add(MODEL, np.repeat(ROW, 2, axis=0))
        assert counted(drift) == {}
    drift.flush(wait=True)
    assert counted(drift) == {"bin=0.1..1,input=amount": 3, "bin=FR,input=country": 3}


row = st.tuples(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.sampled_from([-1.0, 0.0, 1.0]))


@given(groups=st.lists(st.tuples(row, st.integers(1, 3000)), min_size=1, max_size=6))
def test_rows_are_counted_alike_however_they_arrive(
    groups: list[tuple[tuple[float, float], int]],
) -> None:
    batches, singles = started(), started()
    for one, times in groups:
        part: NDArray[np.float32] = np.tile(np.array([one], dtype=np.float32), (times, 1))
        batches.add(MODEL, part)
        for single in part:
            singles.add(MODEL, single.reshape(1, -1))
    batches.flush()
    singles.flush()
    total = sum(times for _, times in groups)
    assert counted(batches) == counted(singles)
    assert sum(counted(batches).values()) == 2 * total
