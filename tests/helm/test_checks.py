"""What programs that know Kubernetes say about the rendered chart."""

from __future__ import annotations

import json
import re
import subprocess
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from tests.checks import checker
from tests.helm.rendering import CRDS, VARIANTS, Manifest, named, rendered, text
from tests.places import REPOSITORY

WAIVERS = REPOSITORY / "helm" / ".trivyignore"


def validate(folder: Path, manifests: list[Manifest], version: str) -> str:
    """What kubernetes-validate finds wrong; empty if nothing."""
    file = folder / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    program = str(checker("kubernetes-validate"))
    command = [program, "--strict", "--kubernetes-version", version, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def newest_versions() -> list[str]:
    """The two newest versions of Kubernetes that kubernetes-validate knows."""
    command = [str(checker("kubernetes-validate")), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    match = re.search(r"Defaults\s+to\s+1\.(\d+)\.", said)
    assert match
    newest = int(match[1])
    return [f"1.{newest}", f"1.{newest - 1}"]


def waivers() -> set[str]:
    """The checks whose findings are accepted."""
    return {line for line in WAIVERS.read_text().splitlines() if line and line[0] != "#"}


def findings(folder: Path) -> set[tuple[str, str, str]]:
    """Trivy's findings of MEDIUM and above, by the checks that are built into it."""
    command = [
        *(str(checker("trivy")), "config", "--quiet", "--format", "json"),
        *("--skip-check-update", "--skip-version-check", "--cache-dir", str(folder / "cache")),
        *("--severity", "MEDIUM,HIGH,CRITICAL", "--ignorefile", "", str(folder / "manifests")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    return {
        (result["Target"], found["ID"], found["Message"])
        for result in json.loads(done.stdout).get("Results", [])
        for found in result.get("Misconfigurations", [])
    }


def test_the_two_newest_kubernetes_accept_everything_of_their_own(tmp_path: Path) -> None:
    manifests = [one for values in VARIANTS.values() for one in rendered(*values)]
    known = [one for one in manifests if one["kind"] not in CRDS]

    assert {one["kind"] for one in manifests} - {one["kind"] for one in known} == CRDS
    assert len(known) > 100
    for version in newest_versions():
        assert validate(tmp_path, known, version) == "", version


@pytest.mark.parametrize("name", ["replica", "replicas"])
def test_kubernetes_validate_would_notice(tmp_path: Path, name: str) -> None:
    deployment = deepcopy(named(rendered(*VARIANTS["dev"]), "Deployment", "fraud-redis"))
    deployment["spec"][name] = "one"

    assert name in validate(tmp_path, [deployment], newest_versions()[0])


def test_trivy_finds_nothing_that_is_not_waived(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    for name in ("dev", "everything", "existing-secrets", "ingress-prometheus"):
        (tmp_path / "manifests" / f"{name}.yaml").write_text(text(*VARIANTS[name]))

    found = findings(tmp_path)

    assert {check for _, check, _ in found} == waivers()
    assert {target for target, _, _ in found} == {"dev.yaml"}


def test_trivy_would_notice(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    weakened = text(*VARIANTS["production"]).replace(
        "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"
    )
    (tmp_path / "manifests" / "weakened.yaml").write_text(weakened)

    assert "KSV-0001" in {check for _, check, _ in findings(tmp_path)}


def test_every_waiver_has_its_reason_above_it() -> None:
    lines = WAIVERS.read_text().splitlines()

    assert all(lines[lines.index(waiver) - 1].startswith("# ") for waiver in waivers())
