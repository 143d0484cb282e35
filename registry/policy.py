"""The policy file: which bounds a candidate must keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.errors import UsageError

SHIPPED = Path(__file__).parent / "policy.yaml"

Measure = Literal["average_precision", "roc_auc", "budget_precision", "budget_recall"]
Share = Annotated[float, Field(ge=0, le=1)]


class Policy(BaseModel):
    """The content of a policy file; an unknown key or an impossible bound is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    alert_budget_per_day: Annotated[int, Field(gt=0)]
    floor: Annotated[dict[Measure, Share], Field(min_length=1)]
    no_worse_margin: Annotated[dict[Measure, Share], Field(min_length=1)]
    parity_tolerance: Annotated[float, Field(gt=0, lt=1)]


def read_policy(path: Path) -> Policy:
    """Read a policy file. Raises UsageError naming the file and the key."""
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(f"policy {path.name}: {key}: {first['msg']}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(f"policy {path} cannot be read as YAML: {error}") from error
