"""How a command ends on an error of its user."""

from __future__ import annotations

import pytest

from deploy.one_line_errors import one_line_errors
from registry.errors import Refused, UsageError


@pytest.mark.parametrize(("error", "code"), [(UsageError, 2), (Refused, 3)])
def test_an_error_is_one_line_and_its_exit_code(
    error: type[Exception], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise error("no\nsuch thing")

    assert ended.value.code == code
    assert capsys.readouterr().err == "error: no\\nsuch thing\n"


def test_another_error_is_not_caught() -> None:
    with pytest.raises(ZeroDivisionError), one_line_errors():
        raise ZeroDivisionError
