"""Data sets by their address in Blob Storage: downloaded once, and anew once they changed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from registry.errors import NotFound, UsageError
from registry.ledger.manifest import sha256_of_bytes
from registry.storage.container import Container, open_container
from registry.storage.downloads import downloaded
from tests.training.keys import dataset
from training.data import read_transactions

CSV = "t,a,y\n2026-01-01T00:00:00,1.5,0\n2026-01-02T00:00:00,2.5,1\n"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the blobs that are downloaded."""
    names: list[str] = []
    real = Container.download

    def recorded(container: Container, name: str, *given: object) -> str:
        names.append(name)
        return real(container, name, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Container, "download", recorded)
    return names


def put(address: str, tmp_path: Path, *names: str, content: str = CSV) -> None:
    (tmp_path / "sent").write_text(content)
    with open_container(address) as container:
        for name in names:
            container.upload(tmp_path / "sent", name)


def test_a_file_is_read_by_its_address_and_has_the_digest_of_its_bytes(
    blobs: str, tmp_path: Path, cache: Path, downloads: list[str]
) -> None:
    put(f"{blobs}/2026", tmp_path, "data.csv")
    address = f"{blobs}/2026/data.csv"

    for _ in range(2):
        data = read_transactions(address, dataset(), cache)
        assert data.frame["a"].to_list() == [1.5, 2.5]
        assert (data.path.name, data.address) == ("data.csv", address)
        assert data.sha256 == sha256_of_bytes(CSV.encode())
    assert downloads == ["data.csv"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("data/2026-0[12]/*.csv", ["2026-01/a.csv", "2026-02/a.csv", "2026-02/b.csv"]),
        ("data/*/b.*", ["2026-02/b.csv", "2026-03/b.csv"]),
        ("data/**/b.csv", ["2026-02/b.csv", "2026-03/b.csv", "2026-03/x/b.csv"]),
        ("data/2026-03/**", ["b.csv", "x/b.csv"]),
        ("data/2026-03/[x", ["[x"]),
    ],
)
def test_a_glob_names_the_files_that_it_would_name_on_a_disk(
    pattern: str, expected: list[str], blobs: str, tmp_path: Path, cache: Path
) -> None:
    names = ("01/a.csv", "02/a.csv", "02/b.csv", "03/b.csv", "03/x/b.csv", "03/_c/b.csv", "03/[x")
    put(f"{blobs}/data", tmp_path, *(f"2026-{name}" for name in names))

    found = downloaded(f"{blobs}/{pattern}", cache)

    files = [found] if found.is_file() else sorted(found.rglob("*.csv"))
    root = found.parent if found.is_file() else found
    assert [path.relative_to(root).as_posix() for path in files] == expected
    with pytest.raises(UsageError, match=r"there is no blob .*, and no Parquet or CSV file"):
        downloaded(f"{blobs}/{pattern}.none", cache)


def test_a_folder_is_read_with_its_partitions_and_without_other_files(
    blobs: str, tmp_path: Path, cache: Path, downloads: list[str]
) -> None:
    names = ("day=1/a.csv", "day=2/b.csv", "_SUCCESS", ".tmp/c.csv", "readme.txt")
    put(f"{blobs}/data", tmp_path, *names)
    put(f"{blobs}/data2", tmp_path, "d.csv")

    data = read_transactions(f"{blobs}/data/", dataset(categories=["day"]), cache)
    assert sorted(data.frame["day"].to_list()) == ["1", "1", "2", "2"]
    assert data.path.name == "data"
    assert downloads == ["data/day=1/a.csv", "data/day=2/b.csv"]


def test_a_whole_container_may_be_the_folder(blobs: str, tmp_path: Path, cache: Path) -> None:
    put(blobs, tmp_path, "a.csv")
    assert [path.name for path in downloaded(blobs, cache).iterdir()] == ["a.csv"]


def test_data_that_was_changed_is_downloaded_again_and_the_old_is_kept(
    blobs: str, tmp_path: Path, cache: Path
) -> None:
    put(blobs, tmp_path, "data.csv")
    first = downloaded(f"{blobs}/data.csv", cache)
    with open_container(blobs) as container:
        container.delete("data.csv")
    put(blobs, tmp_path, "data.csv", content=f"{CSV}2026-01-03T00:00:00,3.5,0\n")

    second = downloaded(f"{blobs}/data.csv", cache)
    assert first.read_text() == CSV
    assert second.read_text() == f"{CSV}2026-01-03T00:00:00,3.5,0\n"


def test_a_download_that_was_killed_is_continued_with_the_files_that_are_missing(
    blobs: str, tmp_path: Path, cache: Path, downloads: list[str]
) -> None:
    put(f"{blobs}/data", tmp_path, "a.csv", "b.csv")
    folder = downloaded(f"{blobs}/data", cache)
    (folder / "b.csv").rename(folder / "partial-b.csv-0123abcd")

    assert downloaded(f"{blobs}/data", cache) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv"]
    assert downloads == ["data/a.csv", "data/b.csv", "data/b.csv"]


def test_no_data_is_said_and_where(blobs: str, tmp_path: Path, cache: Path) -> None:
    put(blobs, tmp_path, "folder/readme.txt")
    for name in ("none.csv", "folder"):
        with pytest.raises(
            UsageError, match=f"there is no blob {blobs}/{name}, and no Parquet or C"
        ):
            downloaded(f"{blobs}/{name}", cache)
    with pytest.raises(NotFound, match="has no container"):
        downloaded(blobs.replace("test-", "none-"), cache)
    with pytest.raises(UsageError, match="leave out a shared access signature"):
        downloaded(f"{blobs}/data.csv?sig=abc", cache)


def test_a_cache_without_room_is_named(blobs: str, tmp_path: Path) -> None:
    put(blobs, tmp_path, "data.csv")
    (tmp_path / "full").touch()
    with pytest.raises(
        UsageError, match=r"data\.csv cannot be downloaded to .*/full/.*: Not a dir"
    ):
        downloaded(f"{blobs}/data.csv", tmp_path / "full")


def test_a_terminal_shows_how_much_has_arrived(
    blobs: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(f"{blobs}/data", tmp_path, "a.csv", "b.csv", content=f"{CSV}{' ' * 100_000}")
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", terminal)
    downloaded(f"{blobs}/data", cache)
    assert terminal.getvalue() == "\n  0.1 of 0.2 MB\r  0.2 of 0.2 MB"
