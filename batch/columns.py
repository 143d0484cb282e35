"""Which columns of the input a run reads, and which it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batch.output import NAMES
from batch.raw import RawForm
from registry.errors import UsageError
from registry.model.contract import Contract


@dataclass(frozen=True)
class Columns:
    """`raw` says how raw transactions are read, and is None for vectors."""

    keys: list[str]
    read: list[str]
    raw: RawForm | None


def columns_of(
    contract: Contract, names: Sequence[str], *, keys: Sequence[str], label: str, has_history: bool
) -> Columns:
    """The columns for a model, of an input with columns of these names.

    Raises UsageError where the input cannot be that of the model.
    """
    form = contract.transaction
    raw = None
    if form is not None and not set(contract.names) <= set(names):
        raw = RawForm(contract, form, label)
        if given := sorted(contract.computed & set(names)):
            raise UsageError(
                f"the input has the computed input {given[0]!r}, but not all of them: pass raw "
                "transactions without it, or whole vectors"
            )
        if contract.history_features and not has_history:
            raise UsageError(
                "the input holds raw transactions, whose features need those before them: name "
                "these with --history, or pass vectors"
            )
    elif has_history:
        raise UsageError("the input holds all inputs of the model: leave out --history")
    needed = raw.columns if raw else list(contract.names)
    if not keys:
        kept = {form.id} if form else set()
        keys = [name for name in names if name in kept or name not in needed]
        keys = [name for name in keys if name not in ("", label)]
    keys = list(dict.fromkeys(keys))
    if taken := sorted(set(keys) & set(NAMES)):
        raise UsageError(f"{taken[0]!r} is a column of the output: name other ones with --key")
    read = list(dict.fromkeys([*keys, *needed]))
    if raw and label and label in names:
        read = list(dict.fromkeys([*read, label]))
    return Columns(keys, read, raw)
