"""The output in Blob Storage is that of a folder, and a run into it can be continued."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from batch import job
from batch.blob_output import BlobOutput, open_output
from batch.output import Counts, Output
from registry.errors import UsageError
from registry.storage.container import Container, open_container
from tests.batch.test_job import make, rejects_of, rows_of, vectors


def content(address: str) -> dict[str, bytes]:
    with open_container(address) as container:
        return {blob.name: container.read(blob.name, 1 << 20) for blob in container.list()}


def test_a_place_is_a_folder_or_an_address(tmp_path: Path) -> None:
    assert isinstance(open_output(str(tmp_path)), Output)
    address = "abfss://scores@fraud.dfs.core.windows.net/night"
    assert isinstance(open_output(address), BlobOutput)
    with pytest.raises(UsageError, match="the address names no storage account"):
        open_output("wasbs://scores@fraud/night")


def test_a_run_that_was_cut_off_is_continued_and_has_each_row_once(
    blobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "_MAX_ROWS", 25)
    source = tmp_path / "night.parquet"
    parquet.write_table(vectors(), source)
    make(source, tmp_path / "scores").run()
    address = f"{blobs}/2026/scores"
    upload, sent = Container.upload, list[str]()

    def cut_off(container: Container, path: Path, name: str, **given: object) -> None:
        if len(sent) == 4:  # the manifest, a part, and the rejects of the second
            raise OSError("the network is gone")
        sent.append(name)
        upload(container, path, name, **given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Container, "upload", cut_off)
        with pytest.raises(OSError, match="the network is gone"):
            make(source, address).run(workers=1)
    assert sorted(content(address)) == [
        "_manifest.json",
        "_rejects/part-000000.parquet",
        "_rejects/part-000001.parquet",
        "part-000000.parquet",
    ]
    assert len(sent) == 4
    sent.clear()

    def recorded(container: Container, path: Path, name: str, **given: object) -> None:
        sent.append(name)
        upload(container, path, name, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(Container, "upload", recorded)

    for _ in range(2):
        assert make(source, address).run() == Counts(54, 6)

    assert sorted(set(sent)) == sorted(sent)
    assert len(sent) == 4  # the second part and the third, with their rejects
    found = content(address)
    expected = rows_of(tmp_path / "scores"), rejects_of(tmp_path / "scores")
    for folder, rows in zip(("part", "_rejects"), expected, strict=True):
        blobs_of = [found[name] for name in sorted(found) if name.startswith(folder)]
        read = pa.concat_tables([parquet.read_table(io.BytesIO(each)) for each in blobs_of])
        assert read.to_pylist() == rows
    make(source, tmp_path / "again").run()
    for path in (tmp_path / "again").rglob("*.*"):
        assert found[path.relative_to(tmp_path / "again").as_posix()] == path.read_bytes()


def test_what_is_there_is_not_overwritten(blobs: str, tmp_path: Path) -> None:
    manifest = {"model_version": 1}
    for name, text in (("others/a.txt", "x"), ("damaged/_manifest.json", "{")):
        (tmp_path / "sent").write_text(text)
        with open_container(blobs) as container:
            container.upload(tmp_path / "sent", name)

    def refusal(address: str, changed: dict[str, object]) -> str:
        with (
            pytest.raises(UsageError) as refused,
            open_output(address).opened(manifest | changed),
        ):
            pass
        return str(refused.value)

    assert "holds 'a.txt', which is not of a batch run" in refusal(f"{blobs}/others", {})
    assert "_manifest.json is damaged" in refusal(f"{blobs}/damaged", {})
    with open_output(f"{blobs}/scores").opened(manifest) as finished:
        assert finished == {}
    other = refusal(f"{blobs}/scores", {"keys": ["id"]})
    assert "holds the scores of another run: keys differ; name a new folder" in other
    assert sorted(content(f"{blobs}/scores")) == ["_manifest.json"]
