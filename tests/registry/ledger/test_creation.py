"""Creating a ledger: two new files, of which a crash at any point leaves neither a half nor one."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import stat
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from registry.atomic import PARTIAL
from registry.errors import UsageError
from registry.ledger.creation import create_ledger
from registry.ledger.trust import open_signer, read_trust, signer_with
from registry.provenance.trusted import read_trusted
from tests.registry.forked import Ended, registry
from tests.registry.kills import kill_before_change


def test_a_new_ledger_can_be_read(tmp_path: Path) -> None:
    trust = create_ledger(tmp_path / "conf" / "ledger.yaml", tmp_path / "keys" / "key.pem")
    assert read_trust(tmp_path / "conf" / "ledger.yaml") == trust
    assert [(key.scheme, key.first, key.last) for key in trust.keys] == [
        ("ecdsa-sha2-nistp256", 1, None)
    ]


def test_the_private_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in (tmp_path / "ledger.yaml").read_text()


def test_two_ledgers_have_nothing_in_common(tmp_path: Path) -> None:
    first = create_ledger(tmp_path / "first.yaml", tmp_path / "first.pem")
    second = create_ledger(tmp_path / "second.yaml", tmp_path / "second.pem")
    assert first.ledger_id != second.ledger_id
    assert first.keys[0].keyid != second.keys[0].keyid


@pytest.mark.parametrize("existing", ["ledger.yaml", "key.pem"])
def test_neither_file_is_ever_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("precious")
    with pytest.raises(UsageError, match=f"{existing} already exists"):
        create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    assert (tmp_path / existing).read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == [existing]


def test_one_path_cannot_hold_both_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot hold both"):
        create_ledger(tmp_path / "same", tmp_path / "." / "same")
    assert not (tmp_path / "same").exists()


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: "):
        create_ledger(tmp_path / "file" / "ledger.yaml", tmp_path / "key.pem")


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(PARTIAL))


def test_an_init_that_is_killed_at_any_point_is_finished_by_the_same_command(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "ledger"
    config, key = folder / "ledger.yaml", folder / "signing-key.pem"
    provenance, training_key = folder / "provenance.yaml", folder / "training-key.pem"

    def init(killed_before: int = 0) -> Ended:
        options = ["--config", str(config), "--private-key", str(key)]
        options += ["--provenance", str(provenance), "--training-key", str(training_key)]
        kill = partial(kill_before_change, folder, killed_before)
        return registry("init", *options, environment={}, log=tmp_path / "log", prepare=kill)

    states: list[tuple[bool, bool]] = []
    for change in itertools.count(1):
        ended = init(killed_before=change)
        if ended.code != -signal.SIGKILL:
            break
        states.append((key.exists(), config.exists()))
        again = init()
        if states[-1] == (True, True):  # it was complete, and not one name of it is replaced
            assert again.code == 2, again.output
            assert "already exists; delete it first if it is no longer needed" in again.output
        else:
            assert again.code == 0, again.output
        trust = read_trust(config)
        assert open_signer(f"file2:{key}", trust)
        training_keys = read_trusted(provenance, required=True).public_keys()
        assert signer_with(f"file2:{training_key}", training_keys, "")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert key.stat().st_nlink == 1
        if states[-1][0]:  # a key that did not get its name is trusted by nothing
            assert not any("signing-key" in name for name in leftovers(folder))
        shutil.rmtree(folder)
    assert ended.code == 0, ended.output
    assert leftovers(folder) == []
    assert sorted(set(states)) == [(False, False), (True, False), (True, True)]


def test_a_key_without_the_configuration_that_was_made_for_it_is_not_taken_over(
    tmp_path: Path,
) -> None:
    config, key = tmp_path / "ledger.yaml", tmp_path / "key.pem"
    create_ledger(config, key)
    config.unlink()
    other = create_ledger(tmp_path / "other.yaml", tmp_path / "other.pem")
    (tmp_path / f"{PARTIAL}ledger.yaml-0").write_text(other.as_yaml())
    (tmp_path / f"{PARTIAL}ledger.yaml-1").write_text("ledger_id: cut of")
    with pytest.raises(UsageError, match=r"key\.pem already exists"):
        create_ledger(config, key)
    assert not config.exists()


def test_a_configuration_that_cannot_be_published_is_finished_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, key = tmp_path / "ledger.yaml", tmp_path / "key.pem"
    link = os.link

    def link_the_key_only(source: Path, path: Path) -> None:
        if path == config:
            raise OSError(28, "No space left on device", str(path))
        link(source, path)

    monkeypatch.setattr(os, "link", link_the_key_only)
    with pytest.raises(UsageError, match=r"ledger\.yaml: No space left on device"):
        create_ledger(config, key)
    monkeypatch.undo()
    pem = key.read_bytes()
    trust = create_ledger(config, key)
    assert read_trust(config) == trust
    assert key.read_bytes() == pem
    assert leftovers(tmp_path) == []


def test_a_key_that_cannot_be_published_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(28, "No space left on device", "key.pem")
    monkeypatch.setattr(os, "link", Mock(side_effect=full))
    with pytest.raises(UsageError, match=r"key\.pem: No space left on device"):
        create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    assert list(tmp_path.iterdir()) == []
