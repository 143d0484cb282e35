"""A Jenkinsfile as a tree of its blocks, and the commands of its stages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|'''(?P<long>(?:\\.|.)*?)'''"
    r"|'(?P<single>(?:\\.|[^'\\\n])*)'"
    r'|"(?P<double>(?:\\.|[^"\\\n])*)"',
    re.DOTALL,
)
STRINGS = ("long", "single", "double")
OURS = ("python -m ", ".ci/run")
OF_ONE_SYSTEM = re.compile(r" --(?:env|image) (?:\"[^\"]*\"|\S+)")
"""Options of `deploy.job` that say which CI system it is, and which image it built."""


@dataclass(frozen=True)
class Block:
    """`head { … }`: the text before the brace, and the whole from there to its closing brace."""

    head: str
    text: str
    blocks: tuple[Block, ...]

    def named(self, name: str) -> Block:
        [found] = [one for one in self.blocks if one.head == name]
        return found


def parse(text: str) -> Block:
    """The file as one block without a head. Raises ValueError where braces do not match."""
    masked = TOKEN.sub(_mask, text)
    root: list[Block] = []
    opened: list[tuple[str, int, list[Block]]] = [("", 0, root)]
    for brace in re.finditer(r"[{}]", masked):
        if brace[0] == "{":
            start = max(masked.rfind(mark, 0, brace.start()) for mark in "\n{};") + 1
            head = text[start : brace.start()].strip()
            opened.append((head, brace.end(), []))
            continue
        head, start, blocks = opened.pop()
        if not opened:
            raise ValueError(f"a brace too many: {text[brace.start() - 40 : brace.end()]!r}")
        opened[-1][2].append(Block(head, text[start : brace.start()], tuple(blocks)))
    if len(opened) > 1:
        raise ValueError(f"not closed: {opened[-1][0]!r}")
    return Block("", text, tuple(root))


def _mask(token: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", token[0])


def strings(text: str, *kinds: str) -> Iterator[str]:
    """The strings of these kinds, or all, as Groovy reads them (without its `${…}`)."""
    for token in TOKEN.finditer(text):
        if token.lastgroup in (kinds or STRINGS):
            yield re.sub(r"\\(.)", r"\1", token[token.lastgroup], flags=re.DOTALL)


def stages(jenkinsfile: Block) -> dict[str, Block]:
    """The stages by name, in the order in which they run."""
    blocks = jenkinsfile.named("pipeline").named("stages").blocks
    found = {}
    for one in blocks:
        match = re.fullmatch(r"stage\('([^']+)'\)", one.head)
        if match is None or match[1] in found:
            raise ValueError(f"not a stage with a name of its own: {one.head}")
        found[match[1]] = one
    return found


def scripts(stage: Block) -> list[str]:
    """What the shell runs: each argument of `sh`, and each string that becomes one."""
    return [
        text
        for text in strings(stage.text)
        if text.strip().startswith((*OURS, "make ", "git ", "awk ", "python -c ", "#!"))
    ]


def commands(stage: Block) -> list[str]:
    """The project's own commands, each on one line, as the other CI system has them, too."""
    lines = [re.sub(r"\s*\\?\n\s*", " ", text.strip()) for text in scripts(stage)]
    return [OF_ONE_SYSTEM.sub("", line) for line in lines if line.startswith(OURS)]
