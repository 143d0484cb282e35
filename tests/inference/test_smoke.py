"""`python -m inference.smoke`: against a real service, and a real ledger."""

from __future__ import annotations

import subprocess
import sys

import pytest

from inference import smoke
from inference.smoke import check, main, read_head, transaction_of
from registry.errors import Unreachable, VerificationError
from tests.inference.calls import Caller, RunningService
from tests.inference.models import three_inputs
from tests.places import REPOSITORY
from tests.world import World


def test_it_says_what_answered(service: RunningService) -> None:
    said = check(service.address, "", service.head)

    decision, probability, rest = said.split(", ", 2)
    assert decision in ("approve", "review")
    assert 0 <= float(probability) <= 1
    assert rest == f"by {service.head}, digest {service.head.statement.files['model.onnx']}"


def test_the_transaction_is_one_of_now(raw: Caller) -> None:
    """The service refuses one that is a day older than the newest, as the example soon is."""
    transaction = transaction_of(raw.get("/openapi.json").json())
    assert raw.post("/predict", transaction | {"transaction_id": "newest"}).status_code == 200

    assert raw.post("/predict?record=false", transaction).status_code == 200
    example = transaction | {"time": "2026-03-01T14:25:00+01:00"}
    assert raw.post("/predict?record=false", example).status_code == 422


def test_a_service_without_a_model_has_no_transaction(caller: Caller) -> None:
    with pytest.raises(Unreachable, match="serves no model"):
        transaction_of(caller.get("/openapi.json").json())


def test_a_service_that_serves_another_model_than_the_head_is_refused(
    service: RunningService,
) -> None:
    head = three_inputs().link
    digest = head.statement.files["model.onnx"]

    with pytest.raises(VerificationError, match=f"the head is .*{digest}"):
        check(service.address, "", head)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("http://127.0.0.1:9", "Connection refused"), ("{service}/none", "HTTP 404")],
)
def test_a_service_that_does_not_answer_is_unreachable(
    service: RunningService, path: str, reason: str
) -> None:
    with pytest.raises(Unreachable, match=reason):
        check(path.format(service=service.address), "", service.head)


def test_it_waits_until_the_service_has_followed_the_last_promotion(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = [three_inputs().link, service.head]
    monkeypatch.setattr(smoke, "read_head", lambda: heads.pop(0))
    monkeypatch.setattr(smoke, "PAUSE_SECONDS", 0)

    main(f"{service.address}/")

    assert service.head.statement.files["model.onnx"] in capsys.readouterr().out
    assert heads == []


def test_it_does_not_wait_for_ever(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "read_head", lambda: three_inputs().link)
    monkeypatch.setattr(smoke, "MAX_LAG_SECONDS", -1)

    with pytest.raises(VerificationError):
        main(service.address)


def test_it_reads_the_head_as_the_service_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted = world.put_in_production()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.server.uri)
    monkeypatch.setenv("FRAUD_LEDGER_CONFIG", str(world.config))

    assert read_head() == promoted


def test_a_failure_is_one_line_and_an_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "inference.smoke", "http://127.0.0.1:9"],
        cwd=REPOSITORY,
        env={"FRAUD_LEDGER_CONFIG": "missing.yaml"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("error: no ledger configuration at missing.yaml; ")
    assert done.stderr.count("\n") == 1
