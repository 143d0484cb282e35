"""What a clone says about commits, files and their authors."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.ledger.manifest import sha256_of_bytes
from registry.provenance.repository import Repository, code_manifest
from tests.registry.provenance.origins import DATASET, Origin, git


def test_outside_of_a_checkout_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    outside = Repository(tmp_path)
    assert outside.top is None
    assert not outside.has("a" * 40)
    assert outside.author("HEAD") is None
    assert outside.head is None
    assert outside.code_at("HEAD") is None
    assert outside.uncommitted(tmp_path / "ours.yaml") is None
    assert outside.changers(tmp_path / "policy.yaml", "0" * 64) is None


@pytest.mark.parametrize(
    ("revision", "head"), [("", None), ("unknown", None), ("a" * 40, "a" * 40)]
)
def test_outside_of_a_checkout_the_head_is_what_the_image_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str, head: str | None
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "REVISION").write_text(f"{revision}\n")
    assert Repository(tmp_path).head == head


def test_in_a_checkout_the_head_is_its_own(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_REVISION", "a" * 40)
    assert Repository(origin.folder).head == git(origin.folder, "rev-parse", "HEAD")


def test_without_git_nothing_is_known(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not Repository(origin.folder).has(origin.commit)


@pytest.mark.parametrize("commit", ["", "HEAD", "--help", "a" * 39, "a" * 40 + "\n", "main"])
def test_only_a_whole_commit_id_is_asked_for(origin: Origin, commit: str) -> None:
    assert not Repository(origin.folder).has(commit)


def test_a_branch_of_the_remote_counts_too(origin: Origin, tmp_path: Path) -> None:
    """As in the detached checkout of a CI job."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin.folder), str(clone))
    git(clone, "checkout", "--quiet", "--detach", origin.commit)
    git(clone, "branch", "--quiet", "-D", "main")
    assert Repository(clone).branch_with(origin.commit, ("release", "main")) == "main"


def test_the_code_on_disk_is_that_of_the_commit_until_something_is_added(origin: Origin) -> None:
    there = Repository(origin.folder).code_at(origin.commit)
    assert there == code_manifest(origin.folder)
    assert sorted(there.sha256) == [
        *("requirements/training.txt", "training/datasets/ours.yaml", "training/fit.py")
    ]

    compiled = origin.folder / "training" / "__pycache__" / "fit.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"compiled")
    (origin.folder / "notes.txt").write_text("not code")
    assert code_manifest(origin.folder) == there

    (origin.folder / "training" / "untracked.py").write_text("steal()\n")
    assert there.differences(code_manifest(origin.folder)) == ("training/untracked.py was added",)


def test_a_signature_is_seen_without_knowing_its_key(origin: Origin) -> None:
    here = Repository(origin.folder)
    assert here.is_signed(origin.commit)
    git(origin.folder, "commit", "--quiet", "--allow-empty", "--message", "gpgsig\n\ngpgsig")
    assert not here.is_signed(git(origin.folder, "rev-parse", "HEAD"))
    assert not here.is_signed("a" * 40)


def test_only_what_a_run_can_use_counts_as_not_committed(origin: Origin, tmp_path: Path) -> None:
    here, dataset = Repository(origin.folder), origin.folder / DATASET
    (origin.folder / "payments.parquet").write_bytes(b"data")
    (origin.folder / "README.md").write_text("changed\n")
    assert here.uncommitted(dataset) == ()
    assert Repository(origin.folder / "training").uncommitted(dataset) == ()

    (origin.folder / "training" / "new.py").write_text("")
    (origin.folder / "training" / "fit.py").unlink()
    dataset.write_text("label: other\n")
    assert here.uncommitted(dataset) == (DATASET, "training/fit.py", "training/new.py")


def test_a_data_set_file_counts_wherever_it_is(origin: Origin, tmp_path: Path) -> None:
    here = Repository(origin.folder)
    (origin.folder / ".git" / "info" / "exclude").write_text("*.yaml\n")
    ignored, outside = origin.folder / "mine.yaml", tmp_path / "elsewhere.yaml"
    for path in (ignored, outside):
        path.write_text("label: fraud\n")
    assert here.uncommitted(ignored) == ("mine.yaml",)
    assert here.uncommitted(outside) == (str(outside),)
    git(origin.folder, "add", "--force", "mine.yaml")
    git(origin.folder, "commit", "--quiet", "--message", "add mine")
    assert here.uncommitted(ignored) == ()


def test_a_file_is_read_as_it_is_at_a_commit(origin: Origin) -> None:
    (origin.folder / DATASET).write_text("changed")
    assert Repository(origin.folder).file(origin.commit, DATASET) == b"label: fraud\n"
    assert Repository(origin.folder).file(origin.commit, "missing") is None


def test_who_changed_a_file_is_known_since_it_had_a_digest(origin: Origin) -> None:
    path = origin.folder / DATASET
    first = sha256_of_bytes(path.read_bytes())
    for content, author in (("one", "dave"), ("two", "erin"), ("three", "dave")):
        path.write_text(content)
        git(
            origin.folder,
            *("commit", "--quiet", "--all", "--message", content),
            *("--author", f"{author} <{author}@example.com>"),
        )
    repository = Repository(origin.folder)

    assert repository.changers(path, first) == ("dave@example.com", "erin@example.com")
    assert repository.changers(path, sha256_of_bytes(b"two")) == ("dave@example.com",)
    assert repository.changers(path, sha256_of_bytes(b"three")) == ()
    assert repository.changers(path, "0" * 64) == (
        *("dave@example.com", "erin@example.com", "carol@example.com"),
    )
