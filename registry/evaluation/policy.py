"""The policy file: which gates a candidate must pass, under which bounds, and who may approve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.errors import UsageError, first_error
from registry.evaluation.gates.calibration import Calibration
from registry.evaluation.gates.contract import ContractCompatible
from registry.evaluation.gates.floor import Floor
from registry.evaluation.gates.gate import Gate, Verdict
from registry.evaluation.gates.integrity import Integrity
from registry.evaluation.gates.latency import Latency
from registry.evaluation.gates.leakage import Leakage
from registry.evaluation.gates.lineage import Lineage
from registry.evaluation.gates.no_worse import NoWorse
from registry.evaluation.gates.robustness import Robustness
from registry.evaluation.gates.slices import Slices
from registry.evaluation.metrics import Costs

SHIPPED = Path(__file__).parents[1] / "policy.yaml"


class Gates(BaseModel):
    """The gates by name, in the order in which they are shown; one that is left out is not run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    floor: Floor | None = None
    no_worse: NoWorse | None = None
    slices: Slices | None = None
    calibration: Calibration | None = None
    leakage: Leakage | None = None
    contract: ContractCompatible | None = None
    robustness: Robustness | None = None
    latency: Latency | None = None
    integrity: Integrity | None = None
    lineage: Lineage | None = None


class Policy(BaseModel):
    """The content of a policy file; an unknown key or an impossible bound is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    four_eyes: bool = True
    evidence_max_age_days: Annotated[float, Field(gt=0)] = 7
    alert_budget_per_day: Annotated[int, Field(gt=0)]
    alert_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    gates: Gates

    @property
    def costs(self) -> Costs:
        return Costs(self.alert_budget_per_day, self.alert_cost)

    @property
    def asked(self) -> tuple[Gate, ...]:
        """The gates that this policy asks for, in order."""
        named = (getattr(self.gates, name) for name in Gates.model_fields)
        return tuple(gate for gate in named if gate is not None)

    def judge(self, measurements: Mapping[str, Any]) -> tuple[Verdict, ...]:
        """The verdicts of all gates on recorded measurements, by name of the gate.

        Raises KeyError or pydantic.ValidationError where those of a gate are not there.
        """
        return tuple(one for gate in self.asked for one in gate.judge(measurements[gate.name]))


def read_policy(path: Path) -> Policy:
    """Read a policy file. Raises UsageError naming the file, the line and the key."""
    try:
        text = path.read_text()
        if again := _repeated_key(yaml.compose(text, Loader=yaml.SafeLoader)):
            raise UsageError(
                f"policy {path.name}, line {again.start_mark.line + 1}: {again.value}: stands twice"
            )
        return Policy.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = first_error(error)
        place = f"policy {path.name}, line {_line_of(text, first.location)}"
        raise UsageError(f"{place}: {first.field or 'the file'}: {first.message}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"policy {path} cannot be read as YAML: {error}") from error


def _repeated_key(node: yaml.Node | None) -> yaml.ScalarNode | None:
    """The first key that stands a second time in one mapping; YAML would quietly take the last."""
    if not isinstance(node, yaml.MappingNode):
        return None
    pairs: list[tuple[yaml.ScalarNode, yaml.Node]] = node.value
    seen: list[str] = []
    for key, value in pairs:
        if key.value in seen:
            return key
        seen.append(key.value)
        if again := _repeated_key(value):
            return again
    return None


def _line_of(text: str, location: tuple[int | str, ...]) -> int:
    """The line, from 1, of the deepest part of `location` that the YAML text holds."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == part]
            if not pairs:
                break
            key, node = pairs[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
