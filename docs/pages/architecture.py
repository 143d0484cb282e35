"""The packages and rooms as a picture and as text, from the imports and docstrings of the code.

`make architecture` writes docs/architecture.dot, .svg and the generated part of .md.
"""

from __future__ import annotations

import ast
import functools
import html
import itertools
import re
import subprocess
import textwrap
import tomllib
from pathlib import Path

import grimp

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
LABEL_WIDTH = 34
Arrow = tuple[str, str]
"""Importer and imported, such as `registry.cli` and `registry.lifecycle`."""

HEADER = """\
// Written by `make architecture` from the imports of the code; do not edit.
digraph architecture {
  rankdir=TB; nodesep=0.5; ranksep=0.4; bgcolor="white";
  node [shape=box, style="rounded,filled", fillcolor="#f4f6f8", color="#44546a", \
fontname="Helvetica", fontsize=14, margin="0.2,0.1"];
  edge [color="#44546a", arrowsize=0.8];
"""


@functools.cache
def layers() -> tuple[list[list[str]], list[list[str]]]:
    """The packages and the rooms of `registry`, top down, as import-linter's contracts list them.

    Single modules, which stand below all rooms, are left out.
    """
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    packages, rooms = settings["tool"]["importlinter"]["contracts"][:2]
    return (
        [re.split(r" [|:] ", layer) for layer in packages["layers"]],
        [
            [f"registry.{name}" for name in re.split(r" [|:] ", layer)]
            for layer in rooms["layers"]
            if (REPOSITORY / "registry" / layer.split()[0]).is_dir()
        ],
    )


def boxes() -> list[list[str]]:
    """What the picture draws, by layer: all packages, with the rooms in place of `registry`."""
    packages, rooms = layers()
    return [layer for layer in packages if layer != ["registry"]] + rooms


@functools.cache
def imports() -> frozenset[Arrow]:
    """Each pair of boxes of which a module of the first imports a module of the second."""
    packages, _ = layers()
    graph = grimp.build_graph(*itertools.chain(*packages), cache_dir=None)
    box_of = {
        module: name
        for module in graph.modules
        for name in itertools.chain(*boxes())
        if f"{module}.".startswith(f"{name}.")
    }
    pairs = {
        (box_of[module], box_of[imported])
        for module in box_of
        if not module.endswith(".__main__")  # a program stands on top of all packages
        for imported in graph.find_modules_directly_imported_by(module)
        if imported in box_of
    }
    return frozenset((one, other) for one, other in pairs if one != other)


def reachable(start: str, arrows: frozenset[Arrow]) -> frozenset[str]:
    """Every box that a path of arrows leads to."""
    direct = [end for begin, end in arrows if begin == start]
    return frozenset(direct).union(*(reachable(end, arrows) for end in direct))


def drawn(arrows: frozenset[Arrow]) -> frozenset[Arrow]:
    """The transitive reduction: without each arrow that a longer path implies."""
    return frozenset(
        (begin, end)
        for begin, end in arrows
        if not any(end in reachable(middle, arrows) for first, middle in arrows if first == begin)
    )


def docstring(name: str) -> str:
    """The docstring of a package or a module, without importing it."""
    path = REPOSITORY / name.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.get_docstring(ast.parse(source.read_text())) or ""


def paragraphs(name: str) -> list[str]:
    """The prose of a docstring, a paragraph each, without its list of modules."""
    return [
        " ".join(paragraph.split())
        for paragraph in docstring(name).split("\n\n")
        if not re.search(r"^ *\S+ {2,}\S", paragraph, re.MULTILINE) and not paragraph.endswith(":")
    ]


def module_lists(name: str) -> list[str]:
    """The lists of modules that a docstring groups under headings, as Markdown."""
    groups = [part.splitlines() for part in docstring(name).split("\n\n")]
    return [
        "\n".join([heading, "", *(re.sub(r"^ +(\S+) +", r"- `\1`: ", line) for line in lines)])
        for heading, *lines in groups
        if lines and all(re.match(r" +\S+ {2,}\S", line) for line in lines)
    ]


def listed_modules(name: str) -> list[str]:
    """The modules and packages that a package's docstring lists."""
    return re.findall(r"^ *([a-z]\w*)/? {2,}\S", docstring(name), re.MULTILINE)


def _box(name: str) -> str:
    summary = re.split(r"(?<=[.;])\s", paragraphs(name)[0].replace("`", ""))[0].rstrip(".;")
    title = name.removeprefix("registry.")
    lines = "<br/>".join(html.escape(line) for line in _balanced(summary))
    return f'"{name}" [label=<<font point-size="16"><b>{title}</b></font><br/>{lines}>];'


def _balanced(sentence: str) -> list[str]:
    """A sentence on as few lines as LABEL_WIDTH allows, all about as long as each other."""
    count = len(textwrap.wrap(sentence, LABEL_WIDTH))
    widths = range(len(sentence) // count, LABEL_WIDTH + 1)
    wrapped = (textwrap.wrap(sentence, width) for width in widths)
    return next(lines for lines in wrapped if len(lines) == count)


def dot() -> str:
    """The picture in Graphviz's language: a box per package and room, one rank per layer."""
    packages, rooms = layers()
    outside = [f"  {_box(name)}" for layer in packages[:-1] for name in layer]
    inside = [f"    {_box(name)}" for layer in rooms for name in layer]
    order = [
        f'  "{upper}" -> "{lower}" [style=invis];'
        for above, below in zip(boxes(), boxes()[1:], strict=False)
        for upper in above
        for lower in below
    ]
    arrows = [f'  "{begin}" -> "{end}";' for begin, end in sorted(drawn(imports()))]
    cluster = (
        '  subgraph cluster_registry {\n    label=<<b>registry</b>>; labelloc="b"; '
        'fontname="Helvetica"; fontsize=16; style="rounded"; color="#44546a"; margin=16;'
    )
    return HEADER + "\n".join([*outside, cluster, *inside, "  }", *order, *arrows, "}", ""])


def _entry(name: str, heading: str) -> str:
    direct = sorted(end for begin, end in imports() if begin == name)
    title = f"{heading} [`{name.replace('.', '/')}/`](../{name.replace('.', '/')})"
    names = ", ".join(f"`{end}`" for end in direct) or "none of the others"
    return "\n\n".join([title, *paragraphs(name), *module_lists(name), f"Imports {names}."])


def text() -> str:
    """What each package and each room makes, from its docstring, and all that it imports."""
    packages, rooms = layers()
    modules = "\n".join(
        f"- [`registry/{path.name}`](../registry/{path.name}): {' '.join(paragraphs(name))}"
        for path in sorted((REPOSITORY / "registry").glob("*.py"))
        if (name := f"registry.{path.stem}") and not path.stem.startswith("__")
    )
    entries = [_entry(name, "###") for layer in packages[:-1] for name in layer]
    entries += ["### [`registry/`](../registry)", *paragraphs("registry")]
    entries += [_entry(name, "####") for layer in rooms for name in layer]
    return "\n\n".join([*entries, "Below the rooms, for any of them to import:", modules])


def draw(source: Path) -> None:
    """Render a .dot file as the .svg beside it."""
    command = ["dot", "-Tsvg", str(source), "-o", str(source.with_suffix(".svg"))]
    subprocess.run(command, check=True, timeout=60)
