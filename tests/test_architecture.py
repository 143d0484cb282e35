"""The pictures show what their sources say, and architecture.dot what the code imports."""

from __future__ import annotations

import itertools
import re
from html import unescape
from pathlib import Path
from shutil import copy
from xml.etree.ElementTree import Element, parse

import pytest

from docs.pages.architecture import (
    boxes,
    docstring,
    draw,
    drawn,
    imports,
    layers,
    listed_modules,
    reachable,
)
from tests.components import program
from tests.places import REPOSITORY

DOCS = REPOSITORY / "docs"
PACKAGES = [name for layer in itertools.chain(*layers()) for name in layer]
SVG = "{http://www.w3.org/2000/svg}"


def groups(picture: Path, kind: str) -> dict[str, list[Element]]:
    """The texts of each `node` or `edge` of an SVG file, by its title."""
    return {
        group.findtext(f"{SVG}title", ""): list(group.iter(f"{SVG}text"))
        for group in parse(picture).iter(f"{SVG}g")  # noqa: S314 (a file of our own)
        if group.get("class") == kind
    }


def without_space(text: str) -> str:
    return re.sub(r"\\n|\s", "", text)


def check(source: Path) -> None:
    """A picture has exactly the nodes, with their labels, and the edges of its source."""
    text, picture = source.read_text(), source.with_suffix(".svg")
    labels = re.findall(r'^\s*"?([\w.]+)"?\s+\[label=("[^"]*"|<.*>)', text, re.MULTILINE)
    expected = {
        name: without_space(unescape(re.sub("<[^<>]*>", "", label[1:-1]))) for name, label in labels
    }
    edges = re.findall(r'"?([\w.]+)"? -> "?([\w.]++)"?+(?! \[style=invis)', text)

    nodes = groups(picture, "node").items()
    assert {
        name: without_space("".join(line.text or "" for line in lines)) for name, lines in nodes
    } == expected
    assert set(groups(picture, "edge")) == {f"{begin}->{end}" for begin, end in edges}


@pytest.mark.parametrize("name", ["architecture", "flow", "promotion"])
def test_a_picture_shows_what_its_source_says(name: str) -> None:
    check(DOCS / f"{name}.dot")


def test_a_picture_of_another_source_is_stale_until_it_is_drawn_again(tmp_path: Path) -> None:
    source = tmp_path / "flow.dot"
    copy(DOCS / "flow.svg", tmp_path)
    for word, other in (("train ->", "ledger ->"), ("train  ", "treat  "), ("Train", "Fit")):
        source.write_text((DOCS / "flow.dot").read_text().replace(word, other))
        with pytest.raises(AssertionError):
            check(source)
    program("dot", "apt-get install graphviz")
    draw(source)
    check(source)


def test_the_boxes_stand_in_the_order_of_the_layers() -> None:
    nodes = groups(DOCS / "architecture.svg", "node")
    heights = [[float(nodes[name][0].get("y", "")) for name in layer] for layer in boxes()]

    assert len(heights) == 14
    for above, below in itertools.pairwise(heights):
        assert max(above) < min(below)


def test_the_picture_leaves_out_only_arrows_that_others_imply() -> None:
    every, few = imports(), drawn(imports())

    assert {("training", "features"), ("inference", "registry.tracking")} <= few < every
    for name in itertools.chain(*boxes()):
        assert reachable(name, few) == reachable(name, every)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lists_each_of_its_modules_or_none(name: str) -> None:
    folder = REPOSITORY / name.replace(".", "/")
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}

    listed = listed_modules(name)
    # That of `registry` lists its packages, and names the modules beside them in its text.
    expected = packages if packages.issuperset(listed) else modules | packages
    assert not listed or sorted(listed) == sorted(expected)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_names_only_what_its_modules_define(name: str) -> None:
    for module, value in re.findall(r"`(\w+)\.(\w+)`", docstring(name)):
        source = REPOSITORY / name.replace(".", "/") / f"{module}.py"
        assert re.search(rf"^(def |class )?{value}\b", source.read_text(), re.MULTILINE), value
