"""What a validation error shows: the field and the reason, never the value."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from registry.errors import first_error


class Ports(BaseModel):
    ports: list[int]


def test_the_first_error_names_the_field_and_not_its_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Ports.model_validate({"ports": [1, "secret"]})
    first = first_error(caught.value)
    assert (first.field, first.location) == ("ports.1", ("ports", 1))
    assert first.message.startswith("Input should be a valid integer")
    assert "secret" not in str(first)
