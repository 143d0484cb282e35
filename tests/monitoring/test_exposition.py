from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from monitoring.drift import InputDrift
from monitoring.exposition import FAMILIES, Sample, samples_of_drift, samples_of_looks, text, write
from monitoring.labels import Counts
from monitoring.live import look_at
from tests.monitoring.promises import drawn, joined, promise

UNTIL = datetime(1970, 4, 1, tzinfo=UTC)


def test_all_metrics_can_be_read_by_prometheus_and_are_described() -> None:
    look = look_at(promise(), joined(drawn(days=3)), UNTIL, alpha=0.05, resamples=20)
    assert look is not None
    drifts = [
        InputDrift("amount", 2000, 0.25, 1e-9, 5),
        InputDrift("country", 0, math.nan, 1, None),
    ]

    exposed = text(
        [
            *samples_of_looks([look], Counts(records=600), {7}),
            *samples_of_drift(7, drifts, {"budget_precision": 0.5}),
        ]
    )

    families = {each.name: each for each in text_string_to_metric_families(exposed)}
    assert families.keys() == FAMILIES.keys()
    assert all(each.type == "gauge" for each in families.values())
    [until] = families["fraud_live_until_timestamp_seconds"].samples
    assert until.value == 90 * 86_400
    [index] = families["fraud_drift_stability_index"].samples
    assert (index.labels, index.value) == ({"version": "7", "input": "amount"}, 0.25)
    assert [each.value for each in families["fraud_drift_detected"].samples] == [1, 0]
    [proposed] = families["fraud_live_rollback_proposed"].samples
    assert proposed.value == 1


def test_a_label_cannot_forge_a_metric() -> None:
    forged = text([Sample("fraud_drift_detected", ("7", 'x"} 1\nfraud_live 2\\'), 0)])

    [family] = text_string_to_metric_families(forged)
    assert family.samples[0].labels["input"] == 'x"} 1\nfraud_live 2\\'


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "live.prom"
    path.write_text("old")

    write(path, [Sample("fraud_live_transactions", ("frauds",), 3)])

    assert path.read_text().endswith('fraud_live_transactions{result="frauds"} 3.0\n')
    assert list(tmp_path.iterdir()) == [path]
