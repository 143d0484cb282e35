"""What Prometheus reads."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.metrics import Metrics
from registry.model.bins import MIN_ROWS
from registry.model.contract import Histogram
from tests.contracts import category, number
from tests.inference.calls import ALICE, BOB, Caller, samples_of
from tests.inference.models import FULL, served, three_inputs
from tests.places import REPOSITORY

AMOUNT = number("amount").model_copy(update={"histogram": Histogram(edges=(0.5,), counts=(60, 40))})


def test_requests_decisions_and_probabilities_are_counted(caller: Caller) -> None:
    caller.predict({"amount": 0})
    caller.serve(served(AMOUNT, weights=(1.0,)))
    for amount in (0.05, 0.25, 0.25, 0.75):
        assert caller.predict({"amount": amount}).status_code == 200
    assert caller.predict({"amount": "much"}).status_code == 422
    assert caller.send(b" " * 1_100_000).status_code == 413
    assert caller.get("/nothing").status_code == 404
    read = caller.samples()
    assert read["fraud_requests_total{route=/predict,status=200}"] == 4
    assert read["fraud_requests_total{route=/predict,status=422}"] == 1
    assert read["fraud_requests_total{route=/predict,status=413}"] == 1
    assert read["fraud_requests_total{route=/predict,status=503}"] == 1
    assert read["fraud_requests_total{route=(other),status=404}"] == 1
    assert read["fraud_request_seconds_count{route=/predict}"] == 7
    assert 0 < read["fraud_request_seconds_sum{route=/predict}"] < 7
    assert read["fraud_decisions_total{decision=approve}"] == 3
    assert read["fraud_decisions_total{decision=review}"] == 1
    assert read["fraud_probability_count"] == 4
    assert read["fraud_probability_bucket{le=0.05}"] == 0  # 0.05 in float32 is just above
    assert read["fraud_probability_bucket{le=0.1}"] == 1
    assert read["fraud_probability_bucket{le=0.3}"] == 3
    assert read["fraud_probability_bucket{le=0.8}"] == 4
    assert read["fraud_invalid_fields_total{field=amount,version=7}"] == 1


def test_every_transaction_in_a_batch_counts_as_a_decision(ready: Caller) -> None:
    low = {"amount": 0, "age_days": None, "country": "DE"}
    assert ready.post("/predict/batch", {"transactions": [FULL, low, FULL]}).status_code == 200
    read = ready.samples()
    assert read["fraud_decisions_total{decision=review}"] == 2
    assert read["fraud_decisions_total{decision=approve}"] == 1
    assert read["fraud_probability_count"] == 3
    assert read["fraud_requests_total{route=/predict/batch,status=200}"] == 1


def test_buckets_tell_milliseconds_apart(ready: Caller) -> None:
    ready.predict(FULL)
    edges = [
        float(name.partition("le=")[2].partition(",")[0])
        for name in ready.samples()
        if name.startswith("fraud_request_seconds_bucket{le=") and "/predict}" in name
    ]
    assert len([one for one in edges if one <= 0.001]) == 6
    assert len([one for one in edges if 0.001 < one <= 0.01]) == 6
    assert edges[-1] == math.inf


def families(caller: Caller) -> dict[str, str]:
    """The type of each metric, by its name."""
    return {
        line.split()[2]: line.split()[3]
        for line in caller.get("/metrics").text.splitlines()
        if line.startswith("# TYPE") and not line.split()[2].endswith("_created")
    }


def test_the_metrics_names_and_types(ready: Caller) -> None:
    """Dashboards and alerts are written against them."""
    ready.predict(FULL)
    assert families(ready) == {
        "fraud_requests_total": "counter",
        "fraud_caller_requests_total": "counter",
        "fraud_request_seconds": "histogram",
        "fraud_requests_in_flight": "gauge",
        "fraud_decisions_total": "counter",
        "fraud_probability": "histogram",
        "fraud_invalid_fields_total": "counter",
        "fraud_model_info": "gauge",
        "fraud_model_approved_timestamp_seconds": "gauge",
        "fraud_model_trained_until_timestamp_seconds": "gauge",
        "fraud_model_loaded_timestamp_seconds": "gauge",
        "fraud_ledger_lag_seconds": "gauge",
        "fraud_swaps_total": "counter",
        "fraud_swaps_failed_total": "counter",
        "fraud_cache_starts_total": "counter",
        "fraud_records_written_total": "counter",
        "fraud_records_dropped_total": "counter",
        "fraud_records_spool_bytes": "gauge",
        "fraud_records_oldest_seconds": "gauge",
        "fraud_record_moves_failed_total": "counter",
        "fraud_history_transactions_total": "counter",
        "fraud_store_unavailable_total": "counter",
        "fraud_without_history_total": "counter",
        "fraud_history_lost_total": "counter",
        "fraud_history_missing_seconds": "gauge",
        "fraud_labels_total": "counter",
        "fraud_labels_late_total": "counter",
        "fraud_connections_closed_total": "counter",
        "fraud_input_rows_total": "counter",
        "fraud_input_reference_share": "gauge",
        "fraud_input_stability_index": "gauge",
    }


def labels(caller: Caller) -> dict[str, set[str]]:
    """The labels of each metric that has a sample, by its name as in `families`."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: {
            label for sample in family.samples for label in sample.labels if label != "le"
        }
        for family in text_string_to_metric_families(caller.get("/metrics").text)
        if family.samples
    }


def test_every_exported_metric_is_documented_and_every_documented_one_exported(
    ready: Caller,
) -> None:
    ready.post("/predict/batch", {"transactions": [FULL] * MIN_ROWS})
    ready.predict({})
    assert not ready.app.follower.poll()  # nothing listens at its tracking URI
    ready.app.guard._metrics.request_done("/predict", 200, 0.001, "alice")
    ready.app.guard._metrics.count_closed("head")
    ready.app.guard._metrics.recorded(repeated=False)
    ready.app.guard._metrics.labels.labels("recorded").inc()
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \| .*\|$", page, re.MULTILINE)
    assert {name: kind for name, kind, _ in rows} == families(ready)
    exported = labels(ready)
    for name, _, documented in rows:
        assert set(re.findall(r"\w+", documented)) == exported[name]


@pytest.mark.parametrize("page", ["inference.md", "decisions/hot-path.md"])
def test_every_metric_that_a_page_names_is_exported(ready: Caller, page: str) -> None:
    text = (REPOSITORY / "docs" / page).read_text()
    assert set(re.findall(r"fraud_[a-z_]+[a-z]", text)) - families(ready).keys() == set()


def test_the_served_model_is_reported_by_version_and_digest(caller: Caller) -> None:
    model = served(AMOUNT, weights=(1.0,))
    read = caller.serve(model).samples()
    info = {name: value for name, value in read.items() if "info" in name}
    assert info == {f"fraud_model_info{{digest={model.digest},version=7}}": 1}
    assert read["fraud_model_approved_timestamp_seconds"] == 1_777_593_600  # 2026-05-01
    assert read["fraud_model_trained_until_timestamp_seconds"] == 1_772_323_200  # 2026-03-01
    assert read["fraud_model_loaded_timestamp_seconds"] == model.loaded_at.timestamp()
    assert read["fraud_swaps_total"] == 0


def test_without_a_model_no_series_has_a_version(caller: Caller) -> None:
    read = caller.samples()
    assert [name for name in read if "version=" in name] == []
    assert 0 < read["fraud_ledger_lag_seconds"] < 300


def test_inputs_are_counted_in_the_bins_of_training_and_compared_with_it(caller: Caller) -> None:
    country = category("country", "DE", "FR", nullable=True).model_copy(
        update={"histogram": Histogram(counts=(60, 20), missing=20)}
    )
    caller.serve(served(AMOUNT, country, weights=(1.0, 0.0)))
    sent = [
        {"amount": amount, "country": place}
        for amount, place in ((0.1, "DE"), (0.5, "XX"), (0.7, None), (0.2, "DE"))
    ]
    for transaction in sent:
        caller.predict(transaction)
    index = "fraud_input_stability_index{input=amount,version=7}"
    assert index not in caller.samples()
    caller.post("/predict/batch", {"transactions": sent * 249})
    read = caller.samples()
    rows = "fraud_input_rows_total"
    assert read[f"{rows}{{bin=-inf..0.5,input=amount,version=7}}"] == 500
    assert read[f"{rows}{{bin=0.5..inf,input=amount,version=7}}"] == 500
    assert read[f"{rows}{{bin=missing,input=amount,version=7}}"] == 0
    assert read[f"{rows}{{bin=DE,input=country,version=7}}"] == 500
    assert read[f"{rows}{{bin=unknown,input=country,version=7}}"] == 500
    share = "fraud_input_reference_share"
    assert read[f"{share}{{bin=-inf..0.5,input=amount,version=7}}"] == 0.6
    assert read[f"{share}{{bin=unknown,input=country,version=7}}"] == 0.2
    assert read[index] == pytest.approx(0.04054651, abs=1e-8)  # as in test_bins, by hand


def test_after_a_swap_the_old_models_series_are_gone_and_the_counts_begin_anew(
    caller: Caller,
) -> None:
    caller.serve(served(AMOUNT, number("old"), weights=(1.0, 0.0)))
    caller.predict({"amount": 0.1, "old": 0})
    new = served(AMOUNT, weights=(0.5,), version=8)
    caller.serve(new)
    caller.predict({"amount": 0.7})
    read = caller.samples()
    assert [name for name in read if "version=7" in name or "input=old" in name] == []
    assert read[f"fraud_model_info{{digest={new.digest},version=8}}"] == 1
    assert read["fraud_input_rows_total{bin=-inf..0.5,input=amount,version=8}"] == 0
    assert read["fraud_input_rows_total{bin=0.5..inf,input=amount,version=8}"] == 1
    assert read["fraud_swaps_total"] == 1
    assert read["fraud_decisions_total{decision=approve}"] == 2


def test_a_thousand_swaps_leave_no_more_series_than_one(caller: Caller) -> None:
    models = [served(AMOUNT, weights=(1.0,), version=version) for version in range(1, 21)]
    caller.serve(models[0])
    caller.samples()
    before = len(caller.samples())
    for _ in range(50):
        for model in models:
            caller.serve(model)
    assert len(caller.samples()) == before


def test_failed_polls_are_counted_by_reason() -> None:
    metrics = Metrics(lambda: 0, lambda: 0)
    for reason in ("bytes", "unreachable", "unreachable"):
        metrics.swap_failed(reason)
    text = metrics.expose().decode()
    assert 'fraud_swaps_failed_total{reason="bytes"} 1.0' in text
    assert 'fraud_swaps_failed_total{reason="unreachable"} 2.0' in text


def test_requests_are_counted_by_the_callers_of_the_token_file_and_by_no_other(
    make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{ALICE}\n{BOB}\n")
    app = make_caller(FRAUD_AUTH="on", FRAUD_TOKENS=str(tokens)).serve(three_inputs())
    for name, body in (("alice", FULL), ("alice", {}), ("bob", {}), ("bob", {}), ("eve", FULL)):
        app.post("/predict", body, authorization=f"Bearer {name}")
    counted = {
        name: value
        for name, value in app.samples(authorization="Bearer alice").items()
        if name.startswith("fraud_caller_requests_total")
    }
    assert counted == {
        "fraud_caller_requests_total{caller=alice,status=200}": 1,
        "fraud_caller_requests_total{caller=alice,status=422}": 1,
        "fraud_caller_requests_total{caller=bob,status=422}": 2,
    }


def test_beyond_a_hundred_callers_the_others_share_their_series() -> None:
    metrics = Metrics(lambda: 0, lambda: 0)
    for caller in (*range(102), 0, 101):
        metrics.request_done("/predict", 200, 0.001, f"c{caller}")
    name = "fraud_caller_requests_total"
    read = samples_of(metrics.expose().decode())
    counted = {one: value for one, value in read.items() if one.startswith(name)}
    assert len(counted) == 101
    assert counted[f"{name}{{caller=c0,status=200}}"] == 2
    assert counted[f"{name}{{caller=(other),status=200}}"] == 3


def test_two_apps_in_one_process_count_apart(make_caller: Callable[..., Caller]) -> None:
    first, second = make_caller(), make_caller()
    assert first.predict({}).status_code == 503
    name = "fraud_requests_total{route=/predict,status=503}"
    assert first.samples()[name] == 1
    assert name not in second.samples()


WORKER = """
import sys
import numpy as np
from registry.model.bins import MIN_ROWS
from inference.metrics import Metrics
from tests.inference.models import number, served

old = served(number("amount"), weights=(1.0,))
metrics = Metrics(lambda: 1, lambda: float(sys.argv[2]))
metrics.model_loaded(None, old)
metrics.drift.add(old, np.array([[0.25]], dtype=np.float32))
metrics.request_done("/predict", 200, 0.001)
metrics.scored(0.5, review=True)
metrics.flush()
if sys.argv[1] == "swaps":
    metrics.model_loaded(old, served(number("amount"), weights=(0.5,), version=8))
sys.stdout.buffer.write(metrics.expose())
"""


def test_with_several_workers_the_counts_are_summed_over_them(tmp_path: Path) -> None:
    """Real processes, whose files stay as those of workers that live."""
    text = ""
    for arguments in (("swaps", "8"), ("stays", "3")):
        text = subprocess.run(
            [sys.executable, "-c", WORKER, *arguments],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    read = samples_of(text)
    assert read["fraud_requests_total{route=/predict,status=200}"] == 2
    assert read["fraud_request_seconds_count{route=/predict}"] == 2
    assert read["fraud_decisions_total{decision=review}"] == 2
    assert read["fraud_probability_count"] == 2
    assert read["fraud_requests_in_flight"] == 2
    assert read["fraud_ledger_lag_seconds"] == 8  # the larger one
    assert read["fraud_swaps_total"] == 1
    old, new = (served(number("amount"), weights=(one,)).digest for one in (1.0, 0.5))
    assert read[f"fraud_model_info{{digest={old},version=7}}"] == 1
    assert read[f"fraud_model_info{{digest={new},version=8}}"] == 1
    assert read["fraud_input_rows_total{bin=-inf..inf,input=amount,version=7}"] == 2


PROMOTIONS = """
import os
from pathlib import Path
from inference.metrics import Metrics
from inference.transaction import InvalidTransaction
from tests.inference.models import number, served

metrics, before = Metrics(lambda: 1, lambda: 0.0), None
for version in range(1, 31):
    model = served(number(f"amount{version}"), weights=(1.0,), version=version)
    metrics.model_loaded(before, model)
    error = InvalidTransaction.of_body("missing", "Field required", f"amount{version}")
    metrics.invalid.count(error, model)
    before = model
    if version in (3, 30):
        print(sum(not line.startswith("#") for line in metrics.expose().decode().splitlines()))
        names = sorted(path.name for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).iterdir())
        print(*(name.partition("_")[0] for name in names if not name.endswith(".db")))
"""


def test_with_several_workers_promotions_leave_neither_series_nor_files(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", PROMOTIONS],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert shown[0] == shown[2]
    assert shown[1] == "2-fields 2-rows 3-fields 3-rows serves"
    assert shown[3] == "29-fields 29-rows 30-fields 30-rows serves"


def test_a_scrape_counts_the_rows_that_wait(ready: Caller) -> None:
    ready.serve(three_inputs())
    for _ in range(3):
        ready.predict(FULL)
    name = "fraud_input_rows_total{bin=FR,input=country,version=7}"
    assert ready.samples()[name] == 3
    assert ready.samples()[name] == 3
