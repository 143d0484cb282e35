"""The policy file: which gates a candidate must pass, with which bounds, and who may approve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ValidationError,
    create_model,
)
from pydantic_core import CoreSchema, core_schema

from registry import SHIPPED_POLICY
from registry.errors import UsageError, first_error
from registry.evaluation.gates import gate_classes
from registry.evaluation.gates.gate import Gate, Verdict
from registry.evaluation.gates.lineage import Lineage
from registry.evaluation.gates.provenance import ProvenanceVerified
from registry.evaluation.isolated import Limits
from registry.evaluation.metrics import Costs
from registry.model.contract import Contract

GateKind = TypeVar("GateKind", bound=Gate)

SHIPPED = SHIPPED_POLICY
GATES = gate_classes()

_Gates = create_model(
    "Gates",
    __config__=ConfigDict(frozen=True, extra="forbid"),
    __doc__="The gates by name, run in the order of the file. One that is left out is not run.",
    **{name: (kind | None, None) for name, kind in GATES.items()},  # type: ignore[call-overload]
)


def _in_file_order(document: Any, validate: Callable[[Any], BaseModel]) -> dict[str, Gate]:
    gates = validate(document)
    listed = {name: getattr(gates, name) for name in document}
    return {name: gate for name, gate in listed.items() if gate is not None}


def _schema_of_gates(_: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    return core_schema.no_info_wrap_validator_function(_in_file_order, handler(_Gates))


class Policy(BaseModel):
    """The content of a policy file; an unknown key or an impossible bound is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    four_eyes: bool = True
    verified_approver: bool = False
    """Whether the system in which the approver approved has to confirm it, which GitHub's does."""

    approval_environment: Annotated[str, Field(min_length=1)] = "production"
    """GitHub's deployment environment whose approvals count."""

    evidence_max_age_days: Annotated[float, Field(gt=0)] = 7
    alert_budget_per_day: Annotated[int, Field(gt=0)]
    """The most alerts a day at which a candidate is judged."""

    alert_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    limits: Limits = Limits()
    gates: Annotated[dict[str, Gate], GetPydanticSchema(_schema_of_gates)]

    def costs_of(self, contract: Contract) -> Costs:
        """The costs at which a candidate and Production are judged.

        The alert budget is the one that the candidate was trained for, so that training and
        evaluation report the same; the policy's is its upper bound.
        """
        trained_for = contract.alert_budget_per_day or self.alert_budget_per_day
        return Costs(min(trained_for, self.alert_budget_per_day), self.alert_cost)

    def budget_note(self, trained_for: int | None) -> str:
        """What the other alert budget is, where the policy's and the model's differ; else empty."""
        if trained_for is None or trained_for == self.alert_budget_per_day:
            return ""
        if trained_for < self.alert_budget_per_day:
            return f"the policy {self.name} allows up to {self.alert_budget_per_day:,}"
        return f"the policy {self.name} allows no more; the model was trained for {trained_for:,}"

    @property
    def waived(self) -> tuple[str, ...]:
        """The safeguards that this policy does not require, in words."""
        provenance, lineage = self.gate(ProvenanceVerified), self.gate(Lineage)
        waived = {
            "four eyes": not self.four_eyes,
            "a verified approver": not self.verified_approver,
            "a verified origin": provenance is None or not provenance.verified,
            "a clean tree": lineage is None or not lineage.clean_tree,
        }
        return tuple(name for name, is_waived in waived.items() if is_waived)

    def gate(self, kind: type[GateKind]) -> GateKind | None:
        """The gate of this class, or None where the policy leaves it out."""
        gate = self.gates.get(kind.name)
        return gate if isinstance(gate, kind) else None

    def verdicts(self, measurements: Mapping[str, Any]) -> tuple[Verdict, ...]:
        """The verdicts of all gates on recorded measurements, by name of the gate.

        Raises KeyError or pydantic.ValidationError where those of a gate are missing.
        """
        return tuple(
            verdict
            for name, gate in self.gates.items()
            for verdict in gate.verdicts_from(measurements[name])
        )


def advice(blocking: Iterable[Verdict]) -> str:
    """What helps where these verdicts stop a candidate, each thing once."""
    gates = (GATES[verdict.gate.partition(".")[0]] for verdict in blocking)
    return "; ".join(dict.fromkeys(gate.advice for gate in gates))


def read_policy(path: Path) -> Policy:
    """Read a policy file. Raises UsageError as `policy_bytes` and `parse_policy` do."""
    return parse_policy(policy_bytes(path), path.name)


def policy_bytes(path: Path) -> bytes:
    """The content of a policy file: to be hashed and parsed without reading it again.

    Raises UsageError where it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"policy {path} cannot be read: {error.strerror}") from error


def parse_policy(content: bytes, name: str) -> Policy:
    """Parse the content of the policy file `name`.

    Raises UsageError naming the file, the line and the key.
    """
    try:
        text = content.decode()
        if repeated := _repeated_key(yaml.compose(text, Loader=yaml.SafeLoader)):
            raise UsageError(
                f"policy {name}, line {repeated.start_mark.line + 1}: {repeated.value}: "
                "duplicate key"
            )
        return Policy.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = first_error(error)
        place = f"policy {name}, line {_line_of(text, first.location)}"
        raise UsageError(f"{place}: {first.field or 'the file'}: {first.message}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(f"policy {name} cannot be read as YAML: {error}") from error


def _repeated_key(node: yaml.Node | None) -> yaml.ScalarNode | None:
    """The first key that a mapping repeats; YAML would silently take the last."""
    if not isinstance(node, yaml.MappingNode):
        return None
    pairs: list[tuple[yaml.ScalarNode, yaml.Node]] = node.value
    seen: list[str] = []
    for key, value in pairs:
        if key.value in seen:
            return key
        seen.append(key.value)
        if repeated := _repeated_key(value):
            return repeated
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
