"""Peers are installed once per set of pins, and every pin has its hashes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.inference import environments
from benchmarks.inference.environments import REQUIREMENTS, install
from benchmarks.inference.errors import CannotMeasure


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_pin_has_hashes(name: str) -> None:
    blocks = REQUIREMENTS[name].read_text().split("\n")
    pins = [number for number, line in enumerate(blocks) if "==" in line and line[:1].isalnum()]
    assert pins
    assert [blocks[pin] for pin in pins if "--hash=sha256:" not in blocks[pin + 1]] == []


@pytest.mark.parametrize("name", ["mlserver", "bentoml", "k6", "feast", "evidently", "nannyml"])
def test_every_requirement_is_pinned(name: str) -> None:
    path = REQUIREMENTS[name]
    pinned = path.read_text()
    lines = path.with_suffix(".in").read_text().splitlines()
    required = [line for line in lines if line[:1].isalpha()]
    assert required
    for line in required:
        assert f"\n{re.split(r'[<[]', line)[0]}==" in pinned


def test_an_environment_is_installed_again_only_if_its_pins_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, pins = tmp_path / "bench", tmp_path / "peer.txt"
    called: list[str] = []

    def uv(*arguments: str) -> None:
        called.append(arguments[0])
        (cache / "peer").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(environments, "REPOSITORY", tmp_path)
    monkeypatch.setattr(environments, "CACHE", cache)
    monkeypatch.setitem(REQUIREMENTS, "peer", pins)
    monkeypatch.setattr(environments, "_uv", uv)
    pins.write_text("peer==1")
    assert install("peer") == install("peer") == cache / "peer" / "bin"
    assert called == ["venv", "pip"]
    pins.write_text("peer==2")
    install("peer")
    assert called == ["venv", "pip", "venv", "pip"]
    assert capsys.readouterr().out == "installing peer into bench/peer\n" * 2


def test_the_error_of_a_failed_installation_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "REPOSITORY", tmp_path)
    monkeypatch.setattr(environments, "CACHE", tmp_path / "bench")
    monkeypatch.setitem(REQUIREMENTS, "peer", tmp_path / "pins.txt")
    (tmp_path / "pins.txt").write_text("no requirement ==\n")
    with pytest.raises(CannotMeasure, match=r"`uv pip install …` failed"):
        install("peer")
    assert not (tmp_path / "bench" / "peer" / "installed").exists()
