"""A data-set file to start from: a role guessed for each column, and each guess explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.dataset_yaml import load
from training.errors import BadInput
from training.files import DataFile, data_files
from training.profile import Profile, profile
from training.roles import guess_roles

_FRAUD = re.compile(r"1|y|yes|t|true|ja|oui|s[ií]|fraud.*", re.IGNORECASE)


@dataclass(frozen=True)
class Draft:
    """The guessed roles: the profile of each column under `label`, `time`, `amount` and so on."""

    name: str
    rows: int
    roles: Mapping[str, Sequence[Profile]]
    encoding: str | None

    @property
    def table(self) -> str:
        """What each column contains, and the role that it is guessed to have."""
        header = ("column", "type", "missing", "distinct", "role", "values")
        lines = [header]
        for role, columns in self.roles.items():
            for each in columns:
                shown = "label?" if role == "label" else role
                counts = (f"{each.missing:,}", f"{each.distinct:,}")
                lines.append((each.name, each.kind, *counts, shown, str(each)))
        widths = [max(len(line[place]) for line in lines) for place in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    @property
    def yaml(self) -> str:
        """The file: valid once the `#` before the label is removed, and nothing else is open."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield f"# Made by `python -m training describe-data` from {self.rows:,} rows of {self.name}"
        yield "# Each role is a guess from names and values: check every line."
        yield from (
            f"id: {_quoted(each.name)}    # {_explained(each)}" for each in self.roles["id"]
        )
        yield from _label_lines(self.roles["label"])
        yield from _time_lines(self.roles["time"])
        yield from _amount_lines(self.roles["amount"])
        if entities := self.roles["entities"]:
            yield "entities:    # who or what has a history; {risk: true} for terminals and shops"
            yield from (
                f"  {_quoted(each.name)}: {{}}    # {_explained(each)}" for each in entities
            )
        for role in ("categories", "numbers", "ignored"):
            if columns := self.roles[role]:
                yield f"{role}:"
                yield from (f"  - {_quoted(each.name)}    # {_explained(each)}" for each in columns)
        used = [each for role in ("amount", "numbers") for each in self.roles[role]]
        if commas := [each.name for each in used if each.has_decimal_comma]:
            yield f"decimal: ','    # as in {_quoted(commas[0])}"
        if self.encoding:
            yield f"encoding: {self.encoding}    # it is not UTF-8; check names with accents"
        yield "delay_days: 7    # days until a fraud is known; the data does not say: ask"
        yield "alert_budget_per_day: 20    # alerts that can be reviewed in a day: ask"


def _label_lines(candidates: Sequence[Profile]) -> Iterator[str]:
    yield "# The label is never guessed. Remove the `#` before the right one:"
    for each in candidates:
        yield f"# label: {_quoted(each.name)}    # {_explained(each)}"
        others = [value for value in each.counts if value not in ("0", "1", "true", "false")]
        if len(others) == each.distinct:
            fraud = min(others, key=lambda value: (not _FRAUD.fullmatch(value), each.counts[value]))
            yield f"# positive: {_quoted(fraud)}    # the value that means fraud"
            others = []
        if others or each.distinct > 2:
            unknown = ", ".join(_quoted(value) for value in others)
            yield f"# unlabelled: [{unknown}]    # the values that mean that it is not known yet"
    if not candidates:
        yield "# label: the column with the frauds    # no column looks like it"


def _time_lines(candidates: Sequence[Profile]) -> Iterator[str]:
    if not candidates:
        yield "# time: {column: the column with the time}    # no column looks like it"
        return
    [time] = candidates
    # Without a reading, it counts from a start that only its owner knows.
    readings = time.readings or [{"unit": "s", "origin": "2026-01-01"}]
    is_open = time.readings != readings or len(readings) > 1
    if is_open:
        yield "# The time is not clear. Remove the `#` before the right line, and correct it:"
    for reading in readings:
        keys = {"column": _quoted(time.name), **reading}
        if "format" in keys:
            keys["format"] = _quoted(keys["format"])
        pairs = ", ".join(f"{key}: {value}" for key, value in keys.items())
        yield f"{'# ' * is_open}time: {{{pairs}}}    # {_explained(time)}"
    yield "#   add `zone: Europe/Berlin`, or yours, to `time` if times are local"


def _amount_lines(candidates: Sequence[Profile]) -> Iterator[str]:
    if not candidates:
        yield "# amount: the column with the amount    # no column looks like one"
    yield from (f"amount: {_quoted(each.name)}    # {_explained(each)}" for each in candidates)


def _explained(column: Profile) -> str:
    missing = f"; missing in {column.missing:,} rows" if column.missing else ""
    if column.kind == "unusable":
        return str(column)
    return f"{column.kind}, {column.distinct:,} distinct: {column}{missing}"


def _quoted(text: str) -> str:
    """As a YAML scalar that is text."""
    if re.fullmatch(r"\w+", text, re.ASCII) and load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)


def describe(path: Path) -> Draft:
    """Look at a file, or the first file of a folder, and guess roles. Raises BadInput."""
    if not path.exists():
        raise BadInput(
            f"no data at {path.absolute()}; pass a Parquet or CSV file, or a folder of such files"
        )
    file, encoding = _readable(data_files(path)[0])
    frame = file.read(file.columns())
    if frame.is_empty():
        raise BadInput(f"{file.path.name} contains no rows")
    profiles = [profile(frame.drop_in_place(name)) for name in frame.columns]
    return Draft(file.path.name, profiles[0].rows, guess_roles(profiles), encoding)


def write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet. Raises BadInput: somebody may have worked on it."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise BadInput(f"{path} exists: delete it, or pass another name by --output") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from error


def _readable(file: DataFile) -> tuple[DataFile, str | None]:
    try:
        file.read(file.columns()[:1])
    except BadInput as error:
        if "`encoding`" not in str(error):
            raise
        return DataFile(file.path, file.root, "latin-1"), "latin-1"
    return file, None
