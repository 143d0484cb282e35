"""Figures in an HTML page that needs no other file: saved as PNG, and embedded in the page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from registry.report.content import Picture

PLOTS_FOLDER = "plots"


def save_and_embed(
    figures: Iterable[tuple[Picture, Figure]], folder: Path, dpi: int
) -> dict[str, Picture]:
    """Save each figure under `folder`/plots; return the pictures by their `data:` address.

    Figures are drawn one at a time, as they are taken from `figures`. The same figure gives the
    same bytes: the PNG does not name the software that wrote it.
    """
    plots = folder / PLOTS_FOLDER
    plots.mkdir(exist_ok=True)
    addresses: dict[str, Picture] = {}
    for picture, figure in figures:
        path = plots / picture.file
        figure.savefig(path, dpi=dpi, metadata={"Software": None})
        addresses[f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"] = picture
    return addresses
