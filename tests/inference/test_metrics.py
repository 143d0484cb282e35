"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from inference.app import create_app
from tests.inference.calls import Caller, calling
from tests.inference.models import number, served


def samples(caller: Caller) -> dict[str, float]:
    """The samples of /metrics, under names such as `fraud_decisions_total{decision=approve}`."""
    answer = caller.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    read: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            read[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return read


def test_requests_decisions_and_probabilities_are_counted(caller: Caller) -> None:
    caller.predict({"amount": 0})
    caller.serve(served(number("amount"), weights=(1.0,)))
    for amount in (0.05, 0.25, 0.25, 0.75):
        assert caller.predict({"amount": amount}).status_code == 200
    assert caller.predict({"amount": "much"}).status_code == 422
    assert caller.send(b" " * 300_000).status_code == 413
    read = samples(caller)
    assert read["fraud_predict_requests_total{status=200}"] == 4
    assert read["fraud_predict_requests_total{status=422}"] == 1
    assert read["fraud_predict_requests_total{status=413}"] == 1
    assert read["fraud_predict_requests_total{status=503}"] == 1
    assert read["fraud_decisions_total{decision=approve}"] == 3
    assert read["fraud_decisions_total{decision=review}"] == 1
    assert read["fraud_predict_seconds_count"] == 7
    assert 0 < read["fraud_predict_seconds_sum"] < 7
    assert read["fraud_probability_count"] == 4
    assert read["fraud_probability_bucket{le=0.1}"] == 1
    assert read["fraud_probability_bucket{le=0.3}"] == 3
    assert read["fraud_probability_bucket{le=0.8}"] == 4


def test_the_model_in_service_is_told_by_version_and_digest(caller: Caller) -> None:
    model = served(number("amount"), weights=(1.0,))
    told = {name: value for name, value in samples(caller.serve(model)).items() if "info" in name}
    assert told == {f"fraud_model_info{{digest={model.digest},version=7}}": 1}


def test_without_a_model_there_is_no_model_to_tell(caller: Caller) -> None:
    assert "fraud_model_info" not in " ".join(samples(caller))


def test_two_apps_in_one_process_count_apart(caller: Caller) -> None:
    assert caller.predict({}).status_code == 503
    with calling(create_app()) as other:
        assert "fraud_predict_requests_total{status=503}" not in samples(other)
    assert samples(caller)["fraud_predict_requests_total{status=503}"] == 1
