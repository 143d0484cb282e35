"""The gates: one module and one class each.

To add one, add a module with a subclass of `gate.Gate` and a line under `gates` in the policy; the
policy's schema, the report and docs/gates.md find it here. They run in the order of the policy
file, which `registry.evaluation.policy` reads.
"""

from __future__ import annotations

import importlib
import pkgutil

from registry.evaluation.gates.gate import Gate


def gate_classes() -> dict[str, type[Gate]]:
    """Every gate of this package by its name, in alphabetical order.

    The order of gates, in which they run and are reported, is that of the policy file; see
    `registry.evaluation.policy`.
    """
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    leaves = _leaves(Gate)  # type: ignore[type-abstract]
    gates = [kind for kind in leaves if kind.__module__.startswith(f"{__name__}.")]
    return {kind.name: kind for kind in sorted(gates, key=lambda kind: kind.name)}


def _leaves(kind: type[Gate]) -> list[type[Gate]]:
    """The subclasses below `kind` that have none of their own."""
    leaves: list[type[Gate]] = []
    for subclass in kind.__subclasses__():
        leaves += _leaves(subclass) or [subclass]
    return leaves
