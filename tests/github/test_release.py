"""release.yml: images of both architectures and the chart, signed, deployed by digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.github.environments import ENVIRONMENTS
from tests.github.stand_ins import calls, runner
from tests.github.workflows import Runner, read_workflow

TARGETS = ("inference", "inference-records", "tracking", "training")
DIGEST = "sha256:" + "a" * 64
HOST = "fraud.azurecr.io"


@pytest.fixture
def machine(tmp_path: Path) -> Runner:
    programs: dict[str, dict[str, str]] = {
        "az": {"acr login": "a token", "acr repository show": "!"},
        "cosign": {},
        "docker": {"buildx imagetools inspect": DIGEST},
        "gh": {},
        "git": {"rev-parse HEAD": "c0ffee", "show": "2026-11-28T12:00:00+00:00"},
        "helm": {"push": f"Digest: {DIGEST}"},
        "kubectl": {},
        "kubelogin": {},
    }
    given = {
        "REGISTRY_HOST": HOST,
        "AKS_CLUSTER": "aks-fraud",
        "AZURE_RESOURCE_GROUP": "rg-fraud",
        "STAGING_AKS_CLUSTER": "aks-staging",
        "STAGING_RESOURCE_GROUP": "rg-staging",
    }
    return runner(tmp_path, programs, vars=given, github={"token": "a-token"})


def run(machine: Runner, job: str, version: str = "1.4.0", **contexts: Any) -> None:
    done = machine.run("release", job, inputs={"version": version}, **contexts)
    assert not done.failed, done.errors


def test_each_image_is_built_with_sbom_and_provenance_and_pushed(
    machine: Runner, tmp_path: Path
) -> None:
    run(machine, "images", matrix={"architecture": "arm64"})
    built = [call for call in calls(tmp_path) if call.startswith("docker buildx build ")]
    base = f"BASE=python:3.11-slim-bookworm@{DIGEST}"
    assert built == [
        f"docker buildx build . --target {target} --sbom=true --provenance=mode=max "
        f"--build-arg {base} --build-arg REVISION=c0ffee --build-arg VERSION=1.4.0 "
        "--build-arg CREATED=2026-11-28T12:00:00+00:00 --push "
        f"--tag {HOST}/fraud-{target}:1.4.0-arm64"
        for target in TARGETS
    ]


def test_a_version_that_is_none_builds_nothing(machine: Runner, tmp_path: Path) -> None:
    matrix = {"architecture": "amd64"}
    done = machine.run("release", "images", inputs={"version": "1.4; ls"}, matrix=matrix)
    assert done.outcomes["Images"] == "failure"
    assert not (tmp_path / "calls").exists()


def test_images_and_chart_are_signed_by_digest(machine: Runner, tmp_path: Path) -> None:
    done = machine.run("release", "sign", inputs={"version": "1.4.0"})
    assert not done.failed, done.errors
    assert json.loads(done.outputs["digests"]) == dict.fromkeys(TARGETS, DIGEST)
    signed = [call for call in calls(tmp_path) if call.startswith("cosign ")]
    assert signed == [
        *(f"cosign sign --yes {HOST}/fraud-{target}@{DIGEST}" for target in TARGETS),
        f"cosign sign --yes {HOST}/helm/fraud-platform@{DIGEST}",
    ]
    joined = f"{HOST}/fraud-tracking:1.4.0"
    assert f"docker buildx imagetools create --tag {joined} {joined}-amd64 {joined}-arm64" in calls(
        tmp_path
    )


def test_staging_and_production_take_the_digests_and_are_smoke_tested(
    machine: Runner, tmp_path: Path
) -> None:
    digests = json.dumps({"inference": DIGEST, "tracking": DIGEST})
    for job in ("staging", "production"):
        run(machine, job, needs={"sign": {"outputs": {"digests": digests}}})
    made = calls(tmp_path)
    clusters = [call.split()[4:8:2] for call in made if call.startswith("az aks")]
    assert clusters == [["rg-staging", "aks-staging"], ["rg-fraud", "aks-fraud"]]
    helm = [call for call in made if call.startswith(("helm upgrade", "helm test"))]
    assert helm == 2 * [
        f"helm upgrade fraud oci://{HOST}/helm/fraud-platform --version 1.4.0 --namespace fraud "
        f"--reset-then-reuse-values --set-string global.imageDigests.inference={DIGEST},"
        f"global.imageDigests.tracking={DIGEST} --rollback-on-failure --wait --timeout 15m",
        "helm test fraud --namespace fraud --logs --timeout 10m",
    ]


def test_production_waits_for_staging_and_an_approval_that_lends_no_key() -> None:
    jobs = read_workflow("release")["jobs"]
    assert jobs["staging"]["needs"] == "sign"
    assert jobs["production"]["needs"] == ["sign", "staging"]
    assert (jobs["staging"]["environment"], jobs["production"]["environment"]) == (
        "staging",
        "release",
    )
    assert ENVIRONMENTS["release"].reviewed


def test_a_version_is_released_once(machine: Runner, tmp_path: Path) -> None:
    released = {"acr repository show": "there"}
    again = runner(tmp_path / "again", {"az": released, "docker": {}}, **machine.contexts)
    matrix = {"architecture": "amd64"}
    done = again.run("release", "images", inputs={"version": "1.4.0"}, matrix=matrix)
    assert done.outcomes["Images"] == "failure"
    assert "::error::1.4.0 was released before" in done.output("Images")
    assert not any(call.startswith("docker") for call in calls(tmp_path / "again"))


def test_the_tag_names_the_commit_that_was_deployed(machine: Runner, tmp_path: Path) -> None:
    run(machine, "tag")
    assert calls(tmp_path)[-1].startswith(
        "gh release create v1.4.0 --repo bank/fraud --target c0ffee --title 1.4.0 "
    )
