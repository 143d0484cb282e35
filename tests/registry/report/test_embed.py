"""Figures that are saved beside a page and embedded in it."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

from matplotlib.figure import Figure

from registry.report.content import Picture
from registry.report.embed import save_and_embed


def figure_of(*values: float) -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot(values)
    return figure


def test_each_figure_is_a_file_and_its_address_holds_the_same_bytes(tmp_path: Path) -> None:
    pictures = [Picture("b.png", "B", "Second."), Picture("a.png", "A", "First.")]
    figures = zip(pictures, [figure_of(1, 2), figure_of(2, 1)], strict=True)

    embedded = save_and_embed(figures, tmp_path, dpi=50)

    assert list(embedded.values()) == pictures
    for address, picture in embedded.items():
        prefix, _, content = address.partition(",")
        assert prefix == "data:image/png;base64"
        assert b64decode(content) == (tmp_path / "plots" / picture.file).read_bytes()


def test_the_same_figure_gives_the_same_address(tmp_path: Path) -> None:
    first, second = (
        save_and_embed([(Picture("a.png", "A", ""), figure_of(1, 2))], tmp_path, dpi=50)
        for _ in range(2)
    )

    assert first == second
    assert b"matplotlib" not in (tmp_path / "plots" / "a.png").read_bytes().lower()
