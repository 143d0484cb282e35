"""A Job of Kubernetes in the documents of its API."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.kubernetes import Changes, State, read_state


def pod(**state: Any) -> dict[str, Any]:
    return {"metadata": {"name": "train-x"}, "status": {"containerStatuses": [{"state": state}]}}


FAILED = {
    "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}
}


@pytest.mark.parametrize(
    ("job", "pods", "state"),
    [
        ({}, [], State()),
        ({}, [{"metadata": {"name": "train-x"}}], State("train-x")),
        ({}, [pod(running={})], State("train-x", started=True)),
        ({}, [pod(terminated={"exitCode": 3, "reason": "Error"})], State("train-x", True, 3)),
        (
            {},
            [pod(terminated={"exitCode": 137, "reason": "OOMKilled"})],
            State("train-x", True, 137, problem="OOMKilled"),
        ),
        (
            {},
            [pod(waiting={"reason": "ImagePullBackOff", "message": "no such\nimage"})],
            State("train-x", waits_for="ImagePullBackOff: no such\\nimage"),
        ),
        ({}, [pod(waiting={"reason": "ContainerCreating"})], State("train-x")),
        (FAILED, [], State(problem="DeadlineExceeded: ")),
    ],
)
def test_the_state_of_a_job_is_that_of_its_pod(
    job: dict[str, Any], pods: list[dict[str, Any]], state: State
) -> None:
    assert read_state(job, pods) == state


def test_arguments_image_and_variables_replace_those_of_the_cronjob() -> None:
    env = [{"name": "USER", "value": "trainer"}, {"name": "RUN", "value": "0"}]
    container = {"args": ["registry", "status"], "image": "a:1", "env": env}
    job = {"metadata": {}, "spec": {"template": {"spec": {"containers": [container]}}}}
    changes = Changes("0a", ("training", "train"), (("RUN", "7"), ("X", "")), "a@sha256:0")

    changed = changes.apply(job)

    assert changed["metadata"] == {"labels": {"fraud-run": "0a"}}
    assert changed["spec"]["template"]["spec"]["containers"][0] == {
        "args": ["training", "train"],
        "image": "a@sha256:0",
        "env": [
            {"name": "USER", "value": "trainer"},
            {"name": "RUN", "value": "7"},
            {"name": "X", "value": ""},
        ],
    }


def test_without_changes_the_job_is_the_cronjobs() -> None:
    container = {"args": ["registry", "status"], "image": "a:1", "env": []}
    spec = {"template": {"spec": {"containers": [dict(container)]}}}
    job = {"metadata": {}, "spec": spec}
    assert Changes("0a", ()).apply(job)["spec"]["template"]["spec"]["containers"] == [container]
