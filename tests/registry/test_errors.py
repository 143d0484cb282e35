"""What a validation error shows: the field and the reason, never the value."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from registry.errors import first_error


class _Settings(BaseModel):
    ports: list[int] = []
    name: str = ""

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if len(name) > 3:
            raise ValueError("at most 3 letters")
        return name


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"ports": [1, "secret"]}, "ports.1", "Input should be a valid integer, unable to parse "),
        ({"name": "secret"}, "name", "at most 3 letters"),
        ("secret", "", "Input should be a valid dictionary or instance of _Settings"),
    ],
)
def test_the_first_error_names_the_field_and_not_its_value(
    value: object, field: str, message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        _Settings.model_validate(value)
    first = first_error(caught.value)
    assert first.field == field
    assert first.message.startswith(message)
    assert "secret" not in str(first)
